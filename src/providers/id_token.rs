//! Verification of ID tokens (OpenID Connect Core, 3.1.3.7; RFC 8725).
//!
//! Strict in everything that decides who signs in: signature, algorithm, issuer, audience, times,
//! nonce, subject, `at_hash`. Tolerant in all other claims, which providers send in many shapes and
//! which are not read. Keys come from the provider's key set alone, never from the token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, crypto};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::ProviderError;

/// Tolerated clock skew.
const MAX_CLOCK_SKEW_SECONDS: i64 = 60;

/// Asymmetric algorithms only (RFC 8725, 3.1 and 3.2). A provider that announces others has no
/// effect on this list.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The claims of a verified token, or of the user info.
pub struct Claims(Map<String, Value>);

/// The values that a token must have.
pub struct Expected<'a> {
    pub issuer: &'a str,
    pub client_id: &'a str,
    /// Clients that the token may be for as well.
    pub trusted_audiences: &'a [String],
    pub nonce: &'a str,
    /// Issued beside the token.
    pub access_token: &'a str,
}

/// Why a token was rejected. The text names the claim and contains no part of the token.
#[derive(Debug, PartialEq, Eq)]
pub enum IdTokenError {
    /// No known key verifies the signature: the provider may have rotated its key, possibly without
    /// a new key id.
    UnknownKey,
    Invalid(String),
}

impl From<IdTokenError> for ProviderError {
    fn from(error: IdTokenError) -> ProviderError {
        ProviderError::Untrusted(match error {
            IdTokenError::UnknownKey => {
                "ID token: signature by no key of the provider, or claims that are no JSON object"
                    .to_owned()
            }
            IdTokenError::Invalid(why) => format!("ID token: {why}"),
        })
    }
}

fn invalid(why: impl Into<String>) -> IdTokenError {
    IdTokenError::Invalid(why.into())
}

impl Claims {
    pub fn new(claims: Map<String, Value>) -> Claims {
        Claims(claims)
    }

    /// A claim that is a text and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The texts of a claim that is a list of texts, or one text.
    pub fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Value::Array(items)) => {
                items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
            }
            Some(Value::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    /// A claim that is true, or the text `true`, as Amazon Cognito sends it.
    pub fn is_true(&self, name: &str) -> bool {
        match self.0.get(name) {
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) => text == "true",
            _ => false,
        }
    }

    /// Seconds since the epoch (RFC 7519, NumericDate).
    fn date(&self, name: &str) -> Result<Option<f64>, IdTokenError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(seconds) => Ok(Some(seconds)),
                None => Err(invalid(format!("{name} is not a number"))),
            },
        }
    }
}

/// Verifies a token and returns its claims.
///
/// # Errors
///
/// [`IdTokenError`]
pub fn verify(
    token: &str,
    keys: &[Jwk],
    expected: &Expected<'_>,
    now: DateTime<Utc>,
) -> Result<Claims, IdTokenError> {
    let header = header(token)?;
    let claims = Claims(verify_signature(token, &header, keys)?);
    check_issuer_and_audience(&claims, expected)?;
    check_times(&claims, now)?;
    match claims.text("nonce") {
        Some(nonce) if nonce == expected.nonce => {}
        Some(_) => return Err(invalid("nonce is of another sign-in")),
        None => return Err(invalid("nonce is missing")),
    }
    match claims.0.get("at_hash") {
        None => {}
        Some(hash) if *hash == access_token_hash(header.alg, expected.access_token) => {}
        Some(_) => return Err(invalid("at_hash does not match the access token")),
    }
    Ok(claims)
}

fn header(token: &str) -> Result<Header, IdTokenError> {
    // `alg: none` and unknown algorithms are none of the library's.
    let header = jsonwebtoken::decode_header(token)
        .map_err(|e| invalid(format!("malformed, or an unknown algorithm: {e}")))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(invalid(format!("the algorithm {:?} is not accepted", header.alg)));
    }
    // RFC 7515, 4.1.11: none is understood.
    match header.crit {
        None => Ok(header),
        Some(_) => Err(invalid("it has critical extensions (crit)")),
    }
}

