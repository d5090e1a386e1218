//! Guessing passwords from many places, under many spellings, all at once.

use chrono::Duration;
use inventree_auth::domain::client::Client;
use inventree_auth::domain::hashing::Requester;
use inventree_auth::domain::passwords::Password;
use serde_json::json;

use super::basic;
use super::support::{Answer, PASSWORD, TestServer, confirmation_key, reset_link};

/// Limits on, and every connection comes through a proxy that is trusted.
async fn behind_a_proxy() -> TestServer {
    TestServer::with(&[("RATE_LIMITS", "on"), ("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "127.0.0.0/8")])
        .await
}

async fn log_in_from(server: &TestServer, forwarded: &str, username: &str, password: &str) -> Answer {
    let body = json!({ "username": username, "password": password });
    server.post("login/", &[("x-forwarded-for", forwarded)], body).await
}

#[tokio::test]
async fn forwarded_addresses_count_for_nothing_from_a_stranger() {
    let server =
        TestServer::with(&[("RATE_LIMITS", "on"), ("USE_X_FORWARDED_FOR", "true"), ("TRUSTED_PROXIES", "192.0.2.1")])
            .await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(log_in_from(&server, &format!("203.0.113.{n}"), "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.99", "amy", PASSWORD).await.status, 429);
    let headers = [("forwarded", "for=203.0.113.99"), ("x-real-ip", "203.0.113.99"), ("client-ip", "203.0.113.99")];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 429);
}

#[tokio::test]
async fn everybody_behind_a_trusted_proxy_has_limits_of_their_own() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..100 {
        assert_eq!(log_in_from(&server, "203.0.113.7", &format!("name{n}"), "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "203.0.113.8", "amy", PASSWORD).await.status, 200);
    // What stands before the proxy's own entry was written by the client.
    assert_eq!(log_in_from(&server, "198.51.100.1, 203.0.113.7", "amy", PASSWORD).await.status, 429);
    // A second trusted proxy on the way is passed over.
    assert_eq!(log_in_from(&server, "203.0.113.7, 127.0.0.9", "amy", PASSWORD).await.status, 429);
}

#[tokio::test]
async fn whole_64_of_ipv6_is_one_client() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    for n in 0..10 {
        assert_eq!(log_in_from(&server, &format!("2001:db8:0:1:{n}::{n}"), "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "2001:db8:0:1:ffff::1", "amy", PASSWORD).await.status, 429);
    assert_eq!(log_in_from(&server, "2001:db8:0:2::1", "amy", PASSWORD).await.status, 200);
    // One address has one name, however it is written.
    for _ in 0..10 {
        assert_eq!(log_in_from(&server, "::ffff:203.0.113.7", "amy", "wrong").await.status, 400);
    }
    assert_eq!(log_in_from(&server, "203.0.113.7", "amy", PASSWORD).await.status, 429);
}

/// A hundred guesses from ten addresses: the account's own bucket is full.
async fn attack(server: &TestServer, username: &str) {
    for attacker in 0..10 {
        for _ in 0..10 {
            let answer = log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
            assert_eq!(answer.status, 400);
        }
    }
    assert_eq!(log_in_from(server, "203.0.113.99", username, "wrong").await.status, 429);
}

/// One turn of 14 addresses that guess and one that asks for mails.
async fn attack_on(server: &TestServer, username: &str, email: &str) {
    for attacker in 0..14 {
        log_in_from(server, &format!("203.0.113.{attacker}"), username, "wrong").await;
    }
    let headers = [("x-forwarded-for", "203.0.113.200")];
    server.post("registration/resend-email/", &headers, json!({ "email": email })).await;
}

/// The attack as it was seen: for 75 seconds, 14 addresses guess at a login and one fills the mails' bucket.
#[tokio::test]
async fn owner_under_attack_from_everywhere_gets_in_every_time_and_has_a_reset_mail() {
    let server = behind_a_proxy().await;
    let (home, email) = ("198.51.100.1", "amy@example.com");
    server.register("amy", email).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(server.post("registration/verify-email/", &[], json!({ "key": key })).await.status, 200);
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
            resets.push(server.post("password/reset/", &headers, json!({ "email": email })).await.status);
        }
    }
    assert_eq!((logins, resets), (vec![200; 25], vec![200; 25]));
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
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
    // Its own mistakes are counted, apart from all others.
    for _ in 0..9 {
        assert_eq!(log_in("wrong").await, 400);
    }
    assert_eq!(log_in(PASSWORD).await, 200);
    assert_eq!(log_in("wrong").await, 400);
    assert_eq!(log_in(PASSWORD).await, 429);
    assert_eq!(log_in_from(&server, "192.0.2.79", "amy", PASSWORD).await.status, 429);
    // Basic has the same limit, and the same way past strangers.
    server.clock.advance(Duration::minutes(2));
    let basic = basic("amy", PASSWORD);
    let headers = [("x-forwarded-for", "192.0.2.78"), ("cookie", cookie.as_str()), ("authorization", basic.as_str())];
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
    // Of one account two browsers have nothing in common.
    let other = cookie(&log_in_from(&server, "192.0.2.79", "mallory", PASSWORD).await);
    let parts = |cookie: &str| {
        cookie.trim_start_matches("device=").as_bytes().chunks(8).map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    assert!(parts(&mallorys).iter().zip(parts(&other)).all(|(one, another)| *one != another), "{mallorys} {other}");
    // Who fails gets none, whether there is such an account or not.
    for name in ["mallory", "nobody"] {
        assert_eq!(log_in_from(&server, "192.0.2.80", name, "wrong").await.cookie("device"), None);
    }
}

#[tokio::test]
async fn device_cookie_is_for_no_script_and_no_other_site() {
    let server = TestServer::with(&[("SITE_URL", "https://auth.example.com"), ("COOKIE_SAMESITE", "None")]).await;
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
        let answer = server.post("login/", &headers, json!({ "username": name, "password": PASSWORD })).await;
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
    // The network that the password was changed from is known.
    assert_eq!(log_in_from(&server, "198.51.100.2", "amy", new).await.status, 200);
}

#[tokio::test]
async fn browser_that_changes_its_password_is_known_with_the_new_one() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    let signed_in = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await;
    let (session, csrf) = (signed_in.cookie_value("sessionid"), signed_in.cookie_value("csrftoken"));
    let cookies = format!("sessionid={session}; csrftoken={csrf}");
    let headers = [("cookie", cookies.as_str()), ("x-csrftoken", csrf.as_str())];
    let new = "Violet-Anchor-58";
    let body = json!({ "new_password1": new, "new_password2": new });
    let changed = server.post("password/change/", &headers, body).await;
    let cookie = format!("device={}", changed.cookie_value("device"));
    attack(&server, "amy").await;
    let headers = [("x-forwarded-for", "192.0.2.77"), ("cookie", cookie.as_str())];
    assert_eq!(server.post("login/", &headers, json!({ "username": "amy", "password": new })).await.status, 200);
}

/// The way in for an owner whom neither browser nor network is known of.
#[tokio::test]
async fn reset_by_mail_lets_an_owner_at_a_new_place_in_under_attack() {
    let server = behind_a_proxy().await;
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    attack(&server, "amy").await;
    let away = "192.0.2.77";
    assert_eq!(log_in_from(&server, away, "amy", PASSWORD).await.status, 429);
    let headers = [("x-forwarded-for", away)];
    assert_eq!(server.post("password/reset/", &headers, json!({ "email": "amy@example.com" })).await.status, 200);
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let new = "Violet-Anchor-58";
    let body = json!({ "uid": uid, "token": token, "new_password1": new, "new_password2": new });
    assert_eq!(server.post("password/reset/confirm/", &headers, body).await.status, 200);
    assert_eq!(log_in_from(&server, away, "amy", new).await.status, 200);
}

#[tokio::test]
async fn guesses_at_one_account_are_bounded_and_what_the_owner_has_goes_on() {
    let server = behind_a_proxy().await;
    let token = server.register("amy", "").await;
    let session = log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.cookie_value("sessionid");
    let session = format!("sessionid={session}");
    let mut tried = 0;
    for attacker in 0..40 {
        for _ in 0..10 {
            let answer = log_in_from(&server, &format!("203.0.113.{attacker}"), "amy", "wrong").await;
            tried += usize::from(answer.status == 400);
        }
    }
    assert_eq!(tried, 100);
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.get("user/", &[("cookie", &session)]).await.status, 200);
    // A stranger's place is told when to come again, and may.
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
        assert_eq!(log_in_from(&server, &format!("198.51.100.{n}"), "amy", PASSWORD).await.status, 200);
        server.clock.advance(Duration::seconds(1));
    }
    server.noted().await;
    assert_eq!(server.place.number("SELECT COUNT(*) FROM known_networks"), 10);
    attack(&server, "amy").await;
    assert_eq!(log_in_from(&server, "198.51.100.29", "amy", PASSWORD).await.status, 200);
    assert_eq!(log_in_from(&server, "198.51.100.0", "amy", PASSWORD).await.status, 429);
}

/// Two addresses and twenty accounts keep the hashing threads busy; another address is served all the same.
#[tokio::test]
async fn flood_of_good_passwords_keeps_no_other_network_from_hashing() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    let hasher = server.domain().hasher.clone();
    let rounds = if cfg!(debug_assertions) { 20_000 } else { 800_000 };
    let slow = format!("pbkdf2_sha256${rounds}$salt$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    let flooder = |n: usize| {
        let client = Client { address: format!("203.0.113.{}", n % 2), ..Client::default() };
        Requester::new(&client, Some(&format!("mallory{}", n % 20)))
    };
    let mut flood = Vec::new();
    let mut statuses = Vec::new();
    for _ in 0..10 {
        for n in (0..40).cycle().take(400) {
            if !hasher.is_busy(&flooder(n)) {
                let mut job = Box::pin(hasher.verify(flooder(n), Password::new("x".to_owned()), Some(&slow)));
                let _ = futures::poll!(job.as_mut());
                flood.push(job);
            }
        }
        // Around the contract's check: the document has no 503.
        let body = json!({ "username": "mallory1", "password": "wrong" });
        let own = server.http.post(format!("{}/api/auth/login/", server.base)).header("x-forwarded-for", "203.0.113.1");
        assert_eq!(server.page(own.json(&body)).await.status, 503);
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
    let owner = log_in_from(&server, home, "amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let owner = format!("Token {owner}");
    let body =
        json!({ "old_password": PASSWORD, "new_password1": "Violet-Anchor-58", "new_password2": "Violet-Anchor-58" });
    let changed = server.post("password/change/", &[("authorization", &owner), ("x-forwarded-for", home)], body).await;
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
        // Each in a spelling of its own.
        let name: String =
            "amy".chars().enumerate().map(|(i, c)| if n >> i & 1 == 1 { c.to_ascii_uppercase() } else { c }).collect();
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
                json!({ "uid": "1", "token": "x-y", "new_password1": PASSWORD, "new_password2": PASSWORD }),
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
