use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn token() -> (Token, ClientSecret, Peppers) {
    let peppers = Peppers::new(&[7; 32], None);
    let request = wire::CreateTokenRequest { name: "ci".into(), ..wire::CreateTokenRequest::default() };
    let (token, secret) = Token::create(&request, &peppers, NOW).unwrap();
    (token, secret, peppers)
}

fn later(millis: i64) -> Timestamp {
    Timestamp::from_millis(NOW.as_millis() + millis)
}

#[test]
fn both_secrets_work_during_the_overlap_and_the_old_one_stops_on_time() {
    let (mut token, old, peppers) = token();
    let new = token.rotate(2, Some(later(1000).as_millis()), &peppers, NOW).unwrap();
    assert_eq!(token.presented(&old, &peppers, later(999)).unwrap().version, 1);
    assert_eq!(token.presented(&old, &peppers, later(999)).unwrap().valid_until, later(1000));
    assert_eq!(token.presented(&new, &peppers, later(999)).unwrap().version, 2);
    assert_eq!(token.presented(&old, &peppers, later(1000)), None);
    assert!(token.presented(&new, &peppers, later(1000)).is_some());
}

#[test]
fn without_an_overlap_the_old_secret_stops_at_once() {
    for overlap in [None, Some(NOW.as_millis()), Some(0)] {
        let (mut token, old, peppers) = token();
        token.rotate(2, overlap, &peppers, NOW).unwrap();
        assert_eq!(token.presented(&old, &peppers, NOW), None);
        assert_eq!(token.state().previous_client_secret_version, 0);
    }
}

#[test]
fn at_most_two_secrets_work() {
    let (mut token, first, peppers) = token();
    let until = Some(later(1000).as_millis());
    let second = token.rotate(2, until, &peppers, NOW).unwrap();
    let third = token.rotate(3, until, &peppers, NOW).unwrap();
    assert_eq!(token.presented(&first, &peppers, NOW), None);
    assert!(token.presented(&second, &peppers, NOW).is_some());
    assert!(token.presented(&third, &peppers, NOW).is_some());
}

#[test]
fn the_overlap_can_be_ended_and_extended() {
    let (mut token, old, peppers) = token();
    token.rotate(2, Some(later(1000).as_millis()), &peppers, NOW).unwrap();
    token.set_overlap(later(5000).as_millis(), NOW);
    assert!(token.presented(&old, &peppers, later(4000)).is_some());
    token.set_overlap(later(9000).as_millis(), later(5000));
    assert_eq!(token.presented(&old, &peppers, later(5000)), None, "it had ended");
    let (mut token, old, peppers) = self::token();
    token.rotate(2, Some(later(1000).as_millis()), &peppers, NOW).unwrap();
    token.set_overlap(0, NOW);
    assert_eq!(token.presented(&old, &peppers, NOW), None);
    token.set_overlap(later(5000).as_millis(), NOW);
    assert_eq!(token.presented(&old, &peppers, NOW), None);
}

#[test]
fn disabling_ends_sessions_for_good() {
    let (mut token, _, _) = token();
    token.set_enabled(false, 9);
    token.set_enabled(true, 10);
    assert_eq!(token.state().revoked_as_of, 9);
}

#[test]
fn names_are_judged() {
    assert!(checked_name(&"é".repeat(350)).is_ok());
    for name in ["", "a\nb", "\u{0}", &"x".repeat(351), &"x".repeat(5000)] {
        assert!(checked_name(name).is_err());
    }
}
