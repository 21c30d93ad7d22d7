use crate::words::{application, bypass, everyone, inline, linked, refusal};
use crate::world::World;
use model::{AccountId, ErrorKind};
use proto::policy_evaluator as wire;
use wire::Outcome;

pub async fn an_own_policy_becomes_reusable_under_its_id(world: &World) {
    let app =
        world.create_application("app.example.com", vec![inline(bypass("own", vec![everyone()]))]).await;
    let (mut evaluator, own) = (world.evaluator.clone(), app.policies[0].clone());
    let request = wire::MakePolicyReusableRequest {
        account_id: world.account.clone(),
        application_id: app.id.clone(),
        id: own.id.clone(),
        ..Default::default()
    };
    let elsewhere =
        wire::MakePolicyReusableRequest { account_id: AccountId::random().to_string(), ..request.clone() };
    let refused = refusal(evaluator.make_policy_reusable(elsewhere).await).unwrap_err();
    assert!(refused.is(ErrorKind::NotFound, "NOT_FOUND"), "{refused:?}");
    for _ in 0..2 {
        let freed = evaluator.make_policy_reusable(request.clone()).await.unwrap().into_inner();
        let freed = freed.policy.unwrap();
        assert_eq!((&freed.id, freed.reusable, freed.app_count), (&own.id, true, 1));
        assert_eq!(freed.precedence, own.precedence);
    }
    let second = world.create_application("second.example.com", vec![linked(&own.id)]).await;
    assert_eq!(world.outcome(&second.id).await, Outcome::Bypass);
    assert_eq!(world.outcome(&app.id).await, Outcome::Bypass);
    // It no longer goes with the application that it came from.
    let delete = wire::DeleteApplicationRequest {
        account_id: world.account.clone(),
        id: app.id,
        ..Default::default()
    };
    evaluator.delete_application(delete).await.unwrap();
    assert_eq!(world.outcome(&second.id).await, Outcome::Bypass);
}

pub async fn policies_are_found_by_name(world: &World) {
    for name in ["Alpha", "alphabet", "beta"] {
        world.create_policy(bypass(name, vec![everyone()])).await.unwrap();
    }
    let found = async |name: &str, search: &str, page: u32| {
        let request = wire::ListPoliciesRequest {
            account_id: world.account.clone(),
            name: name.into(),
            search: search.into(),
            page,
            per_page: 1,
            ..Default::default()
        };
        let answer = world.evaluator.clone().list_policies(request).await.unwrap().into_inner();
        let names: Vec<_> = answer.policies.into_iter().map(|it| it.spec.unwrap().name).collect();
        (names, answer.total_count)
    };
    assert_eq!(found("Alpha", "", 1).await, (vec!["Alpha".to_owned()], 1));
    assert_eq!(found("", "ALPHA", 2).await, (vec!["alphabet".to_owned()], 2));
    assert_eq!(found("alpha", "", 1).await, (vec![], 0));
    assert_eq!(found("", "", 4).await, (vec![], 3));
}

