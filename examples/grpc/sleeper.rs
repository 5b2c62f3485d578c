//! The service that sleeps. It is written by hand, because it has one method only:
//!
//! ```text
//! package sluicegate.example;
//!
//! service Sleeper {
//!   rpc Sleep(Nap) returns (Slept);
//! }
//! message Nap {
//!   uint32 ms = 1;
//! }
//! message Slept {
//!   uint32 ms = 1;
//!   // The `grpc-timeout` that the server received.
//!   string timeout = 2;
//! }
//! ```

use std::{
    convert::Infallible,
    future::ready,
    task::{Context, Poll},
    time::Duration,
};

use http::uri::PathAndQuery;
use prost::Message;
use tonic::{
    Request, Response, Status,
    body::Body,
    client::{Grpc, GrpcService},
    codegen::{BoxFuture, StdError},
    server::{self, NamedService, UnaryService},
};
use tonic_prost::ProstCodec;
use tower::Service;

pub(crate) const SLEEP: &str = "/sluicegate.example.Sleeper/Sleep";

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Nap {
    #[prost(uint32, tag = "1")]
    pub(crate) ms: u32,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Slept {
    #[prost(uint32, tag = "1")]
    pub(crate) ms: u32,
    #[prost(string, tag = "2")]
    pub(crate) timeout: String,
}

/// The server's side.
#[derive(Clone, Debug)]
pub(crate) struct Sleeper;

impl NamedService for Sleeper {
    const NAME: &'static str = "sluicegate.example.Sleeper";
}

impl Service<http::Request<Body>> for Sleeper {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<http::Response<Body>, Infallible>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, req: http::Request<Body>) -> Self::Future {
        if req.uri().path() != SLEEP {
            let unknown = Status::unimplemented("this service can only sleep");
            return Box::pin(ready(Ok(unknown.into_http())));
        }
        let mut method = server::Grpc::new(ProstCodec::default());
        Box::pin(async move { Ok(method.unary(Sleep, req).await) })
    }
}

struct Sleep;

impl UnaryService<Nap> for Sleep {
    type Response = Slept;
    type Future = BoxFuture<Response<Slept>, Status>;

    fn call(&mut self, nap: Request<Nap>) -> Self::Future {
        let timeout = nap.metadata().get("grpc-timeout");
        let timeout = timeout.and_then(|text| text.to_str().ok());
        let timeout = timeout.unwrap_or("none").to_owned();
        let ms = nap.get_ref().ms;
        Box::pin(async move {
            tokio::time::sleep(Duration::from_millis(ms.into())).await;
            Ok(Response::new(Slept { ms, timeout }))
        })
    }
}

/// The client's side.
pub(crate) async fn sleep<T>(channel: T, nap: Nap) -> Result<Slept, Status>
where
    T: GrpcService<Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    <T::ResponseBody as http_body::Body>::Error: Into<StdError> + Send,
{
    let mut client = Grpc::new(channel);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.into().to_string()))?;
    let path = PathAndQuery::from_static(SLEEP);
    let slept = client.unary(Request::new(nap), path, ProstCodec::default());
    slept.await.map(Response::into_inner)
}
