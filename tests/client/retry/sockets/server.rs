//! A server that is made of bytes, so that it can misbehave.

use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use sluicegate::client::{RetryBudget, RetryLayer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What the server does with a request.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Sends these bytes, and closes the connection. Over HTTP/2 they are frames
    /// with the number of the stream 1.
    Close(Vec<u8>),
    /// Sends these bytes, and keeps it open.
    Keep(Vec<u8>),
    /// Sends these bytes with the numbers of streams that they have.
    Raw(Vec<u8>),
    /// Sends these bytes as soon as the head of the request is there, and reads
    /// no more of it. Over HTTP/1.1 it also closes the connection.
    Early(Vec<u8>),
}

/// A server that is told its replies.
pub(super) struct Scripted {
    pub(super) address: SocketAddr,
    served: Arc<Mutex<Vec<Vec<u8>>>>,
    task: JoinHandle<()>,
}

impl Scripted {
    pub(super) async fn start(is_http2: bool, script: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Mutex::new(Vec::new()));
        let log = served.clone();
        let task = tokio::spawn(async move {
            let script = Arc::new(Mutex::new(VecDeque::from(script)));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, log) = (script.clone(), log.clone());
                tokio::spawn(async move {
                    // A client that closes the connection ends it with an error.
                    _ = match is_http2 {
                        true => serve_http2(stream, &script, &log).await,
                        false => serve_http1(stream, &script, &log).await,
                    };
                });
            }
        });
        Self {
            address,
            served,
            task,
        }
    }

    /// The requests that came: over HTTP/1.1 with their heads, over HTTP/2 their
    /// data. A connection has one at a time.
    pub(super) fn served(&self) -> Vec<Vec<u8>> {
        self.served.lock().unwrap().clone()
    }

    pub(super) fn calls(&self) -> usize {
        self.served.lock().unwrap().len()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Script = Mutex<VecDeque<Reply>>;
type Log = Mutex<Vec<Vec<u8>>>;

fn next(script: &Script) -> Option<Reply> {
    script.lock().unwrap().pop_front()
}

/// Returns the next reply if it does not wait for the body of the request.
fn next_early(script: &Script) -> Option<Vec<u8>> {
    let mut script = script.lock().unwrap();
    let Some(Reply::Early(bytes)) = script.front() else {
        return None;
    };
    let bytes = bytes.clone();
    script.pop_front();
    Some(bytes)
}

async fn serve_http1(mut stream: TcpStream, script: &Script, log: &Log) -> io::Result<()> {
    loop {
        let mut request = read_head(&mut stream).await?;
        if let Some(bytes) = next_early(script) {
            log.lock().unwrap().push(request);
            return stream.write_all(&bytes).await;
        }
        let head = request.len();
        request.resize(head + body_length(&request), 0);
        stream.read_exact(&mut request[head..]).await?;
        log.lock().unwrap().push(request);
        match next(script) {
            None => {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await?
            }
            Some(Reply::Close(bytes)) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Some(Reply::Keep(bytes) | Reply::Raw(bytes) | Reply::Early(bytes)) => {
                stream.write_all(&bytes).await?;
            }
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(head)
}

fn body_length(head: &[u8]) -> usize {
    let text = str::from_utf8(head).unwrap();
    let mut lines = text.lines();
    let length = lines.find_map(|line| line.strip_prefix("content-length: "));
    length.map_or(0, |it| it.parse().unwrap())
}

/// A frame of HTTP/2.
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
/// So large that no test waits for more of it.
const WINDOW: u32 = 1 << 30;
pub(super) const END_HEADERS: u8 = 4;
pub(super) const END_STREAM: u8 = 1;

pub(super) fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(3, 0, stream, &code.to_be_bytes())
}

pub(super) fn go_away(last: u32, code: u32) -> Vec<u8> {
    let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
    frame(7, 0, 0, &payload)
}

/// A field without compression (RFC 7541, section 6.2.2).
pub(super) fn field(name: &str, value: &str) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    [vec![0], text(name), text(value)].concat()
}

/// The field `:status: 200` (RFC 7541, appendix A).
pub(super) const STATUS_200: u8 = 0x88;

async fn serve_http2(mut stream: TcpStream, script: &Script, log: &Log) -> io::Result<()> {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await?;
    // The setting `INITIAL_WINDOW_SIZE`, and the same for the connection.
    let window = [&[0, 4][..], &WINDOW.to_be_bytes()].concat();
    stream.write_all(&frame(SETTINGS, 0, 0, &window)).await?;
    let window = frame(WINDOW_UPDATE, 0, 0, &WINDOW.to_be_bytes());
    stream.write_all(&window).await?;
    let mut data = Vec::new();
    // The stream of which no more is read.
    let mut refused = 0;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [a, b, c, kind, flags, ..] = head;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        stream.read_exact(&mut payload).await?;
        if kind == DATA && id != refused {
            data.extend(&payload);
        }
        if kind == HEADERS
            && flags & END_STREAM == 0
            && let Some(bytes) = next_early(script)
        {
            refused = id;
            log.lock().unwrap().push(Vec::new());
            stream.write_all(&on(bytes, id)).await?;
        }
        match kind {
            SETTINGS | PING if flags & 1 == 0 => {
                let payload = if kind == PING { payload } else { Vec::new() };
                stream.write_all(&frame(kind, 1, 0, &payload)).await?;
            }
            HEADERS | DATA if flags & END_STREAM != 0 && id != refused => {
                log.lock().unwrap().push(std::mem::take(&mut data));
                match next(script) {
                    None => stream.write_all(&success(id)).await?,
                    Some(Reply::Keep(bytes) | Reply::Early(bytes)) => {
                        stream.write_all(&on(bytes, id)).await?;
                    }
                    Some(Reply::Raw(bytes)) => stream.write_all(&bytes).await?,
                    Some(Reply::Close(bytes)) => {
                        stream.write_all(&on(bytes, id)).await?;
                        return stream.shutdown().await;
                    }
                }
            }
            _ => {}
        }
    }
}

