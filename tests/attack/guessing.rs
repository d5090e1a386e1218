//! Password guessing from many networks, in many spellings, concurrently.

use chrono::Duration;
use inventree_auth::domain::client::Client;
use inventree_auth::domain::hashing::Requester;
use inventree_auth::domain::passwords::Password;
use serde_json::json;

use super::basic;
use test_support::{Answer, PASSWORD, TestServer, confirmation_key, reset_link};

/// Rate limits enabled, behind a trusted proxy.
async fn behind_a_proxy() -> TestServer {
    TestServer::with(&[
        ("RATE_LIMITS", "on"),
        ("USE_X_FORWARDED_FOR", "true"),
        ("TRUSTED_PROXIES", "127.0.0.0/8"),
    ])
    .await
}

async fn log_in_from(
    server: &TestServer,
    forwarded: &str,
    username: &str,
    password: &str,
) -> Answer {
    let body = json!({ "username": username, "password": password });
    server.post("login/", &[("x-forwarded-for", forwarded)], body).await
}

#[tokio::test]
async fn forwarded_addresses_count_for_nothing_from_a_stranger() {
    let server = TestServer::with(&[
        ("RATE_LIMITS", "on"),
        ("USE_X_FORWARDED_FOR", "true"),
        ("TRUSTED_PROXIES", "192.0.2.1"),
    ])
    .await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(
            log_in_from(&server, &format!("203.0.113.{n}"), "amy", "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "203.0.113.99", "amy", PASSWORD).await.status, 429);
    let headers = [
        ("forwarded", "for=203.0.113.99"),
        ("x-real-ip", "203.0.113.99"),
        ("client-ip", "203.0.113.99"),
    ];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 429);
}

#[tokio::test]
async fn everybody_behind_a_trusted_proxy_has_limits_of_their_own() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..100 {
        assert_eq!(
            log_in_from(&server, "203.0.113.7", &format!("name{n}"), "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "203.0.113.8", "amy", PASSWORD).await.status, 200);
    // Entries before the proxy's own come from the client.
    assert_eq!(
        log_in_from(&server, "198.51.100.1, 203.0.113.7", "amy", PASSWORD).await.status,
        429
    );
    // A second trusted proxy is skipped.
    assert_eq!(log_in_from(&server, "203.0.113.7, 127.0.0.9", "amy", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn whole_64_of_ipv6_is_one_client() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(
            log_in_from(&server, &format!("2001:db8:0:1:{n}::{n}"), "amy", "wrong").await.status,
            400
        );
    }
    assert_eq!(log_in_from(&server, "2001:db8:0:1:ffff::1", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "2001:db8:0:2::1", "amy", PASSWORD).await.status, 200);
    // All notations of an address are one client.
    for _ in 0..10 {
        assert_eq!(log_in_from(&server, "::ffff:203.0.113.7", "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
}

/// A hundred guesses from ten addresses, which fill the bucket of the account.
async fn attack(server: &TestServer, username: &str) {
    for attacker in 0..10 {
        for _ in 0..10 {
            let answer =
                log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
            assert_eq!(answer.status, 400);
        }
    }
    assert_eq!(log_in_from(server, "203.0.113.99", username, "wrong").await.status, 429);
}

/// One step of 14 addresses that guess and one that requests email.
async fn attack_on(server: &TestServer, username: &str, email: &str) {
    for attacker in 0..14 {
        log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
    }
    let headers = [("x-forwarded-for", "203.0.113.200")];
    server.post("registration/resend-email/", &headers, json!({ "email": email })).await;
}

/// An observed attack: for 75 seconds, 14 addresses guess a login and one fills the email bucket.
#[tokio::test]
async fn owner_under_attack_from_everywhere_gets_in_every_time_and_has_a_reset_mail() {
    let server = behind_a_proxy().await;
    let (home, email) = ("198.51.100.1", "amy@example.com");
    server.register("amy", email).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(
        server.post("registration/verify-email/", &[], json!({ "key": key })).await.status,
        200
    );
    assert_eq!(log_in_from(&server, home, "amy", PASSWORD).await.status, 200);
    for _ in 0..10 {
        attack_on(&server, "amy", email).await;
    }
    let (mut logins, mut resets) = (Vec::new(), Vec::new());
    for second in 0..75 {
        server.clock.advance(Duration::seconds(1));
        attack_on(&server, "amy", email).await;
        if second % 3 == 0 {
            logins.push(log_in_from(&server, home, "amy", PASSWORD).await.status);
            let headers = [("x-forwarded-for", home)];
            resets.push(
                server.post("password/reset/", &headers, json!({ "email": email })).await.status,
            );
        }
    }
    assert_eq!((logins, resets), (vec![200; 25], vec![200; 25]));
    let (uid, token) = reset_link(&server.take_mail_about("Password Reset").await);
    assert!(!uid.is_empty() && !token.is_empty());
}

#[tokio::test]
async fn browser_that_signed_in_before_gets_in_from_any_network_under_attack() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    let signed_in = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await;
    let cookie = format!("device={}", signed_in.cookie_value("device"));
    attack(&server, "amy").await;
    let log_in = |password: &str| {
        let headers = [("x-forwarded-for", "192.0.2.77"), ("cookie", cookie.as_str())];
        let body = json!({ "username": "amy", "password": password });
        let server = &server;
        async move { server.post("login/", &headers, body).await.status }
    };
    // Its own failures are counted, separately from all others.
    for _ in 0..9 {
        assert_eq!(log_in("wrong").await, 400);
    }
    assert_eq!(log_in(PASSWORD).await, 200);
    assert_eq!(log_in("wrong").await, 400);
    assert_eq!(log_in(PASSWORD).await, 429);
    assert_eq!(log_in_from(&server, "192.0.2.79", "amy", PASSWORD).await.status, 429);
    // Basic authentication has the same limit and the same exemption for known devices.
    server.clock.advance(Duration::minutes(2));
    let basic = basic("amy", PASSWORD);
    let headers = [
        ("x-forwarded-for", "192.0.2.78"),
        ("cookie", cookie.as_str()),
        ("authorization", basic.as_str()),
    ];
    assert_eq!(server.get("user/", &headers).await.status, 200);
}

#[tokio::test]
async fn device_cookie_is_worth_nothing_at_another_account_and_names_none() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    server.register("mallory", "").await;
    let cookie = |answer: &Answer| format!("device={}", answer.cookie_value("device"));
    let mallorys = cookie(&log_in_from(&server, "192.0.2.77", "mallory", PASSWORD).await);
    attack(&server, "amy").await;
    let log_in = |name: &'static str, cookie: String| {
        let server = &server;
        async move {
            let headers = [("x-forwarded-for", "192.0.2.78"), ("cookie", cookie.as_str())];
            server.post("login/", &headers, json!({ "username": name, "password": PASSWORD })).await
        }
    };
    assert_eq!(log_in("amy", mallorys.clone()).await.status, 429);
    let forged = format!("device={}", "A".repeat(38));
    assert_eq!(log_in("amy", forged).await.status, 429);
    // Cookies of two browsers for one account have no part in common.
    let other = cookie(&log_in_from(&server, "192.0.2.79", "mallory", PASSWORD).await);
    let parts = |cookie: &str| {
        cookie
            .trim_start_matches("device=")
            .as_bytes()
            .chunks(8)
            .map(<[u8]>::to_vec)
            .collect::<Vec<_>>()
    };
    assert!(
        parts(&mallorys).iter().zip(parts(&other)).all(|(one, another)| *one != another),
        "{mallorys} {other}"
    );
    // A failed login sets no cookie, whether the account exists or not.
    for name in ["mallory", "nobody"] {
        assert_eq!(log_in_from(&server, "192.0.2.80", name, "wrong").await.cookie("device"), None);
    }
}

#[tokio::test]
async fn device_cookie_is_for_no_script_and_no_other_site() {
    let server =
        TestServer::with(&[("SITE_URL", "https://auth.example.com"), ("COOKIE_SAMESITE", "None")])
            .await;
    server.register("amy", "").await;
    let cookie = server.log_in("amy", PASSWORD).await.cookie("device").unwrap();
    for flag in ["; HttpOnly", "; SameSite=Lax", "; Secure", "; Path=/"] {
        assert!(cookie.contains(flag), "{cookie}");
    }
}

#[tokio::test]
async fn browser_of_several_people_is_known_to_each_of_them() {
    let server = behind_a_proxy().await;
    let mut cookie = String::new();
    for name in ["amy", "bob", "eve"] {
        server.register(name, "").await;
        let headers = [("x-forwarded-for", "198.51.100.1"), ("cookie", cookie.as_str())];
        let answer = server
            .post("login/", &headers, json!({ "username": name, "password": PASSWORD }))
            .await;
        cookie = format!("device={}", answer.cookie_value("device"));
    }
    attack(&server, "amy").await;
    let headers = [("x-forwarded-for", "192.0.2.77"), ("cookie", cookie.as_str())];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 200);
}

#[tokio::test]
async fn device_cookie_and_known_networks_die_with_the_password() {
    let server = behind_a_proxy().await;
    server.register("amy", "amy@example.com").await;
    let old = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await;
    let token = format!("Token {}", old.json()["key"].as_str().unwrap());
    let new = "Violet-Anchor-58";
    let body = json!({ "new_password1": new, "new_password2": new });
    let headers = [("authorization", token.as_str()), ("x-forwarded-for", "198.51.100.2")];
    assert_eq!(server.post("password/change/", &headers, body).await.status, 200);
    attack(&server, "amy").await;
    let cookie = format!("device={}", old.cookie_value("device"));
    let headers = [("x-forwarded-for", "198.51.100.1"), ("cookie", cookie.as_str())];
    let body = json!({ "username": "amy", "password": new });
    assert_eq!(server.post("login/", &headers, body).await.status, 429);
    // The network of the password change is known.
    assert_eq!(log_in_from(&server, "198.51.100.2", "amy", new).await.status, 200);
}

#[tokio::test]
async fn browser_that_changes_its_password_is_known_with_the_new_one() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    let signed_in = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await;
    let (session, csrf) =
        (signed_in.cookie_value("sessionid"), signed_in.cookie_value("csrftoken"));
    let cookies = format!("sessionid={session}; csrftoken={csrf}");
    let headers = [("cookie", cookies.as_str()), ("x-csrftoken", csrf.as_str())];
    let new = "Violet-Anchor-58";
    let body = json!({ "new_password1": new, "new_password2": new });
    let changed = server.post("password/change/", &headers, body).await;
    let cookie = format!("device={}", changed.cookie_value("device"));
    attack(&server, "amy").await;
    let headers = [("x-forwarded-for", "192.0.2.77"), ("cookie", cookie.as_str())];
    assert_eq!(
        server.post("login/", &headers, json!({ "username": "amy", "password": new })).await.status,
        200
    );
}

/// Access for an owner whose browser and network are both unknown.
#[tokio::test]
async fn reset_by_mail_lets_an_owner_at_a_new_place_in_under_attack() {
    let server = behind_a_proxy().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    attack(&server, "amy").await;
    let away = "192.0.2.77";
    assert_eq!(log_in_from(&server, away, "amy", PASSWORD).await.status, 429);
    let headers = [("x-forwarded-for", away)];
    assert_eq!(
        server
            .post("password/reset/", &headers, json!({ "email": "amy@example.com" }))
            .await
            .status,
        200
    );
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let new = "Violet-Anchor-58";
    let body = json!({ "uid": uid, "token": token, "new_password1": new, "new_password2": new });
    assert_eq!(server.post("password/reset/confirm/", &headers, body).await.status, 200);
    assert_eq!(log_in_from(&server, away, "amy", new).await.status, 200);
}

/// Behind the same address, as in an office.
#[tokio::test]
async fn reset_by_mail_lets_an_owner_in_beside_a_stranger() {
    let server = behind_a_proxy().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    let office = "192.0.2.77";
    let headers = [("x-forwarded-for", office)];
    server.post("password/reset/", &headers, json!({ "email": "amy@example.com" })).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let new = "Violet-Anchor-58";
    let body = json!({ "uid": uid, "token": token, "new_password1": new, "new_password2": new });
    let reset = server.post("password/reset/confirm/", &headers, body).await;
    let device = format!("device={}", reset.cookie_value("device"));
    for _ in 0..30 {
        log_in_from(&server, office, "amy", "wrong").await;
    }
    assert_eq!(log_in_from(&server, office, "amy", new).await.status, 429);
    let headers = [("x-forwarded-for", office), ("cookie", device.as_str())];
    let body = json!({ "username": "amy", "password": new });
    assert_eq!(server.post("login/", &headers, body).await.status, 200);
}

#[tokio::test]
async fn guesses_at_one_account_are_bounded_and_what_the_owner_has_goes_on() {
    let server = behind_a_proxy().await;
    let token = server.register("amy", "").await;
    let session =
        log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.cookie_value("sessionid");
    let session = format!("sessionid={session}");
    let mut tried = 0;
    for attacker in 0..40 {
        for _ in 0..10 {
            let answer =
                log_in_from(&server, &format!("203.0.113.{attacker}"), "amy", "wrong").await;
            tried += usize::from(answer.status == 400);
        }
    }
    assert_eq!(tried, 100);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &session)]).await.status, 200);
    // An unknown client gets Retry-After, and is admitted after it.
    let waits = log_in_from(&server, "192.0.2.77", "amy", PASSWORD).await;
    assert_eq!((waits.status, waits.header("retry-after")), (429, "20"));
    server.clock.advance(Duration::seconds(20));
    assert_eq!(log_in_from(&server, "192.0.2.77", "amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn account_knows_a_bounded_number_of_networks() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..30 {
        assert_eq!(
            log_in_from(&server, &format!("198.51.100.{n}"), "amy", PASSWORD).await.status,
            200
        );
        server.clock.advance(Duration::seconds(1));
    }
    server.flush_deferred().await;
    assert_eq!(server.place.number("SELECT COUNT(*) FROM known_networks"), 10);
    attack(&server, "amy").await;
    assert_eq!(log_in_from(&server, "198.51.100.29", "amy", PASSWORD).await.status, 200);
    assert_eq!(log_in_from(&server, "198.51.100.0", "amy", PASSWORD).await.status, 429);
}

