//! An owner signs in while strangers guess.

use super::*;

/// An observed attack: for 75 seconds, 14 addresses guess a login and one fills the email bucket.
#[tokio::test]
async fn owner_signs_in_during_a_distributed_attack() {
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
async fn known_browser_signs_in_during_an_attack() {
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
async fn device_cookie_is_bound_to_its_account() {
    let server = behind_a_proxy().await;
    server.register("amy", "").await;
    server.register("mallory", "").await;
    let cookie = |response: &Response| format!("device={}", response.cookie_value("device"));
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
async fn device_cookie_is_http_only_and_same_site() {
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
async fn shared_browser_is_known_to_each_of_its_accounts() {
    let server = behind_a_proxy().await;
    let mut cookie = String::new();
    for name in ["amy", "bob", "eve"] {
        server.register(name, "").await;
        let headers = [("x-forwarded-for", "198.51.100.1"), ("cookie", cookie.as_str())];
        let response = server
            .post("login/", &headers, json!({ "username": name, "password": PASSWORD }))
            .await;
        cookie = format!("device={}", response.cookie_value("device"));
    }
    attack(&server, "amy").await;
    let headers = [("x-forwarded-for", "192.0.2.77"), ("cookie", cookie.as_str())];
    let body = json!({ "username": "amy", "password": PASSWORD });
    assert_eq!(server.post("login/", &headers, body).await.status, 200);
}

#[tokio::test]
async fn password_change_voids_device_cookie_and_known_networks() {
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
async fn browser_stays_known_after_it_changes_the_password() {
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
async fn password_reset_opens_a_new_network_during_an_attack() {
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
async fn password_reset_works_despite_an_attacker() {
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
