use crate::words::{application, bypass, everyone, inline, refusal};
use crate::world::World;
use model::{AccountId, ErrorKind};
use proto::policy_evaluator as wire;
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use tonic::Code;
use wire::SessionSignature::{self, Es256, Rs256};

fn request(world: &World, application: &str, chosen: i32) -> wire::SetSessionSignatureRequest {
    wire::SetSessionSignatureRequest {
        account_id: world.account.clone(),
        application_id: application.into(),
        session_signature: chosen,
        ..Default::default()
    }
}

async fn set(world: &World, application: &str, chosen: SessionSignature) {
    let request = request(world, application, chosen.into());
    let answer = world.evaluator.clone().set_session_signature(request).await.unwrap().into_inner();
    assert_eq!(answer.session_signature(), chosen);
    assert!(answer.propagation.unwrap().not_confirmed.is_empty());
}

async fn get(world: &World, application: &str) -> SessionSignature {
    let request = wire::GetSessionSignatureRequest {
        account_id: world.account.clone(),
        application_id: application.into(),
    };
    world.evaluator.clone().get_session_signature(request).await.unwrap().into_inner().session_signature()
}

pub async fn it_is_rs256_until_it_is_chosen_and_a_verdict_says_it(world: &World) {
    let app = world.create_application("app.example.com", vec![inline(bypass("p", vec![everyone()]))]).await;
    assert_eq!(get(world, &app.id).await, Rs256);
    for chosen in [Es256, Rs256, Es256] {
        set(world, &app.id, chosen).await;
        assert_eq!((get(world, &app.id).await, get(world, &app.aud).await), (chosen, chosen));
        let verdict = world.evaluate(&app.id, wire::Facts::default()).await;
        assert_eq!(verdict.session_signature(), chosen);
    }
    let other = world.create_application("other.example.com", vec![]).await;
    assert_eq!(get(world, &other.id).await, Rs256);
}

pub async fn no_edit_of_the_application_sees_or_resets_it(world: &World) {
    let before = world.create_application("app.example.com", vec![]).await;
    set(world, &before.id, Es256).await;
    let read = wire::GetApplicationRequest { account_id: world.account.clone(), id: before.id.clone() };
    let read = world.evaluator.clone().get_application(read).await.unwrap().into_inner().application;
    assert_eq!(read.as_ref(), Some(&before));
    let update = wire::UpdateApplicationRequest {
        account_id: world.account.clone(),
        id: before.id.clone(),
        spec: Some(application("new.example.com")),
        ..Default::default()
    };
    world.evaluator.clone().update_application(update).await.unwrap();
    assert_eq!(get(world, &before.id).await, Es256);
}

pub async fn what_is_no_algorithm_and_whoever_may_not_choose_is_refused(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    for nonsense in [0, 3, -1] {
        let refused = world.evaluator.clone().set_session_signature(request(world, &app.id, nonsense)).await;
        let refused = refusal(refused).unwrap_err();
        assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec!["algorithm".to_owned()]));
    }
    let good = request(world, &app.id, Es256.into());
    for caller in ["session-issuer", "edge-gateway"] {
        let mut client = PolicyEvaluatorClient::new(world.as_caller(caller));
        let refused = client.set_session_signature(good.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{caller}");
    }
    let stranger = wire::SetSessionSignatureRequest { account_id: AccountId::random().to_string(), ..good };
    let foreign = refusal(world.evaluator.clone().set_session_signature(stranger).await).unwrap_err();
    assert_eq!(foreign.kind, ErrorKind::NotFound);
    assert_eq!(get(world, &app.id).await, Rs256);
}
