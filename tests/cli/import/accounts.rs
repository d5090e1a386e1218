//! Imported accounts, tokens and addresses in use.

use super::*;

#[tokio::test]
async fn every_account_logs_in_with_its_old_password_in_every_format() {
    let new = Move::new();
    for (id, (username, password)) in (1..).zip(FORMATS) {
        new.source.account(id, username, password);
    }
    let output = new.done();
    assert!(output.contains("accounts                 5 new"), "{output}");
    assert!(
        output.contains("argon2 1, bcrypt_sha256 1, pbkdf2_sha1 1, pbkdf2_sha256 1, scrypt 1"),
        "{output}"
    );
    let server = new.server().await;
    for (id, (username, _)) in (1..).zip(FORMATS) {
        assert_eq!(server.log_in(username, "inventree-test-2").await.status, 400, "{username}");
        let response = server.log_in(username, OLD).await;
        assert_eq!(response.status, 200, "{username}: {response:?}");
        let token = format!("Token {}", response.json()["key"].as_str().unwrap());
        let user = server.get("user/", &[("authorization", &token)]).await.json();
        let expected = json!({
            "pk": id, "username": username, "email": format!("{username}@example.com"),
            "first_name": "Ada", "last_name": "Lovelace",
        });
        assert_eq!(user, expected);
    }
}

#[tokio::test]
async fn accounts_that_could_not_log_in_before_cannot_now() {
    let new = Move::new();
    new.source.account(1, "asleep", PBKDF2);
    new.source.run("UPDATE auth_user SET is_active = 0");
    new.source.account(2, "linked", "!kq0RHXo5LLXtCxNYrandom");
    new.source.account(3, "strange", "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99");
    new.source.account(4, "absurd", ABSURD);
    let output = new.done();
    assert!(
        output.contains("account 3 \"strange\" cannot log in until its password is reset"),
        "{output}"
    );
    assert!(output.contains(
        "account 4 \"absurd\" cannot log in until its password is reset: its password hash has \
             excessive"
    ));
    assert!(!output.contains("asleep") && !output.contains("linked"), "{output}");
    let server = new.server().await;
    let unknown = server.log_in("nobody", OLD).await;
    for username in ["asleep", "linked", "strange", "absurd"] {
        let response = server.log_in(username, OLD).await;
        assert_eq!((response.status, response.body), (400, unknown.body.clone()), "{username}");
    }
}

#[tokio::test]
async fn successful_login_rehashes_the_password_with_argon2id() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.source.account(2, "bea", PBKDF2);
    new.done();
    let server = new.server().await;
    let stored = async |id: i64| {
        let store = &server.app().store;
        store
            .read::<_, inventree_auth::store::StoreError>(|r| r.account_find(id))
            .await
            .unwrap()
            .unwrap()
            .password
    };
    assert_eq!(server.log_in("bea", "inventree-test-2").await.status, 400);
    // The form that matches is the one that is kept.
    let typed = format!(" {OLD} ");
    assert_eq!(server.log_in("ada", &typed).await.status, 200);
    // Rehashing follows the response, with a delay.
    for _ in 0..1000 {
        if stored(1).await != PBKDF2 {
            break;
        }
        assert_eq!(server.log_in("ada", &typed).await.status, 200, "also while it is being moved");
    }
    assert!(stored(1).await.starts_with("$argon2id$"), "{}", stored(1).await);
    assert_eq!(server.log_in("ada", OLD).await.status, 200);
    assert_eq!(server.log_in("ada", "inventree-test-2").await.status, 400);
    assert_eq!(stored(2).await, PBKDF2, "a wrong password moves nothing");
}

#[tokio::test]
async fn unusual_names_and_hashes_are_reported_individually() {
    let new = Move::new();
    new.source.account(1, "ada ", PBKDF2);
    new.source.account(2, " bea", PBKDF2);
    new.source.account(3, "cy d", PBKDF2);
    let first = "argon2$argon2i$m=256,t=2,p=1$c29tZXNhbHQ$\
        /U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY";
    new.source.account(4, "dee", first);
    let output = new.done();
    let odd: Vec<&str> =
        output.lines().filter(|line| line.contains("until it is renamed")).collect();
    assert_eq!(odd.len(), 2, "{output}");
    assert!(odd[0].starts_with("account 1 \"ada \"") && odd[1].starts_with("account 2 \" bea\""));
    let server = new.server().await;
    assert_eq!(server.log_in("ada ", OLD).await.status, 400);
    assert_eq!(server.log_in("cy d", OLD).await.status, 200);
    assert_eq!(server.log_in("dee", "password").await.status, 200);
}

#[tokio::test]
async fn password_change_wins_over_a_concurrent_rehash() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.done();
    let server = new.server().await;
    let store = &server.app().store;
    let replaced = store
        .write::<_, inventree_auth::store::StoreError>(|w| {
            w.account_set_password(1, "$argon2id$the-changed-one")?;
            Ok((
                w.account_replace_password(1, PBKDF2, "$argon2id$the-moved-one")?,
                w.account_find(1)?.unwrap().password,
            ))
        })
        .await;
    assert_eq!(replaced.unwrap(), (false, "$argon2id$the-changed-one".to_owned()));
}

