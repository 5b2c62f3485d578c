//! Serves until a signal stops it.

use std::{future::IntoFuture, io, net::SocketAddr, process::ExitCode, time::Duration};

use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
    time,
};

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
    let mut signals = Signals::new().map_err(|error| Refused::new("--listen", error))?;
    let worker = Worker::start(settings).await?;
    let address = listener.local_addr().expect("a listener has an address");
    let export = Export {
        context: worker.context.clone(),
        channels: worker.channels(),
    };
    let app = http::routes(&worker.context, export);
    let context = worker.context.clone();
    let server = axum::serve(listener, app)
        .with_graceful_shutdown(async move { context.stopped().await })
        .into_future();
    let server = tokio::spawn(server);
    live::print(&greeting(address, settings));
    let extras = [
        tokio::spawn(live::watch(worker.context.clone(), worker.channels())),
        tokio::spawn(demo(address, settings.demo)),
    ];
    signals.next().await;
    extras.iter().for_each(JoinHandle::abort);
    tokio::select! {
        code = drain(worker, server, settings.drain) => Ok(code),
        () = signals.next() => Ok(ExitCode::FAILURE),
    }
}

async fn demo(address: SocketAddr, rate: u32) {
    if rate > 0 {
        demo::run(address, rate).await;
    }
}

/// Stops accepting, finishes what is begun, and gives the rest back.
async fn drain(
    worker: Worker,
    mut server: JoinHandle<io::Result<()>>,
    budget: Duration,
) -> ExitCode {
    worker.stop();
    if time::timeout(budget / 2, &mut server).await.is_err() {
        server.abort();
    }
    match worker.drain(budget / 2).await {
        false => {
            live::print("drained\n");
            ExitCode::SUCCESS
        }
        true => {
            live::print("stopped: some events were cut off, and will be taken over\n");
            ExitCode::FAILURE
        }
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

/// Listens for Ctrl-C and SIGTERM, from when it is created.
#[derive(Debug)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
