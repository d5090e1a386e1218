//! Parsers of client input, imports and documents, with a few valid inputs each.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use dropshot::RequestInfo;
use http::header::{ACCEPT, COOKIE, HeaderMap, HeaderName, USER_AGENT};
use http::{HeaderValue, Uri};
use inventree_auth::api::types;
use inventree_auth::branding::{Branding, Pictures};
use inventree_auth::contract;
use inventree_auth::domain::django_hashes::{DjangoHash, UnusableHash, read_argon2};
use inventree_auth::domain::email_format::is_email_address;
use inventree_auth::domain::keys::{self, SecretKey};
use inventree_auth::http::caller::{read_basic, unmask};
use inventree_auth::http::cookies;
use inventree_auth::http::origin::origin_of;
use inventree_auth::http::pages::forward_auth::ForwardAuth;
use inventree_auth::http::{AppState, HttpSettings, Settings, client};
use inventree_auth::languages::Languages;
use inventree_auth::network::Network;
use inventree_auth::store::EmailAddress;
use serde::Serialize;
use serde::de::DeserializeOwned;
use specbound::body::{self, BodyError, BodyLimits, Fields};
use specbound::fields::{self, Property, Rules};
use specbound::negotiation::{self, Offer};
use specbound::{HasConstraints, Host, Input, RawParameters};

/// A parser. Its result is reduced to a number, so that a new result is recognised.
pub struct Parser {
    pub name: &'static str,
    pub corpus: fn() -> Vec<Vec<u8>>,
    pub run: fn(&[u8]) -> u64,
}

pub const ALL: &[Parser] = &[
    Parser {
        name: "body: JSON",
        corpus: json_corpus,
        run: |input| {
            is_read_in_one_way::<types::Login>(input);
            is_read_in_one_way::<types::EmailAddressRequest>(input);
            is_read_in_one_way::<types::PatchedUserDetailsRequest>(input);
            is_read_in_one_way::<types::Register>(input);
            body("application/json", input)
        },
    },
    Parser {
        name: "body: urlencoded",
        corpus: form_corpus,
        run: |input| body("application/x-www-form-urlencoded", input),
    },
    Parser { name: "body: multipart", corpus: multipart_corpus, run: multipart },
    Parser { name: "header: Cookie", corpus: cookie_corpus, run: cookie },
    Parser {
        name: "header: Authorization Basic",
        corpus: basic_corpus,
        run: |input| outcome(&read_basic(input).map(|(_, password)| password.len().min(40))),
    },
    Parser { name: "header: Accept, query: format", corpus: accept_corpus, run: accept },
    Parser {
        name: "header: X-Forwarded-For, User-Agent",
        corpus: forwarded_corpus,
        run: forwarded,
    },
    Parser {
        name: "header: Origin, Referer",
        corpus: origin_corpus,
        run: |input| outcome(&origin_of(&text(input)).len().min(40)),
    },
    Parser {
        name: "CSRF token",
        corpus: csrf_corpus,
        run: |input| outcome(&unmask(&text(input)).map(|_| ())),
    },
    Parser {
        name: "query: limit, offset",
        corpus: || corpus(&["10", "-1", " 7", "9223372036854775807"]),
        run: |input| {
            let sent = |_: &str| vec![text(input)];
            let read = RawParameters::new(&sent, &Vec::new).last::<i64>(
                "limit",
                |n| *n >= 0,
                "an integer",
            );
            outcome(&read.map(|n| n.min(99)))
        },
    },
    Parser { name: "confirmation key", corpus: confirmation_corpus, run: confirmation },
    Parser {
        name: "reset link",
        corpus: reset_corpus,
        run: |input| outcome(&keys::read_reset_uid(&text(input)).map(|id| id.min(99))),
    },
    Parser { name: "sealed ticket", corpus: ticket_corpus, run: ticket },
    Parser { name: "Django's hash", corpus: hash_corpus, run: hash },
    Parser {
        name: "e-mail address",
        corpus: address_corpus,
        run: |input| outcome(&(is_email_address(&text(input)), input.len().min(40))),
    },
    Parser {
        name: "network range",
        corpus: || {
            corpus(&["10.0.0.0/8", "2001:db8::/32", "::1", "192.0.2.7", "::ffff:10.0.0.0/8"])
        },
        run: network,
    },
    Parser { name: "OpenAPI document", corpus: document_corpus, run: document },
];

