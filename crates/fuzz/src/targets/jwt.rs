//! Session JWTs. `e<edits>` of a good one, `s<header>\n<payload>` with a right signature, or any text; `E` and `S` are the
//! same by ES256.

use crate::input::split_line;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{AccountId, SessionId, Timestamp, TokenId};
use serde_json::Value;
use session_token::{Algorithm, AsOf, Claims, Jwk, Rejection, SigningKey, VerificationKey, Verified, verify};
use std::sync::LazyLock;

const ISSUER: &str = "https://team.example";
const ACCOUNT: AccountId = AccountId::from_bytes([0xac; 16]);
const NOW_S: i64 = 1_800_000_000;

/// Signs anything.
enum Pair {
    Rsa(KeyPair),
    Ec(EcdsaKeyPair),
}

struct Keys {
    pair: Pair,
    public: VerificationKey,
    claims: Claims,
    token: String,
}

/// New keys every time: none is written down.
static RSA: LazyLock<Keys> = LazyLock::new(|| Keys::generate(Algorithm::Rs256));
static EC: LazyLock<Keys> = LazyLock::new(|| Keys::generate(Algorithm::Es256));

impl Keys {
    fn generate(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        let claims = Claims {
            audience: "ab".repeat(32).parse().unwrap(),
            expires_at_s: NOW_S + 3_600,
            issuer: ISSUER.to_owned(),
            common_name: format!("{}.access", "1f".repeat(16)),
            issued_at_s: NOW_S,
            session: SessionId::from_bytes([0x51; 16]),
            account: ACCOUNT,
            token: Some(TokenId::from_bytes([0x70; 16])),
            secret_version: 3,
            certificate: None,
            binding: None,
            as_of: AsOf { token_registry: 7, policy_evaluator: 0, session_issuer: u64::MAX },
        };
        let der = key.to_pkcs8().unwrap();
        let pair = match algorithm {
            Algorithm::Rs256 => Pair::Rsa(KeyPair::from_pkcs8(&der).unwrap()),
            Algorithm::Es256 => {
                Pair::Ec(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).unwrap())
            }
        };
        let token = key.sign(&claims).unwrap();
        Self { pair, public: VerificationKey::new(key.jwk(), ACCOUNT), claims, token }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
            // The lower of the two that there are: the other is refused.
            Pair::Ec(pair) => loop {
                let signature = pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec();
                if signature[32] < 0x7f {
                    return signature;
                }
            },
        }
    }
}

pub fn run(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        assert!(judge(text).is_err(), "nobody signed it");
        if let Ok(jwk) = Jwk::parse(text) {
            assert_eq!(Jwk::parse(&jwk.to_json()).ok(), Some(jwk));
        }
    }
    match data.split_first() {
        Some((b'e', edits)) => check_edited(&RSA, edits),
        Some((b'E', edits)) => check_edited(&EC, edits),
        Some((b's', parts)) => check_signed(&RSA, parts),
        Some((b'S', parts)) => check_signed(&EC, parts),
        Some(_) | None => {}
    }
}

fn judge(token: &str) -> Result<Verified, Rejection> {
    let keys = || [&RSA.public, &EC.public].into_iter();
    let find = |kid| keys().find(|key| key.kid() == kid).map(|key| (key, ISSUER));
    verify(token, find, Timestamp::from_millis(NOW_S * 1_000))
}

/// Each edit is a place, what to do there, and a byte.
fn check_edited(keys: &Keys, edits: &[u8]) {
    let mut token = keys.token.clone().into_bytes();
    for edit in edits.chunks_exact(4) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]])) % (token.len() + 1);
        match edit[2] % 5 {
            0 if at < token.len() => token[at] = edit[3],
            1 => token.insert(at, edit[3]),
            2 if at < token.len() => drop(token.remove(at)),
            3 => token.truncate(at),
            4 if at < token.len() => token[at] ^= 1 << (edit[3] % 8),
            _ => {}
        }
    }
    let Ok(token) = String::from_utf8(token) else { return };
    match judge(&token) {
        Ok(verified) => {
            assert_eq!(token, keys.token, "another spelling of it");
            assert_eq!(verified.claims, keys.claims);
        }
        Err(_) => assert_ne!(token, keys.token),
    }
}

/// `KID` in the header stands for the key's name.
fn check_signed(keys: &Keys, parts: &[u8]) {
    let (header, payload) = split_line(parts);
    let header = String::from_utf8_lossy(header).replace("KID", &keys.public.kid().to_string());
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(&header), URL_SAFE_NO_PAD.encode(payload));
    let signature = keys.sign(message.as_bytes());
    let Ok(verified) = judge(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))) else { return };

    let header: Value = serde_json::from_str(&header).unwrap();
    assert_eq!(header["alg"], keys.public.algorithm().to_string());
    assert!(header.get("typ").is_none_or(|typ| typ == "JWT"));
    assert!(header.get("crit").is_none() && header.get("b64").is_none());
    let said: Value = serde_json::from_slice(payload).unwrap();
    let Verified { claims, .. } = verified;
    assert_eq!((said["iss"].as_str(), claims.issuer.as_str()), (Some(ISSUER), ISSUER));
    assert_eq!((said["type"].as_str(), said["sub"].as_str()), (Some("app"), Some("")));
    assert_eq!(said["aud"].as_array().unwrap().as_slice(), [Value::from(claims.audience.as_str())]);
    assert_eq!(
        (said["exp"].as_i64(), said["iat"].as_i64()),
        (Some(claims.expires_at_s), Some(claims.issued_at_s))
    );
    assert!(claims.expires_at_s > NOW_S && claims.issued_at_s <= NOW_S + 60);
    assert_eq!(
        (said["sallyport"]["account"].as_str(), claims.account),
        (Some(ACCOUNT.to_string().as_str()), ACCOUNT)
    );
}
