//! From the gateway to one service: can be cut, and counts.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::watch;
use tonic::service::Routes;

/// What a link does with calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Open,
    /// Answers that nobody is there.
    Refused,
    /// Answers nothing.
    Silent,
}

/// From the gateway to one service.
pub struct Link {
    mode: watch::Sender<Mode>,
    exchanges: watch::Sender<usize>,
    /// Of every kind but the feed's.
    calls: AtomicUsize,
    /// Exchanges that the service has answered.
    answered: watch::Sender<usize>,
    /// Their answers wait while this is set.
    is_held: watch::Sender<bool>,
}

impl Link {
    pub fn new(mode: Mode) -> Arc<Self> {
        let (mode, exchanges) = (watch::Sender::new(mode), watch::Sender::new(0));
        Arc::new(Self {
            mode,
            exchanges,
            calls: AtomicUsize::new(0),
            answered: watch::Sender::new(0),
            is_held: watch::Sender::new(false),
        })
    }

    /// The service's calls, over this link.
    pub fn over(self: &Arc<Self>, routes: Routes) -> Routes {
        Routes::from(routes.into_axum_router().layer(from_fn_with_state(self.clone(), pass)))
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    pub fn hold(&self, is_held: bool) {
        self.is_held.send_replace(is_held);
    }

    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    pub fn exchanges(&self) -> usize {
        *self.exchanges.borrow()
    }

    pub async fn after_answers(&self, number: usize) {
        self.answered.subscribe().wait_for(|count| *count >= number).await.map(drop).unwrap();
    }

    pub async fn after_exchanges(&self, number: usize) {
        let reached = self.exchanges.subscribe().wait_for(|count| *count >= number).await.map(drop);
        reached.unwrap();
    }
}

async fn pass(State(link): State<Arc<Link>>, request: Request, next: Next) -> Response {
    let mode = *link.mode.borrow();
    match mode {
        Mode::Refused => return tonic::Status::unavailable("the link is cut").into_http(),
        Mode::Silent => std::future::pending().await,
        Mode::Open => {}
    }
    if !request.uri().path().contains("ChangeFeed") {
        link.calls.fetch_add(1, Ordering::SeqCst);
    }
    let is_exchange = request.uri().path().ends_with("/Exchange");
    if is_exchange {
        link.exchanges.send_modify(|count| *count += 1);
    }
    let answer = next.run(request).await;
    if is_exchange {
        link.answered.send_modify(|count| *count += 1);
        link.is_held.subscribe().wait_for(|is_held| !is_held).await.map(drop).unwrap();
    }
    answer
}
