//! Email that strangers trigger: the host in its links, its recipients, its headers.

use std::io::{Read, Write};

use serde_json::{Value, json};

use test_support::smtp::Sink;
use test_support::{PASSWORD, Response, TestServer, contract};

const SITE: &str = "http://auth.example.com/";

/// Sends a request verbatim and returns the status.
async fn raw(server: &TestServer, request: String) -> u16 {
    let address = server.address();
    let response = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        response
    });
    response.await.unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn links_use_the_configured_site_regardless_of_the_host_header() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let row = server.get("emails/", &[("authorization", &token)]).await.json()["results"][0]["id"]
        .as_i64()
        .unwrap();
    server.take_mails(1).await;
    let foreign: [&[(&str, &str)]; 8] = [
        &[("host", "evil.example.net")],
        &[
            ("x-forwarded-host", "evil.example.net"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-port", "444"),
        ],
        &[("forwarded", "host=evil.example.net;proto=https")],
        &[("x-host", "evil.example.net"), ("x-original-host", "evil.example.net")],
        &[("x-forwarded-server", "evil.example.net"), ("x-http-host-override", "evil.example.net")],
        &[
            ("x-original-url", "http://evil.example.net/"),
            ("x-rewrite-url", "http://evil.example.net/"),
        ],
        &[("origin", "http://evil.example.net"), ("referer", "http://evil.example.net/")],
        &[("host", "auth.example.com:80@evil.example.net")],
    ];
    for (n, headers) in foreign.into_iter().enumerate() {
        let name = format!("name{n}");
        let email = format!("{name}@example.com");
        let body = json!({
            "username": name, "email": email, "password1": PASSWORD, "password2": PASSWORD,
        });
        let verify = format!("emails/{row}/verify/");
        let mut signed = headers.to_vec();
        signed.push(("authorization", &token));
        for (path, headers, body) in [
            ("registration/", headers, body),
            ("password/reset/", headers, json!({ "email": "amy@example.com" })),
            ("registration/resend-email/", headers, json!({ "email": email })),
            (&verify, &signed[..], Value::Null),
        ] {
            let response = server.post(path, headers, body).await;
            // An invalid `Host` is refused before anything else is read.
            let is_refused = headers[0].1.contains('@');
            assert!(
                response.status < 300 || (is_refused && response.status == 400),
                "{path} {headers:?} {response:?}"
            );
        }
    }
    // An absolute-form request target (RFC 9112, 3.2.2) and a missing Host do not set the host of
    // links either.
    let body = json!({ "email": "amy@example.com" }).to_string();
    let rest = format!(
        "Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    for head in [
        "POST http://evil.example.net/api/auth/password/reset/ HTTP/1.1\r\nHost: \
         evil.example.net\r\n",
        "POST http://evil.example.net/api/auth/password/reset/ HTTP/1.1\r\nHost: \
         auth.example.com\r\n",
        "POST https://evil.example.net:444/api/auth/password/reset/ HTTP/1.1\r\nHost: x\r\nHost: \
         evil.example.net\r\n",
        "POST /api/auth/password/reset/ HTTP/1.0\r\n",
    ] {
        assert!(matches!(raw(&server, format!("{head}{rest}")).await, 200 | 400), "{head}");
    }
    // Email is sent in order: this one comes last.
    server.register("last", "last@example.com").await;
    let mut mails = Vec::new();
    while mails
        .last()
        .is_none_or(|mail: &inventree_auth::mail::Message| mail.to != "last@example.com")
    {
        mails.extend(server.take_mails(1).await);
    }
    assert!(mails.len() >= 30, "{}", mails.len());
    for mail in mails {
        for text in [&mail.text, &mail.html] {
            assert!(text.contains(SITE) && !text.contains("evil"), "{text}");
            let links = text.split("http").skip(1).map(|rest| format!("http{rest}"));
            for link in
                links.filter(|link| link.starts_with("http://") || link.starts_with("https://"))
            {
                assert!(link.starts_with(SITE), "{link}");
            }
        }
    }
}

/// Sequences that some reader treats as a line break.
const BREAKS: [&str; 12] = [
    "\r\n", "\n", "\r", "\n\n", "\r\n\r\n", "\u{2028}", "\u{2029}", "\u{85}", "\u{b}", "\u{c}",
    "\0", "%0d%0a",
];

async fn send_both_ways(
    server: &TestServer,
    path: &str,
    token: &str,
    body: &Value,
) -> Vec<Response> {
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in body.as_object().unwrap() {
        form.append_pair(name, value.as_str().map_or(value.to_string(), str::to_owned).as_str());
    }
    let mut responses = Vec::new();
    for (kind, text) in [
        ("application/json", body.to_string()),
        ("application/x-www-form-urlencoded", form.finish()),
    ] {
        let mut request = server
            .http
            .post(format!("{}/api/auth/{path}", server.base))
            .header("content-type", kind);
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        // The document forbids some of these values and allows others; the emails matter here, not
        // the statuses.
        responses.push(server.page(request.body(text)).await);
    }
    responses
}