/// Two addresses and twenty accounts keep the hashing threads busy; another address is still
/// served.
#[tokio::test]
async fn flood_of_good_passwords_keeps_no_other_network_from_hashing() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    let hasher = server.app().hasher.clone();
    let rounds = if cfg!(debug_assertions) { 20_000 } else { 800_000 };
    let slow = format!("pbkdf2_sha256${rounds}$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let flooder = |n: usize| {
        let client = Client { address: format!("203.0.113.{}", n % 2), ..Client::default() };
        Requester::new(&client, Some(&format!("mallory{}", n % 20)))
    };
    let mut flood = Vec::new();
    let mut fill = async || {
        for n in (0..40).cycle().take(400) {
            if !hasher.is_busy(&flooder(n)) {
                let mut job =
                    Box::pin(hasher.verify(flooder(n), Password::new("x".to_owned()), Some(&slow)));
                let _ = futures::poll!(job.as_mut());
                flood.push(job);
            }
        }
    };
    let mut statuses = Vec::new();
    let mut flooders = 0..1000;
    for _ in 0..10 {
        // A thread may make room between the filling and the request, on a busy machine now and
        // then: fill again.
        let mut refused = false;
        while !refused {
            fill().await;
            let name = format!("mallory{}", flooders.next().expect("the flooder is refused"));
            let body = json!({ "username": name, "password": "wrong" });
            // Bypasses the contract check: the document has no 503.
            let own = server.http.post(format!("{}/api/auth/login/", server.base));
            let answer =
                server.page(own.header("x-forwarded-for", "203.0.113.1").json(&body)).await;
            refused = answer.status == 503;
        }
        statuses.push(log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.status);
    }
    assert_eq!(statuses, [200; 10]);
    drop(flood);
}

