//! An application's answer on its way to the client.

use crate::request::headers;
use crate::rides::Ride;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

/// The body. It ends short when its ride does.
pub struct Download {
    body: Incoming,
    ride: Option<Ride>,
}

/// Why a body ends short.
#[derive(Debug)]
pub enum Short {
    /// The application broke it off.
    Broken(hyper::Error),
    /// What it was let through on is no longer good.
    Ended,
}

impl Download {
    pub const fn new(body: Incoming, ride: Option<Ride>) -> Self {
        Self { body, ride }
    }
}

impl Body for Download {
    type Data = Bytes;
    type Error = Short;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Short>>> {
        let this = &mut *self;
        if this.ride.as_ref().is_some_and(|ride| ride.poll_ended(context).is_ready()) {
            return Poll::Ready(Some(Err(Short::Ended)));
        }
        let clean = |mut frame: Frame<Bytes>| {
            if let Some(trailers) = frame.trailers_mut() {
                headers::strip_answer(trailers);
            }
            frame
        };
        let frame = Pin::new(&mut this.body).poll_frame(context);
        frame.map(|frame| frame.map(|frame| frame.map(clean).map_err(Short::Broken)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(error) => write!(f, "the application broke its answer off: {error}"),
            Self::Ended => f.write_str("what the stream was let through on is no longer good"),
        }
    }
}

impl std::error::Error for Short {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Broken(error) => Some(error),
            Self::Ended => None,
        }
    }
}
