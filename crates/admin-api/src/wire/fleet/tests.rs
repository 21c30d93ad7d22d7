use super::*;

const FEEDS: [&str; 3] = ["token-registry", "policy-evaluator", "session-issuer"];

fn replica(name: &str, incarnation: &str, applied: u64, is_live: bool) -> Replica {
    Replica {
        replica: name.into(),
        incarnation: incarnation.into(),
        version: "0.1.0".into(),
        applied,
        lease_until_ms: if is_live { 14_000 } else { 9_000 },
        is_live,
        last_contact_at_ms: if is_live { 9_500 } else { 4_000 },
        staleness_ms: 0,
    }
}

/// Three feeds with head 7 at the time 10,000.
fn shown(replicas: [Vec<Replica>; 3]) -> Value {
    let asked = FEEDS.into_iter().zip(replicas).map(|(feed, replicas)| Asked {
        feed,
        answer: Ok(ListReplicasResponse { head: 7, replicas, now_ms: 10_000 }),
    });
    view(&asked.collect::<Vec<_>>())
}

/// Name, state, shares its name, feeds.
fn rows(shown: &Value) -> Vec<(&str, &str, bool, usize)> {
    shown["replicas"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            (
                it["replica"].as_str().unwrap(),
                it["state"].as_str().unwrap(),
                it["shares_name"].as_bool().unwrap(),
                it["feeds"].as_array().unwrap().len(),
            )
        })
        .collect()
}

#[test]
fn a_gateway_is_one_row_though_each_feed_knows_another_incarnation() {
    let shown = shown([
        vec![replica("gw", "a", 7, true), replica("token-registry", "r", 7, true)],
        vec![replica("gw", "b", 7, true)],
        vec![replica("gw", "c", 7, true)],
    ]);
    assert_eq!(rows(&shown), [("gw", "current", false, 3), ("token-registry", "current", false, 1)]);
    let place = &shown["replicas"][0]["feeds"][0];
    assert_eq!((&place["applied"], &place["lag"]), (&json!(7), &json!(0)));
    assert_eq!((&place["lease_left_ms"], &place["last_contact_ago_ms"]), (&json!(4_000), &json!(500)));
}

#[test]
fn the_worst_feed_decides_how_a_replica_stands() {
    let behind = shown([
        vec![replica("gw", "a", 5, true)],
        vec![replica("gw", "b", 7, true)],
        vec![replica("gw", "c", 7, true)],
    ]);
    assert_eq!(rows(&behind), [("gw", "behind", false, 3)]);
    assert_eq!(
        behind["replicas"][0]["feeds"].as_array().unwrap().iter().map(|it| it["lag"].as_u64()).max(),
        Some(Some(2))
    );
    let lapsed = shown([
        vec![replica("gw", "a", 5, true)],
        vec![replica("gw", "b", 7, false)],
        vec![replica("gw", "c", 7, true)],
    ]);
    assert_eq!(rows(&lapsed), [("gw", "lapsed", false, 3)]);
    let missing = shown([vec![replica("gw", "a", 7, true)], vec![replica("gw", "b", 7, true)], vec![]]);
    assert_eq!(rows(&missing), [("gw", "lapsed", false, 2)]);
    assert_eq!(missing["replicas"][0]["missing"], json!(["session-issuer"]));
}

#[test]
fn two_that_use_one_name_are_two() {
    let twice = |one: &str, other: &str| vec![replica("gw", one, 7, true), replica("gw", other, 6, true)];
    let apart = shown([twice("a", "b"), twice("c", "d"), twice("e", "f")]);
    assert_eq!(rows(&apart).len(), 2);
    assert!(rows(&apart).iter().all(|row| row.2 && row.3 == 3), "{apart}");
    // One incarnation on all feeds says which places belong together.
    let same = shown([twice("a", "b"), twice("a", "b"), twice("a", "b")]);
    assert_eq!(rows(&same), [("gw", "current", true, 3), ("gw", "behind", true, 3)]);
    let own_feed = shown([twice("a", "b"), vec![], vec![]]);
    assert_eq!(rows(&own_feed), [("gw", "current", true, 1), ("gw", "behind", true, 1)]);
}

#[test]
fn a_restart_is_not_a_second_replica() {
    let restarted = |old: &str, new: &str| vec![replica("gw", old, 3, false), replica("gw", new, 7, true)];
    let shown_now = shown([restarted("a", "b"), restarted("c", "d"), restarted("e", "f")]);
    assert_eq!(rows(&shown_now), [("gw", "current", false, 3)]);
    assert_eq!(shown_now["replicas"][0]["earlier_starts"], 1);
    // Dead for good: the last start is shown, not every one.
    let dead =
        |first: &str, second: &str| vec![replica("gw", first, 3, false), replica("gw", second, 3, false)];
    let dead = shown([dead("a", "b"), dead("c", "d"), dead("e", "f")]);
    assert_eq!(rows(&dead), [("gw", "lapsed", false, 3)]);
    // A start that still lives on another feed is no earlier one.
    let half = shown([
        vec![replica("gw", "a", 7, true), replica("gw", "b", 7, true)],
        vec![replica("gw", "a", 7, true), replica("gw", "b", 3, false)],
        vec![replica("gw", "a", 7, true), replica("gw", "b", 7, true)],
    ]);
    assert_eq!(rows(&half), [("gw", "current", true, 3), ("gw", "lapsed", true, 3)]);
}

#[test]
fn a_replica_that_admits_without_its_lease_is_said_to() {
    for (staleness_ms, is_live, may_be_stale) in
        [(0, false, false), (500, false, false), (5_000, false, true), (-1, false, true), (-1, true, false)]
    {
        let shown = shown([vec![Replica { staleness_ms, ..replica("gw", "a", 7, is_live) }], vec![], vec![]]);
        let place = &shown["replicas"][0]["feeds"][0];
        assert_eq!(place["may_be_stale"], may_be_stale, "{staleness_ms} {is_live}");
    }
}

#[test]
fn a_feed_that_cannot_be_asked_is_said_and_fails_nothing_else() {
    let ok = |feed, name| Asked {
        feed,
        answer: Ok(ListReplicasResponse { head: 7, replicas: vec![replica("gw", name, 7, true)], now_ms: 0 }),
    };
    let away = Asked { feed: "session-issuer", answer: Err(Error::unavailable("a service", "secret cause")) };
    let shown = view(&[ok("token-registry", "a"), ok("policy-evaluator", "b"), away]);
    assert_eq!(rows(&shown), [("gw", "current", false, 2)]);
    let expected = json!({"reason": "UNAVAILABLE", "message": "a service is unavailable; retry"});
    assert_eq!((&shown["feeds"][2]["error"], &shown["feeds"][2]["head"]), (&expected, &Value::Null));
    assert_eq!(shown["feeds"][0], json!({"feed": "token-registry", "head": 7, "error": null}));
    // An older server does not say what its clock shows.
    assert_eq!(shown["replicas"][0]["feeds"][0]["lease_left_ms"], Value::Null);
}