fn corpus(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

fn outcome(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Letters only: positions and numbers in a message do not make it new.
fn words(message: &str) -> String {
    message.chars().filter(|letter| letter.is_ascii_alphabetic()).take(60).collect()
}

/// A valid header value; hyper rejects others.
fn header(input: &[u8]) -> HeaderValue {
    let allowed = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let bytes: Vec<u8> = input.iter().copied().filter(allowed).collect();
    HeaderValue::from_bytes(&bytes).expect("every byte is one that is allowed")
}

fn headers(name: HeaderName, input: &[u8]) -> HeaderMap {
    HeaderMap::from_iter([(name, header(input))])
}

// Bodies, checked against every constraint table.

const TABLES: &[&[Property]] = &[
    <types::Login as HasConstraints>::PROPERTIES,
    <types::Register as HasConstraints>::PROPERTIES,
    <types::EmailAddressRequest as HasConstraints>::PROPERTIES,
    <types::PasswordChange as HasConstraints>::PROPERTIES,
    <types::PasswordReset as HasConstraints>::PROPERTIES,
    <types::PasswordResetConfirm as HasConstraints>::PROPERTIES,
    <types::PatchedUserDetailsRequest as HasConstraints>::PROPERTIES,
    <types::ResendEmailVerification as HasConstraints>::PROPERTIES,
];

fn body(content_type: &str, input: &[u8]) -> u64 {
    let read = body::parse(Some(content_type), input.to_vec().into(), &BodyLimits::DEFAULT);
    match read {
        Ok(fields) => checked(fields),
        Err(BodyError::JsonParse(why) | BodyError::MultipartParse(why)) => outcome(&words(&why)),
        Err(BodyError::NotAnObject(kind)) => outcome(&kind),
        Err(BodyError::TooManyFields(_)) => 1,
        Err(BodyError::UnsupportedMediaType(_)) => 2,
        Err(BodyError::TooManyValues(_)) => 3,
        Err(BodyError::NoData) => 4,
        // Of `Fields::sanitized` alone.
        Err(BodyError::HtmlTag(_)) => 5,
    }
}

/// Straight into the type, and by way of a tree. A body without bytes has no JSON to read.
fn is_read_in_one_way<T: HasConstraints + DeserializeOwned + Serialize>(input: &[u8]) {
    if input.is_empty() {
        return;
    }
    let directly = Input::<T>::read_json(input, AppState::FORMATS, &BodyLimits::DEFAULT);
    let fields = body::parse(Some("application/json"), input.to_vec().into(), &BodyLimits::DEFAULT);
    let by_a_tree =
        fields.ok().and_then(|fields| Input::<T>::new(fields, AppState::FORMATS).read().ok());
    let json = |value: Option<T>| value.map(|value| serde_json::to_string(&value).ok());
    assert_eq!(json(directly.ok()), json(by_a_tree));
}

fn checked(fields: Fields) -> u64 {
    let mut found = Vec::new();
    for table in TABLES {
        let (cleaned, errors) = fields::check(table, &fields, Rules::default(), AppState::FORMATS);
        let errors = errors.iter().map(|(name, output)| {
            (name.to_owned(), output.iter().map(|s| words(s)).collect::<Vec<_>>())
        });
        found.push((cleaned.keys().cloned().collect::<Vec<_>>(), errors.collect::<Vec<_>>()));
    }
    let truths: Vec<bool> =
        ["username", "email", "mfa"].map(|name| fields.is_truthy(name)).to_vec();
    outcome(&(found, truths, fields.sanitized().is_ok()))
}

fn json_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        concat!(
            r#"{"username": "amy", "email": "amy@example.com", "#,
            r#""password1": "Zebra-Quartz-77", "password2": "Zebra-Quartz-77"}"#,
        ),
        r#"{"email": "b@example.com", "user": 1, "verified": true, "primary": false, "id": 7}"#,
        concat!(
            r#"{"uid": "1", "token": "c8-0a", "#,
            r#""new_password1": "\u00e4\ud83d\ude00\n", "new_password2": "x"}"#,
        ),
        r#"{"a": [1, -2.5e-3, {"b": [[], {}, null]}], "first_name": "", "last_name": "<b>"}"#,
        "[1, 2]",
        "\"text\"",
        "-0.0",
        "1e16",
    ])
}

