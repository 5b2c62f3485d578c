//! The cut-off that operators set for a fleet: by redis-cli, with real time.

use std::{convert::Infallible, future::ready, process::Command};

use http::{Request, Response};
use redis::{Commands, Script};
use sluicegate::{
    concurrency::{ConcurrencyLayer, CutOff, Local, Priority, Shed},
    criticality::Criticality,
    redis::Connection,
    refusal::Refusal,
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::{
    connection::{builder, hasty, until},
    server::Server,
};

const KEY: &str = "sluicegate:{api}:cut-off";

/// An instance of the fleet.
fn instance(
    connection: Connection,
) -> impl Service<Request<()>, Response = Response<impl Sized>, Error = Infallible> + Clone {
    let layer = ConcurrencyLayer::new(Local::new(100))
        .cut_off(CutOff::new().fleet(&connection, "api"))
        .priority(Priority::header().trust(|_: &Request<()>| true));
    layer.layer(service_fn(|_: Request<()>| {
        ready(Ok::<_, Infallible>(Response::new(String::new())))
    }))
}

/// Returns the levels that the instance serves.
async fn served<S, B>(instance: &S) -> Vec<Criticality>
where
    S: Service<Request<()>, Response = Response<B>, Error = Infallible> + Clone,
{
    let mut served = Vec::new();
    for level in Criticality::ALL {
        let mut request = Request::new(());
        level.write(request.headers_mut());
        let response = instance.clone().oneshot(request).await.unwrap();
        match response.extensions().get::<Refusal>() {
            None => served.push(level),
            Some(refusal) => assert_eq!(refusal.shed_by(), Some(Shed::CutOff)),
        }
    }
    served
}

fn redis_cli(server: &Server, command: &[&str]) {
    let port = server.port().to_string();
    let mut cli = Command::new("redis-cli");
    let output = cli.args(["-p", &port]).args(command).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn one_command_degrades_all_instances_until_it_ends() {
    let server = Server::start();
    let connect = || builder(server.url()).lazy().unwrap();
    let (one, other) = (instance(connect()), instance(connect()));
    let all = Criticality::ALL;
    let both_serve = async |levels: &[Criticality]| {
        until("both have read it", async || {
            served(&one).await == levels && served(&other).await == levels
        })
        .await;
    };
    both_serve(&all).await;
    redis_cli(&server, &["SET", KEY, "sheddable", "EX", "60"]);
    both_serve(&all[1..]).await;
    redis_cli(&server, &["SET", KEY, "critical", "EX", "60"]);
    both_serve(&all[3..]).await;
    redis_cli(&server, &["SET", KEY, "sheddable-plus", "EX", "1"]);
    both_serve(&all).await;
    redis_cli(&server, &["SET", KEY, "sheddable", "EX", "60"]);
    both_serve(&all[1..]).await;
    // Neither a value that is none nor another type refuses anything.
    redis_cli(&server, &["SET", KEY, "all", "EX", "60"]);
    both_serve(&all).await;
    redis_cli(&server, &["SET", KEY, "sheddable", "EX", "60"]);
    both_serve(&all[1..]).await;
    redis_cli(&server, &["DEL", KEY]);
    both_serve(&all).await;
}

#[tokio::test]
async fn without_redis_a_cut_off_ends_with_its_time_to_live() {
    let mut server = Server::start();
    let instance = instance(hasty(server.url()).lazy().unwrap());
    redis_cli(&server, &["SET", KEY, "sheddable", "PX", "8000"]);
    until("it is read", async || served(&instance).await.len() == 3).await;
    server.kill();
    until("it has ended", async || served(&instance).await.len() == 4).await;
}

#[test]
fn the_script_reads_a_level_and_its_time_and_no_other_type() {
    let server = Server::start();
    let mut client = server.client();
    let script = Script::new(concat!(
        include_str!("../../lua/clock.lua"),
        include_str!("../../lua/prelude.lua"),
        include_str!("../../lua/cut_off.lua"),
    ));
    let ask = |key: &str| -> (String, i64) {
        let mut asking = server.client();
        script.key(key).arg("").invoke(&mut asking).unwrap()
    };
    assert_eq!(ask("k"), (String::new(), -2));
    let _: () = client.set("k", "sheddable").unwrap();
    assert_eq!(ask("k"), ("sheddable".into(), -1));
    let _: () = client.pset_ex("k", "critical", 60_000).unwrap();
    let (level, left) = ask("k");
    assert_eq!(level, "critical");
    assert!((1..=60_000).contains(&left), "{left}");
    let _: () = client.rpush("list", "entry").unwrap();
    assert_eq!(ask("list"), ("?".into(), -1));
}
