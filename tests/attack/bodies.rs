//! Mass assignment: undocumented fields in the body of every operation.

use reqwest::Method;
use serde_json::{Value, json};

use super::pk;
use test_support::{PASSWORD, Response, TestServer, confirmation_key, reset_link};

/// All data of an account except the records of a login.
async fn all_of(server: &TestServer, id: i64) -> Value {
    let read = server.app().store.read(|r| {
        let account = r.account_find(id)?.unwrap();
        let addresses = r.email_address_list(id, None, 0)?;
        Ok::<_, inventree_auth::store::StoreError>((
            account,
            addresses,
            r.session_list(id)?.len(),
            r.token_list(id)?.len(),
        ))
    });
    let (account, addresses, sessions, tokens) = read.await.unwrap();
    let rows: Vec<Value> =
        addresses.iter().map(|a| json!([a.id, a.email, a.verified, a.primary])).collect();
    json!({
        "id": account.id, "username": account.username, "email": account.email,
        "password": account.password,
        "names": [account.first_name, account.last_name], "is_active": account.is_active,
        "is_superuser": account.is_superuser, "joined": account.date_joined,
        "login": account.last_login,
        "addresses": rows, "sessions": sessions, "tokens": tokens,
    })
}

/// The attacker's additional fields, which name `victim`.
fn extra(victim: i64, address: i64) -> Value {
    json!({
        "pk": victim, "user": victim, "user_id": victim, "account": victim, "account_id": victim,
        "id": address,
        "is_superuser": true, "is_staff": true, "is_active": true, "verified": true,
        "primary": true,
        "groups": [1], "user_permissions": [1], "date_joined": "2000-01-01T00:00:00Z",
        "last_login": null,
        "role": "admin", "token": "x", "session": "x", "password_hash": "x",
    })
}

async fn send(
    server: &TestServer,
    method: Method,
    path: &str,
    token: &str,
    own: &Value,
    extra: &Value,
) -> Response {
    let mut body = extra.clone();
    body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    let headers = [("authorization", token)];
    let headers = if token.is_empty() { &headers[1..] } else { &headers[..] };
    server.send(method, path, headers, body).await
}

#[tokio::test]
async fn undocumented_fields_are_ignored() {
    let server = TestServer::start().await;
    let bobs = server.register("bob", "bob@example.com").await;
    let bob = pk(&server, &bobs).await;
    server.take_mails(1).await;
    let address =
        server.get("emails/", &[("authorization", &bobs)]).await.json()["results"][0]["id"]
            .as_i64()
            .unwrap();
    let extra = extra(bob, address);
    let bob_before = all_of(&server, bob).await;

    // A new account belongs to its creator and has no privileges.
    let own = json!({
        "username": "amy", "email": "amy@example.com", "password1": PASSWORD, "password2": PASSWORD,
    });
    let made = send(&server, Method::POST, "registration/", "", &own, &extra).await;
    assert_eq!(made.status, 201, "{made:?}");
    let token = format!("Token {}", made.json()["key"].as_str().unwrap());
    let amy = pk(&server, &token).await;
    assert_ne!(amy, bob);
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let mut expected = all_of(&server, amy).await;
    assert_eq!(expected["is_superuser"], false);
    assert_eq!(
        expected["addresses"][0].as_array().unwrap()[1..],
        [json!("amy@example.com"), json!(false), json!(true)]
    );

    // Each operation has its usual effect, on the caller only.
    let row = expected["addresses"][0][0].as_i64().unwrap();
    let (post, put, patch) = (Method::POST, Method::PUT, Method::PATCH);
    let names = json!({ "username": "amy", "first_name": "A", "last_name": "B" });
    let login = json!({ "username": "amy", "password": PASSWORD });
    for (method, path, own, status) in [
        (&put, "user/".to_owned(), &names, 200),
        (&patch, "user/".to_owned(), &json!({}), 200),
        (&post, "login/".to_owned(), &login, 200),
        (&post, "emails/".to_owned(), &json!({ "email": "new@example.com", "user": amy }), 201),
        (&post, "emails/".to_owned(), &json!({ "email": "other@example.com" }), 400),
        (&post, format!("emails/{row}/primary/"), &json!({}), 200),
        (&post, format!("emails/{address}/verify/"), &json!({}), 404),
        (&post, format!("emails/{address}/primary/"), &json!({}), 404),
        (&post, format!("emails/{address}/remove/"), &json!({}), 404),
        (&post, "social/1/disconnect/".to_owned(), &json!({}), 404),
        (
            &post,
            "registration/resend-email/".to_owned(),
            &json!({ "email": "amy@example.com" }),
            201,
        ),
        (&post, "password/reset/".to_owned(), &json!({ "email": "amy@example.com" }), 200),
        (
            &post,
            "password/reset/confirm/".to_owned(),
            &json!({ "uid": "1", "new_password1": PASSWORD, "new_password2": PASSWORD }),
            400,
        ),
        (&post, "registration/verify-email/".to_owned(), &json!({ "key": key }), 200),
    ] {
        let token = if matches!(path.as_str(), "login/") { "" } else { token.as_str() };
        let response = send(&server, method.clone(), &path, token, own, &extra).await;
        assert_eq!(response.status, status, "{method} {path} {response:?}");
        match path.as_str() {
            "user/" => expected["names"] = json!(["A", "B"]),
            "login/" => {
                expected["tokens"] = json!(2);
                expected["sessions"] = json!(2);
            }
            "emails/" if status == 201 => {
                let made = response.json()["id"].clone();
                assert_ne!(made, address);
                let row = json!([made, "new@example.com", false, false]);
                expected["addresses"].as_array_mut().unwrap().push(row);
            }
            "registration/verify-email/" => expected["addresses"][0][2] = json!(true),
            _ => {}
        }
        assert_eq!(all_of(&server, amy).await, expected, "{method} {path}");
        assert_eq!(all_of(&server, bob).await, bob_before, "{method} {path}");
    }

    // Email went to the caller's own address, and the link resets the caller's own password.
    let mails = server.take_mails(2).await;
    assert!(mails.iter().all(|mail| mail.to == "amy@example.com"));
    let (uid, reset) =
        reset_link(mails.iter().find(|mail| mail.text.contains("set-password")).unwrap());
    let body = json!({
        "uid": uid, "token": reset, "new_password1": "Violet-Anchor-58",
        "new_password2": "Violet-Anchor-58",
    });
    let own = json!({ "new_password1": "Violet-Anchor-59", "new_password2": "Violet-Anchor-59" });
    assert_eq!(
        send(&server, Method::POST, "password/change/", &token, &own, &extra).await.status,
        200
    );
    // A password change invalidates the link.
    assert_eq!(
        send(&server, Method::POST, "password/reset/confirm/", "", &body, &extra).await.status,
        400
    );
    assert_eq!(server.log_in("amy", "Violet-Anchor-59").await.status, 200);
    assert_eq!(
        send(&server, Method::POST, "logout/", &token, &json!({}), &extra).await.status,
        200
    );
    assert_eq!(all_of(&server, bob).await, bob_before);
    assert_eq!(all_of(&server, amy).await["is_superuser"], false);
}

