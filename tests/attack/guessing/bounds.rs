//! Guesses are bounded in every way together.

use super::*;

#[tokio::test]
async fn guesses_at_one_account_are_bounded_and_existing_credentials_keep_working() {
    let server = behind_a_proxy().await;
    let token = server.register("amy", "").await;
    let session =
        log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.cookie_value("sessionid");
    let session = format!("sessionid={session}");
    let mut tried = 0;
    for attacker in 0..40 {
        for _ in 0..10 {
            let response =
                log_in_from(&server, &format!("203.0.113.{attacker}"), "amy", "wrong").await;
            tried += usize::from(response.status == 400);
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
    assert_eq!(server.database.number("SELECT COUNT(*) FROM known_networks"), 10);
    attack(&server, "amy").await;
    assert_eq!(log_in_from(&server, "198.51.100.29", "amy", PASSWORD).await.status, 200);
    assert_eq!(log_in_from(&server, "198.51.100.0", "amy", PASSWORD).await.status, 429);
}

/// Two addresses and twenty accounts keep the hashing threads busy; another address is still
/// served.
#[tokio::test]
async fn flood_of_correct_passwords_does_not_starve_other_networks() {
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
            let response =
                server.page(own.header("x-forwarded-for", "203.0.113.1").json(&body)).await;
            refused = response.status == 503;
        }
        statuses.push(log_in_from(&server, "198.51.100.1", "amy", PASSWORD).await.status);
    }
    assert_eq!(statuses, [200; 10]);
    drop(flood);
}

#[tokio::test]
async fn successful_login_does_not_reset_other_buckets() {
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
async fn parallel_guesses_share_one_limit() {
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
async fn guesses_of_emailed_keys_are_limited() {
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
        let response = server.post(path, &[], body).await;
        if response.status == 429 {
            break;
        }
        assert!(matches!(response.status, 400 | 404), "{response:?}");
        tried += 1;
    }
    assert_eq!(tried, 120, "sixty of each kind");
}
