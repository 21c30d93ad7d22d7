//! Tags, certificates, an application's settings, and what its policies say of a token.

use crate::world::{OTHER, World};
use crate::{app, policy};
use serde_json::{Value, json};

#[tokio::test]
async fn tags_live_by_name() {
    let world = World::start().await;
    let mut tagged = app("app.example.com", json!([]));
    tagged["tags"] = json!(["team / a", "prod"]);
    let refused = world.post("access/apps", tagged.clone()).await;
    assert_eq!(refused.refusal(), (400, 12_130, "/tags"));
    assert!(refused.message().contains("tags must be created before"), "{}", refused.envelope);
    for name in ["team / a", "prod"] {
        let made = world.post("access/tags", json!({"name": name})).await;
        assert_eq!((made.status, &made.result()["app_count"]), (201, &json!(0)), "{}", made.envelope);
    }
    let again = world.post("access/tags", json!({"name": "prod"})).await;
    assert_eq!((again.refusal(), again.header("x-should-retry")), ((409, 12_190, "/name"), "false"));
    let made = world.post("access/apps", tagged).await;
    assert_eq!(made.result()["tags"], json!(["prod", "team / a"]), "{}", made.envelope);
    let listed = world.get("access/tags").await;
    let names: Vec<_> = listed.result().as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["prod", "team / a"]);
    assert_eq!(world.get("access/tags?page=2").await.result(), &json!([]));
    let path = "access/tags/team%20%2F%20a";
    assert_eq!(world.get(path).await.result()["app_count"], 1);
    let used = world.delete(path).await;
    assert_eq!((used.refusal(), used.header("x-should-retry")), ((409, 12_192, ""), "false"));
    for (method, body) in [("GET", Value::Null), ("PUT", json!({"name": "x"})), ("DELETE", Value::Null)] {
        assert_eq!(world.ask(OTHER, method, path, &body).await.refusal(), (404, 12_135, ""), "{method}");
    }
    world.delete(&format!("access/apps/{}", made.id())).await;
    let renamed = world.put(path, json!({"name": "team b"})).await;
    assert_eq!((renamed.status, &renamed.result()["name"]), (200, &json!("team b")));
    let deleted = world.delete("access/tags/team%20b").await;
    assert_eq!((deleted.status, deleted.result()), (202, &json!({"name": "team b"})));
    assert_eq!(world.delete("access/tags/team%20b").await.refusal(), (404, 12_135, ""));
    world.end().await;
}

#[tokio::test]
async fn two_settings_change_without_the_rest() {
    let world = World::start().await;
    let mut body = app("app.example.com", json!([policy("p", json!([{"everyone": {}}]))]));
    body["session_duration"] = json!("2h");
    let made = world.post("access/apps", body).await;
    let path = format!("access/apps/{}", made.id());
    let settings = format!("{path}/settings");
    let patched = world.ask(crate::world::ACCOUNT, "PATCH", &settings, &json!({"allow_iframe": true})).await;
    assert_eq!(patched.result(), &json!({"allow_iframe": true, "skip_interstitial": false}));
    let put = world.put(&settings, json!({"skip_interstitial": true, "allow_iframe": null})).await;
    assert_eq!(put.result(), &json!({"allow_iframe": false, "skip_interstitial": true}));
    let shown = world.get(&path).await;
    assert_eq!(shown.result()["skip_interstitial"], true);
    for field in ["session_duration", "policies", "aud", "name", "created_at"] {
        assert_eq!(shown.result()[field], made.result()[field], "{field}");
    }
    assert_eq!(
        world.put(&settings, json!({"allow_iframe": 1})).await.refusal(),
        (400, 12_130, "/allow_iframe")
    );
    assert_eq!(world.ask(OTHER, "PUT", &settings, &json!({})).await.refusal(), (404, 12_135, ""));
    world.end().await;
}