#[tokio::test]
async fn fields_cannot_inject_email_headers() {
    let sink = Sink::plain();
    let mut server = TestServer::with_transport(&[], Some(sink.transport())).await;
    let token = server.register("amy", "amy@example.com").await;
    let id = super::pk(&server, &token).await;
    let mut tried = 0;
    for (n, line_break) in BREAKS.into_iter().enumerate() {
        let bcc = format!("{line_break}Bcc: mallory@evil.example");
        let addresses = [
            format!("amy@example.com{bcc}"),
            format!("amy{bcc}@example.com"),
            format!("{bcc} amy@example.com"),
            format!("\"amy{bcc}\"@example.com"),
            format!("amy@example.com,{line_break}mallory@evil.example"),
            format!("amy@example.com>{line_break}RCPT TO:<mallory@evil.example"),
            format!("amy@example.com{line_break}"),
        ];
        for (m, address) in addresses.iter().enumerate() {
            for (path, token, body) in [
                ("password/reset/", "", json!({ "email": address })),
                ("registration/resend-email/", "", json!({ "email": address })),
                ("emails/", token.as_str(), json!({ "email": address, "user": id })),
                (
                    "registration/",
                    "",
                    json!({
                        "username": format!("u{n}x{m}"), "email": address, "password1": PASSWORD,
                        "password2": PASSWORD,
                    }),
                ),
            ] {
                for response in send_both_ways(&server, path, token, &body).await {
                    assert!(response.status < 500, "{path} {address:?} {response:?}");
                    tried += 1;
                }
            }
        }
        for name in [format!("amy{bcc}"), format!("{bcc} amy"), format!("am{line_break}y")] {
            let body = json!({
                "username": name, "email": format!("n{n}@example.com"), "password1": PASSWORD,
                "password2": PASSWORD,
            });
            for response in send_both_ways(&server, "registration/", "", &body).await {
                assert!(response.status < 500, "{name:?} {response:?}");
                tried += 1;
            }
            for field in ["username", "first_name", "last_name"] {
                let request = server
                    .http
                    .patch(format!("{}/api/auth/user/", server.base))
                    .header("authorization", &token);
                let response = server.page(
                    request
                        .header("content-type", "application/json")
                        .body(json!({ field: name }).to_string()),
                );
                assert!(response.await.status < 500);
                tried += 1;
            }
        }
    }
    // Where the text was accepted as an address, email goes to it.
    let rows = server.get("emails/", &[("authorization", &token)]).await.json()["results"]
        .as_array()
        .unwrap()
        .clone();
    for row in &rows {
        server
            .post(
                &format!("emails/{}/verify/", row["id"]),
                &[("authorization", &token)],
                Value::Null,
            )
            .await;
    }
    server.register("last", "last@example.com").await;
    for _ in 0..500 {
        if sink.recipients().iter().any(|to| to == "last@example.com") {
            break;
        }
        server.clock.advance(chrono::Duration::minutes(1));
        server.app().outbox.wake();
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    server.stop().await;
    let delivered = sink.delivered();
    assert!(delivered.iter().any(|mail| mail.to == ["last@example.com"]), "the queue goes on");
    println!("{tried} requests, {} mails", delivered.len());
    const HEADERS: [&str; 9] = [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-language",
        "auto-submitted",
    ];
    for mail in delivered {
        assert_eq!(mail.to.len(), 1, "{mail:?}");
        assert!(!mail.to[0].to_ascii_lowercase().ends_with("@evil.example"), "{:?}", mail.to);
        let head = mail.data.split_once("\n\n").unwrap().0.replace("\n ", " ").replace("\n\t", " ");
        for line in head.lines() {
            let name = line.split(':').next().unwrap().to_ascii_lowercase();
            assert!(HEADERS.contains(&name.as_str()), "{head}");
        }
        assert!(!mail.header("To").contains(','), "{head}");
        for kind in ["text/plain", "text/html"] {
            assert!(
                !mail.part(kind).lines().any(|line| line.trim_start().starts_with("Bcc:")),
                "{mail:?}"
            );
        }
    }
}

#[tokio::test]
async fn look_alike_address_gets_no_link() {
    let server = TestServer::start().await;
    server.register("kim", "kim.stein@kite.example.com").await;
    server.take_mails(1).await;
    let look_alikes = [
        "kim.stein@\u{212a}ite.example.com",  // Kelvin sign
        "kim.stein@kıte.example.com",         // dotless i
        "kim.stein@kİte.example.com",         // dotted capital I
        "kim.stein@kite.ex\u{430}mple.com",   // Cyrillic a
        "kim.ſtein@kite.example.com",         // long s
        "kim.stein@ｋｉｔｅ.example.com",     // full width
        "kim.stein@kite.example\u{ff0e}com",  // full-width full stop
        "kim.stein@kite.example\u{3002}com",  // ideographic full stop
        "kim.stein@kite\u{200b}.example.com", // zero width space
        "kim.stein@k\u{301}ite.example.com",  // combining accent
        "kim.stein\u{ad}@kite.example.com",   // soft hyphen
        "kim.stein@xn--kte-4va.example.com",  // Punycode of a look-alike
        "kim.stein+x@kite.example.com",
        "kimstein@kite.example.com",
        "kim.stein@kite.example.com.",
    ];
    contract::lenient("the document does not say what an address may be made of", async {
        for email in look_alikes {
            for path in ["password/reset/", "registration/resend-email/"] {
                let response = server.post(path, &[], json!({ "email": email })).await;
                assert!(matches!(response.status, 200 | 201 | 400), "{email} {response:?}");
            }
        }
    })
    .await;
    // Email is sent in order: any for the above would come first.
    server.post("password/reset/", &[], json!({ "email": "KIM.Stein@Kite.example.com" })).await;
    let mails = server.take_mails(1).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "kim.stein@kite.example.com"));
}