#[tokio::test]
async fn ids_of_other_accounts_are_not_found() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let bobs = server.register("bob", "bob@example.com").await;
    let theirs =
        server.get("emails/", &[("authorization", &bobs)]).await.json()["results"][0]["id"]
            .as_i64()
            .unwrap();
    let headers = [("authorization", token.as_str())];
    for path in
        ["emails/{}/verify/", "emails/{}/primary/", "emails/{}/remove/", "social/{}/disconnect/"]
    {
        let response =
            server.post(&path.replace("{}", &theirs.to_string()), &headers, Value::Null).await;
        let none = server.post(&path.replace("{}", "4711"), &headers, Value::Null).await;
        assert_eq!((response.status, &response.body), (404, &none.body), "{path}");
        assert_eq!(none.status, 404);
    }
    // Query parameters name no other account either.
    let bob = pk(&server, &bobs).await;
    let url = format!("{}/api/auth/emails/?user={bob}&user_id={bob}", server.base);
    let response = server.page(server.http.get(url).header("authorization", &token)).await;
    assert_eq!(response.json()["count"], 0);
}

/// 2.5 MB of input that is slow to parse or could be echoed: refused at once, in a short response.
#[tokio::test]
async fn oversized_bodies_are_refused_briefly() {
    const SIZE: usize = 2_500_000;
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    let json = |text: String| ("application/json", text.into_bytes());
    let form = |text: Vec<u8>| ("application/x-www-form-urlencoded", text);
    let multipart = |text: String| ("multipart/form-data; boundary=x", text.into_bytes());
    let part = |name: &str, content: &str| {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
    };
    let long = |text: &str| text.repeat(SIZE / text.len());
    let bodies = [
        json(format!("[{}]", long("{\"\":0},"))),
        json(long("{\"\":")),
        json(long("[")),
        json(format!("{{\"user\":{}}}", long("9"))),
        json(format!("{{\"user\":\"{}\"}}", long("9"))),
        json(format!("{{\"{}\":\"<b>\"}}", long("x"))),
        json(format!("{{\"username\":\"{}\",\"password\":\"x\"}}", long("\\u0041"))),
        json(format!("{{\"email\":\"{}@example.com\"}}", long("a."))),
        json(format!("{{\"username\":\"{}\"}}", long(" "))),
        json(long("\n")),
        form(long("a=1&").into_bytes()),
        form(format!("username=a+b&password={}", long("%ff")).into_bytes()),
        form(format!("username={}&email=x", long("%41")).into_bytes()),
        form([b"username=".to_vec(), vec![0xe4; SIZE]].concat()),
        multipart(long(&part("a", "1"))),
        multipart(part("a", &long("--x"))),
        multipart(part(&long("n"), "x").trim_end().to_owned()),
        multipart(format!(
            "--x\r\nContent-Disposition: form-data; name=\"a\r\n{}",
            long("A: b\r\n")
        )),
        multipart(long("-")),
    ];
    let operations = [
        (Method::POST, "login/"),
        (Method::POST, "registration/"),
        (Method::POST, "emails/"),
        (Method::POST, "password/reset/"),
        (Method::PUT, "user/"),
    ];
    for (number, (kind, body)) in bodies.iter().enumerate() {
        for (method, path) in &operations {
            let url = format!("{}/api/auth/{path}", server.base);
            let request = server.http.request(method.clone(), url).header("authorization", &token);
            let response =
                server.page(request.header("content-type", *kind).body(body.clone())).await;
            let what = format!("body {number} to {path}: {}", response.status);
            assert!((400..500).contains(&response.status), "{what}");
            assert!(response.body.len() < 1000, "{what}: {} bytes", response.body.len());
        }
    }
}