#[tokio::test]
async fn basic_credentials_and_a_changed_password_work_on_an_imported_account() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.done();
    let server = new.server().await;
    let basic = |password: &str| {
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(format!("ada:{password}"))
        )
    };
    assert_eq!(server.get("user/", &[("authorization", &basic(OLD))]).await.status, 200);
    // Immediately: the rehash in the background must neither refuse nor undo this change.
    let body = json!({
        "old_password": OLD, "new_password1": "Zebra-Quartz-78", "new_password2": "Zebra-Quartz-78",
    });
    let response = server.post("password/change/", &[("authorization", &basic(OLD))], body).await;
    assert_eq!(response.status, 200, "{response:?}");
    assert_eq!(server.log_in("ada", "Zebra-Quartz-78").await.status, 200);
    assert_eq!(server.log_in("ada", OLD).await.status, 400);
}

#[tokio::test]
async fn imported_tokens_keep_their_state() {
    let new = Move::new();
    new.source.account(1, "ada", PBKDF2);
    new.source.account(2, "asleep", PBKDF2);
    new.source.run("UPDATE auth_user SET is_active = 0 WHERE id = 2");
    let key = |letter: &str| format!("inv-{}-20260105", letter.repeat(40));
    new.source.token(1, &key("a"), NEXT_YEAR, false);
    new.source.token(1, &key("b"), TODAY, false);
    new.source.token(1, &key("c"), YESTERDAY, false);
    new.source.token(1, &key("d"), NEXT_YEAR, true);
    new.source.token(2, &key("e"), NEXT_YEAR, false);
    new.done();
    let bytes = new.database().bytes();
    assert!(
        !bytes.windows(40).any(|window| window == [b'a'; 40]),
        "a key lies in the database in clear"
    );
    let server = new.server().await;
    let who =
        async |key: &str| server.get("user/", &[("authorization", &format!("Token {key}"))]).await;
    for letter in ["a", "b"] {
        assert_eq!(who(&key(letter)).await.json()["username"], "ada", "{letter}");
    }
    for (letter, why) in [
        ("c", "Token has expired"),
        ("d", "Token has been revoked"),
        ("e", "User inactive or deleted."),
        ("f", "Invalid token."),
        ("A", "Invalid token."),
    ] {
        let response = who(&key(letter)).await;
        assert_eq!((response.status, response.json()), (401, json!({ "detail": why })), "{letter}");
    }
}

#[tokio::test]
async fn addresses_and_social_links_are_listed_as_before() {
    let new = Move::filled();
    let output = new.done();
    assert!(output.contains("2 addresses were converted to lower case"), "{output}");
    let server = new.server().await;
    let key = "Token inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105";
    let list = async |path: &str| {
        server.get(path, &[("authorization", key)]).await.json()["results"].clone()
    };
    assert_eq!(
        list("emails/").await,
        json!([
            { "id": 7, "user": 3, "email": "ada@example.com", "verified": true, "primary": true },
            {
                "id": 9, "user": 3, "email": "ada@work.example.com", "verified": false,
                "primary": false,
            },
        ])
    );
    let at = "2026-01-05T08:09:10.123456Z";
    assert_eq!(
        list("social/").await,
        json!([
            { "id": 5, "provider": "github", "uid": "ada-1", "last_login": at, "date_joined": at },
            { "id": 8, "provider": "google", "uid": "ada-2", "last_login": at, "date_joined": at },
        ])
    );
}

#[tokio::test]
async fn login_of_an_account_with_a_totp_device_requires_a_second_factor() {
    let new = Move::filled();
    new.source.account(42, "dee", PBKDF2);
    new.source.totp(42, false);
    let output = new.done();
    assert!(output.contains("TOTP devices             2 new"), "{output}");
    let server = new.server().await;
    let response = server.log_in("cyd", OLD).await;
    assert_eq!(
        (response.status, response.json()),
        (403, json!({ "detail": "MFA required for this user" }))
    );
    assert_eq!(server.log_in("cyd", "inventree-test-2").await.status, 400);
    assert_eq!(
        server.log_in("dee", OLD).await.status,
        200,
        "a device that was never confirmed is no second factor"
    );
    let signed_in = sign_in_with_code(&server, "cyd", OLD, &hex_code(&server)).await;
    assert!(signed_in.cookie("sessionid").is_some(), "{signed_in:?}");
    let bytes = new.database().bytes();
    assert!(
        !bytes.windows(10).any(|window| window == b"feedc0de00"),
        "a TOTP key lies in the database in clear"
    );
}

#[tokio::test]
async fn static_tokens_are_recovery_codes_which_work_once() {
    let new = Move::filled();
    new.source.static_token(41, "by-the-operator", true);
    new.source.static_token(41, "abcdefgh", false);
    new.source.static_token(41, "short", true);
    let output = new.done();
    assert!(output.contains("recovery codes           2 new"), "{output}");
    assert!(
        output.contains("1 static tokens were not imported: a recovery code has 8 to 16"),
        "{output}"
    );
    let server = new.server().await;
    for (code, is_good) in [
        ("K3VX-2M7Q", true),
        ("k3vx2m7q", false),
        ("by-the-operator", true),
        ("abcdefgh", false),
        ("short", false),
    ] {
        let response = sign_in_with_code(&server, "cyd", OLD, code).await;
        assert_eq!(response.cookie("sessionid").is_some(), is_good, "{code}: {response:?}");
    }
    let bytes = new.database().bytes();
    assert!(!bytes.windows(8).any(|window| window == b"k3vx2m7q"), "a code lies there in clear");
}

/// As of a database that was reduced to its accounts, or of an InvenTree without static devices.
#[test]
fn source_without_static_tokens_has_no_recovery_codes() {
    let new = Move::filled();
    new.source.run("DROP TABLE otp_static_statictoken; DROP TABLE otp_static_staticdevice");
    let output = new.done();
    assert!(output.contains("TOTP devices             1 new"), "{output}");
    assert!(output.contains("recovery codes           0 new"), "{output}");
}
