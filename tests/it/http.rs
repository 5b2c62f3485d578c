//! axum routers over real sockets: what clients get, and what they cannot get
//! around.

use std::net::SocketAddr;

use axum::{
    Router,
    routing::{any, get},
};
use http::StatusCode;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use sluicegate::{
    clock::Manual,
    key::ClientIp,
    limit::{Keyed, Local, Quota, RateLimitLayer, TokenBucket},
    refusal::{Answer, Headers},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::support::{a_few, keyed, layer_of};

const TOO_MANY: u16 = StatusCode::TOO_MANY_REQUESTS.as_u16();

/// Serves a router on a free port until the test ends.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// A connection that is kept open.
pub(crate) struct Connection(TcpStream);

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Connection {
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n");
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        self.0.write_all(request.as_bytes()).await.unwrap();
        self.reply().await
    }

    async fn reply(&mut self) -> Reply {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.trim_end().lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let mut reply = Reply {
            status: status.parse().unwrap(),
            headers: headers.map(|(n, v)| (n.into(), v.into())).collect(),
            body: String::new(),
        };
        let mut body = vec![0; reply.header("content-length").unwrap().parse().unwrap()];
        self.0.read_exact(&mut body).await.unwrap();
        reply.body = String::from_utf8(body).unwrap();
        reply
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers.iter();
        fields
            .find(|field| field.0 == name)
            .map(|field| field.1.as_str())
    }

    /// The only item of a structured field: its name, and its parameters.
    fn quota(&self, field: &str) -> (String, Vec<(String, i64)>) {
        let list: List = Parser::new(self.header(field).unwrap()).parse().unwrap();
        let [ListEntry::Item(Item { bare_item, params })] = &list[..] else {
            panic!("{list:?}");
        };
        let BareItem::String(name) = bare_item else {
            panic!("{bare_item:?}");
        };
        let numbers = params.iter().map(|(parameter, value)| {
            let number = value.as_integer().unwrap();
            (parameter.to_string(), i64::from(number))
        });
        (name.as_str().into(), numbers.collect())
    }
}

fn parameters(expected: [(&str, i64); 2]) -> Vec<(String, i64)> {
    expected.map(|(name, value)| (name.into(), value)).into()
}

fn two_routes() -> Router {
    Router::new()
        .route("/a", get(async || "a"))
        .route("/b", any(async || "b"))
}

