//! The services' own interface: who may call, what they answer, how they say what is wrong.

use crate::worlds::{Scenario, scenarios};
use harness::{World, policy, service_auth};
use proto::policy_evaluator::policy_evaluator_client::PolicyEvaluatorClient;
use proto::policy_evaluator::{Decision, EvaluateRequest, EvaluateResponse, Facts, Outcome, facts};
use proto::session_issuer::session_issuer_client::SessionIssuerClient;
use proto::session_issuer::{IntrospectSessionRequest, RevokeSessionRequest};
use proto::token_registry::token_registry_client::TokenRegistryClient;
use proto::token_registry::{AuthenticateTokenRequest, CreateTokenRequest, GetTokenRequest};
use serde_json::{Value, json};
use std::time::Duration;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;

pub fn all() -> Vec<Scenario> {
    scenarios![Distributed:
        every_service_is_healthy_and_describes_itself,
        without_a_certificate_nobody_is_heard,
        a_caller_may_call_only_what_it_is_listed_for,
        evaluate_explains_its_decision,
        evaluate_knows_certificates_and_logins,
        errors_carry_reason_and_field,
        a_deadline_is_honoured,
        a_session_is_introspected_and_ended,
    ]
}

const SERVICES: [(&str, &str); 4] = [
    ("token-registry", "sallyport.token_registry.v1.TokenRegistry"),
    ("policy-evaluator", "sallyport.policy_evaluator.v1.PolicyEvaluator"),
    ("session-issuer", "sallyport.session_issuer.v1.SessionIssuer"),
    ("notifier", "sallyport.notifier.v1.Notifier"),
];

fn address(world: &World, service: &str) -> String {
    let text = std::fs::read_to_string(world.data_dir.join("run/services.json")).unwrap();
    let index: Value = serde_json::from_str(&text).unwrap();
    let found = &index[service.replace('-', "_")];
    let one = if found.is_array() { &found[0] } else { found };
    one.as_str().unwrap_or_else(|| panic!("no {service} in {index}")).to_owned()
}

fn pem(world: &World, name: &str) -> String {
    std::fs::read_to_string(world.data_dir.join("pki").join(name)).unwrap()
}

fn trusting(world: &World, service: &str) -> ClientTlsConfig {
    ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(pem(world, "authority.pem")))
        .domain_name(service)
}

fn endpoint(world: &World, service: &str, tls: ClientTlsConfig) -> Endpoint {
    let endpoint = Endpoint::from_shared(address(world, service)).unwrap().tls_config(tls).unwrap();
    endpoint.connect_timeout(Duration::from_secs(20)).timeout(Duration::from_secs(40))
}