/// Moves frames from the stream 1 to another one.
fn on(mut bytes: Vec<u8>, id: u32) -> Vec<u8> {
    let mut at = 0;
    while at < bytes.len() {
        let length = u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]);
        let stream = &mut bytes[at + 5..at + 9];
        if *stream == [0, 0, 0, 1] {
            stream.copy_from_slice(&id.to_be_bytes());
        }
        at += 9 + length as usize;
    }
    bytes
}

/// A gRPC response with a message that says `SERVING`, which is a success for
/// HTTP as well.
pub(super) fn success(id: u32) -> Vec<u8> {
    on(
        [grpc_head(), message(), grpc_trailers("0", &[])].concat(),
        id,
    )
}

pub(super) fn grpc_head() -> Vec<u8> {
    let fields = [vec![STATUS_200], field("content-type", "application/grpc")];
    frame(HEADERS, END_HEADERS, 1, &fields.concat())
}

pub(super) fn message() -> Vec<u8> {
    frame(DATA, 0, 1, &[0, 0, 0, 0, 2, 8, 1])
}

pub(super) fn grpc_trailers(code: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut payload = field("grpc-status", code);
    for (name, value) in fields {
        payload.extend(field(name, value));
    }
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &payload)
}

pub(super) type HyperClient = Client<HttpConnector, Full<Bytes>>;

pub(super) fn hyper_client(is_http2: bool) -> HyperClient {
    Client::builder(TokioExecutor::new())
        .http2_only(is_http2)
        .build_http()
}

/// A layer that waits for hardly a moment.
pub(super) fn quick() -> RetryLayer {
    let budget = RetryBudget::builder().minimum(100).local();
    let moment = Duration::from_micros(1);
    RetryLayer::new().budget(budget).backoff(moment, moment)
}
