//! `access/apps/{app_id}/settings`: two settings of an application, changed without the rest.

use super::answer::Answer;
use super::authenticate::Account;
use super::body::Body;
use super::operation::{ok, patch, put};
use super::request::{Target, WaitFor};
use super::routes::Routes;
use super::{App, Outcome, answered, present};
use crate::wire::schema::application as schema;
use axum::extract::State;
use model::Error;
use proto::change_feed::Wait;
use proto::policy_evaluator::MergeApplicationSettingsRequest;
use proto::token_registry::Scope::AppsAndPoliciesWrite;
use serde_json::{Map, Value, json};

const NAMES: [&str; 2] = ["allow_iframe", "skip_interstitial"];

pub fn routes() -> Routes {
    let path = "/access/apps/{app_id}/settings";
    let shown = schema::two_settings_shown;
    Routes::of("Applications")
        .serve(
            put(
                path,
                "replace_application_settings",
                "Two settings of an application: what is not given is off",
                AppsAndPoliciesWrite,
                ok(shown()),
            )
            .takes(schema::two_settings())
            .waits(),
            replace,
        )
        .serve(
            patch(
                path,
                "merge_application_settings",
                "Two settings of an application: what is not given stays",
                AppsAndPoliciesWrite,
                ok(shown()),
            )
            .takes(schema::two_settings())
            .waits(),
            merge,
        )
}

/// What is not given is off.
async fn replace(
    State(app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let mut flag = |name: &str| Ok((name.to_owned(), fields.flag(name)?.unwrap_or_default().into()));
    let settings = NAMES.into_iter().map(&mut flag).collect::<Result<_, Error>>()?;
    write(app, account_id, target.app_id, wait, settings).await
}

/// What is not given stays.
async fn merge(
    State(app): State<App>,
    Account(account_id): Account,
    target: Target,
    WaitFor(wait): WaitFor,
    Body(mut fields): Body,
) -> Outcome {
    let mut settings = Map::new();
    for name in NAMES {
        if let Some(flag) = fields.flag(name)? {
            settings.insert(name.to_owned(), flag.into());
        }
    }
    write(app, account_id, target.app_id, wait, settings).await
}

async fn write(
    mut app: App,
    account_id: String,
    id: String,
    wait: Wait,
    settings: Map<String, Value>,
) -> Outcome {
    let settings_json = Value::Object(settings).to_string();
    let request = MergeApplicationSettingsRequest { account_id, id, settings_json, wait: wait.into() };
    let merged = answered(app.policy_evaluator.merge_application_settings(request).await)?;
    let stored = crate::wire::json::stored(&present(present(merged.application)?.spec)?.settings_json);
    let flag = |name: &str| stored.get(name).and_then(Value::as_bool).unwrap_or_default();
    let shown = json!({"allow_iframe": flag("allow_iframe"), "skip_interstitial": flag("skip_interstitial")});
    Ok(Answer::ok(shown).propagated(merged.propagation))
}
