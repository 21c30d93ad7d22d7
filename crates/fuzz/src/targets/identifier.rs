//! Client IDs, Client Secrets, ids and names of keys: one spelling each.

use model::{AccountId, Audience, ClientId, ClientSecret, PolicyId, TokenId};
use policy::{CountryCode, Rule};
use session_token::KeyId;

pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let hex =
        |text: &str, length| text.len() == length && text.bytes().all(|b| b"0123456789abcdef".contains(&b));

    let is_id = text.len() <= 128
        && text.split_once('.').is_some_and(|(digits, rest)| {
            let domain = rest.strip_prefix("access.").unwrap_or_default();
            let is_domain = !domain.is_empty()
                && domain.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
            hex(digits, 32) && (rest == "access" || is_domain)
        });
    assert_eq!(ClientId::parse(text).is_some(), is_id);

    let is_own = text.len() == 53
        && text.is_ascii()
        && text.starts_with("spst_")
        && text[5..45].bytes().all(|b| b.is_ascii_alphanumeric())
        && text[45..] == format!("{:08x}", crc32(&text.as_bytes()[..45]));
    assert_eq!(ClientSecret::parse(text).is_ok(), is_own || hex(text, 64));
    // What is nearly a secret fails by its checksum.
    if data.len() >= 40 && text.bytes().take(40).all(|b| b.is_ascii_alphanumeric()) {
        let body = format!("spst_{}", &text[..40]);
        let secret = format!("{body}{:08x}", crc32(body.as_bytes()));
        assert!(ClientSecret::parse(&secret).is_ok());
        assert!(ClientSecret::parse(&secret.to_ascii_uppercase()).is_err());
        assert!(
            ClientSecret::parse(&secret[..52]).is_err()
                && ClientSecret::parse(&format!("{secret}0")).is_err()
        );
    }

    assert_eq!(text.parse::<AccountId>().is_ok(), hex(text, 32));
    assert_eq!(text.parse::<Audience>().is_ok(), hex(text, 64));
    assert_eq!(KeyId::parse(text).map(|kid| kid.to_string()).as_deref(), hex(text, 64).then_some(text));
    let parts: Vec<&str> = text.split('-').collect();
    let is_uuid =
        parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| hex(part, length));
    assert_eq!(text.parse::<TokenId>().is_ok(), is_uuid);
    assert_eq!(text.parse::<PolicyId>().map(|id| id.to_string()).ok().as_deref(), is_uuid.then_some(text));

    assert_eq!(
        text.parse::<CountryCode>().is_ok(),
        text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic())
    );
    for rule in [
        Rule::ip(text),
        Rule::country(text),
        Rule::service_token(text),
        Rule::common_name(text),
        Rule::email(text),
        Rule::email_domain(text),
        Rule::login_method(text),
        Rule::group(text),
    ] {
        if let Err(error) = rule {
            assert!(!error.violations().is_empty());
        }
    }
}

/// By its definition (reflected, polynomial 0xEDB88320).
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}
