use crate::words::{Refusal, application, bypass, country, everyone, inline, linked, refusal};
use crate::world::World;
use directory::FailureMode;
use model::{AccountId, ErrorKind};
use prost::Message as _;
use proto::change_feed::ListEntriesRequest;
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use tonic::Code;
use wire::failure_mode::{LastKnownGood, Mode, Open};

fn last_known_good(max_staleness: &str) -> Mode {
    Mode::LastKnownGood(LastKnownGood { max_staleness: max_staleness.into() })
}

fn open(acknowledge: &str) -> Mode {
    Mode::Open(Open { acknowledge: acknowledge.into() })
}

fn closed() -> Mode {
    Mode::Closed(wire::Empty {})
}

async fn set(
    world: &World,
    application: &str,
    mode: Option<Mode>,
) -> Result<wire::SetFailureModeResponse, Refusal> {
    let request = wire::SetFailureModeRequest {
        account_id: world.account.clone(),
        application_id: application.into(),
        failure_mode: Some(wire::FailureMode { mode }),
        ..Default::default()
    };
    refusal(world.evaluator.clone().set_failure_mode(request).await)
}

async fn get(world: &World, application: &str) -> Mode {
    let request =
        wire::GetFailureModeRequest { account_id: world.account.clone(), application_id: application.into() };
    let answer = world.evaluator.clone().get_failure_mode(request).await.unwrap().into_inner();
    answer.failure_mode.unwrap().mode.unwrap()
}

/// The failure mode in every entry of the feed.
async fn told(world: &World) -> Vec<Option<Mode>> {
    let entries = world.feed().list_entries(ListEntriesRequest::default()).await.unwrap().into_inner();
    let state = |entry: &proto::change_feed::Entry| {
        assert!(entry.object.starts_with("application/"), "{}", entry.object);
        wire::ApplicationState::decode(entry.state.as_slice()).unwrap().failure_mode.and_then(|it| it.mode)
    };
    entries.entries.iter().map(state).collect()
}

pub async fn it_is_closed_until_it_is_written_and_confirmed_like_any_edit(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    assert_eq!(get(world, &app.id).await, closed());
    assert_eq!(get(world, &app.aud).await, closed());
    for mode in [last_known_good("600s"), open(FailureMode::ACKNOWLEDGEMENT), closed()] {
        let answer = set(world, &app.id, Some(mode.clone())).await.unwrap();
        assert_eq!(answer.failure_mode.unwrap().mode, Some(mode.clone()));
        assert_eq!(answer.propagation.unwrap().not_confirmed.len(), 0);
        assert_eq!(get(world, &app.id).await, mode, "as it was given");
    }
    let expected =
        [None, Some(last_known_good("600s")), Some(open(FailureMode::ACKNOWLEDGEMENT)), Some(closed())];
    assert_eq!(told(world).await, expected);
}

pub async fn no_other_edit_sees_or_resets_it(world: &World) {
    let policy = world.create_policy(bypass("reusable", vec![country("PT")])).await.unwrap();
    let before = world.create_application("app.example.com", vec![linked(&policy.id)]).await;
    let written = last_known_good("10m");
    set(world, &before.id, Some(written.clone())).await.unwrap();
    let read = wire::GetApplicationRequest { account_id: world.account.clone(), id: before.id.clone() };
    let read = world.evaluator.clone().get_application(read).await.unwrap().into_inner().application;
    assert_eq!(read.as_ref(), Some(&before), "not even when it was last changed");
    let update = wire::UpdateApplicationRequest {
        account_id: world.account.clone(),
        id: before.id.clone(),
        spec: Some(application("new.example.com")),
        policies: Some(wire::PolicyLinks { links: vec![inline(bypass("own", vec![everyone()]))] }),
        ..Default::default()
    };
    world.evaluator.clone().update_application(update).await.unwrap();
    world.create_policy_in(&before.id, bypass("second", vec![everyone()]), None).await.unwrap();
    assert_eq!(get(world, &before.id).await, written);
    assert_eq!(told(world).await.last().unwrap().as_ref(), Some(&written));
    let other = world.create_application("other.example.com", vec![]).await;
    assert_eq!(get(world, &other.id).await, closed());
}

pub async fn what_is_not_clearly_meant_is_refused_by_its_field(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    let written = last_known_good("1s");
    set(world, &app.id, Some(written.clone())).await.unwrap();
    for (mode, field) in [
        (None, "mode"),
        (Some(last_known_good("")), "max_staleness"),
        (Some(last_known_good("999ms")), "max_staleness"),
        (Some(last_known_good("16m")), "max_staleness"),
        (Some(last_known_good("forever")), "max_staleness"),
        (Some(open("")), "acknowledge"),
        (Some(open("Requests are admitted unjudged while a gateway is cut off")), "acknowledge"),
    ] {
        let refused = set(world, &app.id, mode).await.unwrap_err();
        assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec![field.to_owned()]));
        let names_the_words = refused.message.contains(FailureMode::ACKNOWLEDGEMENT);
        assert_eq!(names_the_words, field == "acknowledge", "{}", refused.message);
    }
    assert_eq!(get(world, &app.id).await, written);
    assert_eq!(told(world).await.len(), 2, "nothing is told that was refused");
}

pub async fn only_its_owner_may_set_it_through_the_management_plane(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    let request = wire::SetFailureModeRequest {
        account_id: world.account.clone(),
        application_id: app.id.clone(),
        failure_mode: Some(wire::FailureMode { mode: Some(open(FailureMode::ACKNOWLEDGEMENT)) }),
        ..Default::default()
    };
    for caller in ["session-issuer", "edge-gateway"] {
        let mut client = PolicyEvaluatorClient::new(world.as_caller(caller));
        let refused = client.set_failure_mode(request.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{caller}");
    }
    let stranger = wire::SetFailureModeRequest { account_id: AccountId::random().to_string(), ..request };
    let foreign = refusal(world.evaluator.clone().set_failure_mode(stranger).await).unwrap_err();
    assert_eq!(foreign.kind, ErrorKind::NotFound);
    let unknown = set(world, &model::ApplicationId::random().to_string(), Some(closed())).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    assert_eq!(get(world, &app.id).await, closed());
}
