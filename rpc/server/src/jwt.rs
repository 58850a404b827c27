//! The token that clients of the admin listener show: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, as the Engine API of
//! Ethereum uses them.
//!
//! A token says when it was issued (`iat`), and is good for a minute around that. Its algorithm has to be `HS256`: a token that
//! names another one, or none, is refused whatever its signature.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use std::fmt;

/// How far `iat` may be from now, in seconds.
pub const MAX_AGE: u64 = 60;

/// A longer token is not looked at.
const MAX_TOKEN_BYTES: usize = 4096;

/// What tokens are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtSecret([u8; 32]);

/// The text is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a JWT secret is 32 bytes as 64 hexadecimal digits, with or without 0x; these are {digits} characters that are not"
)]
pub struct JwtSecretError {
    digits: usize,
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// None was shown.
    #[error("this address needs a token: send the header 'Authorization: Bearer …'")]
    Missing,
    /// It is not a token.
    #[error(
        "the token is malformed: it has to be three parts of base64url, with the algorithm HS256 and an iat"
    )]
    Malformed,
    /// It was signed with something else.
    #[error("the token's signature does not fit this node's secret")]
    Signature,
    /// It is too old, or from the future.
    #[error(
        "the token was issued at {issued}, which is more than {MAX_AGE} s from {now} here: issue a new one, and check the clocks"
    )]
    Stale {
        /// Its `iat`.
        issued: u64,
        /// This node's clock.
        now: u64,
    },
    /// It says itself that it is over.
    #[error("the token expired at {0}: issue a new one")]
    Expired(u64),
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: u64,
    exp: Option<u64>,
}

impl JwtSecret {
    /// These bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// From 64 hexadecimal digits, with or without `0x`; space around them is ignored.
    pub fn from_hex(text: &str) -> Result<Self, JwtSecretError> {
        let text = text.trim();
        let mut bytes = [0; 32];
        alloy_primitives::hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| JwtSecretError { digits: text.len() })?;
        Ok(Self(bytes))
    }

    /// A token issued at `now`, in seconds since 1970.
    pub fn token(&self, now: u64) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{now}}}"#));
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(self.mac(signed.as_bytes()).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(signed);
        mac
    }

    /// Checks a token at `now`, in seconds since 1970.
    pub fn verify(&self, token: &str, now: u64) -> Result<(), JwtError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(JwtError::Malformed);
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwtError::Malformed);
        let (signed, signature) = token.rsplit_once('.').ok_or(JwtError::Malformed)?;
        let (header, claims) = signed.split_once('.').ok_or(JwtError::Malformed)?;
        let parsed: Header = serde_json::from_slice(&decode(header)?).map_err(|_| JwtError::Malformed)?;
        if parsed.alg != "HS256" {
            return Err(JwtError::Malformed);
        }
        // The comparison takes the same time whatever is wrong.
        self.mac(signed.as_bytes()).verify_slice(&decode(signature)?).map_err(|_| JwtError::Signature)?;
        let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| JwtError::Malformed)?;
        if claims.iat.abs_diff(now) > MAX_AGE {
            return Err(JwtError::Stale { issued: claims.iat, now });
        }
        match claims.exp {
            Some(end) if end < now => Err(JwtError::Expired(end)),
            _ => Ok(()),
        }
    }

    /// Checks the `Authorization` of a request.
    pub(crate) fn authorize(&self, headers: &http::HeaderMap, now: u64) -> Result<(), JwtError> {
        let mut values = headers.get_all(http::header::AUTHORIZATION).iter();
        let value = values.next().ok_or(JwtError::Missing)?.to_str().map_err(|_| JwtError::Malformed)?;
        if values.next().is_some() {
            return Err(JwtError::Malformed);
        }
        let (scheme, token) = value.split_once(' ').ok_or(JwtError::Missing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(JwtError::Missing);
        }
        self.verify(token.trim(), now)
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn secret() -> JwtSecret {
        JwtSecret::from_hex(" 0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n").unwrap()
    }

    fn signed(secret: &JwtSecret, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = URL_SAFE_NO_PAD.encode(secret.mac(signed.as_bytes()).finalize().into_bytes());
        format!("{signed}.{signature}")
    }

    /// The example of RFC 7515, appendix A.1, whose key is longer than ours.
    #[test]
    fn signatures_are_those_of_the_standard() {
        let key = URL_SAFE_NO_PAD
            .decode("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
            .unwrap();
        let signed = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.\
                      eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        assert_eq!(signature, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    }

    #[test]
    fn a_token_is_good_for_a_minute_around_its_issue() {
        let token = secret().token(NOW);
        for now in [NOW - MAX_AGE, NOW, NOW + MAX_AGE] {
            assert_eq!(secret().verify(&token, now), Ok(()));
        }
        for now in [NOW - MAX_AGE - 1, NOW + MAX_AGE + 1] {
            assert_eq!(secret().verify(&token, now), Err(JwtError::Stale { issued: NOW, now }));
        }
    }

    #[test]
    fn forged_tokens_are_refused() {
        let good = secret();
        let claims = format!(r#"{{"iat":{NOW}}}"#);
        let hs256 = r#"{"alg":"HS256"}"#;
        let other = JwtSecret::new([7; 32]);
        assert_eq!(good.verify(&other.token(NOW), NOW), Err(JwtError::Signature));
        for header in [r#"{"alg":"none"}"#, r#"{"alg":"HS512"}"#, "{}", "no"] {
            assert_eq!(good.verify(&signed(&good, header, &claims), NOW), Err(JwtError::Malformed));
        }
        for claims in ["{}", r#"{"iat":-1}"#, r#"{"iat":"1700000000"}"#, "[]"] {
            assert_eq!(good.verify(&signed(&good, hs256, claims), NOW), Err(JwtError::Malformed));
        }
        let over = signed(&good, hs256, &format!(r#"{{"iat":{NOW},"exp":{}}}"#, NOW - 1));
        assert_eq!(good.verify(&over, NOW), Err(JwtError::Expired(NOW - 1)));
        let token = good.token(NOW);
        let unsigned = format!("{}.", token.rsplit_once('.').unwrap().0);
        assert_eq!(good.verify(&unsigned, NOW), Err(JwtError::Signature));
        for text in ["", ".", "..", "a.b", "a.b.c", "ä.ö.ü", &"x".repeat(MAX_TOKEN_BYTES + 1)] {
            assert_eq!(good.verify(text, NOW), Err(JwtError::Malformed), "{text}");
        }
    }

    #[test]
    fn secrets_are_64_digits_and_not_shown() {
        for text in ["", "0x", "12", &"g".repeat(64), &"1".repeat(63), &"1".repeat(66)] {
            assert!(JwtSecret::from_hex(text).is_err(), "{text}");
        }
        assert_eq!(format!("{:?}", secret()), "JwtSecret(…)");
    }
}
