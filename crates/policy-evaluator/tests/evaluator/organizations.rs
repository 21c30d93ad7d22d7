use crate::words::{Refusal, refusal};
use crate::world::World;
use model::{AccountId, ErrorKind};
use proto::policy_evaluator::{GetOrganizationRequest, Organization, PutOrganizationRequest};

pub async fn put(world: &World, request: PutOrganizationRequest) -> Result<Organization, Refusal> {
    let account_id = if request.account_id.is_empty() { world.account.clone() } else { request.account_id };
    let request = PutOrganizationRequest { account_id, ..request };
    Ok(refusal(world.evaluator.clone().put_organization(request).await)?.organization.unwrap())
}

pub async fn fields_are_merged(world: &World) {
    let get = GetOrganizationRequest { account_id: world.account.clone() };
    let missing = refusal(world.evaluator.clone().get_organization(get.clone()).await).unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
    let nameless = PutOrganizationRequest { name: Some("Team".into()), ..Default::default() };
    assert_eq!(put(world, nameless.clone()).await.unwrap_err().fields, ["auth_domain"]);
    let new = PutOrganizationRequest {
        auth_domain: Some("Team.example.com".into()),
        strict_service_token_auth: Some(true),
        ..Default::default()
    };
    let new = put(world, new).await.unwrap();
    assert_eq!(new.issuer, "https://Team.example.com");
    let named = put(world, nameless).await.unwrap();
    let expected = Organization { name: "Team".into(), updated_at_ms: named.updated_at_ms, ..new };
    assert_eq!(named, expected);
    let read = refusal(world.evaluator.clone().get_organization(get).await).unwrap().organization;
    assert_eq!(read, Some(named));
    for (request, field) in [
        (PutOrganizationRequest { name: Some(String::new()), ..Default::default() }, "name"),
        (PutOrganizationRequest { issuer: Some("team".into()), ..Default::default() }, "issuer"),
        (PutOrganizationRequest { auth_domain: Some("a/b".into()), ..Default::default() }, "auth_domain"),
        (
            PutOrganizationRequest { session_duration: Some("-1h".into()), ..Default::default() },
            "session_duration",
        ),
        (PutOrganizationRequest { settings_json: Some("7".into()), ..Default::default() }, "settings_json"),
    ] {
        assert_eq!(put(world, request).await.unwrap_err().fields, [field]);
    }
}

pub async fn a_team_domain_belongs_to_one_organization(world: &World) {
    let claim = |account_id: String, auth_domain: &str| PutOrganizationRequest {
        account_id,
        auth_domain: Some(auth_domain.into()),
        ..Default::default()
    };
    put(world, claim(world.account.clone(), "team.example.com")).await.unwrap();
    put(world, claim(world.account.clone(), "team.example.com:8443")).await.unwrap();
    let other = AccountId::random().to_string();
    let refused = put(world, claim(other.clone(), "TEAM.example.com")).await.unwrap_err();
    assert!(refused.is(ErrorKind::AlreadyExists, "AUTH_DOMAIN_ALREADY_EXISTS"), "{refused:?}");
    assert_eq!(refused.fields, ["auth_domain"]);
    put(world, claim(world.account.clone(), "moved.example.com")).await.unwrap();
    put(world, claim(other, "team.example.com")).await.unwrap();
}

/// Each change is one transaction: of many that interleave none is lost, whole or in part.
pub async fn writers_of_different_settings_lose_nothing_of_each_other(world: &World) {
    let new = PutOrganizationRequest { auth_domain: Some("team.example.com".into()), ..Default::default() };
    put(world, new).await.unwrap();
    let write = async |number: usize| {
        let settings_changes_json = Some(format!(r#"{{"of_{number}": {number}, "shared": {number}}}"#));
        let name = Some(format!("by {number}"));
        put(world, PutOrganizationRequest { name, settings_changes_json, ..Default::default() })
            .await
            .unwrap()
    };
    let written = tokio::join!(write(0), write(1), write(2), write(3), write(4), write(5));
    let read = |organization: &Organization| {
        serde_json::from_str::<serde_json::Value>(&organization.settings_json).unwrap()
    };
    let last =
        <[Organization; 6]>::from(written).into_iter().max_by_key(|it| it.settings_json.len()).unwrap();
    let settings = read(&last);
    for number in 0..6 {
        assert_eq!(settings[format!("of_{number}")], number, "{settings}");
    }
    assert_eq!(format!("by {}", settings["shared"]), last.name, "both halves are one writer's");

    let less = PutOrganizationRequest {
        settings_changes_json: Some(r#"{"of_0": null, "of_1": 7, "never": null}"#.into()),
        ..Default::default()
    };
    let settings = read(&put(world, less).await.unwrap());
    assert_eq!((settings.get("of_0"), &settings["of_1"], &settings["of_2"]), (None, &7.into(), &2.into()));
    assert_eq!(settings.get("never"), None);
    let both = PutOrganizationRequest {
        settings_json: Some("{}".into()),
        settings_changes_json: Some("{}".into()),
        ..Default::default()
    };
    assert_eq!(put(world, both).await.unwrap_err().fields, ["settings_changes_json"]);
}
