//! Commands beside a running server.

use super::*;

#[tokio::test]
async fn user_added_beside_a_running_server_logs_in_at_once() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let add = [
        "user",
        "add",
        "Amy",
        "--email",
        "Amy@Example.com",
        "--first-name",
        "Amy",
        "--last-name",
        "Pond",
    ];
    let output = operator.with_password(&add, PASSWORD);
    assert_eq!((output.code, output.err.as_str()), (0, ""), "{output:?}");
    assert!(server.mails.lock().unwrap().is_empty());
    let (token, _) = log_in(&server, "amy").await;
    let user = server.get("user/", &token_of(&token)).await.json();
    let expected = json!({
        "pk": 1, "username": "Amy", "email": "amy@example.com", "first_name": "Amy",
        "last_name": "Pond",
    });
    assert_eq!(user, expected);
    let addresses = server.get("emails/", &token_of(&token)).await.json();
    let row = &addresses["results"][0];
    assert_eq!(
        (&row["email"], &row["verified"], &row["primary"]),
        (&json!("amy@example.com"), &json!(false), &json!(true))
    );
}

#[tokio::test]
async fn user_added_with_an_address_can_reset_the_password() {
    let server = TestServer::start().await;
    let output = Operator::of(&server)
        .with_password(&["user", "add", "amy", "--email", "amy@example.com"], PASSWORD);
    assert_eq!(output.code, 0, "{output:?}");
    server.post("password/reset/", &[], json!({"email": "amy@example.com"})).await;
    let (uid, token) = reset_link(&server.take_mails(1).await[0]);
    let body = json!({
        "uid": uid, "token": token, "new_password1": OTHER_PASSWORD,
        "new_password2": OTHER_PASSWORD,
    });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
    assert_eq!(server.log_in("amy", OTHER_PASSWORD).await.status, 200);
}

#[tokio::test]
async fn deactivation_revokes_all_credentials() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    server.register("bob", "").await;
    let (token, session) = log_in(&server, "amy").await;
    let (bobs, _) = log_in(&server, "bob").await;
    assert_eq!(status(&server, ("cookie", &session)).await, 200);
    assert_eq!(operator.json(&["user", "deactivate", "AMY"]), json!({"sessions": 2, "tokens": 2}));
    assert_eq!(
        server.get("user/", &token_of(&token)).await.json(),
        json!({"detail": "Invalid token."})
    );
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(status(&server, ("authorization", &bobs)).await, 200);

    assert_eq!(operator.json(&["user", "activate", "amy"])["active"], true);
    assert_eq!(status(&server, ("authorization", &token)).await, 401);
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    log_in(&server, "amy").await;
}

#[tokio::test]
async fn set_password_revokes_sessions_tokens_and_reset_links() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    let (token, session) = log_in(&server, "amy").await;
    server.post("password/reset/", &[], json!({"email": "amy@example.com"})).await;
    let (uid, key) = reset_link(&server.take_mails(1).await[0]);
    let output = operator.with_password(&["user", "set-password", "amy"], OTHER_PASSWORD);
    assert_eq!(
        output.out, "amy has a new password: 2 sessions and 2 tokens revoked\n",
        "{output:?}"
    );
    assert_eq!(status(&server, ("authorization", &token)).await, 401);
    assert_eq!(status(&server, ("cookie", &session)).await, 401);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(server.log_in("amy", OTHER_PASSWORD).await.status, 200);
    let body =
        json!({"uid": uid, "token": key, "new_password1": PASSWORD, "new_password2": PASSWORD});
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 400);
}

#[tokio::test]
async fn revoked_token_is_refused_with_its_reason() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    let first = server.register("amy", "").await;
    let (second, session) = log_in(&server, "amy").await;
    let listed = operator.json(&["token", "list", "amy"]);
    let id = listed[0]["id"].to_string();
    assert_eq!(operator.json(&["token", "revoke", &id]), json!({"sessions": 0, "tokens": 1}));
    assert_eq!(
        server.get("user/", &token_of(&first)).await.json(),
        json!({"detail": "Token has been revoked"})
    );
    assert_eq!(status(&server, ("authorization", &second)).await, 200);
    assert_eq!(status(&server, ("cookie", &session)).await, 200);
    assert_eq!(operator.json(&["token", "list"])[0]["state"], "revoked");
}

#[tokio::test]
async fn ended_session_is_refused_and_tokens_still_work() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    let (token, second) = log_in(&server, "amy").await;
    let (_, third) = log_in(&server, "amy").await;
    let id = operator.json(&["session", "list", "amy"])[1]["id"].to_string();
    assert_eq!(operator.json(&["session", "end", &id]), json!({"sessions": 1, "tokens": 0}));
    assert_eq!(status(&server, ("cookie", &second)).await, 401);
    assert_eq!(status(&server, ("cookie", &third)).await, 200);
    let output = operator.run(&["session", "end", "--user", "Amy"]);
    assert_eq!(
        output.out,
        "amy is signed out: 2 sessions revoked; still valid: 3 API tokens (`token list amy`)\n",
        "{output:?}"
    );
    assert_eq!(
        operator.json(&["session", "end", "--user", "Amy"]),
        json!({"sessions": 0, "tokens": 0})
    );
    assert_eq!(status(&server, ("cookie", &third)).await, 401);
    assert_eq!(status(&server, ("authorization", &token)).await, 200);
}
