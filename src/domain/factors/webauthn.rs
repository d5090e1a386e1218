//! Verification of WebAuthn responses (W3C Web Authentication level 2, 7.1 and 7.2).
//!
//! Pure: bytes and expectations in, a verdict out; no store, no clock. Each check has its own
//! [`Refusal`], which the audit trail shows. Attestation is `none`, so an attestation object adds
//! nothing to the authenticator data that it wraps, and only the latter is read. Its public key is
//! in CTAP2 canonical CBOR (6.5.1.1), which has one encoding for each key: three fixed patterns,
//! and no CBOR decoder to attack. The user must be verified (PIN, fingerprint) in each ceremony:
//! a passkey counts as two factors.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

use super::super::keys;

/// COSE algorithms that are accepted, preferred first: EdDSA, ES256, RS256.
pub const ALGORITHMS: [i32; 3] = [-8, -7, -257];
pub const CHALLENGE_BYTES: usize = 32;
/// Level 2, 4: a credential id has at most 1023 bytes.
const MAX_CREDENTIAL_ID_BYTES: usize = 1023;

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENDED: u8 = 0x80;

/// The check that a response failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("malformed")]
    Malformed,
    #[error("type")]
    Type,
    #[error("challenge")]
    Challenge,
    #[error("origin")]
    Origin,
    #[error("RP id")]
    RelyingParty,
    #[error("user not present")]
    NotPresent,
    #[error("user not verified")]
    NotVerified,
    #[error("algorithm")]
    Algorithm,
    #[error("credential")]
    Credential,
    #[error("user handle")]
    UserHandle,
    #[error("signature")]
    Signature,
    #[error("sign counter")]
    Counter,
}

/// The site that passkeys are bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    /// The host of the site.
    pub id: String,
    origin: String,
}

impl RelyingParty {
    /// `None` for a site without a domain name: browsers make no passkeys for an IP address.
    pub fn of_site(site_url: &str) -> Option<RelyingParty> {
        let (scheme, rest) = site_url.split_once("://")?;
        let authority = rest.split('/').next()?.to_ascii_lowercase();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority.as_str(), None),
        };
        let is_name = host.bytes().any(|b| b.is_ascii_alphabetic()) && !host.contains(['[', ':']);
        // As a browser writes an origin: without the port that is the scheme's own.
        let default_port = if scheme == "https" { "443" } else { "80" };
        let port = port.filter(|port| *port != default_port);
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        is_name.then(|| RelyingParty {
            id: host.to_owned(),
            origin: format!("{scheme}://{host}{port}"),
        })
    }
}

/// The response to a creation.
#[derive(Debug)]
pub struct Registration {
    pub credential_id: Vec<u8>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
}

/// A credential as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// The COSE key, as the authenticator sent it.
    pub public_key: Vec<u8>,
    pub sign_count: u32,
}

/// The response to a request.
#[derive(Debug)]
pub struct Response {
    pub credential_id: Vec<u8>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    pub signature: Vec<u8>,
    /// Empty if the authenticator sent none.
    pub user_handle: Vec<u8>,
}

/// A verified response's sign counter is above the stored one, or both are 0 (7.2, step 21).
pub fn counts_up(stored: u32, sent: u32) -> bool {
    sent > stored || (sent, stored) == (0, 0)
}

/// # Errors
///
/// The first check that fails.
pub fn verify_registration(
    site: &RelyingParty,
    challenge: &[u8],
    sent: &Registration,
) -> Result<NewCredential, Refusal> {
    verify_client_data(&sent.client_data, "webauthn.create", challenge, site)?;
    let data = AuthenticatorData::read(&sent.authenticator_data)?;
    data.verify(site)?;
    if data.flags & ATTESTED == 0 {
        return Err(Refusal::Malformed);
    }
    let (_aaguid, rest) = split(data.rest, 16)?;
    let (length, rest) = split(rest, 2)?;
    let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
    if !(1..=MAX_CREDENTIAL_ID_BYTES).contains(&length) {
        return Err(Refusal::Malformed);
    }
    let (id, rest) = split(rest, length)?;
    if id != sent.credential_id {
        return Err(Refusal::Credential);
    }
    let (key, extensions) = PublicKey::read(rest).ok_or(Refusal::Algorithm)?;
    if (data.flags & EXTENDED == 0) != extensions.is_empty() {
        return Err(Refusal::Malformed);
    }
    key.parse()?;
    let public_key = rest[..rest.len() - extensions.len()].to_vec();
    Ok(NewCredential { public_key, sign_count: data.sign_count })
}

