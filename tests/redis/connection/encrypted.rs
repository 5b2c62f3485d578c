use sluicegate::redis::{Connection, ErrorKind, Tls};

use super::{builder, count};
use crate::{
    scratch::Scratch,
    server::{Server, free_port},
};

struct Encrypted {
    _server: Server,
    _scratch: Scratch,
    url: String,
    certificate: String,
    key: String,
}

fn start(ask_clients: &str) -> Encrypted {
    let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let scratch = Scratch::new();
    let at = scratch.file("cert.pem", &certificate);
    let port = free_port();
    let server = Server::with(&[
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &at,
        "--tls-key-file",
        &scratch.file("key.pem", &key),
        "--tls-ca-cert-file",
        &at,
        "--tls-auth-clients",
        ask_clients,
    ]);
    Encrypted {
        _server: server,
        _scratch: scratch,
        url: format!("rediss://127.0.0.1:{port}"),
        certificate,
        key,
    }
}

#[tokio::test]
async fn a_private_authority_can_be_trusted() {
    let server = start("no");
    let tls = Tls::new().root(server.certificate.clone());
    let redis = builder(server.url.clone())
        .tls(tls)
        .connect()
        .await
        .unwrap();
    assert_eq!(count(&redis, "k").await.unwrap(), 1);

    let unknown = Connection::connect(server.url).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Config, "{unknown}");
    assert!(
        unknown.to_string().contains("trusted certificate"),
        "{unknown}"
    );
}

#[tokio::test]
async fn a_client_can_show_a_certificate() {
    let server = start("yes");
    let tls = Tls::new().root(server.certificate.clone());
    assert!(
        builder(server.url.clone())
            .tls(tls.clone())
            .connect()
            .await
            .is_err()
    );
    let tls = tls.client(server.certificate.clone(), server.key.clone());
    assert!(!format!("{tls:?}").contains("PRIVATE"));
    let redis = builder(server.url).tls(tls).connect().await.unwrap();
    assert_eq!(count(&redis, "k").await.unwrap(), 1);
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let server = Server::start();
    let url = server.url().replace("redis:", "rediss:");
    let error = Connection::connect(url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
    assert!(error.to_string().contains("does it speak TLS?"), "{error}");
}

#[test]
fn certificates_must_be_pem() {
    let refuse = |tls| builder("rediss://localhost").tls(tls).lazy().unwrap_err();
    for tls in [
        Tls::new().root("nonsense"),
        Tls::new().client("nonsense", "nonsense"),
    ] {
        let error = refuse(tls);
        assert!(
            error.to_string().starts_with("invalid redis tls "),
            "{error}"
        );
    }
}