/// With the certificate of a caller.
fn dial(world: &World, service: &str, caller: &str) -> Channel {
    let identity =
        Identity::from_pem(pem(world, &format!("{caller}.pem")), pem(world, &format!("{caller}.key")));
    endpoint(world, service, trusting(world, service).identity(identity)).connect_lazy()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

async fn every_service_is_healthy_and_describes_itself(world: &World) {
    for (service, name) in SERVICES {
        let channel = dial(world, service, "admin-api");
        for asked in ["", name] {
            let request = HealthCheckRequest { service: asked.to_owned() };
            let status = HealthClient::new(channel.clone()).check(request).await.unwrap().into_inner().status;
            assert_eq!(status, i32::from(ServingStatus::Serving), "{service} {asked}");
        }
        let list = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut reflection = ServerReflectionClient::new(channel);
        let answers = reflection.server_reflection_info(tokio_stream::once(list)).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(MessageResponse::ListServicesResponse(listed)) = answer.message_response else {
            panic!("{answer:?}")
        };
        assert!(listed.service.iter().any(|it| it.name == name), "{listed:?}");
    }
}

async fn without_a_certificate_nobody_is_heard(world: &World) {
    for (service, _) in SERVICES {
        let channel = endpoint(world, service, trusting(world, service)).connect_lazy();
        let refusal = HealthClient::new(channel).check(HealthCheckRequest::default()).await.unwrap_err();
        assert!(
            matches!(
                refusal.code(),
                Code::Unavailable | Code::Cancelled | Code::Unknown | Code::Unauthenticated
            ),
            "{refusal:?}"
        );
    }
    // Their own authority is the only one.
    let text = address(world, "token-registry").replacen("https", "http", 1);
    let plain = Endpoint::from_shared(text).unwrap().timeout(Duration::from_secs(5)).connect_lazy();
    HealthClient::new(plain).check(HealthCheckRequest::default()).await.unwrap_err();
}

async fn a_caller_may_call_only_what_it_is_listed_for(world: &World) {
    let account_id = world.rest.account_id.clone();
    for caller in ["edge-gateway", "notifier", "policy-evaluator", "session-issuer"] {
        let mut registry = TokenRegistryClient::new(dial(world, "token-registry", caller));
        let request = CreateTokenRequest {
            account_id: account_id.clone(),
            name: "mine".into(),
            ..CreateTokenRequest::default()
        };
        let refusal = registry.create_token(request).await.unwrap_err();
        assert_eq!(
            (refusal.code(), reason(&refusal).as_str()),
            (Code::PermissionDenied, "CALLER_NOT_ALLOWED"),
            "{caller}"
        );
    }
    // Whoever manages tokens may not try secrets.
    let mut registry = TokenRegistryClient::new(dial(world, "token-registry", "admin-api"));
    let refusal = registry.authenticate_token(AuthenticateTokenRequest::default()).await.unwrap_err();
    assert_eq!(refusal.code(), Code::PermissionDenied);
}

async fn evaluate(world: &World, application_id: &str, facts: Facts) -> EvaluateResponse {
    let mut evaluator = PolicyEvaluatorClient::new(dial(world, "policy-evaluator", "admin-api"));
    let request = EvaluateRequest {
        application_id: application_id.to_owned(),
        facts: Some(facts),
        explain: true,
        at_least: 0,
    };
    evaluator.evaluate(request).await.unwrap().into_inner()
}

async fn evaluate_explains_its_decision(world: &World) {
    let token = world.token().await;
    let mut first = policy("bypass", &json!([{"ip": {"ip": "203.0.113.0/24"}}]));
    first["name"] = json!("the office");
    let mut second = service_auth(&[&token]);
    second["exclude"] = json!([{"geo": {"country_code": "AQ"}}]);
    let app = world.app(&[first, second]).await;
    let facts = |id: &str| Facts {
        ip: "198.51.100.1".into(),
        country_code: "PT".into(),
        service_token: Some(facts::ServiceToken { id: id.to_owned() }),
        ..Facts::default()
    };
    let admitted = evaluate(world, &app.id, facts(&token.id)).await;
    assert_eq!(admitted.outcome(), Outcome::ServiceAuth);
    assert_eq!((&admitted.aud, &admitted.account_id), (&app.aud, &world.rest.account_id));
    assert_eq!(json!(admitted.policy_id), app.shown["policies"][1]["id"]);
    assert_eq!((admitted.session_duration_s, admitted.issuer.as_str()), (24 * 3600, world.issuer()));
    let [office, service] = admitted.explanation.as_slice() else { panic!("{:?}", admitted.explanation) };
    assert!(!office.matched && office.policy_name == "the office" && office.decision() == Decision::Bypass);
    assert!(office.rules[0].rule.contains("203.0.113.0/24") && !office.rules[0].held, "{office:?}");
    assert!(service.matched && service.decision() == Decision::NonIdentity);
    let held: Vec<_> = service.rules.iter().map(|rule| (rule.list.as_str(), rule.held)).collect();
    assert_eq!(held, [("include", true), ("exclude", false)]);

    let refused = evaluate(world, &app.id, facts(&world.token().await.id)).await;
    assert_eq!((refused.outcome(), refused.policy_id.as_str()), (Outcome::NoMatch, ""));
    assert!(refused.explanation.len() == 2 && refused.explanation.iter().all(|trace| !trace.matched));
    let office = evaluate(world, &app.id, Facts { ip: "203.0.113.200".into(), ..facts(&token.id) }).await;
    assert_eq!((office.outcome(), office.explanation.len()), (Outcome::Bypass, 1));
}

async fn evaluate_knows_certificates_and_logins(world: &World) {
    let certified = policy("non_identity", &json!([{"common_name": {"common_name": "device-7"}}]));
    let any_certificate = policy("non_identity", &json!([{"certificate": {}}]));
    let mut people = policy(
        "allow",
        &json!([{"email_domain": {"domain": "example.test"}}, {"email": {"email": "guest@other.test"}}]),
    );
    people["require"] = json!([{"login_method": {"id": "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001"}}]);
    people["exclude"] = json!([{"email": {"email": "mallory@example.test"}}]);
    let blocked = policy("deny", &json!([{"email": {"email": "eve@example.test"}}]));
    let apps = [
        world.app(&[certified]).await,
        world.app(&[any_certificate]).await,
        world.app(&[blocked, people]).await,
    ];
    let certificate = |name: &str| Facts {
        certificate: Some(facts::Certificate { common_name: name.into(), ..Default::default() }),
        ..Facts::default()
    };
    let person = |email: &str, method: &str| Facts {
        identity: Some(facts::Identity { email: email.into(), login_method: method.into() }),
        ..Facts::default()
    };
    let known = "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001";
    for (app, facts, outcome) in [
        (&apps[0], certificate("device-7"), Outcome::ServiceAuth),
        (&apps[0], certificate("device-8"), Outcome::NoMatch),
        (&apps[1], certificate("device-8"), Outcome::ServiceAuth),
        (&apps[1], Facts::default(), Outcome::NoMatch),
        (&apps[2], person("ada@example.test", known), Outcome::Allow),
        (&apps[2], person("guest@other.test", known), Outcome::Allow),
        (&apps[2], person("ada@sub.example.test", known), Outcome::NoMatch),
        (&apps[2], person("ada@example.test", "another"), Outcome::NoMatch),
        (&apps[2], person("mallory@example.test", known), Outcome::NoMatch),
        (&apps[2], person("eve@example.test", known), Outcome::Deny),
        (&apps[2], Facts::default(), Outcome::NoMatch),
    ] {
        let judged = evaluate(world, &app.id, facts.clone()).await;
        assert_eq!(judged.outcome(), outcome, "{facts:?}: {:?}", judged.explanation);
    }
}

async fn errors_carry_reason_and_field(world: &World) {
    let account_id = world.rest.account_id.clone();
    let mut registry = TokenRegistryClient::new(dial(world, "token-registry", "admin-api"));
    let unknown =
        GetTokenRequest { account_id: account_id.clone(), id: "5d3f6a9e-8f43-4c3b-9a30-54b1a4a7c001".into() };
    let refusal = registry.get_token(unknown).await.unwrap_err();
    assert_eq!(refusal.code(), Code::NotFound);
    assert!(
        reason(&refusal).chars().all(|c| c.is_ascii_uppercase() || c == '_') && !reason(&refusal).is_empty()
    );
    let nameless =
        CreateTokenRequest { account_id, duration: Some("1y".into()), ..CreateTokenRequest::default() };
    let refusal = registry.create_token(nameless).await.unwrap_err();
    assert_eq!(refusal.code(), Code::InvalidArgument);
    let fields: Vec<_> =
        refusal.get_details_bad_request().unwrap().field_violations.into_iter().map(|it| it.field).collect();
    assert!(fields.contains(&"name".to_owned()) || fields.contains(&"duration".to_owned()), "{fields:?}");
}

async fn a_deadline_is_honoured(world: &World) {
    let mut registry = TokenRegistryClient::new(dial(world, "token-registry", "admin-api"));
    let mut request = Request::new(GetTokenRequest {
        account_id: world.rest.account_id.clone(),
        id: world.token().await.id,
    });
    // Written by hand, so that it is the server that gives up.
    request.metadata_mut().insert("grpc-timeout", "1n".parse().unwrap());
    let refusal = registry.get_token(request).await.unwrap_err();
    assert!(matches!(refusal.code(), Code::DeadlineExceeded | Code::Cancelled), "{refusal:?}");
}

async fn a_session_is_introspected_and_ended(world: &World) {
    let (app, token) = world.opened().await;
    let mut issuer = SessionIssuerClient::new(dial(world, "session-issuer", "admin-api"));
    let session_jwt = world.gateway().session(&app, &token).await;
    let ask = |aud: &str| IntrospectSessionRequest { session_jwt: session_jwt.clone(), aud: aud.to_owned() };
    let answer = issuer.introspect_session(ask(&app.aud)).await.unwrap().into_inner();
    let session = answer.session.unwrap();
    assert!(answer.active && session.client_id == token.client_id && session.token_id == token.id);
    let elsewhere = issuer.introspect_session(ask(&"0".repeat(64))).await.unwrap().into_inner();
    assert!(!elsewhere.active && elsewhere.reason == "SESSION_AUDIENCE_WRONG", "{elsewhere:?}");

    let request = RevokeSessionRequest {
        account_id: world.rest.account_id.clone(),
        session_id: session.id,
        ..RevokeSessionRequest::default()
    };
    issuer.revoke_session(request).await.unwrap();
    for gateway in &world.gateways {
        assert_eq!(
            gateway.get(&app.domain).cookie(&session_jwt).send().await.refused(401),
            "SESSION_REVOKED"
        );
    }
    let ended = issuer.introspect_session(ask(&app.aud)).await.unwrap().into_inner();
    assert!(!ended.active && ended.reason == "SESSION_REVOKED", "{ended:?}");
    let next = world.gateway().session(&app, &token).await;
    world.gateway().get(&app.domain).cookie(&next).send().await.admitted();
}
