//! What a request says outside its body.

use super::problem::Problem;
use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use model::{Error, Timestamp};
use proto::change_feed::Wait;

/// The ids in the path. A route without one leaves it empty.
#[derive(Debug, Clone, Default)]
pub struct Target {
    pub account_id: String,
    /// The application.
    pub app_id: String,
    /// The object itself.
    pub id: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| Error::invalid("", "the path is not UTF-8"))?;
        let mut target = Self::default();
        for (name, value) in &params {
            match name {
                "account_id" => value.clone_into(&mut target.account_id),
                "app_id" => value.clone_into(&mut target.app_id),
                "id" => value.clone_into(&mut target.id),
                _ => {}
            }
        }
        Ok(target)
    }
}

/// The query's parameters. Unknown ones are ignored; of one given twice the first counts.
#[derive(Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
            .map_err(|_| Error::invalid("", "the query is not well-formed"))?;
        if query.0.iter().any(|(_, value)| value.contains('\0')) {
            return Err(Error::invalid("", "the query must not contain the character NUL").into());
        }
        Ok(Self(query.0))
    }
}

impl Query {
    /// An empty value is an absent one.
    pub fn get(&self, name: &str) -> Option<&str> {
        #[cfg(test)]
        crate::wire::fields::consulted::note(&format!("?{name}"));
        let found = self.0.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        found.filter(|value| !value.is_empty())
    }

    /// Empty when absent.
    pub fn text(&self, name: &str) -> String {
        self.get(name).unwrap_or_default().to_owned()
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some("true" | "1") => Ok(Some(true)),
            Some("false" | "0") => Ok(Some(false)),
            Some(_) => Err(Error::invalid(name, "must be true or false")),
        }
    }

    /// RFC 3339; milliseconds since 1970.
    pub fn time(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wrong = || Error::invalid(name, "must be a time such as 2026-01-01T00:00:00Z (RFC 3339)");
        Timestamp::parse_rfc3339(text).map(|time| Some(time.as_millis())).ok_or_else(wrong)
    }

    /// Less than 1, which SDKs send, is the default.
    pub fn count(&self, name: &str, default: u32) -> Result<u32, Error> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Error::invalid(name, "must be a whole number"));
        }
        let count = if text.starts_with('-') { 0 } else { text.parse().unwrap_or(u32::MAX) };
        Ok(if count == 0 { default } else { count })
    }
}

/// One page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u32,
    /// 1-1,000. As large as allowed unless asked for less: some clients read one page only.
    pub size: u32,
}

impl Page {
    const LARGEST: u32 = 1000;

    fn of(query: &Query) -> Result<Self, Error> {
        let size = query.count("per_page", Self::LARGEST)?.min(Self::LARGEST);
        Ok(Self { number: query.count("page", 1)?, size })
    }

    /// The page's part of a list that came whole.
    pub fn cut<T>(self, all: Vec<T>) -> Vec<T> {
        let skipped = u64::from(self.number - 1) * u64::from(self.size);
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        all.into_iter().skip(skipped).take(self.size as usize).collect()
    }
}

impl<S: Sync> FromRequestParts<S> for Page {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await?;
        Ok(Self::of(&query)?)
    }
}

/// `?wait=none` or `?wait=confirmed`, the default: whether a change is answered before every enforcement point has it.
pub struct WaitFor(pub Wait);

impl<S: Sync> FromRequestParts<S> for WaitFor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = Query::from_request_parts(parts, state).await?;
        #[cfg(test)]
        crate::wire::fields::consulted::note("?wait");
        // Given but empty is a mistake, not the default.
        match query.0.iter().find(|(name, _)| name == "wait").map(|(_, value)| value.as_str()) {
            None | Some("confirmed") => Ok(Self(Wait::Confirmed)),
            Some("none") => Ok(Self(Wait::None)),
            Some(_) => Err(Error::invalid("wait", "must be none or confirmed").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(page: &str, per_page: &str) -> Result<Page, Error> {
        Page::of(&Query(vec![("page".into(), page.into()), ("per_page".into(), per_page.into())]))
    }

    #[test]
    fn pages_are_read_as_every_client_sends_them() {
        for (number, size, expected) in [
            ("", "", (1, 1000)),
            ("0", "0", (1, 1000)),
            ("-3", "-1", (1, 1000)),
            ("2", "50", (2, 50)),
            ("1", "5000", (1, 1000)),
            ("99999999999999999999", "1", (u32::MAX, 1)),
        ] {
            let page = page(number, size).unwrap();
            assert_eq!((page.number, page.size), expected, "{number} {size}");
        }
        for wrong in ["x", "-", "1.5", "+1", " 1"] {
            assert!(page(wrong, "").is_err(), "{wrong}");
        }
    }

    #[test]
    fn past_the_end_is_empty() {
        let cut = |number, size| Page { number, size }.cut(vec![1, 2, 3]);
        assert_eq!(cut(1, 2), [1, 2]);
        assert_eq!(cut(2, 2), [3]);
        assert_eq!(cut(3, 2), [0; 0]);
        assert_eq!(cut(u32::MAX, 1000), [0; 0]);
    }
}
