use super::*;
use proto::session_issuer::signing_key::Use;
use session_token::{Algorithm, AsOf, Claims, SigningKey};
use std::sync::LazyLock;
use std::time::Duration;

const ISSUER: &str = "https://team.example";
const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const ACCOUNT: AccountId = AccountId::from_bytes([7; 16]);

static SIGNER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());
static OTHER: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Rs256).unwrap());

fn revoked(object: String, position: u64) -> Entry {
    let state = wire::RevocationState { revoked_as_of: position }.encode_to_vec();
    Entry { position, object, state, removed: false }
}

fn published(key: &SigningKey, usage: Use, position: u64) -> Entry {
    let certificate = key.publish("team.example", NOW, NOW.after(Duration::from_hours(24))).unwrap();
    let state = wire::KeyState {
        account_id: ACCOUNT.to_string(),
        key: Some(wire::SigningKey {
            kid: key.kid().to_string(),
            jwk_json: key.jwk().to_json(),
            certificate_pem: certificate.certificate_pem,
            r#use: usage.into(),
            created_at_ms: i64::try_from(position).unwrap(),
        }),
    };
    Entry { position, object: format!("key/{}", key.kid()), state: state.encode_to_vec(), removed: false }
}

fn removed(key: &SigningKey, position: u64) -> Entry {
    Entry { position, object: format!("key/{}", key.kid()), state: Vec::new(), removed: true }
}

