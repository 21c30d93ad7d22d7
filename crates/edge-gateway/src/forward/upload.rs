//! A request's body on its way to the application.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How the client is doing with its body. Shared with whoever waits for the answer.
#[derive(Default)]
pub struct Progress {
    frames: AtomicUsize,
    failure: AtomicU8,
}

/// What a client did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its body is malformed, or ended early.
    Broken,
    /// It sent nothing for too long.
    Silent,
}

impl Progress {
    /// How much has come. Says nothing but that it changes.
    pub fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }

    pub fn failure(&self) -> Option<Failure> {
        match self.failure.load(Ordering::Acquire) {
            1 => Some(Failure::Broken),
            2 => Some(Failure::Silent),
            _ => None,
        }
    }

    fn fail(&self, failure: Failure) -> Failure {
        let code = match failure {
            Failure::Broken => 1,
            Failure::Silent => 2,
        };
        self.failure.store(code, Ordering::Release);
        failure
    }
}

/// The body, and a limit on the client's silence.
pub struct Upload {
    body: Incoming,
    patience: Duration,
    /// From the first wait on.
    waiting: Option<Pin<Box<Sleep>>>,
    progress: Option<Arc<Progress>>,
}

impl Upload {
    pub fn new(body: Incoming, patience: Duration) -> Self {
        // Most requests have none: nothing to watch.
        let progress = (!body.is_end_stream()).then(Arc::default);
        Self { body, patience, waiting: None, progress }
    }

    pub fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }

    fn fail(&self, failure: Failure) -> Failure {
        self.progress.as_ref().map_or(failure, |progress| progress.fail(failure))
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = None;
            if let Some(progress) = &this.progress {
                progress.frames.fetch_add(1, Ordering::Relaxed);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| this.fail(Failure::Broken))));
        }
        let patience = this.patience;
        let waiting =
            this.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Some(Err(this.fail(Failure::Silent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the client's body is malformed or ended early",
            Self::Silent => "the client sent nothing for too long",
        })
    }
}

impl std::error::Error for Failure {}
