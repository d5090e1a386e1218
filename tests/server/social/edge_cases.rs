//! Responses that no provider documents: odd claims, odd key sets, odd and hostile transport. What
//! is security stays strict, and nothing of it is a failure of this server.

use std::io::Write;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Replaces claims of the ID token, and of nothing else.
fn with_claims(provider: &Provider, more: Value) {
    provider.change(Box::new(move |path, text| match path {
        "/claims" => merged(serde_json::from_str(&text).unwrap(), &more).to_string().into(),
        _ => text.into_bytes(),
    }));
}

/// Replaces one response.
fn with_response(provider: &Provider, place: &'static str, response: impl Into<Vec<u8>>) {
    let response = response.into();
    provider.change(Box::new(move |path, text| match path == place {
        true => response.clone(),
        false => text.into_bytes(),
    }));
}

#[tokio::test]
async fn invalid_claim_values_are_refused() {
    let fixture = Fixture::start().await;
    let issuer = fixture.provider.issuer.clone();
    let now = fixture.server.clock.stamp();
    for (claims, why) in [
        (json!({ "nonce": null }), "nonce"),
        (json!({ "nonce": 5 }), "nonce"),
        (json!({ "nonce": [] }), "nonce"),
        (json!({ "azp": "another-client" }), "(azp)"),
        (json!({ "azp": [CLIENT_ID] }), "(azp)"),
        (json!({ "azp": 5 }), "(azp)"),
        (json!({ "azp": CLIENT_ID.to_uppercase() }), "(azp)"),
        (json!({ "aud": [CLIENT_ID, 5] }), "(aud)"),
        (json!({ "aud": [CLIENT_ID, null] }), "(aud)"),
        (json!({ "aud": [[CLIENT_ID]] }), "(aud)"),
        (json!({ "aud": { CLIENT_ID: true } }), "(aud)"),
        (json!({ "aud": [] }), "(aud)"),
        (json!({ "aud": "" }), "(aud)"),
        (json!({ "aud": null }), "(aud)"),
        (json!({ "aud": format!("{CLIENT_ID} other") }), "(aud)"),
        (json!({ "iss": format!("{issuer}/") }), "iss"),
        (json!({ "iss": issuer.to_uppercase() }), "iss"),
        (json!({ "iss": [issuer] }), "iss"),
        (json!({ "iss": null }), "iss"),
        (json!({ "sub": 12345 }), "sub"),
        (json!({ "sub": "" }), "sub"),
        (json!({ "sub": null }), "sub"),
        (json!({ "sub": ["amy-1"] }), "sub"),
        (json!({ "sub": "x".repeat(300) }), "sub"),
        (json!({ "exp": null }), "exp"),
        (json!({ "exp": (now + 300).to_string() }), "exp"),
        (json!({ "exp": -1 }), "exp"),
        (json!({ "iat": "now" }), "iat"),
        (json!({ "iat": 1e300 }), "iat"),
        (json!({ "nbf": [] }), "nbf"),
    ] {
        with_claims(&fixture.provider, claims.clone());
        let before = fixture.rows();
        let response = fixture.browser().through("login", &amy()).await;
        assert_page(&response, 403, "role=\"alert\"");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{claims}: {refusals:?}");
        assert_eq!(fixture.rows(), before, "{claims}");
    }
    for (subject, good) in [
        ("other".to_owned(), json!({ "aud": [CLIENT_ID, 5], "azp": CLIENT_ID })),
        ("x".repeat(255), json!({ "exp": now as f64 + 300.5 })),
    ] {
        with_claims(&fixture.provider, good.clone());
        let response = fixture.browser().through("login", &Who::new(&subject, json!({}))).await;
        assert_eq!(response.status, 302, "{good}: {}", text(&response));
    }
}

