//! `/sallyport/v1/fleet`: who enforces, and how far each has come. Our own, outside the public contract, and of no
//! account: configured API tokens and administrators of an account may read it.

use super::answer::Answer;
use super::operation::{get, ok};
use super::routes::Routes;
use super::{App, Outcome};
use crate::wire::fleet::{self, Asked};
use crate::wire::schema::fleet as schema;
use axum::extract::State;
use proto::change_feed::ListReplicasRequest;
use proto::change_feed::change_feed_client::ChangeFeedClient;
use proto::token_registry::Scope::AccountAdmin;
use service_kit::GrpcChannel;
use service_kit::status::from_status;
use std::time::Duration;
use tonic::Request;

/// A feed's owner that takes longer is reported as away: the others have answered long before.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn routes() -> Routes {
    let summary = "Every enforcement point, and how far each has applied each change feed";
    Routes::of("Fleet").serve(get("/fleet", "get_fleet", summary, AccountAdmin, ok(schema::shown())), read)
}

async fn read(State(app): State<App>) -> Outcome {
    let feeds = app.feeds;
    let (tokens, policies, sessions) = tokio::join!(
        ask("token-registry", feeds.token_registry),
        ask("policy-evaluator", feeds.policy_evaluator),
        ask("session-issuer", feeds.session_issuer),
    );
    Ok(Answer::ok(fleet::view(&[tokens, policies, sessions])))
}

async fn ask(feed: &'static str, owner: GrpcChannel) -> Asked {
    let mut request = Request::new(ListReplicasRequest {});
    request.set_timeout(PATIENCE);
    let answer = ChangeFeedClient::new(owner).list_replicas(request).await;
    let answer = answer.map(tonic::Response::into_inner).map_err(from_status);
    if let Err(error) = &answer {
        tracing::warn!(feed, %error, "a feed could not be asked for its replicas");
    }
    Asked { feed, answer }
}
