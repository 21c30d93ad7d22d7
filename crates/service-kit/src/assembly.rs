//! What a built service is.

use model::Error;
use std::future::Future;
use std::pin::Pin;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
pub use tonic::service::Routes;

type Run =
    Box<dyn FnOnce(CancellationToken) -> Pin<Box<dyn Future<Output = Result<(), Error>> + Send>> + Send>;

/// A task that runs as long as its service does, and ends soon after it is told to stop.
pub struct Worker {
    name: &'static str,
    run: Run,
}

impl Worker {
    pub fn new<F, T>(name: &'static str, run: F) -> Self
    where
        F: FnOnce(CancellationToken) -> T + Send + 'static,
        T: Future<Output = Result<(), Error>> + Send + 'static,
    {
        Self { name, run: Box::new(move |stop| Box::pin(run(stop))) }
    }
}

/// A service, connected and ready to run: what it serves by gRPC, and what it does on its own.
#[derive(Default)]
pub struct Assembly {
    pub routes: Routes,
    pub workers: Vec<Worker>,
}

/// Runs workers until `stop`, or until one of them ends: a service with a dead part is not half alive.
///
/// # Errors
/// The first worker's failure, or `Internal` when one ended without being told to.
pub async fn run(workers: Vec<Worker>, stop: CancellationToken) -> Result<(), Error> {
    let mut tasks = JoinSet::new();
    for Worker { name, run } in workers {
        let task = run(stop.clone());
        tasks.spawn(async move { (name, task.await) });
    }
    let mut outcome = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let failure = match ended {
            Ok((_, Ok(()))) if stop.is_cancelled() => continue,
            Ok((name, Ok(()))) => Error::internal(format!("{name} ended")),
            Ok((name, Err(error))) => {
                tracing::error!(worker = name, %error, "worker failed");
                error
            }
            Err(panicked) => Error::internal(panicked.to_string()),
        };
        stop.cancel();
        outcome = outcome.and(Err(failure));
    }
    outcome
}
