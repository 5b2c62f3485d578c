//! Serves until a signal stops it.

use std::{net::SocketAddr, process::ExitCode};

use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    demo,
    http::{self, Export},
    live,
    refused::Refused,
    settings::Serve,
    worker::{Worker, warning},
};

/// Runs the worker until SIGTERM or Ctrl-C, and then until it is drained.
pub(crate) async fn serve(settings: &Serve) -> Result<ExitCode, Refused> {
    let listener = TcpListener::bind(&settings.listen).await;
    let listener = listener.map_err(|error| Refused::new("--listen", error))?;
    let Worker { context, channels } = Worker::start(settings).await?;
    let drain = context.drain.clone();
    // Before the greeting: a reader of it may send a signal at once.
    drain.listen().expect("signals can be handled");
    let address = listener.local_addr().expect("a listener has an address");
    let export = Export {
        context: context.clone(),
        channels: channels.clone(),
    };
    let app = http::routes(&context, export);
    let server = axum::serve(listener, app).with_graceful_shutdown(drain.signalled());
    live::print(&greeting(address, settings));
    let extras = [
        tokio::spawn(live::watch(context, channels)),
        tokio::spawn(demo(address, settings.demo)),
    ];
    let served = drain.serve(server).await;
    extras.iter().for_each(JoinHandle::abort);
    let report = served.map_err(|error| Refused::new("--listen", error))?;
    live::print(&format!("{report}\n"));
    Ok(match report.is_clean() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

async fn demo(address: SocketAddr, rate: u32) {
    if rate > 0 {
        demo::run(address, rate).await;
    }
}

fn greeting(address: SocketAddr, settings: &Serve) -> String {
    let warning = warning(&settings.marks);
    format!(
        "{warning}listening on http://{address}, until Ctrl-C; try\n\
         \n\
         curl -i http://{address}/orders -H 'idempotency-key: 1' \
         -H 'content-type: application/json' -d '{{\"item\":\"book\",\"cents\":1999}}'\n\
         curl -i http://{address}/orders/1\n\
         curl -i http://{address}/orders/1/cancel -X POST -H 'idempotency-key: 2'\n\
         curl http://{address}/dead-letters\n\
         curl http://{address}/totals\n\n"
    )
}