fn form_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "username=amy&password=Zebra-Quartz-77&email=amy%40example.com",
        "first_name=%C3%A4+b&last_name=%zz%4&username",
        "user=1&verified=true&primary=on&email=b%2Bc@example.com&&=&a=1&a=2",
    ])
}

/// The first line is the content type.
fn multipart(input: &[u8]) -> u64 {
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (kind, rest) = input.split_at(at);
    body(&text(kind), rest.get(1..).unwrap_or_default())
}

fn multipart_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "multipart/form-data; boundary=x\n--x\r\nContent-Disposition: form-data; \
         name=\"username\"\r\n\r\namy\r\n\
         --x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nZebra\r\n--x--\r\n",
        "multipart/form-data; boundary=\"x y\"; charset=utf-8\n--x y\r\nContent-Disposition: \
         form-data; name=\"f\"; \
         filename=\"f.txt\"\r\nContent-Type: text/plain; charset=latin-1\r\n\r\nfile\r\n--x \
         y--\r\n",
        "Multipart/Form-Data; BOUNDARY=abc\npreamble\r\n--abc\r\nContent-Disposition: form-data; \
         name*=utf-8''%C3%A4\r\n\
         Content-Transfer-Encoding: base64\r\n\r\n\r\n--abc\r\n\r\nnameless\r\n--abc--\r\nepilogue",
    ])
}

// Headers.

fn cookie(input: &[u8]) -> u64 {
    let headers = headers(COOKIE, input);
    let found = ["sessionid", "csrftoken", "signin_ticket"]
        .map(|name| cookies::all(&headers, name).next().map(|v| v.len().min(40)));
    outcome(&found)
}

fn cookie_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "sessionid=0123456789abcdefghijklmnopqrstuv; csrftoken=abcdefghijklmnopqrstuvwxyzABCDEF",
        "signin_ticket=\"AAAA\"; other=a=b=c; sessionid=",
        "sessionid;sessionid=x;sessionid=y; =; ;;",
    ])
}

fn basic_corpus() -> Vec<Vec<u8>> {
    ["amy:Zebra-Quartz-77", "änne:pass:word", "nocolon", ":", ""]
        .map(|text| STANDARD.encode(text).into_bytes())
        .to_vec()
}

fn accept(input: &[u8]) -> u64 {
    const OFFERS: [Offer; 2] = [
        Offer { media_type: "application/json", format: "json" },
        Offer { media_type: "text/html", format: "html" },
    ];
    let at = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (query, rest) = input.split_at(at);
    let headers = headers(ACCEPT, rest);
    let target: String = text(query).chars().filter(char::is_ascii_graphic).collect();
    let uri: Uri = format!("/?{target}").parse().unwrap_or_else(|_| Uri::from_static("/"));
    let chosen =
        negotiation::choose(&headers, &uri, &OFFERS).map_err(|error| error.status().as_u16());
    let json = negotiation::require(&headers, &uri, &[]).map_err(|error| error.status().as_u16());
    outcome(&(chosen, json, negotiation::quality(&text(rest)).to_bits()))
}