/// How many of all the requests pass that four clients send at once, each over
/// connections of its own, to both routes.
async fn passed_for_many_clients(router: Router) -> usize {
    let address = serve(router).await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn(async move {
                let mut passed = 0;
                for _ in 0..3 {
                    let mut connection = Connection::to(address).await;
                    for path in ["/a", "/b", "/a", "/b"] {
                        let reply = connection.get(path, &[]).await;
                        assert!([200, TOO_MANY].contains(&reply.status), "{reply:?}");
                        passed += usize::from(reply.status == 200);
                    }
                }
                passed
            })
        })
        .collect();
    let mut passed = 0;
    for client in clients {
        passed += client.await.unwrap();
    }
    passed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_one_for_all_routes_connections_and_clients() {
    let router = two_routes().layer(layer_of(a_few(17)));
    assert_eq!(passed_for_many_clients(router).await, 17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_on_routes_alone_is_one_for_all_of_them() {
    let router = two_routes().route_layer(layer_of(a_few(17)));
    assert_eq!(passed_for_many_clients(router).await, 17);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_layer_on_two_method_routers_is_one_limit() {
    let layer = layer_of(a_few(17));
    let router = Router::new()
        .route("/a", get(async || "a").layer(layer.clone()))
        .route("/b", get(async || "b").layer(layer));
    assert_eq!(passed_for_many_clients(router).await, 17);
}

#[tokio::test]
async fn an_unknown_route_costs_nothing_behind_a_route_layer() {
    let address = serve(two_routes().route_layer(layer_of(a_few(1)))).await;
    let mut connection = Connection::to(address).await;
    for (path, expected) in [
        ("/none", 404),
        ("/a", 200),
        ("/b", TOO_MANY),
        ("/none", 404),
    ] {
        assert_eq!(connection.get(path, &[]).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn clients_are_told_of_their_quota_in_structured_fields() {
    let rule = TokenBucket::new(Quota::per_second(10).burst(25));
    let limiter = Local::builder(rule)
        .name("api")
        .clock(Manual::new())
        .direct();
    let layer = RateLimitLayer::new(limiter).cost(|_: &axum::extract::Request| 12);
    let address = serve(two_routes().layer(layer)).await;
    let mut connection = Connection::to(address).await;
    for left in [13, 1, 1] {
        let reply = connection.get("/a", &[]).await;
        let (name, policy) = reply.quota("ratelimit-policy");
        assert_eq!((&*name, policy), ("api", parameters([("q", 25), ("w", 3)])));
        let (name, state) = reply.quota("ratelimit");
        assert_eq!(
            (&*name, state),
            ("api", parameters([("r", left), ("t", 1)]))
        );
        let told = reply.header("retry-after");
        assert_eq!(told, (reply.status == TOO_MANY).then_some("2"));
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_with_a_time_to_retry() {
    let address = serve(two_routes().layer(layer_of(a_few(1)))).await;
    let mut connection = Connection::to(address).await;
    assert_eq!(connection.get("/a", &[]).await.body, "a");
    let refused = connection.get("/a", &[]).await;
    assert_eq!(refused.status, TOO_MANY);
    assert_eq!(refused.header("retry-after"), Some("60"));
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    let problem: serde_json::Value = serde_json::from_str(&refused.body).unwrap();
    let expected = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(problem["type"], expected);
    assert_eq!(problem["title"], "Quota Exceeded");
    assert_eq!(problem["status"], 429);
    assert_eq!(problem["violated-policies"][0], "default");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("retry after 60 s")
    );
}

#[tokio::test]
async fn a_client_is_never_told_to_retry_at_once() {
    let rule = TokenBucket::new(Quota::per_second(1_000).burst(1));
    let address = serve(two_routes().layer(layer_of(rule))).await;
    let mut connection = Connection::to(address).await;
    connection.get("/a", &[]).await;
    let refused = connection.get("/a", &[]).await;
    assert_eq!(refused.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn legacy_headers_say_the_same_in_their_own_way() {
    let layer = layer_of(a_few(2)).refuse_with(Answer::new().headers(Headers::Legacy));
    let address = serve(two_routes().layer(layer)).await;
    let mut connection = Connection::to(address).await;
    for (left, reset) in [("1", "60"), ("0", "120"), ("0", "120")] {
        let reply = connection.get("/b", &[]).await;
        assert_eq!(reply.header("x-ratelimit-limit"), Some("2"));
        assert_eq!(reply.header("x-ratelimit-remaining"), Some(left));
        assert_eq!(reply.header("x-ratelimit-reset"), Some(reset));
        assert_eq!(reply.header("ratelimit"), None);
    }
}

/// A limit of `burst` for each client, with the key `client`.
fn by_client(client: ClientIp, burst: u64) -> Router {
    let limiter: Local<TokenBucket, Keyed, Manual> = keyed(a_few(burst));
    two_routes().layer(RateLimitLayer::new(limiter).key(client))
}

/// The statuses of one request for each value of a header, each over a
/// connection of its own.
async fn statuses(router: Router, header: &str, values: &[&str]) -> Vec<u16> {
    let address = serve(router).await;
    let mut statuses = Vec::new();
    for value in values {
        let mut connection = Connection::to(address).await;
        statuses.push(connection.get("/a", &[(header, value)]).await.status);
    }
    statuses
}

#[tokio::test]
async fn no_header_escapes_a_limit_by_peer() {
    for (header, values) in [
        (
            "x-forwarded-for",
            ["203.0.113.1", "203.0.113.2", "203.0.113.3"],
        ),
        (
            "forwarded",
            ["for=203.0.113.1", "for=203.0.113.2", "for=203.0.113.3"],
        ),
        ("x-real-ip", ["203.0.113.1", "203.0.113.2", "203.0.113.3"]),
    ] {
        let statuses = statuses(by_client(ClientIp::peer(), 2), header, &values).await;
        assert_eq!(statuses, [200, 200, TOO_MANY], "{header}");
    }
}

#[tokio::test]
async fn a_header_from_an_untrusted_peer_escapes_no_limit() {
    let client = ClientIp::forwarded_for(["10.0.0.0/8"]).unwrap();
    let values = ["203.0.113.1", "203.0.113.2", "203.0.113.3"];
    let statuses = statuses(by_client(client, 2), "x-forwarded-for", &values).await;
    assert_eq!(statuses, [200, 200, TOO_MANY]);
}

/// The client writes what it likes; the proxies add the address they see, and
/// theirs.
#[tokio::test]
async fn a_made_up_leftmost_entry_escapes_nothing() {
    let client = ClientIp::forwarded_for(["127.0.0.1", "10.0.0.0/8"]).unwrap();
    let values = [
        "198.51.100.7, 10.0.0.1",
        "203.0.113.1, 198.51.100.7, 10.0.0.1",
        "203.0.113.2, 10.0.0.9, 198.51.100.7, 10.0.0.2",
        "198.51.100.8, 10.0.0.1",
    ];
    let told = statuses(by_client(client, 2), "x-forwarded-for", &values).await;
    assert_eq!(told, [200, 200, TOO_MANY, 200]);

    let client = ClientIp::forwarded(["127.0.0.1", "10.0.0.0/8"]).unwrap();
    let values = [
        "for=198.51.100.7, for=10.0.0.1",
        "for=203.0.113.1, for=198.51.100.7;proto=https, for=10.0.0.1",
        "for=\"[2001:db8::1]\", for=\"198.51.100.7:4711\", for=10.0.0.2",
        "for=198.51.100.8",
    ];
    let told = statuses(by_client(client, 2), "forwarded", &values).await;
    assert_eq!(told, [200, 200, TOO_MANY, 200]);
}

#[tokio::test]
async fn neighbours_in_one_ipv6_network_share_a_budget() {
    let client = ClientIp::forwarded_for(["127.0.0.1"]).unwrap();
    let values = ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"];
    let statuses = statuses(by_client(client, 1), "x-forwarded-for", &values).await;
    assert_eq!(statuses, [200, TOO_MANY, 200]);
}

#[tokio::test]
async fn without_connect_info_the_server_is_at_fault_and_nothing_passes() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = by_client(ClientIp::peer(), 10);
    tokio::spawn(async move { axum::serve(listener, router).await });
    let reply = Connection::to(address).await.get("/a", &[]).await;
    assert_eq!(reply.status, 500);
}
