//! The address of the peer behind real TLS and unix sockets.

use std::{
    fmt, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use axum::{Router, routing::get};
use futures_util::{Stream, stream};
use hyper_util::rt::TokioIo;
use sluicegate::{
    clock::Manual,
    key::{ClientIp, UnixPeer},
    limit::{Keyed, Local, RateLimitLayer, TokenBucket},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, UnixListener, UnixStream},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tonic::{
    Code, Request,
    transport::{
        Certificate, Channel, ClientTlsConfig, Endpoint, Identity, Server, ServerTlsConfig,
        server::{Connected, TcpIncoming},
    },
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tower::service_fn;

use crate::support::{a_few, keyed};

type Limit = RateLimitLayer<Local<TokenBucket, Keyed, Manual>, ClientIp>;

/// One request for each client, with the key `client`.
fn one_each(client: ClientIp) -> Limit {
    RateLimitLayer::new(keyed(a_few(1))).key(client)
}

fn behind_a_local_proxy() -> ClientIp {
    let nobody = Vec::<SocketAddr>::new();
    let client = ClientIp::forwarded_for(nobody).unwrap();
    client.trust_unix_peer()
}

/// Returns the code of a call with a forwarding header.
async fn code(channel: &Channel, forwarded_for: &str) -> Code {
    let mut request = Request::new(HealthCheckRequest::default());
    let metadata = request.metadata_mut();
    metadata.insert("x-forwarded-for", forwarded_for.parse().unwrap());
    let answer = HealthClient::new(channel.clone()).check(request).await;
    answer.map_or_else(|status| status.code(), |_| Code::Ok)
}

/// The codes of the calls of two clients, the first of which calls again.
async fn codes(channel: &Channel) -> [Code; 3] {
    [
        code(channel, "203.0.113.1").await,
        code(channel, "203.0.113.2").await,
        code(channel, "203.0.113.1").await,
    ]
}

const ONE_PEER: [Code; 3] = [Code::Ok, Code::ResourceExhausted, Code::ResourceExhausted];

/// A certificate for 127.0.0.1 and its key, in PEM.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn connect_by_tls(address: SocketAddr, certificate: &str) -> Channel {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(certificate));
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    endpoint.tls_config(tls).unwrap().connect().await.unwrap()
}

#[tokio::test]
async fn a_client_of_tonics_own_tls_has_an_address() {
    let (certificate, key) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = ServerTlsConfig::new().identity(Identity::from_pem(&certificate, key));
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().tls_config(tls).unwrap();
    let server = server.layer(one_each(ClientIp::peer())).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let channel = connect_by_tls(address, &certificate).await;
    assert_eq!(codes(&channel).await, ONE_PEER);
}

fn acceptor(certificate: &str, key: &str) -> TlsAcceptor {
    let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}

/// Serves whatever connections come in, until the test ends.
fn serve_connections<T>(incoming: impl Stream<Item = io::Result<T>> + Send + 'static, limit: Limit)
where
    T: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    T::ConnectInfo: Clone + Send + Sync + 'static + fmt::Debug,
{
    let (_, health) = tonic_health::server::health_reporter();
    let server = Server::builder().layer(limit).add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
}

#[tokio::test]
async fn a_client_of_a_tls_stream_that_tonic_is_given_has_an_address() {
    let (certificate, key) = certificate();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = (listener, acceptor(&certificate, &key));
    let incoming = stream::unfold(accepted, async |(listener, acceptor)| {
        let (connection, _) = listener.accept().await.unwrap();
        let connection = acceptor.accept(connection).await;
        Some((connection, (listener, acceptor)))
    });
    serve_connections(Box::pin(incoming), one_each(ClientIp::peer()));
    let channel = connect_by_tls(address, &certificate).await;
    assert_eq!(codes(&channel).await, ONE_PEER);
}

/// The path of a socket, which is removed in the end.
struct SocketPath(PathBuf);

impl SocketPath {
    fn new() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let nth = MADE.fetch_add(1, Relaxed);
        let name = format!("sluicegate-{}-{nth}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn listen(&self) -> UnixListener {
        UnixListener::bind(&self.0).unwrap()
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn tonic_by_unix_socket(path: &SocketPath, client: ClientIp) -> Channel {
    let incoming = stream::unfold(path.listen(), async |listener| {
        let accepted = listener.accept().await.map(|(connection, _)| connection);
        Some((accepted, listener))
    });
    serve_connections(Box::pin(incoming), one_each(client));
    let path = path.0.clone();
    let connector = service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://local");
    endpoint.connect_with_connector(connector).await.unwrap()
}

#[tokio::test]
async fn a_peer_of_tonic_on_a_unix_socket_has_no_address() {
    let path = SocketPath::new();
    let client = ClientIp::forwarded_for(["0.0.0.0/0", "::/0"]).unwrap();
    let channel = tonic_by_unix_socket(&path, client).await;
    assert_eq!(codes(&channel).await, [Code::Internal; 3]);
}

#[tokio::test]
async fn tonic_believes_a_proxy_on_a_unix_socket_if_it_is_told_to() {
    let path = SocketPath::new();
    let channel = tonic_by_unix_socket(&path, behind_a_local_proxy()).await;
    let expected = [Code::Ok, Code::Ok, Code::ResourceExhausted];
    assert_eq!(codes(&channel).await, expected);
}

fn axum_by_unix_socket(path: &SocketPath, client: ClientIp) {
    let listener = path.listen();
    let router = Router::new().route("/", get(async || "hello"));
    let router = router.layer(one_each(client));
    let service = router.into_make_service_with_connect_info::<UnixPeer>();
    tokio::spawn(async move { axum::serve(listener, service).await });
}

/// The status of a request with a forwarding header.
async fn status(path: &Path, forwarded_for: &str) -> String {
    let mut connection = UnixStream::connect(path).await.unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\
         x-forwarded-for: {forwarded_for}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut reply = String::new();
    connection.read_to_string(&mut reply).await.unwrap();
    reply.split(' ').nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn axum_believes_a_proxy_on_a_unix_socket_if_it_is_told_to() {
    let path = SocketPath::new();
    axum_by_unix_socket(&path, behind_a_local_proxy());
    assert_eq!(status(&path.0, "203.0.113.1").await, "200");
    assert_eq!(status(&path.0, "203.0.113.2").await, "200");
    assert_eq!(status(&path.0, "6.6.6.6, 203.0.113.1").await, "429");
}

#[tokio::test]
async fn a_peer_of_axum_on_a_unix_socket_has_no_address() {
    let path = SocketPath::new();
    axum_by_unix_socket(&path, ClientIp::forwarded_for(["0.0.0.0/0"]).unwrap());
    assert_eq!(status(&path.0, "203.0.113.1").await, "500");
}
