//! Second factors, tokens and groups.

use super::*;

#[tokio::test]
async fn lost_second_factor_is_listed_and_reset() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    add_device(&server).await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 403);
    assert_eq!(
        operator.json(&["user", "factors", "AMY"]),
        json!([{
            "id": 1, "kind": "totp", "name": "phone", "created": "1970-01-01T00:00:00Z",
            "last_used": null,
        }])
    );
    let reset = operator.run(&["user", "reset-factors", "amy"]);
    assert_eq!((reset.code, reset.out.as_str()), (0, "1 second factor of amy is removed\n"));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(operator.json(&["user", "reset-factors", "amy"]), json!({ "removed": 0 }));
    assert_eq!(operator.run(&["user", "factors", "bob"]).refusal(), "user bob not found");
}

#[tokio::test]
async fn operator_renames_an_account_sets_its_addresses_and_deletes_it() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "amy@example.com").await;
    server.register("bob", "bob@example.com").await;
    assert_eq!(operator.json(&["user", "rename", "amy", "amelia"])["username"], "amelia");
    assert!(operator.run(&["user", "rename", "amelia", "BOB"]).refusal().contains("already"));
    assert!(
        operator.run(&["user", "rename", "amelia", "a b"]).refusal().contains("valid username")
    );
    let address =
        |change: &str, email: &str| operator.run(&["user", "address", "amelia", change, email]);
    assert_eq!(address("add", "Two@example.com").code, 0);
    assert!(address("primary", "two@example.com").refusal().contains("unverified"));
    assert_eq!(address("prove", "two@example.com").code, 0);
    assert_eq!(address("primary", "two@example.com").code, 0);
    assert_eq!(address("remove", "amy@example.com").code, 0);
    assert!(address("add", "no address").refusal().contains("valid email"));
    assert_eq!(address("remove", "none@example.com").code, 1);
    let shown = operator.json(&["user", "show", "amelia"]);
    assert_eq!(shown["email"], "two@example.com", "{shown}");
    assert!(operator.run(&["user", "delete", "amelia"]).refusal().contains("--yes"));
    assert_eq!(operator.run(&["user", "delete", "amelia", "--yes"]).code, 0);
    assert_eq!(operator.run(&["user", "show", "amelia"]).refusal(), "user amelia not found");
    assert_eq!(server.database.number("SELECT COUNT(*) FROM email_addresses"), 1);
    assert_eq!(server.database.number("SELECT COUNT(*) FROM audit WHERE event = 'deleted'"), 1);
}

/// Also the last administrator, where the operator enforces a second factor.
#[tokio::test]
async fn administrator_whose_device_is_lost_signs_in_to_set_up_another() {
    let admin =
        [("ADMIN_USER", "root"), ("ADMIN_PASSWORD", PASSWORD), ("LOGIN_ENFORCE_MFA", "true")];
    let server = TestServer::with(&admin).await;
    add_device(&server).await;
    let sign_in = || async {
        let csrf = "a".repeat(32);
        let body = json!({ "username": "root", "password": PASSWORD }).to_string();
        let request = server.http.post(format!("{}/platform/api/login/", server.base));
        let request = request.header("Cookie", format!("csrftoken={csrf}"));
        let request =
            request.header("X-CSRFToken", csrf).header("Content-Type", "application/json");
        server.run(request.body(body)).await
    };
    assert!(sign_in().await.cookie("sessionid").is_none());
    assert_eq!(Operator::of(&server).run(&["user", "reset-factors", "root"]).code, 0);
    let cookie = format!("sessionid={}", sign_in().await.cookie_value("sessionid"));
    let factors = server.http.get(format!("{}/platform/api/factors/", server.base));
    assert_eq!(server.run(factors.header("Cookie", cookie)).await.status, 200);
}

#[tokio::test]
async fn created_token_opens_its_account_and_its_key_is_printed_once() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    let made = operator.run(&["token", "create", "amy", "--for", "backup", "--days", "30"]);
    let authorization = format!("Token {}", made.out.trim());
    assert_eq!(server.get("user/", &[("Authorization", &authorization)]).await.status, 200);
    let listed = operator.run(&["token", "list", "amy"]);
    assert!(listed.out.contains("backup") && !listed.out.contains(made.out.trim()), "{listed:?}");
    let blank = operator.run(&["token", "create", "amy", "--for", " "]);
    assert_eq!(blank.refusal(), "name: This field may not be blank.");
    assert_eq!(operator.run(&["token", "create", "amy", "--for", "x", "--days", "366"]).code, 2);
}

#[tokio::test]
async fn group_changes_are_audited() {
    let server = TestServer::start().await;
    let operator = Operator::of(&server);
    server.register("amy", "").await;
    server.register("bob", "").await;
    assert_eq!(operator.run(&["group", "add", "Stock keepers"]).code, 0);
    assert_eq!(operator.run(&["group", "add", "Admins"]).code, 0);
    let refused = operator.run(&["group", "add", "Admins"]);
    assert_eq!(refused.refusal(), "group Admins already exists");
    for name in ["", " Admins", "a\nb", &"x".repeat(151)] {
        let refused = operator.run(&["group", "add", name]);
        assert!(refused.refusal().starts_with("name: Enter a name of at most 150"), "{refused:?}");
    }
    let joined = operator.run(&[
        "user",
        "groups",
        "AMY",
        "--add",
        "Stock keepers",
        "--add",
        "Admins",
        "--format",
        "json",
    ]);
    assert_eq!(joined.json(), json!(["Admins", "Stock keepers"]));
    // All or nothing.
    let refused = operator.run(&["user", "groups", "bob", "--add", "Admins", "--remove", "None"]);
    assert_eq!(refused.refusal(), "group: group None not found");
    let left = operator.run(&["user", "groups", "amy", "--remove", "Admins"]);
    assert_eq!(left.out, "Stock keepers\n");
    let listed = operator.run(&["group", "list", "--format", "json"]).json();
    let row = |name: &str, members: i64| json!({ "name": name, "members": members });
    assert_eq!(listed, json!([row("Admins", 0), row("Stock keepers", 1)]));
    let members = operator.run(&["group", "members", "Stock keepers", "--format", "json"]).json();
    assert_eq!(members.as_array().unwrap().len(), 1);
    assert_eq!(members[0]["username"], "amy");
    let shown = operator.run(&["user", "show", "amy", "--format", "json"]).json();
    assert_eq!(shown["groups"], json!(["Stock keepers"]));
    assert_eq!(operator.run(&["group", "remove", "Stock keepers"]).code, 0);
    let refused = operator.run(&["group", "remove", "Stock keepers"]);
    assert_eq!(refused.refusal(), "group Stock keepers not found");
    assert_eq!(operator.run(&["user", "groups", "amy"]).out, "");
    let trail = operator.run(&["audit", "--format", "json"]).json();
    let count = |event: &str| {
        trail.as_array().unwrap().iter().filter(|entry| entry["event"] == event).count()
    };
    let counts = ["group_added", "group_joined", "group_left", "group_removed"].map(count);
    assert_eq!(counts, [2, 2, 1, 1], "{trail}");
}