/// Returns the sign counter, which the caller compares.
///
/// # Errors
///
/// The first check that fails.
pub fn verify_response(
    site: &RelyingParty,
    challenge: &[u8],
    public_key: &[u8],
    sent: &Response,
) -> Result<u32, Refusal> {
    verify_client_data(&sent.client_data, "webauthn.get", challenge, site)?;
    let data = AuthenticatorData::read(&sent.authenticator_data)?;
    data.verify(site)?;
    if data.flags & (ATTESTED | EXTENDED) == 0 && !data.rest.is_empty() {
        return Err(Refusal::Malformed);
    }
    let (key, _) = PublicKey::read(public_key).ok_or(Refusal::Algorithm)?;
    let hash = digest(&SHA256, &sent.client_data);
    let signed = [sent.authenticator_data.as_slice(), hash.as_ref()].concat();
    key.parse()?.verify_sig(&signed, &sent.signature).map_err(|_| Refusal::Signature)?;
    Ok(data.sign_count)
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
}

fn verify_client_data(
    json: &[u8],
    kind: &str,
    challenge: &[u8],
    site: &RelyingParty,
) -> Result<(), Refusal> {
    let data: ClientData = serde_json::from_slice(json).map_err(|_| Refusal::Malformed)?;
    if data.kind != kind {
        return Err(Refusal::Type);
    }
    let sent = URL_SAFE_NO_PAD.decode(&data.challenge).map_err(|_| Refusal::Challenge)?;
    if challenge.is_empty() || !keys::equal(&sent, challenge) {
        return Err(Refusal::Challenge);
    }
    // In a frame of another site, the person cannot see who asks.
    if data.origin != site.origin || data.cross_origin {
        return Err(Refusal::Origin);
    }
    Ok(())
}

struct AuthenticatorData<'a> {
    rp_id_hash: &'a [u8],
    flags: u8,
    sign_count: u32,
    rest: &'a [u8],
}