/// Tries the keys that the header's key id allows. The library's `decode` would read some claims in
/// its own way, so it verifies the signature alone.
fn verify_signature(
    token: &str,
    header: &Header,
    keys: &[Jwk],
) -> Result<Map<String, Value>, IdTokenError> {
    let (message, signature) = token.rsplit_once('.').ok_or_else(|| invalid("malformed"))?;
    let fits = |key: &&Jwk| {
        let is_named = match (&header.kid, &key.common.key_id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        };
        is_named && is_for_signatures(key) && is_for_algorithm(key, header.alg)
    };
    let verifies = |key: &Jwk| {
        DecodingKey::from_jwk(key)
            .and_then(|key| crypto::verify(signature, message.as_bytes(), &key, header.alg))
            .unwrap_or(false)
    };
    if !keys.iter().filter(fits).any(verifies) {
        return Err(IdTokenError::UnknownKey);
    }
    let claims =
        message.split_once('.').and_then(|(_, claims)| URL_SAFE_NO_PAD.decode(claims).ok());
    claims
        .and_then(|claims| serde_json::from_slice(&claims).ok())
        .ok_or_else(|| invalid("the claims are no JSON object"))
}

fn is_for_signatures(key: &Jwk) -> bool {
    !matches!(key.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_))
        && key.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature)
}

/// A key that names an algorithm is good for no other (RFC 8725, 3.1).
fn is_for_algorithm(key: &Jwk, algorithm: Algorithm) -> bool {
    let named = key.common.key_algorithm.as_ref().map(ToString::to_string);
    named.is_none_or(|named| named == format!("{algorithm:?}"))
}

fn check_issuer_and_audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), IdTokenError> {
    if claims.text("iss") != Some(expected.issuer) {
        return Err(invalid("iss is not the configured issuer"));
    }
    let audiences = match claims.0.get("aud") {
        Some(Value::Array(many)) => many.iter().map(Value::as_str).collect(),
        Some(one) => vec![one.as_str()],
        None => vec![],
    };
    if !audiences.contains(&Some(expected.client_id)) {
        return Err(invalid("this client is no audience of it (aud)"));
    }
    let is_trusted = |audience: &Option<&str>| {
        *audience == Some(expected.client_id)
            || audience.is_some_and(|name| expected.trusted_audiences.iter().any(|t| t == name))
    };
    let are_trusted = audiences.iter().all(is_trusted);
    if !expected.trusted_audiences.is_empty() && !are_trusted {
        return Err(invalid("it has an audience that is not trusted (aud)"));
    }
    // `azp` names the client that the token was issued to. With further audiences it must, unless
    // the operator trusts them.
    match claims.0.get("azp").map(Value::as_str) {
        Some(party) if party == Some(expected.client_id) => Ok(()),
        Some(_) => Err(invalid("issued to another client (azp)")),
        None if are_trusted => Ok(()),
        None => Err(invalid("it has further audiences (aud), and no azp")),
    }
}

fn check_times(claims: &Claims, now: DateTime<Utc>) -> Result<(), IdTokenError> {
    let earliest = (now.timestamp() - MAX_CLOCK_SKEW_SECONDS) as f64;
    let latest = (now.timestamp() + MAX_CLOCK_SKEW_SECONDS) as f64;
    match claims.date("exp")? {
        None => return Err(invalid("exp is missing")),
        Some(expiry) if expiry <= earliest => return Err(invalid("it has expired (exp)")),
        Some(_) => {}
    }
    if claims.date("iat")?.is_some_and(|issued| issued > latest) {
        return Err(invalid("issued in the future (iat)"));
    }
    if claims.date("nbf")?.is_some_and(|start| start > latest) {
        return Err(invalid("not valid yet (nbf)"));
    }
    Ok(())
}

/// The left half of the hash that belongs to the signature algorithm (OpenID Connect Core,
/// 3.1.3.6).
fn access_token_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => {
            Sha256::digest(access_token).to_vec()
        }
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => {
            Sha384::digest(access_token).to_vec()
        }
        _ => Sha512::digest(access_token).to_vec(),
    };
    URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
}
