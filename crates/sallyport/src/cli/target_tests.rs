use super::*;
use crate::cli::exit::Code;
use std::collections::BTreeMap;

fn context(admin: &str, token: &str) -> Context {
    Context {
        admin: admin.into(),
        account: "acc-ctx".into(),
        api_token: Secret::new(token),
        service_token: None,
    }
}

/// A home with contexts `one`, which is current, and `two`.
fn home() -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let of = |name: &str| (name == "HOME").then(|| home.path().to_str().unwrap().to_owned());
    let contexts = [("one", "http://one:1"), ("two", "http://two:2")];
    let contexts = contexts.map(|(name, admin)| (name.to_owned(), context(admin, &format!("token-{name}"))));
    Contexts { current: Some("one".into()), contexts: BTreeMap::from(contexts) }.write(of).unwrap();
    home
}

fn asked(common: &Common, home: &Path, variables: &[(&str, &str)]) -> Outcome<(String, String, String)> {
    let environment = |name: &str| {
        let found = variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
        found.or_else(|| (name == "HOME").then(|| home.to_str().unwrap().to_owned()))
    };
    let target = resolve(common, environment)?;
    Ok((target.admin.to_string(), target.account, target.api_token.expose().to_owned()))
}

fn of(admin: &str, account: &str, token: &str) -> (String, String, String) {
    (admin.to_owned(), account.to_owned(), token.to_owned())
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_context() {
    let home = home();
    let asked = |common: &Common, variables: &[(&str, &str)]| asked(common, home.path(), variables).unwrap();
    let nothing = Common::default();
    assert_eq!(asked(&nothing, &[]), of("http://one:1/", "acc-ctx", "token-one"));
    assert_eq!(asked(&nothing, &[("SALLYPORT_CONTEXT", "two")]), of("http://two:2/", "acc-ctx", "token-two"));
    let variables = [
        ("SALLYPORT_ADMIN", "http://env:3"),
        ("SALLYPORT_ACCOUNT", "acc-env"),
        ("SALLYPORT_API_TOKEN", "token-env"),
    ];
    assert_eq!(asked(&nothing, &variables), of("http://env:3/", "acc-env", "token-env"));
    let named = Common { context: Some("two".into()), ..Common::default() };
    assert_eq!(asked(&named, &variables), of("http://two:2/", "acc-ctx", "token-two"));
    let file = home.path().join("token");
    std::fs::write(&file, "token-file\n").unwrap();
    let flags = Common {
        admin: Some("http://flag:4/".into()),
        account: Some("acc-flag".into()),
        api_token_file: Some(file),
        ..Common::default()
    };
    assert_eq!(asked(&flags, &variables), of("http://flag:4/", "acc-flag", "token-file"));
}

#[test]
fn a_token_is_not_sent_to_an_address_that_was_named_elsewhere() {
    let home = home();
    for common in [
        Common { admin: Some("http://elsewhere:9".into()), account: Some("a".into()), ..Common::default() },
        Common { admin: Some("http://elsewhere:9".into()), context: Some("one".into()), ..Common::default() },
    ] {
        let refused = asked(&common, home.path(), &[]).unwrap_err();
        assert!(
            refused.code == Code::Usage && refused.message.contains("an API token is needed"),
            "{refused:?}"
        );
    }
}

#[test]
fn what_is_missing_or_malformed_is_named_and_not_repeated() {
    let home = home();
    let refused = |admin: &str| {
        let common = Common { admin: Some(admin.into()), account: Some("a".into()), ..Common::default() };
        asked(&common, home.path(), &[("SALLYPORT_API_TOKEN", "t")]).unwrap_err().message
    };
    for wrong in ["host:1", "ftp://host", "http://user:pass@host", "http://host/?token=x", "http://host/#x"] {
        let said = refused(wrong);
        assert!(said.contains("http://host:port") && !said.contains(wrong), "{said}");
    }
    let named = Common { context: Some("three".into()), ..Common::default() };
    let unknown = asked(&named, home.path(), &[]).unwrap_err();
    assert!(unknown.code == Code::NotFound && unknown.message.contains("one, two"), "{unknown:?}");
}

#[test]
fn what_runs_for_development_is_found_by_its_data_directory() {
    let home = home();
    let dev = r#"{"topology":"embedded","account_id":"acc-dev","api_token":"token-dev","ports":[1,2]}"#;
    std::fs::write(home.path().join("dev.json"), dev).unwrap();
    let common = Common { data_dir: Some(home.path().to_owned()), ..Common::default() };
    let found = asked(&common, home.path(), &[("SALLYPORT_ADMIN", "http://env:3")]).unwrap();
    assert_eq!(found, of("http://127.0.0.1:2/", "acc-dev", "token-dev"));
}
