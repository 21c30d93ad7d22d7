//! `destinations`, `self_hosted_domains` and `domain`: three views of one list.

use super::fields::{Fields, Item};
use model::Error;
use serde_json::{Value, json};

/// What an application protects, as it was said: the owner fills one view from the other.
#[derive(Debug, PartialEq, Eq)]
pub struct Destinations {
    /// Empty: the first of `all`.
    pub domain: String,
    /// Empty: `domain` alone.
    pub all: Vec<String>,
}

/// `destinations` wins over `self_hosted_domains`. That a `domain` beside a list is in it is its owner's to judge, who
/// knows when two spellings are one.
pub fn read(fields: &mut Fields) -> Result<Destinations, Error> {
    let domain = fields.text("domain")?;
    let older = fields.texts("self_hosted_domains")?.unwrap_or_default();
    let destinations = fields.list("destinations")?.unwrap_or_default();
    let mut all = destinations.into_iter().map(read_public).collect::<Result<Vec<_>, _>>()?;
    if all.is_empty() {
        all = older;
    }
    match domain {
        None if all.is_empty() => Err(fields.missing("domain")),
        domain => Ok(Destinations { domain: domain.unwrap_or_default(), all }),
    }
}

impl Destinations {
    /// What stands for a name that was not given.
    pub fn name(&self) -> String {
        if self.domain.is_empty() {
            self.all.first().cloned().unwrap_or_default()
        } else {
            self.domain.clone()
        }
    }
}

fn read_public(item: Item) -> Result<String, Error> {
    let mut fields = Fields::of(item)?;
    let kind = fields.text("type")?;
    if kind.is_some_and(|kind| kind != "public") {
        return Err(Error::invalid(
            fields.path("type"),
            "only public destinations are supported by this version",
        ));
    }
    // An override opens a part of what is protected: dropping it silently would be wrong either way.
    if !fields.list("overrides")?.unwrap_or_default().is_empty() {
        return Err(Error::invalid(fields.path("overrides"), "is not supported by this version"));
    }
    fields.required_text("uri")
}

pub fn view(destinations: &[String]) -> Value {
    destinations.iter().map(|uri| json!({"type": "public", "uri": uri})).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &Value) -> Result<Destinations, Error> {
        read(&mut Fields::body(body.as_object().unwrap().clone()))
    }

    fn expect(body: &Value, domain: &str, all: &[&str]) {
        let all = all.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(of(body).unwrap(), Destinations { domain: domain.into(), all }, "{body}");
    }

    #[test]
    fn the_three_views_are_one_list() {
        expect(&json!({"domain": "a.test"}), "a.test", &[]);
        expect(&json!({"self_hosted_domains": ["a.test", "b.test"]}), "", &["a.test", "b.test"]);
        let both = json!({
            "domain": "b.test",
            "destinations": [{"uri": "a.test"}, {"type": "public", "uri": "b.test", "overrides": []}],
            "self_hosted_domains": ["ignored.test"],
        });
        expect(&both, "b.test", &["a.test", "b.test"]);
        expect(&json!({"domain": "a.test", "destinations": []}), "a.test", &[]);
    }

    #[test]
    fn what_would_protect_something_else_is_refused() {
        for (body, field) in [
            (json!({}), "domain"),
            (json!({"destinations": [{"type": "private", "cidr": "10.0.0.0/8"}]}), "destinations/0/type"),
            (json!({"destinations": [{"uri": "a.test"}, {"uri": 1}]}), "destinations/1/uri"),
            (
                json!({"destinations": [{"uri": "a.test", "overrides": [{"behavior": "public"}]}]}),
                "destinations/0/overrides",
            ),
        ] {
            assert_eq!(of(&body).unwrap_err().violations()[0].field, field, "{body}");
        }
    }
}