/// The email to this address, received before a marker queued after it.
async fn mails_to(server: &TestServer, address: &str) -> Vec<inventree_auth::mail::Message> {
    let accounts =
        server.app().store.read::<_, inventree_auth::store::StoreError>(|r| r.account_count());
    let marker = format!("marker{}", accounts.await.unwrap());
    server.register(&marker, &format!("{marker}@example.com")).await;
    let mut mails = Vec::new();
    while mails
        .last()
        .is_none_or(|mail: &inventree_auth::mail::Message| !mail.to.starts_with("marker"))
    {
        mails.extend(server.take_mails(1).await);
    }
    mails.retain(|mail| mail.to == address);
    mails
}

#[tokio::test]
async fn email_to_one_address_is_limited_across_operations() {
    const VICTIM: &str = "victim@example.com";
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    for n in 0..20 {
        server.register(&format!("named{n}"), VICTIM).await;
    }
    let registered = mails_to(&server, VICTIM).await.len();
    assert!((1..=2).contains(&registered), "{registered} mails of 20 registrations");
    // The next hour: accounts that add the address, and requests by strangers.
    server.clock.advance(chrono::Duration::hours(2));
    for n in 0..20 {
        let token = server.register(&format!("adds{n}"), "").await;
        let headers = [("authorization", token.as_str())];
        let id = super::pk(&server, &token).await;
        let row = server
            .post("emails/", &headers, json!({ "email": VICTIM, "user": id }))
            .await
            .json()["id"]
            .clone();
        let verified = server.post(&format!("emails/{row}/verify/"), &headers, Value::Null).await;
        assert_eq!(verified.status, 200, "over its budget the response is the same");
    }
    for _ in 0..10 {
        let resent =
            server.post("registration/resend-email/", &[], json!({ "email": VICTIM })).await;
        assert_eq!((resent.status, resent.json()), (201, json!({ "detail": "ok" })));
        let reset = server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
        assert_eq!(reset.status, 200);
    }
    let mails = mails_to(&server, VICTIM).await.len();
    assert!((2..=5).contains(&mails), "{mails} mails within one hour");
    // One reset email per hour, regardless of the number of requests.
    for _ in 0..3 {
        server.clock.advance(chrono::Duration::hours(1));
        for _ in 0..5 {
            server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
        }
        let mails = mails_to(&server, VICTIM).await;
        assert!(
            mails.iter().any(|mail| mail.subject.ends_with("Password Reset Email")),
            "{}",
            mails.len()
        );
    }
}

#[tokio::test]
async fn accounts_of_one_address_share_an_email_with_a_link_each() {
    let server = TestServer::start().await;
    for n in 0..25 {
        server.register(&format!("twin{n}"), "twin@example.com").await;
    }
    server.take_mails(25).await;
    for (path, link) in [
        ("password/reset/", "/platform/set-password?uid="),
        ("registration/resend-email/", "/accounts/confirm-email/"),
    ] {
        let response = server.post(path, &[], json!({ "email": "Twin@Example.com" })).await;
        assert!(response.status < 300);
        let mails = mails_to(&server, "twin@example.com").await;
        assert_eq!(mails.len(), 1, "{path}");
        // At most twenty: more accounts with one address are an attack.
        assert_eq!(mails[0].text.matches(link).count(), 20, "{path} {}", mails[0].text);
    }
    // Each link belongs to its account.
    server.post("password/reset/", &[], json!({ "email": "twin@example.com" })).await;
    let mail = mails_to(&server, "twin@example.com").await.remove(0);
    for (n, rest) in mail.text.split("/platform/set-password?uid=").skip(1).take(3).enumerate() {
        let (uid, rest) = rest.split_once("&token=").unwrap();
        let token = rest.lines().next().unwrap();
        let new = "Violet-Anchor-58";
        let body =
            json!({ "uid": uid, "token": token, "new_password1": new, "new_password2": new });
        assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
        assert_eq!(server.log_in(&format!("twin{n}"), new).await.status, 200);
    }
}