/// As the issuer tells it: the name and nothing else.
fn revoked_key(key: &SigningKey, position: u64) -> Entry {
    let bare =
        wire::SigningKey { kid: key.kid().to_string(), r#use: Use::Revoked.into(), ..Default::default() };
    let state = wire::KeyState { account_id: ACCOUNT.to_string(), key: Some(bare) };
    Entry { position, object: format!("key/{}", key.kid()), state: state.encode_to_vec(), removed: false }
}

fn session(key: &SigningKey) -> String {
    let claims = Claims {
        audience: "ab".repeat(32).parse().unwrap(),
        expires_at_s: NOW.as_seconds() + 60,
        issuer: ISSUER.into(),
        common_name: String::new(),
        issued_at_s: NOW.as_seconds(),
        session: SessionId::random(),
        account: ACCOUNT,
        token: None,
        secret_version: 0,
        certificate: None,
        binding: None,
        as_of: AsOf::default(),
    };
    key.sign(&claims).unwrap()
}

#[test]
fn each_kind_of_revocation_ends_what_was_validated_before_it() {
    let (session, application, token) = (SessionId::random(), ApplicationId::random(), TokenId::random());
    for object in [
        format!("application-sessions/{application}"),
        format!("token-sessions/{token}"),
        format!("session/{session}"),
    ] {
        let view = Sessions::default();
        view.apply(&[revoked(object.clone(), 5)]);
        let judge = |as_of| view.judge_session(&session, &application, Some(&token), as_of);
        assert_eq!(judge(4), Err(Refusal::SessionRevoked), "{object}");
        assert_eq!(judge(5), Ok(()), "{object}");
        let another =
            view.judge_session(&SessionId::random(), &ApplicationId::random(), Some(&TokenId::random()), 4);
        assert_eq!(another, Ok(()));
    }
}

#[test]
fn a_session_without_a_token_is_judged_by_the_rest() {
    let (view, session, application) = (Sessions::default(), SessionId::random(), ApplicationId::random());
    assert_eq!(view.judge_session(&session, &application, None, 0), Ok(()));
    view.apply(&[revoked(format!("session/{session}"), 5)]);
    assert_eq!(view.judge_session(&session, &application, None, 4), Err(Refusal::SessionRevoked));
}

#[test]
fn an_unreadable_revocation_counts_as_of_its_position() {
    let (view, session, application) = (Sessions::default(), SessionId::random(), ApplicationId::random());
    let object = format!("session/{session}");
    view.apply(&[Entry { position: 8, object, state: vec![0xff], removed: false }]);
    assert_eq!(view.judge_session(&session, &application, None, 7), Err(Refusal::SessionRevoked));
    assert_eq!(view.judge_session(&session, &application, None, 8), Ok(()));
}

#[test]
fn judging_allocates_nothing() {
    let view = Sessions::default();
    let (session, application, token) = (SessionId::random(), ApplicationId::random(), TokenId::random());
    view.apply(&[revoked(format!("session/{session}"), 5)]);
    let judge = || view.judge_session(&session, &application, Some(&token), 5);
    // The first look of a thread registers it.
    assert_eq!(judge(), Ok(()));
    let counted = allocation_counter::measure(|| assert_eq!(judge(), Ok(())));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn the_signing_key_comes_first() {
    let view = Sessions::default();
    view.apply(&[published(&OTHER, Use::Next, 1), published(&SIGNER, Use::Current, 2)]);
    let kids = |view: &Sessions| view.key_set(ACCOUNT).iter().map(|key| key.kid()).collect::<Vec<_>>();
    assert_eq!(kids(&view), [SIGNER.kid(), OTHER.kid()]);
    view.apply(&[published(&SIGNER, Use::Previous, 3), published(&OTHER, Use::Current, 4)]);
    assert_eq!(kids(&view), [OTHER.kid(), SIGNER.kid()]);
    assert!(view.key_set(AccountId::random()).is_empty());
}

#[test]
fn a_removed_key_verifies_nothing_and_never_comes_back() {
    let view = Sessions::default();
    let (known, jwt) = (published(&SIGNER, Use::Current, 2), session(&SIGNER));
    view.apply(std::slice::from_ref(&known));
    assert_eq!(view.verify(&jwt, |_| Some(ISSUER), NOW).unwrap().kid, SIGNER.kid());
    assert_eq!(view.judge_key(SIGNER.kid()), Ok(()));
    view.apply(&[removed(&SIGNER, 9)]);
    for late in [known, published(&SIGNER, Use::Previous, 8)] {
        view.apply(&[late]);
        assert_eq!(view.judge_key(SIGNER.kid()), Err(Refusal::SessionKeyUnknown));
        assert_eq!(view.verify(&jwt, |_| Some(ISSUER), NOW), Err(Rejection::KeyUnknown));
    }
}

#[test]
fn a_revoked_key_ends_every_session_under_it_and_never_comes_back() {
    let view = Sessions::default();
    let (known, jwt) = (published(&SIGNER, Use::Current, 2), session(&SIGNER));
    view.apply(&[known.clone(), published(&OTHER, Use::Next, 3)]);
    view.apply(&[published(&OTHER, Use::Current, 4), revoked_key(&SIGNER, 5)]);
    let check = |refusal, rejection| {
        assert_eq!(view.judge_key(SIGNER.kid()), Err(refusal));
        assert_eq!(view.verify(&jwt, |_| Some(ISSUER), NOW), Err(rejection));
        assert!(view.find_key(SIGNER.kid()).is_none());
        let kids: Vec<_> = view.key_set(ACCOUNT).iter().map(|key| key.kid()).collect();
        assert_eq!(kids, [OTHER.kid()]);
    };
    check(Refusal::SessionKeyRevoked, Rejection::KeyRevoked);
    // Late, again, or of a database that was written to after it.
    for late in [known.clone(), published(&SIGNER, Use::Previous, 4), published(&SIGNER, Use::Current, 9)] {
        view.apply(std::slice::from_ref(&late));
        view.load(vec![published(&OTHER, Use::Current, 4), late]);
        check(Refusal::SessionKeyRevoked, Rejection::KeyRevoked);
    }
    // Forgotten by the issuer once nothing under it can be alive: unknown then, and no less refused.
    view.apply(&[removed(&SIGNER, 10), revoked_key(&SIGNER, 5), known]);
    check(Refusal::SessionKeyUnknown, Rejection::KeyUnknown);
}

#[test]
fn a_key_is_known_to_be_revoked_from_a_load_alone() {
    let view = Sessions::default();
    view.load(vec![published(&OTHER, Use::Current, 4), revoked_key(&SIGNER, 5)]);
    assert_eq!(view.judge_key(SIGNER.kid()), Err(Refusal::SessionKeyRevoked));
    assert_eq!(view.judge_key(OTHER.kid()), Ok(()));
    assert_eq!(view.verify(&session(&SIGNER), |_| Some(ISSUER), NOW), Err(Rejection::KeyRevoked));
}

#[test]
fn a_key_that_a_load_no_longer_has_is_gone() {
    let view = Sessions::default();
    view.apply(&[published(&SIGNER, Use::Previous, 2), published(&OTHER, Use::Current, 3)]);
    view.load(vec![published(&OTHER, Use::Current, 3)]);
    view.apply(&[published(&SIGNER, Use::Previous, 2)]);
    assert!(view.find_key(SIGNER.kid()).is_none());
    assert!(view.find_key(OTHER.kid()).is_some());
}

#[test]
fn a_key_under_another_name_or_without_meaning_is_not_used() {
    let view = Sessions::default();
    let mut misnamed = published(&SIGNER, Use::Current, 1);
    misnamed.object = format!("key/{}", OTHER.kid());
    let unspecified = published(&SIGNER, Use::Unspecified, 2);
    let garbled =
        Entry { position: 3, object: format!("key/{}", "0".repeat(64)), state: vec![0xff], removed: false };
    view.apply(&[misnamed, unspecified, garbled]);
    assert!(view.find_key(SIGNER.kid()).is_none());
    assert!(view.find_key(OTHER.kid()).is_none());
}

#[test]
fn a_key_verifies_its_own_accounts_sessions_alone() {
    let view = Sessions::default();
    view.apply(&[published(&SIGNER, Use::Current, 1)]);
    let jwt = session(&SIGNER);
    let mut asked = None;
    let verified = view.verify(
        &jwt,
        |account| {
            asked = Some(account);
            Some(ISSUER.to_owned())
        },
        NOW,
    );
    assert_eq!((verified.unwrap().claims.account, asked), (ACCOUNT, Some(ACCOUNT)));
    assert_eq!(view.verify(&jwt, |_| Some("https://other.example"), NOW), Err(Rejection::IssuerWrong));
    assert_eq!(view.verify(&jwt, |_| None::<&str>, NOW), Err(Rejection::KeyUnknown));
}
