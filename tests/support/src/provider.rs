//! A sign-in provider on loopback with injectable faults: OpenID Connect, and GitHub's variant of
//! OAuth.
//!
//! Success is tested with a real provider too (tests/social/run), but a real one cannot be made to
//! omit a check.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use aws_lc_rs::{digest, hmac};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Url;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::private_ca::private_ca;

pub const CLIENT_ID: &str = "inventree";
/// With characters that `urlencode` changes, like those of real providers.
pub const CLIENT_SECRET: &str = "s3cret/of+the client";

/// The fault in the provider's next responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spoil {
    #[default]
    Nothing,
    Nonce,
    NoNonce,
    Issuer,
    Audience,
    AuthorizedParty,
    AlgNone,
    AlgShared,
    Expired,
    IssuedLater,
    NotYet,
    NotBeforeGarbage,
    WrongKey,
    /// Signed with a key given in its own header.
    KeyInHeader,
    ChangedClaims,
    AccessTokenHash,
    NoSubject,
    LongSubject,
    NullInSubject,
    NoIdToken,
    TokenGarbage,
    TokenStatus,
    TokenRedirect,
    TokenHuge,
    Slow,
    Down,
    DocumentGarbage,
    DocumentIssuer,
    DocumentKeysAt,
}

/// The user who signs in at the provider.
#[derive(Clone)]
pub struct Who {
    pub subject: String,
    pub claims: Value,
}

impl Who {
    pub fn new(subject: &str, claims: Value) -> Who {
        Who { subject: subject.to_owned(), claims }
    }
}

/// Modifies a valid response, given its path (`/claims` for the ID token claims before signing)
/// and text.
pub type Change = Box<dyn FnMut(&str, String) -> Vec<u8> + Send>;

struct State {
    spoil: Spoil,
    change: Option<Change>,
    now: i64,
    key: EcdsaKeyPair,
    key_id: u32,
    names_itself: bool,
    /// Claims only in the user info, as is standard for the code flow.
    lean: bool,
    codes: HashMap<String, (Who, HashMap<String, String>)>,
    tokens: HashMap<String, Who>,
    asked: HashMap<String, usize>,
}

#[derive(Clone)]
pub struct Provider {
    pub issuer: String,
    state: Arc<Mutex<State>>,
}

fn new_key() -> EcdsaKeyPair {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()
}