pub async fn settings_are_merged_and_nothing_else_changes(world: &World) {
    let app = world.create_application("app.example.com", vec![]).await;
    let merge = async |settings: &str| {
        let request = wire::MergeApplicationSettingsRequest {
            account_id: world.account.clone(),
            id: app.id.clone(),
            settings_json: settings.into(),
            ..Default::default()
        };
        refusal(world.evaluator.clone().merge_application_settings(request).await)
    };
    merge(r#"{"a":1,"b":[]}"#).await.unwrap();
    let merged = merge(r#"{"a":2}"#).await.unwrap().application.unwrap();
    let spec = merged.spec.unwrap();
    assert_eq!(spec.settings_json, r#"{"a":2,"b":[]}"#);
    assert_eq!((spec.name, merged.aud), (app.spec.unwrap().name, app.aud.clone()));
    assert_eq!(merge("[]").await.unwrap_err().fields, ["settings_json"]);
    assert_eq!(merge(r#"{"tags":["none"]}"#).await.unwrap_err().fields, ["tags"]);
}

pub async fn a_tag_is_there_before_and_as_long_as_an_application_names_it(world: &World) {
    let (mut evaluator, account_id) = (world.evaluator.clone(), world.account.clone());
    let named = |name: &str| wire::GetTagRequest { account_id: account_id.clone(), name: name.into() };
    let create = |name: &str| {
        let request = wire::CreateTagRequest { account_id: account_id.clone(), name: name.into() };
        let mut evaluator = world.evaluator.clone();
        async move { refusal(evaluator.create_tag(request).await) }
    };
    let tagged = |domain: &str, tags: &str| wire::CreateApplicationRequest {
        account_id: account_id.clone(),
        spec: Some(wire::ApplicationSpec {
            settings_json: format!("{{\"tags\":{tags}}}"),
            ..application(domain)
        }),
        ..Default::default()
    };
    let refused =
        refusal(evaluator.create_application(tagged("a.example.com", "[\"b\"]")).await).unwrap_err();
    assert_eq!((refused.kind, refused.fields), (ErrorKind::Invalid, vec!["tags".to_owned()]));
    for name in ["b", "a", "Ünïcode ✓ / x"] {
        assert_eq!(create(name).await.unwrap().tag.unwrap().app_count, 0);
    }
    assert!(create("a").await.unwrap_err().is(ErrorKind::AlreadyExists, "TAG_ALREADY_EXISTS"));
    for wrong in ["", "a\nb", &"x".repeat(101)] {
        assert_eq!(create(wrong).await.unwrap_err().fields, ["name"]);
    }
    let made = evaluator.create_application(tagged("a.example.com", "[\"b\",\"b\"]")).await.unwrap();
    let list = wire::ListTagsRequest { account_id: account_id.clone(), ..Default::default() };
    let listed = evaluator.list_tags(list).await.unwrap().into_inner();
    let counts: Vec<_> = listed.tags.iter().map(|it| (it.name.as_str(), it.app_count)).collect();
    assert_eq!((listed.total_count, &counts[..2]), (3, &[("a", 0), ("b", 1)][..]));
    let delete = |name: &str| wire::DeleteTagRequest { account_id: account_id.clone(), name: name.into() };
    let rename = |name: &str, new_name: &str| wire::UpdateTagRequest {
        account_id: account_id.clone(),
        name: name.into(),
        new_name: new_name.into(),
    };
    let refused = refusal(evaluator.delete_tag(delete("b")).await).unwrap_err();
    assert!(refused.is(ErrorKind::NotReady, "TAG_IN_USE"), "{refused:?}");
    let refused = refusal(evaluator.update_tag(rename("b", "c")).await).unwrap_err();
    assert!(refused.is(ErrorKind::NotReady, "TAG_IN_USE"), "{refused:?}");
    let refused = refusal(evaluator.update_tag(rename("a", "b")).await).unwrap_err();
    assert!(refused.is(ErrorKind::AlreadyExists, "TAG_ALREADY_EXISTS"), "{refused:?}");
    assert_eq!(evaluator.update_tag(rename("a", "c")).await.unwrap().into_inner().tag.unwrap().name, "c");
    assert!(refusal(evaluator.get_tag(named("a")).await).unwrap_err().is(ErrorKind::NotFound, "NOT_FOUND"));
    let delete_app = wire::DeleteApplicationRequest {
        account_id: account_id.clone(),
        id: made.into_inner().application.unwrap().id,
        ..Default::default()
    };
    evaluator.delete_application(delete_app).await.unwrap();
    assert_eq!(evaluator.get_tag(named("b")).await.unwrap().into_inner().tag.unwrap().app_count, 0);
    evaluator.delete_tag(delete("b")).await.unwrap();
    assert_eq!(refusal(evaluator.delete_tag(delete("b")).await).unwrap_err().kind, ErrorKind::NotFound);
}

pub async fn a_certificate_is_kept_until_it_has_no_host_names(world: &World) {
    let (mut evaluator, account_id) = (world.evaluator.clone(), world.account.clone());
    let create = wire::CreateCertificateRequest {
        account_id: account_id.clone(),
        name: "authority".into(),
        certificate: authority(),
        associated_hostnames: vec!["a.example.com".into()],
    };
    let made = evaluator.create_certificate(create.clone()).await.unwrap().into_inner().certificate.unwrap();
    let again = refusal(evaluator.create_certificate(create.clone()).await).unwrap_err();
    assert!(again.is(ErrorKind::AlreadyExists, "CERTIFICATE_ALREADY_EXISTS"), "{again:?}");
    let wrong = wire::CreateCertificateRequest { certificate: "x".into(), ..create.clone() };
    assert_eq!(refusal(evaluator.create_certificate(wrong).await).unwrap_err().fields, ["certificate"]);
    let stranger = AccountId::random().to_string();
    let get = wire::GetCertificateRequest { account_id: stranger, id: made.id.clone() };
    assert_eq!(refusal(evaluator.get_certificate(get).await).unwrap_err().kind, ErrorKind::NotFound);
    let delete = wire::DeleteCertificateRequest { account_id: account_id.clone(), id: made.id.clone() };
    let refused = refusal(evaluator.delete_certificate(delete.clone()).await).unwrap_err();
    assert!(refused.is(ErrorKind::NotReady, "CERTIFICATE_IN_USE"), "{refused:?}");
    let clear = wire::UpdateCertificateRequest {
        account_id: account_id.clone(),
        id: made.id.clone(),
        ..Default::default()
    };
    let cleared = evaluator.update_certificate(clear).await.unwrap().into_inner().certificate.unwrap();
    assert_eq!((&cleared.name, cleared.associated_hostnames.len()), (&made.name, 0));
    assert_eq!((cleared.fingerprint, cleared.expires_at_ms), (made.fingerprint, made.expires_at_ms));
    evaluator.delete_certificate(delete).await.unwrap();
    let list = wire::ListCertificatesRequest { account_id: account_id.clone(), ..Default::default() };
    assert_eq!(evaluator.list_certificates(list).await.unwrap().into_inner().total_count, 0);

    let put = |hostname: &str, forwarding| wire::PutCertificateSettingsRequest {
        account_id: account_id.clone(),
        settings: vec![wire::HostnameSetting {
            hostname: hostname.into(),
            china_network: false,
            client_certificate_forwarding: forwarding,
        }],
    };
    evaluator.put_certificate_settings(put("b.example.com", true)).await.unwrap();
    evaluator.put_certificate_settings(put("a.example.com", false)).await.unwrap();
    let kept = evaluator.put_certificate_settings(put("b.example.com", false)).await.unwrap().into_inner();
    let kept: Vec<_> =
        kept.settings.into_iter().map(|it| (it.hostname, it.client_certificate_forwarding)).collect();
    assert_eq!(kept, [("a.example.com".to_owned(), false), ("b.example.com".to_owned(), false)]);
    let refused = refusal(evaluator.put_certificate_settings(put("*.example.com", true)).await).unwrap_err();
    assert_eq!(refused.fields, ["settings/0/hostname"]);
}

pub fn authority() -> String {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}
