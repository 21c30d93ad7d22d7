//! A request's body on its way to the application.

use crate::request::{cookie, headers};
use crate::rides::Ride;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// How the client is doing with its body. Shared with whoever waits for the answer.
#[derive(Default)]
pub struct Progress {
    frames: AtomicUsize,
    failure: AtomicU8,
    is_answered: AtomicBool,
}

/// What a client did wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Its body is malformed, or ended early.
    Broken,
    /// It sent nothing for too long.
    Silent,
    /// It may send nothing more.
    Ended,
}

impl Progress {
    /// How much has come. Says nothing but that it changes.
    pub fn frames(&self) -> usize {
        self.frames.load(Ordering::Relaxed)
    }

    /// The application has begun its answer: from now on this is one half of an open stream.
    pub fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    pub fn failure(&self) -> Option<Failure> {
        match self.failure.load(Ordering::Acquire) {
            1 => Some(Failure::Broken),
            2 => Some(Failure::Silent),
            3 => Some(Failure::Ended),
            _ => None,
        }
    }

    fn fail(&self, failure: Failure) -> Failure {
        let code = match failure {
            Failure::Broken => 1,
            Failure::Silent => 2,
            Failure::Ended => 3,
        };
        self.failure.store(code, Ordering::Release);
        failure
    }
}

/// How long a client may be silent within its body.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    pub before_the_answer: Duration,
    pub after_it: Duration,
}

/// The body, and a limit on the client's silence.
pub struct Upload {
    body: Incoming,
    patience: Patience,
    /// From the first wait on.
    waiting: Option<Waiting>,
    progress: Option<Arc<Progress>>,
    ride: Option<Ride>,
}

struct Waiting {
    since: Instant,
    sleep: Pin<Box<Sleep>>,
}

impl Upload {
    pub fn new(body: Incoming, patience: Patience, ride: Option<Ride>) -> Self {
        // Most requests have none: nothing to watch.
        let progress = (!body.is_end_stream()).then(Arc::default);
        Self { body, patience, waiting: None, progress, ride }
    }

    pub fn progress(&self) -> Option<Arc<Progress>> {
        self.progress.clone()
    }

    /// Ready when the wait has been too long.
    fn poll_patience(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Patience { before_the_answer, after_it } = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| {
            let since = Instant::now();
            Waiting { since, sleep: Box::pin(tokio::time::sleep_until(since + before_the_answer)) }
        });
        loop {
            ready!(waiting.sleep.as_mut().poll(context));
            let is_answered = self.progress.as_ref().is_some_and(|it| it.is_answered.load(Ordering::Relaxed));
            let end = waiting.since + after_it;
            if !is_answered || end <= Instant::now() {
                return Poll::Ready(());
            }
            waiting.sleep.as_mut().reset(end);
        }
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
        if this.ride.as_ref().is_some_and(|ride| ride.refusal().is_some()) {
            return Poll::Ready(Some(Err(this.fail(Failure::Ended))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = None;
            if let Some(progress) = &this.progress {
                progress.frames.fetch_add(1, Ordering::Relaxed);
            }
            let frame = frame.map(|frame| frame.map(clean).map_err(|_| this.fail(Failure::Broken)));
            return Poll::Ready(frame);
        }
        ready!(this.poll_patience(context));
        Poll::Ready(Some(Err(this.fail(Failure::Silent))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Trailers are headers: what a client may not say in those it may not say here.
fn clean(mut frame: Frame<Bytes>) -> Frame<Bytes> {
    if let Some(trailers) = frame.trailers_mut() {
        headers::strip_hop_by_hop(trailers);
        headers::strip_ours(trailers);
        cookie::strip(trailers);
    }
    frame
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the client's body is malformed or ended early",
            Self::Silent => "the client sent nothing for too long",
            Self::Ended => "what the client was let through on is no longer good",
        })
    }
}

impl std::error::Error for Failure {}
