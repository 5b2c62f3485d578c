//! Runs a server under a drain.

use std::{
    future::{Future, IntoFuture, poll_fn},
    pin::pin,
    task::Poll,
};

use super::{drain::Drain, report::Report};

impl Drain {
    /// Runs a server until the drain has ended, and returns what became of the
    /// requests.
    ///
    /// The server has to stop accepting connections at
    /// [`signalled`](Self::signalled), and is dropped at the end of the budget,
    /// if it still has connections then. A server that ends by itself begins the
    /// drain, without a lame duck.
    ///
    /// To run several servers, join them:
    /// `drain.serve(async { tokio::try_join!(http, grpc) })`.
    ///
    /// # Errors
    ///
    /// That of the server, after the drain.
    pub async fn serve<S, T, E>(&self, server: S) -> Result<Report, E>
    where
        S: IntoFuture<Output = Result<T, E>>,
    {
        let mut result = None;
        {
            let mut serving = Some(self.0.serving());
            let mut server = pin!(server.into_future());
            let mut ended = pin!(self.0.ended());
            poll_fn(|cx| {
                if result.is_none()
                    && let Poll::Ready(output) = server.as_mut().poll(cx)
                {
                    result = Some(output);
                    serving = None;
                }
                ended.as_mut().poll(cx)
            })
            .await;
        }
        let report = self.close(result.is_some()).await;
        match result {
            Some(Err(error)) => Err(error),
            _ => Ok(report),
        }
    }
}