impl<'a> AuthenticatorData<'a> {
    fn read(bytes: &'a [u8]) -> Result<AuthenticatorData<'a>, Refusal> {
        let (rp_id_hash, rest) = split(bytes, 32)?;
        let (flags, rest) = split(rest, 1)?;
        let (count, rest) = split(rest, 4)?;
        let sign_count = u32::from_be_bytes([count[0], count[1], count[2], count[3]]);
        Ok(AuthenticatorData { rp_id_hash, flags: flags[0], sign_count, rest })
    }

    fn verify(&self, site: &RelyingParty) -> Result<(), Refusal> {
        let has = |flag| self.flags & flag != 0;
        if self.rp_id_hash != digest(&SHA256, site.id.as_bytes()).as_ref() {
            Err(Refusal::RelyingParty)
        } else if !has(USER_PRESENT) {
            Err(Refusal::NotPresent)
        } else if !has(USER_VERIFIED) {
            Err(Refusal::NotVerified)
        } else if has(BACKED_UP) && !has(BACKUP_ELIGIBLE) {
            Err(Refusal::Malformed)
        } else {
            Ok(())
        }
    }
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), Refusal> {
    bytes.split_at_checked(at).ok_or(Refusal::Malformed)
}

/// The parts of a COSE key in canonical encoding, borrowed.
enum PublicKey<'a> {
    P256 { x: &'a [u8], y: &'a [u8] },
    Ed25519 { x: &'a [u8] },
    Rsa { n: &'a [u8] },
}

impl<'a> PublicKey<'a> {
    /// The key at the start of the bytes, and those behind it.
    fn read(bytes: &'a [u8]) -> Option<(PublicKey<'a>, &'a [u8])> {
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        if let Some(rest) = bytes.strip_prefix(&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32]) {
            let (x, rest) = rest.split_at_checked(32)?;
            let (y, rest) = rest.strip_prefix(&[0x22, 0x58, 32])?.split_at_checked(32)?;
            return Some((PublicKey::P256 { x, y }, rest));
        }
        // {1: 1, 3: -8, -1: 6, -2: x}
        if let Some(rest) = bytes.strip_prefix(&[0xa4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32]) {
            let (x, rest) = rest.split_at_checked(32)?;
            return Some((PublicKey::Ed25519 { x }, rest));
        }
        // {1: 3, 3: -257, -1: n, -2: 65537}
        let rest = bytes.strip_prefix(&[0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59])?;
        let (length, rest) = rest.split_at_checked(2)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        let (n, rest) = rest.split_at_checked(length)?;
        let rest = rest.strip_prefix(&[0x21, 0x43, 1, 0, 1])?;
        // From 2048 to 4096 bits; a larger one would only cost time.
        (256..=512).contains(&length).then_some((PublicKey::Rsa { n }, rest))
    }

    /// Refuses a point that is not on its curve.
    fn parse(&self) -> Result<ParsedPublicKey, Refusal> {
        let parsed = match self {
            PublicKey::P256 { x, y } => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], *x, *y].concat())
            }
            PublicKey::Ed25519 { x } => ParsedPublicKey::new(&ED25519, x),
            PublicKey::Rsa { n } => {
                let key = RsaPublicKeyComponents { n: *n, e: &[1_u8, 0, 1][..] };
                let der: PublicKeyX509Der<'_> = key.as_der().map_err(|_| Refusal::Algorithm)?;
                ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref())
            }
        };
        parsed.map_err(|_| Refusal::Algorithm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relying_party_is_the_host_of_the_site() {
        for (site, id, origin) in [
            ("https://stock.example.org", "stock.example.org", "https://stock.example.org"),
            ("https://Stock.example.org:443", "stock.example.org", "https://stock.example.org"),
            (
                "https://stock.example.org:8443/x",
                "stock.example.org",
                "https://stock.example.org:8443",
            ),
            ("http://localhost:8000", "localhost", "http://localhost:8000"),
        ] {
            let expected = RelyingParty { id: id.to_owned(), origin: origin.to_owned() };
            assert_eq!(RelyingParty::of_site(site), Some(expected), "{site}");
        }
        for site in ["http://127.0.0.1:8000", "http://[::1]:8000", "http://[fe80::1]", ""] {
            assert_eq!(RelyingParty::of_site(site), None, "{site}");
        }
    }

    #[test]
    fn counter_must_rise_unless_the_authenticator_has_none() {
        for (stored, sent, is_good) in
            [(0, 0, true), (0, 1, true), (1, 2, true), (1, 1, false), (2, 1, false), (1, 0, false)]
        {
            assert_eq!(counts_up(stored, sent), is_good, "{stored} {sent}");
        }
    }

    #[test]
    fn non_canonical_keys_are_rejected() {
        let mut key = vec![0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32];
        key.extend([7; 32]);
        key.extend([0x22, 0x58, 32]);
        key.extend([7; 32]);
        let (read, rest) = PublicKey::read(&key).unwrap();
        assert!(rest.is_empty());
        assert_eq!(read.parse().unwrap_err(), Refusal::Algorithm, "no point of the curve");
        for at in 0..key.len() {
            assert!(PublicKey::read(&key[..at]).is_none(), "cut at {at}");
        }
        for at in 0..10 {
            let mut spoilt = key.clone();
            spoilt[at] ^= 1;
            assert!(PublicKey::read(&spoilt).is_none(), "byte {at}");
        }
        // RSA of 1024 bits, and one that promises more than it has.
        for length in [128_u16, 256] {
            let mut rsa = vec![0xa4, 1, 3, 3, 0x39, 1, 0, 0x20, 0x59];
            rsa.extend(length.to_be_bytes());
            rsa.extend([0xff; 128]);
            rsa.extend([0x21, 0x43, 1, 0, 1]);
            assert!(PublicKey::read(&rsa).is_none(), "{length}");
        }
    }
}