fn accept_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "format=json\napplication/json",
        "\ntext/html,application/xhtml+xml;q=0.9,*/*;q=0.8",
        "format=html&a=%20\ntext/*;q=0.5, application/json;q=0.4;level=1",
    ])
}

static PROXIED: LazyLock<Settings> = LazyLock::new(|| Settings {
    site_url: String::new(),
    http: HttpSettings {
        session_cookie_secure: false,
        session_cookie: "sessionid".to_owned(),
        cookie_domain: None,
        forward_auth: ForwardAuth::default(),
        cookie_same_site: String::new(),
        trusted_origins: Vec::new(),
        cors_origins: Vec::new(),
        trusted_proxies: ["10.0.0.0/8", "127.0.0.1"]
            .iter()
            .filter_map(|range| range.parse().ok())
            .collect(),
    },
    mail_required: false,
    email_configured: false,
    providers: Vec::new(),
    ends_tls: false,
    languages: Arc::new(
        Languages::new(None, "InvenTree").unwrap_or_else(|error| panic!("{error}")),
    ),
    branding: Branding::default(),
    pictures: Pictures::default(),
    email_sender: String::new(),
    mailbox: None,
});

fn forwarded(input: &[u8]) -> u64 {
    let mut request = http::Request::new(());
    request.headers_mut().insert("x-forwarded-for", header(input));
    request.headers_mut().insert(USER_AGENT, header(input));
    let info = RequestInfo::new(&request, SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    let client = client::read(&PROXIED, info.headers(), info.remote_addr());
    outcome(&(words(&client.address), client.user_agent.is_empty()))
}

fn forwarded_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "203.0.113.7",
        "198.51.100.1, 203.0.113.7, 10.0.0.1",
        "2001:db8::1,::ffff:10.1.2.3",
        "[::1]:80, unknown",
    ])
}

fn origin_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "https://auth.example.com",
        "http://auth.example.com:8000/platform/?x=1#y",
        "null",
        "://",
        "https://a@b:c/",
    ])
}

fn csrf_corpus() -> Vec<Vec<u8>> {
    let plain = "abcdefghijklmnopqrstuvwxyzABCDEF";
    vec![plain.into(), plain.repeat(2).into(), "0123456789".into()]
}

// Keys.

static SECRET: LazyLock<SecretKey> = LazyLock::new(|| SecretKey::new(b"fuzz"));
const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn row() -> EmailAddress {
    EmailAddress {
        id: 7,
        account_id: 1,
        email: "amy@example.com".to_owned(),
        verified: false,
        primary: true,
        proved_otherwise: false,
    }
}

fn confirmation(input: &[u8]) -> u64 {
    let key = text(input);
    let id = keys::read_confirmation_key(&key).map(|id| id.min(99));
    outcome(&(
        id,
        keys::confirmation_key_is_good(&SECRET, &key, &row(), NOW, 3),
        key.split(':').count().min(9),
    ))
}

fn confirmation_corpus() -> Vec<Vec<u8>> {
    let good = keys::confirmation_key(&SECRET, &row(), NOW);
    vec![good.into(), "MQ:1abc:x".into(), "MTIzNDU2Nzg5MDEyMzQ1Njc4OTA:zzzzzzzzzzzzzzz:AAAA".into()]
}

fn reset_corpus() -> Vec<Vec<u8>> {
    corpus(&["1", "zz", "1y2p0ij32e8e7", "zzzzzzzzzzzzz", "-1"])
}

fn ticket(input: &[u8]) -> u64 {
    let sealed = URL_SAFE_NO_PAD.decode(input);
    outcome(&sealed.map(|sealed| keys::open(&SECRET, "sign-in-ticket", &sealed).is_some()).ok())
}

fn ticket_corpus() -> Vec<Vec<u8>> {
    let sealed = keys::seal(&SECRET, "sign-in-ticket", b"{\"root\":[]}", [7; keys::NONCE_BYTES]);
    vec![
        URL_SAFE_NO_PAD.encode(sealed).into(),
        "AAAA".into(),
        URL_SAFE_NO_PAD.encode([0; 24]).into(),
    ]
}