#[tokio::test]
async fn an_own_policy_becomes_reusable_and_is_linked_by_precedence() {
    let world = World::start().await;
    let own = policy("machines", json!([{"everyone": {}}]));
    let made = world.post("access/apps", app("one.example.com", json!([own]))).await;
    let id = made.result()["policies"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("access/apps/{}/policies/{id}", made.id());
    assert_eq!(world.get(&format!("access/policies/{id}")).await.refusal().0, 404);
    let freed = world.put(&format!("{path}/make_reusable"), Value::Null).await;
    assert_eq!((freed.status, &freed.result()["reusable"]), (200, &json!(true)), "{}", freed.envelope);
    assert!(freed.header("sallyport-propagation").starts_with("position="));
    assert_eq!(world.get(&format!("access/policies/{id}")).await.result()["app_count"], 1);
    let other = world.post("access/policies", policy("second", json!([{"everyone": {}}]))).await.id();
    let links = json!([{"id": other, "precedence": 7}, {"id": id, "precedence": 3}]);
    let second = world.post("access/apps", app("two.example.com", links)).await;
    let shown: Vec<_> = second.result()["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["id"].clone(), it["precedence"].clone()))
        .collect();
    assert_eq!(shown, [(json!(id), json!(3)), (json!(other), json!(7))]);
    let found = world.get("access/policies?search=MACH").await;
    assert_eq!(found.result()[0]["id"], json!(id));
    assert_eq!(world.get("access/policies?name=mach").await.result(), &json!([]));
    assert_eq!(
        world.ask(OTHER, "PUT", &format!("{path}/make_reusable"), &Value::Null).await.refusal().0,
        404
    );
    world.end().await;
}

#[tokio::test]
async fn what_the_policies_say_of_a_token_is_explained() {
    let world = World::start().await;
    let token = world.post("access/service_tokens", json!({"name": "ci"})).await.id();
    let rules = json!([{"service_token": {"token_id": token}}]);
    let mut nearby = policy("nearby", rules.clone());
    nearby["require"] = json!([{"ip": {"ip": "10.0.0.0/8"}}]);
    let last = policy("last", json!([{"geo": {"country_code": "PT"}}]));
    let made = world.post("access/apps", app("app.example.com", json!([nearby, last]))).await;
    let path = format!("access/apps/{}/user_policy_checks", made.id());
    let check = async |query: &str| {
        let answer = world.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 200, "{}", answer.envelope);
        let state = answer.result()["app_state"].clone();
        let each: Vec<_> = state["policies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["status"].as_str().unwrap().to_owned())
            .collect();
        (state["status"].as_str().unwrap().to_owned(), each, answer.result()["user_identity"].clone())
    };
    let by_token = format!("service_token_id={token}");
    let (status, each, identity) = check(&format!("{by_token}&ip=10.1.2.3")).await;
    assert_eq!((status.as_str(), each), ("Success", vec!["Success".to_owned(), "Not evaluated".to_owned()]));
    assert_eq!(identity, json!({"service_token_id": token, "service_token_status": true}));
    assert_eq!(check(&by_token).await.0, "Failed");
    assert_eq!(check("ip=10.1.2.3").await.0, "Failed");
    let answer = world.get(&format!("{path}?{by_token}")).await;
    let rules = &answer.result()["app_state"]["policies"][0]["rules"];
    assert!(
        rules.as_array().unwrap().iter().any(|it| it["list"] == "require" && it["held"] == false),
        "{rules}"
    );
    world.put(&format!("access/service_tokens/{token}"), json!({"enabled": false})).await;
    let (status, _, identity) = check(&format!("{by_token}&ip=10.1.2.3")).await;
    assert_eq!((status.as_str(), &identity["service_token_status"]), ("Failed", &json!(false)));
    for (query, pointer) in [("ip=x", "/ip"), ("country=prt", "/country")] {
        assert_eq!(world.get(&format!("{path}?{query}")).await.refusal(), (400, 12_130, pointer));
    }
    assert_eq!(world.get(&format!("{path}?service_token_id=x")).await.refusal().0, 404);
    world.end().await;
}

#[tokio::test]
async fn certificates_are_kept_and_said_to_do_nothing() {
    let world = World::start().await;
    let pem = authority();
    let body = json!({"name": "ca", "certificate": pem, "associated_hostnames": ["a.example.com"]});
    let made = world.post("access/certificates", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.envelope);
    assert!(made.envelope["messages"][0]["message"].as_str().unwrap().contains("without effect"));
    assert!(made.result()["fingerprint"].as_str().unwrap().starts_with("SHA256 Fingerprint="));
    assert!(!made.envelope.to_string().contains("BEGIN CERTIFICATE"));
    assert_eq!(world.post("access/certificates", body).await.refusal(), (409, 12_190, "/certificate"));
    let wrong = world.post("access/certificates", json!({"name": "ca", "certificate": "x"})).await;
    assert_eq!(wrong.refusal(), (400, 12_130, "/certificate"));
    let path = format!("access/certificates/{}", made.id());
    assert_eq!(world.ask(OTHER, "GET", &path, &Value::Null).await.refusal(), (404, 12_135, ""));
    assert_eq!(world.delete(&path).await.refusal(), (409, 12_192, ""));
    // As clients empty it before they delete it.
    assert_eq!(world.put(&path, json!({})).await.result()["associated_hostnames"], json!([]));
    assert_eq!(world.delete(&path).await.result(), &json!({"id": made.id()}));
    assert_eq!(world.get("access/certificates").await.result(), &json!([]));
    let setting =
        json!({"hostname": "a.test", "china_network": false, "client_certificate_forwarding": true});
    let put = world.put("access/certificates/settings", json!({"settings": [setting]})).await;
    assert_eq!((put.status, put.result()), (202, &json!([setting])));
    assert_eq!(world.get("access/certificates/settings").await.result(), &json!([setting]));
    let partial = json!({"settings": [{"hostname": "a.test", "china_network": false}]});
    assert_eq!(
        world.put("access/certificates/settings", partial).await.refusal(),
        (400, 12_130, "/settings/0/client_certificate_forwarding")
    );
    world.end().await;
}

fn authority() -> String {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap().pem()
}
