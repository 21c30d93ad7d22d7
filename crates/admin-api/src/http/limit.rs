//! How much one API token may ask. Behind authentication, so only tokens that are known are counted.
//!
//! Requests are counted in windows of five minutes that begin with a token's first request. Every answer says what is
//! left: `x-ratelimit-limit`, `-remaining`, `-reset` (the window's end); a refusal says when to come again.

use super::App;
use super::problem::Problem;
use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{AUTHORIZATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue};
use model::{BootTime, Timestamp};
use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const WINDOW: Duration = Duration::from_mins(5);
/// From this many tokens on, windows that are over are forgotten.
const MANY: usize = 1024;

/// Counts by token. Without a bound: nothing is counted and nothing said.
#[derive(Clone)]
pub struct Limiter(Option<Counts>);

#[derive(Clone)]
struct Counts {
    most: NonZeroU32,
    windows: Arc<Mutex<HashMap<[u8; 32], Window>>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    ends: BootTime,
    used: u32,
}

/// Where one token stands.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    is_over: bool,
    limit: u32,
    remaining: u32,
    /// Until the window's end.
    left: Duration,
}

impl Limiter {
    /// `most` requests of one token in five minutes; 0: any number.
    pub fn new(most: u32) -> Self {
        let counts = |most| Counts { most, windows: Arc::default() };
        Self(NonZeroU32::new(most).map(counts))
    }

    fn count(&self, headers: &HeaderMap, now: BootTime) -> Option<Standing> {
        let Counts { most, windows } = self.0.as_ref()?;
        let mut windows = windows.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MANY {
            windows.retain(|_, window| window.ends > now);
        }
        let fresh = Window { ends: now.after(WINDOW), used: 0 };
        let window = windows.entry(whose(headers)).or_insert(fresh);
        if window.ends <= now {
            *window = fresh;
        }
        let is_over = window.used >= most.get();
        if !is_over {
            window.used += 1;
        }
        let remaining = most.get().saturating_sub(window.used);
        Some(Standing { is_over, limit: most.get(), remaining, left: window.ends.since(now) })
    }
}

/// The token, however its header is written.
fn whose(headers: &HeaderMap) -> [u8; 32] {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let token = value.iter().position(|byte| *byte == b' ').and_then(|at| value.get(at..)).unwrap_or(value);
    let digest = digest(&SHA256, token.trim_ascii());
    digest.as_ref().try_into().unwrap_or_default()
}

/// In front of every route, behind authentication.
pub async fn check(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(standing) = app.limiter.count(request.headers(), app.clock.boot()) else {
        return next.run(request).await;
    };
    let mut response =
        if standing.is_over { Problem::too_many_requests().into_response() } else { next.run(request).await };
    standing.tell(response.headers_mut(), app.clock.now());
    response
}

impl Standing {
    fn tell(&self, headers: &mut HeaderMap, now: Timestamp) {
        const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
        const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
        const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
        // Rounded up: whoever comes then is let in.
        let seconds = self.left.as_secs() + u64::from(self.left.subsec_nanos() > 0);
        headers.insert(LIMIT, self.limit.into());
        headers.insert(REMAINING, self.remaining.into());
        if let Ok(reset) = HeaderValue::try_from(now.after(Duration::from_secs(seconds)).http_date()) {
            headers.insert(RESET, reset);
        }
        if self.is_over {
            headers.insert(RETRY_AFTER, seconds.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::from_static(value))])
    }

    fn at(seconds: u64) -> BootTime {
        BootTime::from_duration(Duration::from_secs(seconds))
    }

    #[test]
    fn a_token_has_its_own_count_in_each_window() {
        let limiter = Limiter::new(2);
        let ask = |headers, seconds| {
            let standing = limiter.count(&of(headers), at(seconds)).unwrap();
            (standing.is_over, standing.remaining, standing.left.as_secs())
        };
        assert_eq!(ask("Bearer a", 10), (false, 1, 300));
        assert_eq!(ask("bearer   a ", 20), (false, 0, 290));
        assert_eq!(ask("Bearer a", 309), (true, 0, 1));
        assert_eq!(ask("Bearer b", 309), (false, 1, 300));
        assert_eq!(ask("Bearer a", 310), (false, 1, 300));
    }

    #[test]
    fn without_a_bound_nothing_is_counted() {
        assert_eq!(Limiter::new(0).count(&of("Bearer a"), at(0)), None);
    }

    #[test]
    fn windows_that_are_over_are_forgotten() {
        let limiter = Limiter::new(1);
        for name in 0..MANY {
            let value = HeaderValue::try_from(format!("Bearer {name}")).unwrap();
            limiter.count(&HeaderMap::from_iter([(AUTHORIZATION, value)]), at(0));
        }
        limiter.count(&of("Bearer last"), at(300));
        assert_eq!(limiter.0.unwrap().windows.lock().unwrap().len(), 1);
    }
}