fn hash(input: &[u8]) -> u64 {
    let stored = text(input);
    let kind = |unusable: UnusableHash| unusable == UnusableHash::TooCostly;
    let read = DjangoHash::read(&stored).map(|hash| hash.name()).map_err(kind);
    let argon2 = read_argon2(&stored).map(|_| ()).map_err(kind);
    // Verified only if that is cheap.
    let rounds = stored.split('$').nth(1).and_then(|rounds| rounds.parse::<u32>().ok());
    let is_cheap = stored.starts_with("argon2$argon2id$v=19$m=8,t=1,p=1$")
        || (stored.starts_with("pbkdf2") && rounds.is_some_and(|rounds| rounds < 20))
        || (stored.starts_with("scrypt")
            && stored.split('$').nth(1).is_some_and(|cost| ["2", "4", "16"].contains(&cost)));
    let fits = is_cheap.then(|| DjangoHash::read(&stored).is_ok_and(|hash| hash.verify(b"zebra")));
    outcome(&(read, argon2, fits))
}

fn hash_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "pbkdf2_sha256$10$salt$YmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmE=",
        "pbkdf2_sha1$1$salt$YmFkYmFkYmFkYmFkYmFkYmFkYmE=",
        "argon2$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$YmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmE",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$YmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmE",
        "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuuYjB2ySDiNdbrf8Vt9RZ3cYkBF4O6E5m",
        "bcrypt$$2b$04$abcdefghijklmnopqrstuuYjB2ySDiNdbrf8Vt9RZ3cYkBF4O6E5m",
        "scrypt$16$salt$8$1$YmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFiYWRiYWRiYWRiYWRiYWRiYWRiYW\
         RiYWRiYWRiYWRiYQ==",
        "scrypt$salt$16384$8$1$YmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFkYmFiYWRiYWRiYWRiYWRiYWRiYW\
         RiYWRiYWRiYWRiYWRiYQ==",
        "!unusable",
        "",
    ])
}

// The rest.

fn address_corpus() -> Vec<Vec<u8>> {
    corpus(&[
        "amy@example.com",
        "a.b+c@sub.example.co.uk",
        "\"a\\ b\"@example.com",
        "x@[127.0.0.1]",
        "x@[::1]",
        "x@localhost",
        "x@bücher.example",
        "x@xn--bcher-kva.example",
    ])
}

fn network(input: &[u8]) -> u64 {
    let parsed = text(input).parse::<Network>();
    let inside = ["10.1.2.3", "::1", "2001:db8::7", "::ffff:10.0.0.1"];
    let contains = |network: Network| {
        inside.map(|one| one.parse().is_ok_and(|address| network.contains(address)))
    };
    outcome(&parsed.map(contains).map_err(|_| ()))
}

/// Parsed, and compared with the original in both directions.
fn document(input: &[u8]) -> u64 {
    static GOOD: LazyLock<serde_json::Value> = LazyLock::new(|| {
        contract::parse(include_str!("../../../../tests/generator/compile_fail/small.yaml"))
            .expect("a document")
    });
    match contract::parse(&text(input)) {
        Ok(document) => {
            let differences = contract::diff::diff(&GOOD, &document);
            let verdicts = contract::compatibility::compare(&document, &GOOD);
            let output =
                contract::diff::to_text(&differences, contract::diff::DocumentNames::SOURCE_SERVER);
            outcome(&(
                output.lines().count().min(50),
                contract::compatibility::may_break(&verdicts),
            ))
        }
        Err(why) => outcome(&words(&why.to_string())),
    }
}

fn document_corpus() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../../../tests/generator/compile_fail/small.yaml").to_vec(),
        br#"{"openapi": "3.0.3", "info": {"title": "x", "version": "1"}, "paths": {}}"#.to_vec(),
    ]
}
