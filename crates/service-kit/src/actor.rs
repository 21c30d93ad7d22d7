//! In whose name a call is made: for the records of changes.
//!
//! admin-api says who asked it; the name goes with every call that it makes for them. Any other caller acts in its own.

use crate::caller::Caller;
use crate::status::to_status;
use model::Error;
use prost::Message as _;
use proto::audit::Actor;
use std::future::Future;
use tonic::metadata::{BinaryMetadataKey, MetadataMap, MetadataValue};

const KEY: &str = "sallyport-actor-bin";
/// Who may speak for others.
const SPEAKS_FOR_OTHERS: &str = "admin-api";

tokio::task_local! {
    static ACTOR: Actor;
}

/// Everything that `work` calls or changes is in the actor's name.
pub async fn scope<T>(actor: Actor, work: impl Future<Output = T>) -> T {
    ACTOR.scope(actor, work).await
}

/// Answers a call of a service: in its caller's name, under the one error map.
///
/// # Errors
/// What `call` says, as a status.
pub async fn answer<Q, A, F>(
    request: tonic::Request<Q>,
    call: impl FnOnce(Q) -> F,
) -> Result<tonic::Response<A>, tonic::Status>
where
    F: Future<Output = Result<A, Error>>,
{
    let actor = of(&request);
    scope(actor, call(request.into_inner())).await.map(tonic::Response::new).map_err(to_status)
}

/// Outside any scope: the service itself, by no name.
pub fn current() -> Actor {
    ACTOR.try_with(Clone::clone).unwrap_or_else(|_| Actor { kind: "service".to_owned(), ..Actor::default() })
}

/// Adds the actor of the scope, if there is one.
pub(crate) fn put(headers: &mut http::HeaderMap) {
    let Ok(actor) = ACTOR.try_with(Clone::clone) else { return };
    let mut metadata = MetadataMap::from_headers(std::mem::take(headers));
    metadata
        .insert_bin(BinaryMetadataKey::from_static(KEY), MetadataValue::from_bytes(&actor.encode_to_vec()));
    *headers = metadata.into_headers();
}

/// Who asks: as admin-api says, or the caller itself.
pub fn of<T>(request: &tonic::Request<T>) -> Actor {
    let caller = request.extensions().get::<Caller>().map(|Caller(name)| &**name).unwrap_or_default();
    let said = request.metadata().get_bin(KEY).and_then(|value| value.to_bytes().ok());
    let said = said.filter(|_| caller == SPEAKS_FOR_OTHERS).and_then(|bytes| Actor::decode(bytes).ok());
    said.unwrap_or_else(|| service(caller))
}

/// A service that acts in its own name.
pub fn service(name: &str) -> Actor {
    Actor { kind: "service".to_owned(), id: name.to_owned(), name: name.to_owned(), ..Actor::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_admin_api_speaks_for_others() {
        let actor = Actor { kind: "api_token".into(), name: "Zoë".into(), ..Actor::default() };
        let mut headers = http::HeaderMap::new();
        scope(actor.clone(), async { put(&mut headers) }).await;
        let received = |caller: &str| {
            let mut request = tonic::Request::new(());
            *request.metadata_mut() = MetadataMap::from_headers(headers.clone());
            request.extensions_mut().insert(Caller(caller.into()));
            of(&request)
        };
        assert_eq!(received("admin-api"), actor);
        assert_eq!(
            (received("edge-gateway").kind, received("edge-gateway").name),
            ("service".into(), "edge-gateway".into())
        );
    }

    #[test]
    fn outside_a_scope_nothing_is_said() {
        let mut headers = http::HeaderMap::new();
        put(&mut headers);
        assert!(headers.is_empty());
        assert_eq!(current().kind, "service");
    }
}
