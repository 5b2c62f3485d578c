//! nginx in front of two servers, of which one drains.

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tokio::{
    net::{TcpListener, TcpStream},
    task::yield_now,
};

use super::{
    app::{App, curl, printed},
    time::Still,
};
use crate::support::ms;

/// A process of nginx. It ends when this is dropped.
struct Nginx {
    process: Child,
    folder: PathBuf,
    address: SocketAddr,
}

impl Nginx {
    /// Starts one that sends requests to these servers in turn, over kept
    /// connections, and to the other one after a 503.
    async fn before(servers: &[&App]) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let name = format!("nginx-{}-{}", std::process::id(), address.port());
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let servers: String = servers
            .iter()
            .map(|app| format!("server {} max_fails=0; ", app.address))
            .collect();
        let folder_name = folder.display();
        let config = format!(
            "daemon off; pid {folder_name}/pid; error_log {folder_name}/errors;
             events {{ }}
             http {{
                 access_log off;
                 client_body_temp_path {folder_name}/body;
                 proxy_temp_path {folder_name}/proxy;
                 fastcgi_temp_path {folder_name}/fastcgi;
                 uwsgi_temp_path {folder_name}/uwsgi;
                 scgi_temp_path {folder_name}/scgi;
                 upstream orders {{ {servers} keepalive 8; }}
                 server {{
                     listen {address};
                     location / {{
                         proxy_pass http://orders;
                         proxy_http_version 1.1;
                         proxy_set_header Connection '';
                         proxy_buffering off;
                         proxy_next_upstream error timeout http_503;
                     }}
                 }}
             }}"
        );
        let path = folder.join("nginx.conf");
        fs::write(&path, config).unwrap();
        let process = Command::new("nginx")
            .arg("-c")
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is on the PATH");
        while TcpStream::connect(address).await.is_err() {
            yield_now().await;
        }
        Self {
            process,
            folder,
            address,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends requests that reach both servers, each of which must succeed.
    async fn serves(&self) {
        let asked = [(); 8].map(|()| curl(&["--fail", &self.url("/hello")]));
        for asked in asked {
            assert_eq!(printed(asked).await, "hello\n");
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM: the master ends its workers, which a kill would leave.
        let id = self.process.id().to_string();
        _ = Command::new("kill").args(["-TERM", &id]).status();
        _ = self.process.wait();
        _ = fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn clients_of_nginx_do_not_notice_that_a_server_drains() {
    let (drained, other, still) = (App::start().await, App::start().await, Still::new());
    let nginx = Nginx::before(&[&drained, &other]).await;
    nginx.serves().await;
    // One request and one stream on each server.
    let requests = [(); 2].map(|()| curl(&["--fail", &nginx.url("/gated")]));
    drained.gate.begun().await;
    other.gate.begun().await;
    let streams = [(); 2].map(|()| curl(&["--fail", "--no-buffer", &nginx.url("/events")]));
    drained.gate.begun().await;
    other.gate.begun().await;

    drained.drain.begin();
    nginx.serves().await;
    still.pass(ms(100)).await;
    drained.refuses_connections().await;
    nginx.serves().await;
    drained.gate.open();
    other.gate.open();
    for request in requests {
        assert_eq!(printed(request).await, "done\n");
    }
    still.pass(ms(700)).await;
    still.pass(ms(50)).await;
    nginx.serves().await;
    let report = drained.report().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.by_name()["GET /gated"].finished, 1);
    assert_eq!(report.by_name()["GET /events"].cancelled, 1);
    nginx.serves().await;

    // The other stream ends with its own server.
    other.drain.begin();
    still.pass(ms(100)).await;
    still.pass(ms(700)).await;
    still.pass(ms(50)).await;
    for stream in streams {
        let read = printed(stream).await;
        assert!(
            read.ends_with("event: goodbye\ndata: elsewhere\n\n"),
            "{read}"
        );
    }
}