/// The key as a JWK.
fn public_key(key: &EcdsaKeyPair, id: u32) -> Value {
    // Uncompressed: 4, x, y.
    let point = key.public_key().as_ref();
    let (x, y) = (encoded(&point[1..33]), encoded(&point[33..]));
    json!({
        "kty": "EC", "use": "sig", "crv": "P-256", "alg": "ES256", "kid": id.to_string(), "x": x,
        "y": y,
    })
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Provider {
    /// `now` is the provider's time.
    pub async fn start(now: i64) -> Provider {
        let (provider, listener) = Provider::bind("http", now).await;
        let served = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(served.clone().respond(stream));
            }
        });
        provider
    }

    /// With a certificate of a private CA, whose own is returned as PEM.
    pub async fn start_tls(now: i64) -> (Provider, String) {
        let (provider, listener) = Provider::bind("https", now).await;
        let (tls, root) = private_ca();
        let served = provider.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // The client may refuse the certificate.
                if let Ok(stream) = tls.accept(stream).await {
                    tokio::spawn(served.clone().respond(stream));
                }
            }
        });
        (provider, root)
    }

    async fn bind(scheme: &str, now: i64) -> (Provider, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("{scheme}://{}", listener.local_addr().unwrap());
        let state = State {
            spoil: Spoil::Nothing,
            change: None,
            now,
            key: new_key(),
            key_id: 1,
            names_itself: false,
            lean: false,
            codes: HashMap::new(),
            tokens: HashMap::new(),
            asked: HashMap::new(),
        };
        (Provider { issuer, state: Arc::new(Mutex::new(state)) }, listener)
    }

    pub fn spoil(&self, spoil: Spoil) {
        self.state.lock().unwrap().spoil = spoil;
    }

    /// Installs a modification that no [`Spoil`] covers.
    pub fn change(&self, change: Change) {
        self.state.lock().unwrap().change = Some(change);
    }

    /// Sets the time.
    pub fn at(&self, now: i64) {
        self.state.lock().unwrap().now = now;
    }

    /// RFC 9207: the callback names the issuer.
    pub fn names_itself(&self) {
        self.state.lock().unwrap().names_itself = true;
    }

    pub fn lean(&self) {
        self.state.lock().unwrap().lean = true;
    }

    /// A new key under the same id.
    pub fn replace_key(&self) {
        self.state.lock().unwrap().key = new_key();
    }

    pub fn rotate_key(&self) {
        let mut state = self.state.lock().unwrap();
        state.key = new_key();
        state.key_id += 1;
    }

    /// Number of requests to a path.
    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.get(path).copied().unwrap_or_default()
    }

    /// The visit of the user's browser: returns the callback URL.
    pub fn sign_in(&self, authorize: &str, who: &Who) -> Url {
        let url = Url::parse(authorize).unwrap();
        assert!(
            authorize.starts_with(&format!("{}/authorize?", self.issuer))
                || authorize.contains("/login/oauth/authorize?")
        );
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(
            (asked["response_type"].as_str(), asked["client_id"].as_str()),
            ("code", CLIENT_ID)
        );
        assert_eq!(asked["code_challenge_method"], "S256");
        let mut state = self.state.lock().unwrap();
        let code = format!("code-{}-{}", who.subject.len(), state.codes.len());
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &asked["state"]);
        if state.names_itself {
            back.query_pairs_mut().append_pair("iss", &self.issuer);
        }
        state.codes.insert(code, (who.clone(), asked));
        back
    }

    async fn respond(self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some((head, body)) = read(&mut stream).await else { return };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let path = target.split('?').next().unwrap_or_default().to_owned();
        let spoil = {
            let mut state = self.state.lock().unwrap();
            *state.asked.entry(path.clone()).or_default() += 1;
            state.spoil
        };
        match spoil {
            Spoil::Slow => tokio::time::sleep(Duration::from_secs(30)).await,
            Spoil::Down => return,
            _ => {}
        }
        let (status, extra, text) = self.say(&path, &head, &body, spoil);
        let text = changed(&mut self.state.lock().unwrap().change, &path, text);
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\nConnection: close\r\n{extra}\r\n",
            text.len()
        );
        let _ = stream.write_all(&[head.as_bytes(), &text].concat()).await;
        let _ = stream.shutdown().await;
    }

    fn say(&self, path: &str, head: &str, body: &str, spoil: Spoil) -> (u16, String, String) {
        let good = |value: Value| (200, String::new(), value.to_string());
        let bearer = || {
            let line = head
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with("authorization: bearer "));
            let token = line
                .map(|line| line["authorization: bearer ".len()..].trim().to_owned())
                .unwrap_or_default();
            self.state.lock().unwrap().tokens.get(&token).cloned()
        };
        match path {
            "/.well-known/openid-configuration" => match spoil {
                Spoil::DocumentGarbage => (200, String::new(), "<html>busy</html>".to_owned()),
                _ => good(self.document(spoil)),
            },
            "/jwks" => good(self.keys()),
            "/token" | "/login/oauth/access_token" => self.token(head, body, spoil),
            "/userinfo" => match bearer() {
                Some(who) => {
                    let mut claims = who.claims;
                    claims["sub"] = json!(who.subject);
                    good(claims)
                }
                None => (401, String::new(), "{}".to_owned()),
            },
            "/api/v3/user" => match bearer() {
                Some(who) => good(who.claims["user"].clone()),
                None => (401, String::new(), "{}".to_owned()),
            },
            "/api/v3/user/emails" => match bearer() {
                Some(who) => good(who.claims["emails"].clone()),
                None => (401, String::new(), "{}".to_owned()),
            },
            _ => (404, String::new(), "{}".to_owned()),
        }
    }

    fn document(&self, spoil: Spoil) -> Value {
        let issuer = &self.issuer;
        let names_itself = self.state.lock().unwrap().names_itself;
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "userinfo_endpoint": format!("{issuer}/userinfo"),
            "jwks_uri": format!("{issuer}/jwks"),
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            // It accepts every algorithm; the server must restrict them.
            "id_token_signing_alg_values_supported": ["none", "HS256", "ES256"],
            "authorization_response_iss_parameter_supported": names_itself,
        });
        match spoil {
            Spoil::DocumentIssuer => document["issuer"] = json!("https://other.example.com"),
            Spoil::DocumentKeysAt => {
                document["jwks_uri"] = json!("http://169.254.169.254/latest/meta-data/")
            }
            _ => {}
        }
        document
    }

    fn keys(&self) -> Value {
        let state = self.state.lock().unwrap();
        json!({ "keys": [public_key(&state.key, state.key_id)] })
    }

    fn token(&self, head: &str, body: &str, spoil: Spoil) -> (u16, String, String) {
        match spoil {
            Spoil::TokenGarbage => return (200, String::new(), "access granted".to_owned()),
            Spoil::TokenStatus => return (500, String::new(), "{}".to_owned()),
            Spoil::TokenRedirect => {
                return (307, format!("Location: {}/userinfo\r\n", self.issuer), String::new());
            }
            Spoil::TokenHuge => return (200, String::new(), "x".repeat(2_000_000)),
            _ => {}
        }
        let refused = |why: &str| (400, String::new(), json!({ "error": why }).to_string());
        let sent: HashMap<String, String> =
            form_urlencoded::parse(body.as_bytes()).into_owned().collect();
        let text = |name: &str| sent.get(name).cloned().unwrap_or_default();
        if !is_client(head, &sent) {
            return (401, String::new(), json!({ "error": "invalid_client" }).to_string());
        }
        let taken = self.state.lock().unwrap().codes.remove(&text("code"));
        let Some((who, asked)) = taken else { return refused("invalid_grant") };
        let challenge = encoded(digest::digest(&digest::SHA256, text("code_verifier").as_bytes()));
        if asked["code_challenge"] != challenge || asked["redirect_uri"] != text("redirect_uri") {
            return refused("invalid_grant");
        }
        let access_token = format!("access-{}", text("code"));
        self.state.lock().unwrap().tokens.insert(access_token.clone(), who.clone());
        let mut response =
            json!({ "access_token": access_token, "token_type": "Bearer", "expires_in": 300 });
        if asked.contains_key("nonce") && spoil != Spoil::NoIdToken {
            response["id_token"] =
                json!(self.id_token(&who, &asked["nonce"], &access_token, spoil));
        }
        (200, String::new(), response.to_string())
    }

    fn id_token(&self, who: &Who, nonce: &str, access_token: &str, spoil: Spoil) -> String {
        let mut state = self.state.lock().unwrap();
        let (issued, expires) = match spoil {
            Spoil::Expired => (state.now - 7200, state.now - 3600),
            Spoil::IssuedLater => (state.now + 3600, state.now + 7200),
            _ => (state.now, state.now + 300),
        };
        let hash = digest::digest(&digest::SHA256, access_token.as_bytes());
        let mut claims = if state.lean { json!({}) } else { who.claims.clone() };
        let standard = [
            (
                "iss",
                json!(if spoil == Spoil::Issuer {
                    "https://other.example.com"
                } else {
                    &self.issuer
                }),
            ),
            ("aud", json!(if spoil == Spoil::Audience { "another-client" } else { CLIENT_ID })),
            ("sub", json!(who.subject)),
            ("nonce", json!(if spoil == Spoil::Nonce { "another" } else { nonce })),
            ("iat", json!(issued)),
            ("exp", json!(expires)),
            ("at_hash", json!(encoded(&hash.as_ref()[..16]))),
        ];
        for (name, value) in standard {
            claims[name] = value;
        }
        match spoil {
            Spoil::NotYet => claims["nbf"] = json!(state.now + 120),
            Spoil::NotBeforeGarbage => claims["nbf"] = json!("tomorrow"),
            Spoil::NoNonce => drop(claims.as_object_mut().unwrap().remove("nonce")),
            Spoil::AuthorizedParty => claims["azp"] = json!("another-client"),
            Spoil::AccessTokenHash => claims["at_hash"] = json!(encoded([0; 16])),
            Spoil::NoSubject => claims["sub"] = json!(""),
            Spoil::LongSubject => claims["sub"] = json!("x".repeat(256)),
            Spoil::NullInSubject => claims["sub"] = json!("a\0b"),
            _ => {}
        }
        let alg = match spoil {
            Spoil::AlgNone => "none",
            Spoil::AlgShared => "HS256",
            _ => "ES256",
        };
        let mut header = json!({ "alg": alg, "typ": "JWT", "kid": state.key_id.to_string() });
        let other_key = new_key();
        if spoil == Spoil::KeyInHeader {
            header["jwk"] = public_key(&other_key, state.key_id);
            header["jku"] = json!(format!("{}/keys-of-another", self.issuer));
        }
        let claims_sent = changed(&mut state.change, "/claims", claims.to_string());
        let head = changed(&mut state.change, "/header", header.to_string());
        let signed = format!("{}.{}", encoded(head), encoded(claims_sent));
        let sign = |key: &EcdsaKeyPair| {
            encoded(key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap())
        };
        let signature = match spoil {
            Spoil::AlgNone => String::new(),
            Spoil::AlgShared => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, CLIENT_SECRET.as_bytes());
                encoded(hmac::sign(&key, signed.as_bytes()))
            }
            Spoil::WrongKey | Spoil::KeyInHeader => sign(&other_key),
            _ => sign(&state.key),
        };
        if spoil == Spoil::ChangedClaims {
            claims["sub"] = json!("somebody-else");
            return format!(
                "{}.{}.{signature}",
                encoded(header.to_string()),
                encoded(claims.to_string())
            );
        }
        format!("{signed}.{signature}")
    }
}

fn changed(change: &mut Option<Change>, path: &str, text: String) -> Vec<u8> {
    match change {
        Some(change) => change(path, text),
        None => text.into_bytes(),
    }
}

/// Checks the client secret, in either of its two transmissions.
fn is_client(head: &str, sent: &HashMap<String, String>) -> bool {
    if let Some(line) =
        head.lines().find(|line| line.to_ascii_lowercase().starts_with("authorization: basic "))
    {
        let pair =
            STANDARD.decode(line["authorization: basic ".len()..].trim()).unwrap_or_default();
        let quoted: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
        return pair == format!("{CLIENT_ID}:{quoted}").into_bytes();
    }
    sent.get("client_id").map(String::as_str) == Some(CLIENT_ID)
        && sent.get("client_secret").map(String::as_str) == Some(CLIENT_SECRET)
}

/// Reads the head and body of a request.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(String, String)> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&read).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let line =
            head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-length:"));
        let length = line.and_then(|line| line.split(':').nth(1)?.trim().parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some((head.to_owned(), body.to_owned()));
        }
    }
}
