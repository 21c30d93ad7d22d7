use crate::organizations::put;
use crate::words::{bypass, country, everyone, group, in_group, inline, policy, refusal};
use crate::world::World;
use model::{ApplicationId, ErrorKind, TokenId};
use proto::policy_evaluator as wire;
use wire::rule::Selector;
use wire::{Decision, Outcome};

fn ask(application: &str, facts: wire::Facts) -> wire::EvaluateRequest {
    wire::EvaluateRequest {
        application_id: application.into(),
        facts: Some(facts),
        explain: true,
        at_least: 0,
    }
}

pub async fn both_ways_of_answering_agree(world: &World) {
    let team =
        wire::PutOrganizationRequest { auth_domain: Some("team.example.com".into()), ..Default::default() };
    put(world, team).await.unwrap();
    let inside = world.create_group(group(
        "inside",
        vec![wire::Rule { selector: Some(Selector::Ip("10.0.0.0/8".into())) }],
    ));
    let inside = inside.await.unwrap();
    let machines = wire::PolicySpec {
        session_duration: Some("30m".into()),
        ..policy(
            "machines",
            Decision::NonIdentity,
            vec![wire::Rule { selector: Some(Selector::AnyValidServiceToken(wire::Empty {})) }],
        )
    };
    let links = vec![inline(bypass("inside", vec![in_group(&inside.id)])), inline(machines)];
    let app = world.create_application("app.example.com", links).await;
    let machine = wire::Facts {
        service_token: Some(wire::facts::ServiceToken { id: TokenId::random().to_string() }),
        ..Default::default()
    };
    let at = |ip: &str| wire::Facts { ip: ip.into(), ..Default::default() };
    for (facts, outcome, duration) in [
        (machine, Outcome::ServiceAuth, 1800),
        (at("10.1.2.3"), Outcome::Bypass, 86_400),
        (at("192.0.2.1"), Outcome::NoMatch, 0),
    ] {
        let stored = refusal(world.without_view.clone().evaluate(ask(&app.id, facts.clone())).await).unwrap();
        assert_eq!((stored.outcome(), stored.session_duration_s), (outcome, duration));
        assert_eq!((stored.as_of, stored.issuer.as_str()), (3, "https://team.example.com"));
        assert_eq!((&stored.aud, &stored.account_id), (&app.aud, &world.account));
        assert_eq!(world.evaluate(&app.id, facts).await, stored);
    }
}

pub async fn a_live_view_answers_without_the_database(world: &World) {
    let app =
        world.create_application("app.example.com", vec![inline(bypass("open", vec![everyone()]))]).await;
    world.view_is_live().await;
    world.lose_applications().await;
    assert_eq!(world.outcome(&app.id).await, Outcome::Bypass);
    let stored = world.without_view.clone().evaluate(ask(&app.id, wire::Facts::default())).await;
    assert_eq!(refusal(stored).unwrap_err().kind, ErrorKind::NotFound);
}

pub async fn the_first_policy_that_matches_decides_and_is_explained(world: &World) {
    let links = vec![
        inline(policy("never reached", Decision::Deny, vec![everyone()])),
        inline(policy("nobody", Decision::NonIdentity, vec![country("PT")])),
        inline(wire::PolicySpec {
            require: vec![everyone()],
            exclude: vec![country("US")],
            ..bypass("open", vec![country("PT"), everyone()])
        }),
    ];
    let app = world.create_application("app.example.com", links).await;
    let answer = world.evaluate(&app.id, wire::Facts::default()).await;
    assert_eq!((answer.outcome(), answer.policy_name.as_str()), (Outcome::Bypass, "open"));
    assert_eq!(answer.policy_id, app.policies[2].id);
    let traces: Vec<_> =
        answer.explanation.iter().map(|it| (it.policy_name.as_str(), it.decision(), it.matched)).collect();
    assert_eq!(traces, [("nobody", Decision::NonIdentity, false), ("open", Decision::Bypass, true)]);
    let rules: Vec<_> = answer.explanation[1]
        .rules
        .iter()
        .map(|it| (it.list.as_str(), it.index, it.rule.as_str(), it.held))
        .collect();
    let expected = [
        ("include", 0, "geo PT", false),
        ("include", 1, "everyone", true),
        ("require", 0, "everyone", true),
        ("exclude", 0, "geo US", false),
    ];
    assert_eq!(rules, expected);
    let brief = wire::EvaluateRequest { explain: false, ..ask(&app.id, wire::Facts::default()) };
    let brief = refusal(world.evaluator.clone().evaluate(brief).await).unwrap();
    assert_eq!(brief, wire::EvaluateResponse { explanation: vec![], ..answer });
}

pub async fn an_unknown_application_is_not_found(world: &World) {
    for id in [ApplicationId::random().to_string(), "x".into(), String::new()] {
        let asked = ask(&id, wire::Facts::default());
        assert_eq!(
            refusal(world.evaluator.clone().evaluate(asked).await).unwrap_err().kind,
            ErrorKind::NotFound
        );
    }
    let app = world.create_application("app.example.com", vec![]).await;
    let bad = ask(&app.id, wire::Facts { ip: "here".into(), ..Default::default() });
    assert_eq!(refusal(world.evaluator.clone().evaluate(bad).await).unwrap_err().fields, ["facts/ip"]);
    // Created without waiting, so the view may not have it yet.
    let request = wire::CreateApplicationRequest {
        account_id: world.account.clone(),
        spec: Some(crate::words::application("new.example.com")),
        wait: proto::change_feed::Wait::None.into(),
        ..Default::default()
    };
    let new =
        refusal(world.evaluator.clone().create_application(request).await).unwrap().application.unwrap();
    assert_eq!(world.outcome(&new.id).await, Outcome::NoMatch);
}
