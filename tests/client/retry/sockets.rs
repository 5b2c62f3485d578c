//! Real sockets, and servers that misbehave: over HTTP/1.1, HTTP/2 and gRPC.

mod grpc;
mod http1;
mod http2;
mod reqwest;
mod server;