#[tokio::test]
async fn success_elsewhere_clears_nothing() {
    let server = behind_a_proxy().await;
    let (attacker, home) = ("203.0.113.7", "198.51.100.1");
    server.register("amy", "amy@example.com").await;
    server.register("mallory", "").await;
    for _ in 0..9 {
        assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 400);
    }
    // The attacker's own account, the owner's login from elsewhere, the owner's new password.
    assert_eq!(log_in_from(&server, attacker, "mallory", PASSWORD).await.status, 200);
    let owner = log_in_from(&server, home, "amy", PASSWORD).await.json()["key"]
        .as_str()
        .unwrap()
        .to_owned();
    let owner = format!("Token {owner}");
    let body = json!({
        "old_password": PASSWORD, "new_password1": "Violet-Anchor-58",
        "new_password2": "Violet-Anchor-58",
    });
    let changed = server
        .post("password/change/", &[("authorization", &owner), ("x-forwarded-for", home)], body)
        .await;
    assert_eq!(changed.status, 200);
    assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 400);
    assert_eq!(log_in_from(&server, attacker, "amy", "wrong").await.status, 429);
}

#[tokio::test]
async fn parallel_guesses_by_every_way_cannot_pass_the_limit_together() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    server.register("amy", "").await;
    let guesses = (0..60).map(|n| {
        let server = &server;
        // A different spelling each.
        let name: String = "amy"
            .chars()
            .enumerate()
            .map(|(i, c)| if n >> i & 1 == 1 { c.to_ascii_uppercase() } else { c })
            .collect();
        async move {
            match n % 2 {
                0 => server.log_in(&name, "wrong").await.status,
                _ => server.get("user/", &[("authorization", &basic(&name, "wrong"))]).await.status,
            }
        }
    });
    let statuses = futures::future::join_all(guesses).await;
    let tried = statuses.iter().filter(|status| matches!(status, 400 | 401)).count();
    let refused = statuses.iter().filter(|status| **status == 429).count();
    assert_eq!((tried, refused), (10, 50));
}

#[tokio::test]
async fn no_key_that_a_mail_carries_can_be_guessed_without_end() {
    let server = TestServer::with(&[("RATE_LIMITS", "on")]).await;
    let mut tried = 0;
    loop {
        let (path, body) = match tried % 2 {
            0 => ("registration/verify-email/", json!({ "key": "MQ:1abc:forged" })),
            _ => (
                "password/reset/confirm/",
                json!({
                    "uid": "1", "token": "x-y", "new_password1": PASSWORD,
                    "new_password2": PASSWORD,
                }),
            ),
        };
        let answer = server.post(path, &[], body).await;
        if answer.status == 429 {
            break;
        }
        assert!(matches!(answer.status, 400 | 404), "{answer:?}");
        tried += 1;
    }
    assert_eq!(tried, 120, "sixty of each kind");
}
