//! Rules of policies and groups, as they are typed: `service-token=deploy-bot`, `ip=10.0.0.0/8`.

use super::client::{Client, set};
use super::exit::{Failure, Outcome};
use super::lookup::{self, GROUP, TOKEN};
use clap::Args;
use serde_json::{Value, json};

/// What policies and groups are made of.
#[derive(Args, Debug)]
pub struct Rules {
    /// Any must hold: everyone, any-service-token, service-token=NAME, ip=CIDR, country=XX, certificate, common-name=CN,
    /// group=NAME, email=ADDRESS or email-domain=DOMAIN. May be given several times.
    #[arg(long, value_name = "RULE")]
    include: Vec<String>,
    /// All must hold.
    #[arg(long, value_name = "RULE")]
    require: Vec<String>,
    /// None may hold.
    #[arg(long, value_name = "RULE")]
    exclude: Vec<String>,
}

impl Rules {
    /// Adds the lists that were given to a body; names become ids.
    pub async fn add_to(&self, body: &mut Value, client: &Client) -> Outcome {
        for (list, rules) in
            [("include", &self.include), ("require", &self.require), ("exclude", &self.exclude)]
        {
            if rules.is_empty() {
                continue;
            }
            let mut wire = Vec::new();
            for rule in rules {
                wire.push(match read(rule)? {
                    Rule::Plain(rule) => rule,
                    Rule::Token(name) => {
                        let token = lookup::find(client, &TOKEN, &name).await?;
                        json!({"service_token": {"token_id": lookup::id(&token)}})
                    }
                    Rule::Group(name) => {
                        let group = lookup::find(client, &GROUP, &name).await?;
                        json!({"group": {"id": lookup::id(&group)}})
                    }
                });
            }
            set(body, list, json!(wire));
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Rule {
    Plain(Value),
    /// By name or id.
    Token(String),
    Group(String),
}

fn read(rule: &str) -> Outcome<Rule> {
    let (selector, value) = match rule.split_once('=') {
        Some((selector, value)) => (selector, Some(value).filter(|value| !value.is_empty())),
        None => (rule, None),
    };
    Ok(match (selector, value) {
        ("everyone", None) => Rule::Plain(json!({"everyone": {}})),
        ("any-service-token", None) => Rule::Plain(json!({"any_valid_service_token": {}})),
        ("certificate", None) => Rule::Plain(json!({"certificate": {}})),
        ("service-token", Some(name)) => Rule::Token(name.to_owned()),
        ("group", Some(name)) => Rule::Group(name.to_owned()),
        ("ip", Some(ip)) => Rule::Plain(json!({"ip": {"ip": ip}})),
        ("country", Some(code)) => Rule::Plain(json!({"geo": {"country_code": code}})),
        ("common-name", Some(name)) => Rule::Plain(json!({"common_name": {"common_name": name}})),
        ("email", Some(email)) => Rule::Plain(json!({"email": {"email": email}})),
        ("email-domain", Some(domain)) => Rule::Plain(json!({"email_domain": {"domain": domain}})),
        _ => {
            return Err(Failure::usage(format!(
                "{rule} is no rule: everyone, any-service-token, certificate, or service-token, group, ip, country, \
                 common-name, email or email-domain with =VALUE"
            )));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_typed_shortly() {
        assert_eq!(read("ip=10.0.0.0/8").unwrap(), Rule::Plain(json!({"ip": {"ip": "10.0.0.0/8"}})));
        assert_eq!(read("everyone").unwrap(), Rule::Plain(json!({"everyone": {}})));
        assert_eq!(read("service-token=a=b").unwrap(), Rule::Token("a=b".into()));
        for wrong in ["ip", "ip=", "everyone=1", "okta=x", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