#[tokio::test]
async fn malformed_id_tokens_are_refused() {
    let fixture = Fixture::start().await;
    for (place, text, why) in [
        ("/header", r#"{"alg":"ES256","crit":["exp"]}"#, "(crit)"),
        ("/header", r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, "(crit)"),
        ("/header", r#"{"alg":"es256"}"#, "algorithm"),
        ("/header", r#"{"alg":["ES256"]}"#, "algorithm"),
        ("/header", r#"{"alg":"RS256","kid":"1"}"#, "no key"),
        ("/header", r#"{"alg":"ES256","kid":"../../etc/passwd"}"#, "no key"),
        ("/header", "[]", "malformed"),
        ("/claims", "[]", "no JSON object"),
        ("/claims", "null", "no JSON object"),
        ("/claims", "{\"sub\":", "no JSON object"),
    ] {
        with_response(&fixture.provider, place, text);
        assert_page(&fixture.browser().through("login", &amy()).await, 403, "role=\"alert\"");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{text}: {refusals:?}");
    }
    with_response(&fixture.provider, "/header", r#"{"alg":"ES256"}"#);
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
}

#[tokio::test]
async fn address_is_verified_only_if_the_claim_is_true() {
    let fixture = Fixture::start().await;
    for (n, (claim, expected)) in [
        (json!(true), 1),
        (json!("true"), 1),
        (json!("TRUE"), 0),
        (json!("1"), 0),
        (json!(1), 0),
        (json!([true]), 0),
        (json!({ "value": true }), 0),
        (json!(false), 0),
        (Value::Null, 0),
    ]
    .into_iter()
    .enumerate()
    {
        let email = format!("amy{n}@example.com");
        let mut claims = json!({ "email": email, "preferred_username": format!("amy{n}") });
        if !claim.is_null() {
            claims["email_verified"] = claim.clone();
        }
        fixture.browser().through("login", &Who::new(&format!("amy-{n}"), claims)).await;
        let verified =
            format!("SELECT COUNT(*) FROM email_addresses WHERE email = '{email}' AND verified");
        assert_eq!(fixture.server.database.number(&verified), expected, "{claim}");
    }
}

#[tokio::test]
async fn taken_usernames_get_a_number_and_identities_never_share_an_account() {
    let fixture = Fixture::start().await;
    fixture.server.register("Amy", "").await;
    for n in 1..4 {
        let who = Who::new(&format!("amy-{n}"), json!({ "preferred_username": "amy" }));
        assert_at(&fixture.browser().through("login", &who).await, "/platform/");
    }
    for (name, expected) in [("Amy", 1), ("amy2", 1), ("amy3", 1), ("amy4", 1)] {
        let sql = format!("SELECT COUNT(*) FROM accounts WHERE username = '{name}'");
        assert_eq!(fixture.server.database.number(&sql), expected, "{name}");
    }
    let links = "SELECT COUNT(DISTINCT account_id) FROM social_accounts";
    assert_eq!(fixture.server.database.number(links), 3);
}

type ChangeOfKeys = fn(&mut Vec<Value>);

#[tokio::test]
async fn key_is_found_without_a_kid_and_among_duplicate_kids() {
    let fixture = Fixture::start().await;
    let is = |change: ChangeOfKeys| {
        fixture.server.clock.advance(chrono::Duration::seconds(601));
        fixture.provider.at(fixture.server.clock.stamp());
        fixture.provider.change(Box::new(move |path, text| {
            let mut response: Value = serde_json::from_str(&text).unwrap_or_default();
            if path != "/jwks" {
                return text.into_bytes();
            }
            change(response["keys"].as_array_mut().unwrap());
            response.to_string().into_bytes()
        }));
    };
    let changes: [(ChangeOfKeys, u16); 6] = [
        (|keys| drop(keys[0].as_object_mut().unwrap().remove("kid")), 302),
        // Another key of the same id, and ones that cannot be read.
        (
            |keys| {
                let mut other = keys[0].clone();
                let x = other["x"].as_str().unwrap().to_owned();
                other["x"] = other["y"].clone();
                other["y"] = json!(x);
                keys.insert(0, other);
                keys.insert(0, json!({ "kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB" }));
                keys.insert(0, json!({ "kty": "oct", "kid": "1", "k": "c2VjcmV0" }));
                keys.insert(0, json!({ "kty": "AKP", "kid": "1", "pub": "x" }));
                keys.insert(0, json!(5));
            },
            302,
        ),
        (|keys| keys[0]["use"] = json!("enc"), 403),
        (|keys| keys[0]["alg"] = json!("ES384"), 403),
        (|keys| keys[0]["kid"] = json!("another"), 403),
        (|keys| keys.clear(), 403),
    ];
    for (n, (change, expected)) in changes.into_iter().enumerate() {
        is(change);
        assert_eq!(fixture.browser().through("login", &amy()).await.status, expected, "{n}");
    }
}

#[tokio::test]
async fn rotated_key_with_the_same_kid_is_found() {
    let fixture = Fixture::start().await;
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
    fixture.provider.replace_key();
    fixture.server.clock.advance(chrono::Duration::seconds(31));
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
}

#[tokio::test]
async fn failed_key_refresh_keeps_the_cached_keys() {
    let fixture = Fixture::start().await;
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
    fixture.later(31);
    fixture.provider.change(Box::new(|path, text| match path {
        "/header" => br#"{"alg":"ES256","kid":"new"}"#.to_vec(),
        "/.well-known/openid-configuration" => b"down".to_vec(),
        _ => text.into_bytes(),
    }));
    assert_page(&fixture.browser().through("login", &amy()).await, 502, INVALID);
    with_response(&fixture.provider, "/.well-known/openid-configuration", "down");
    assert_at(&fixture.browser().through("login", &amy()).await, "/platform/");
    // Metadata of ten minutes ago is used no more.
    fixture.server.clock.advance(chrono::Duration::seconds(601));
    let path = "/api/auth/social/company/login/";
    assert_page(&fixture.browser().ask(Method::POST, path, &[]).await, 502, INVALID);
}

#[tokio::test]
async fn malformed_metadata_and_token_responses_are_refused() {
    let issuer = "/.well-known/openid-configuration";
    let fixture = Fixture::start().await;
    let own = fixture.provider.issuer.clone();
    let document = json!({
        "issuer": own, "authorization_endpoint": format!("{own}/authorize"),
        "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/jwks"),
    });
    let huge = format!("{{\"keys\":[{}]}}", "{\"kty\":\"EC\"},".repeat(800_000));
    for (place, response, why) in [
        (issuer, merged(document.clone(), &json!({ "issuer": format!("{own}/") })), "issuer"),
        (issuer, merged(document.clone(), &json!({ "issuer": [own] })), "issuer"),
        (issuer, merged(document.clone(), &json!({ "token_endpoint": null })), "token_endpoint"),
        (
            issuer,
            merged(document.clone(), &json!({ "authorization_endpoint": "javascript:alert(1)" })),
            "authorization_endpoint",
        ),
        (
            issuer,
            merged(document.clone(), &json!({ "jwks_uri": "http://keys.example.com/" })),
            "must begin with https://",
        ),
        (
            issuer,
            merged(document.clone(), &json!({ "jwks_uri": "https://a:b@127.0.0.1/" })),
            "username",
        ),
        (issuer, json!([]), "not a JSON object"),
        ("/jwks", json!("keys"), "not a JSON object"),
        ("/jwks", Value::Null, "more than 524288 bytes"),
    ] {
        let response = if response.is_null() { huge.clone() } else { response.to_string() };
        with_response(&fixture.provider, place, response);
        fixture.server.clock.advance(chrono::Duration::seconds(6));
        let path = "/api/auth/social/company/login/";
        assert_page(&fixture.browser().ask(Method::POST, path, &[]).await, 502, INVALID);
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{why}: {refusals:?}");
    }
    fixture.server.clock.advance(chrono::Duration::seconds(6));
    fixture.provider.at(fixture.server.clock.stamp());
    for (response, status, why) in [
        ("access_token=s3cret&id_token=s3cret&token_type=bearer", 502, "no access_token"),
        (r#"{"error":"invalid_grant","access_token":"s3cret"}"#, 400, "invalid_grant"),
        (r#"{"error":"a\r\nb","error_description":"c\u001b[2J"}"#, 400, "a  b c [2J"),
        (r#"{"access_token":"s3cret","id_token":5}"#, 403, "no ID token"),
        (r#"{"access_token":"s3cret","id_token":"a.b"}"#, 403, "malformed"),
        (r#"{"access_token":"s3cret","id_token":"a.b.c"}"#, 403, "malformed"),
        (r#"{"access_token":"","id_token":"s3cret"}"#, 502, "no access_token"),
        (r#"[{"access_token":"s3cret"}]"#, 502, "no access_token"),
    ] {
        with_response(&fixture.provider, "/token", response);
        let page = fixture.browser().through("login", &amy()).await;
        assert_page(&page, status, "role=\"alert\"");
        assert!(!fixture.lines.text().contains("s3cret") && !text(&page).contains("s3cret"));
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{response}: {refusals:?}");
    }
}

const INVALID: &str = "The &#60;Company&#62; sent an invalid response.";

/// A server of one response: each request gets these bytes, piece by piece. Counts connections.
async fn raw(pieces: Vec<Vec<u8>>, pause: Duration) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (pieces, seen) = (pieces.clone(), Arc::clone(&seen));
            tokio::spawn(async move {
                let mut head = vec![0; 8192];
                let count = stream.read(&mut head).await.unwrap_or_default();
                seen.lock().unwrap().push(String::from_utf8_lossy(&head[..count]).into_owned());
                for piece in pieces {
                    if stream.write_all(&piece).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(pause).await;
                }
            });
        }
    });
    (base, asked)
}

/// Metadata that leads to this token endpoint.
fn with_token_endpoint(provider: &Provider, url: &str) {
    let own = &provider.issuer;
    let document = json!({
        "issuer": own, "authorization_endpoint": format!("{own}/authorize"),
        "token_endpoint": url, "jwks_uri": format!("{own}/jwks"),
    });
    with_response(provider, "/.well-known/openid-configuration", document.to_string());
}

#[tokio::test]
async fn client_secret_and_code_follow_no_redirect() {
    for status in [301, 302, 303, 307, 308] {
        let fixture = Fixture::start().await;
        let (elsewhere, asked) =
            raw(vec![b"HTTP/1.1 200 X\r\n\r\n".to_vec()], Duration::ZERO).await;
        let redirect = format!(
            "HTTP/1.1 {status} X\r\nLocation: {elsewhere}/token\r\nContent-Length: 0\r\n\r\n"
        );
        let (endpoint, first) = raw(vec![redirect.into_bytes()], Duration::ZERO).await;
        with_token_endpoint(&fixture.provider, &format!("{endpoint}/token"));
        let response = fixture.browser().through("login", &amy()).await;
        assert_page(&response, 502, INVALID);
        assert_eq!((first.lock().unwrap().len(), asked.lock().unwrap().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn slow_and_endless_responses_time_out() {
    let head = b"HTTP/1.1 200 X\r\nContent-Type: application/json\r\n\r\n{".to_vec();
    let drops = vec![b" ".to_vec(); 600];
    for (pieces, pause, says) in [
        ([vec![head.clone()], drops].concat(), Duration::from_millis(50), "isn&#39;t responding"),
        (vec![b"HTTP/1.1 200 X\r\nX-Long: ".to_vec(), vec![b'x'; 2_000_000]], Duration::ZERO, ""),
        (vec![head, vec![b' '; 50_000_000]], Duration::ZERO, "sent an invalid response"),
    ] {
        let fixture = Fixture::start().await;
        let (endpoint, _) = raw(pieces, pause).await;
        with_token_endpoint(&fixture.provider, &format!("{endpoint}/token"));
        let mut browser = fixture.browser();
        let back = browser.go("login", &amy()).await;
        let started = Instant::now();
        assert_page(&browser.ask(Method::GET, &back, &[]).await, 502, says);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[tokio::test]
async fn compressed_response_is_refused() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; 100_000_000]).unwrap();
    let packed = packed.finish().unwrap();
    let head = format!(
        "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    let fixture = Fixture::start().await;
    let (endpoint, asked) = raw(vec![head.into_bytes(), packed], Duration::ZERO).await;
    with_token_endpoint(&fixture.provider, &format!("{endpoint}/token"));
    assert_page(&fixture.browser().through("login", &amy()).await, 502, INVALID);
    assert!(!asked.lock().unwrap()[0].to_lowercase().contains("accept-encoding"));
}
