//! The calls with which InvenTree's own clients begin: server, token, caller, roles.

use inventree_auth::contract::{self, USER};
use inventree_auth::domain::operation::Operation;
use inventree_auth::domain::{administration, groups};
use inventree_auth_client::{Credentials, connect_user};
use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, Response, TestServer};

use crate::protocol::{Session, basic, detail};

async fn get(server: &TestServer, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = server.http.request(Method::GET, format!("{}{path}", server.base));
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let response = server.page(request).await;
    if response.status == 200 {
        has_the_documents_shape(path, &response.json());
    }
    response
}

/// Every required member is there, and no other than the document's.
fn has_the_documents_shape(path: &str, body: &Value) {
    let document = contract::parse(USER.source).unwrap();
    let path = path.split('?').next().unwrap();
    let content = &document["paths"][path]["get"]["responses"]["200"]["content"];
    let Some(name) = content["application/json"]["schema"]["$ref"].as_str() else { return };
    let schema = &document["components"]["schemas"][name.rsplit('/').next().unwrap()];
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(!body[name.as_str().unwrap()].is_null(), "{path}: {name} of {body}");
    }
    for name in body.as_object().unwrap().keys() {
        assert!(schema["properties"].get(name).is_some(), "{path}: {name} of {body}");
    }
}

#[tokio::test]
async fn mobile_app_call_sequence_succeeds() {
    let server = TestServer::start().await;
    server.register("amy", "amy@example.com").await;
    let op = Operation::of_operator(server.app());
    groups::add(&op, "Stock keepers").await.unwrap();
    groups::change(&op, 1, vec!["Stock keepers".to_owned()], Vec::new()).await.unwrap();

    let info = get(&server, "/api/", &[]).await.json();
    assert_eq!((&info["server"], &info["apiVersion"]), (&json!("InvenTree"), &json!(291)));
    let password = basic("amy", PASSWORD);
    let asked = get(&server, "/api/user/token/?name=phone", &[("authorization", &password)]).await;
    let issued = asked.json();
    assert_eq!((&issued["name"], &issued["expiry"]), (&json!("phone"), &json!("2027-03-01")));
    let token = format!("Token {}", issued["token"].as_str().unwrap());
    let me = get(&server, "/api/user/me/", &[("authorization", &token)]).await.json();
    assert_eq!(
        me,
        json!({
            "pk": 1, "username": "amy", "first_name": "", "last_name": "",
            "email": "amy@example.com", "groups": [{ "pk": 1, "name": "Stock keepers" }],
            "is_staff": false, "is_superuser": false, "is_active": true,
        })
    );
    let roles = get(&server, "/api/user/roles/", &[("authorization", &token)]).await.json();
    assert_eq!((&roles["user"], &roles["roles"]), (&json!(1), &json!({})));
    administration::set_superuser(&op, 1, true).await.unwrap();
    let roles = get(&server, "/api/user/roles/", &[("authorization", &token)]).await.json();
    assert_eq!((&roles["is_staff"], &roles["is_superuser"]), (&json!(true), &json!(true)));
}

#[tokio::test]
async fn generated_client_of_the_second_document_reads_its_user() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let password = Credentials::Basic { username: "amy".to_owned(), password: PASSWORD.to_owned() };
    let client = connect_user(&server.base, &password).unwrap();
    assert_eq!(client.root_retrieve().await.unwrap().api_version, 291);
    let me = client.user_me_retrieve().await.unwrap().into_inner();
    assert_eq!((me.pk, me.username.as_str(), me.groups.len()), (1, "amy", 0));
    let nobody = connect_user(&server.base, &Credentials::Anonymous).unwrap();
    assert_eq!(nobody.user_me_retrieve().await.unwrap_err().status().unwrap(), 401);
}

#[tokio::test]
async fn named_token_is_replaced_by_the_next_of_its_name() {
    let server = TestServer::start().await;
    server.register("amy", "").await;
    let password = basic("amy", PASSWORD);
    let issue = async |query: &str| {
        let path = format!("/api/user/token/{query}");
        let response = get(&server, &path, &[("authorization", &password)]).await;
        assert_eq!(response.status, 200, "{response:?}");
        format!("Token {}", response.json()["token"].as_str().unwrap())
    };
    let opens = async |token: &str| server.get("user/", &[("authorization", token)]).await.status;
    let (phone, other) = (issue("?name=phone").await, issue("?name=other").await);
    let newer = issue("?name=%20phone%00").await;
    let asked = [opens(&phone).await, opens(&other).await, opens(&newer).await];
    assert_eq!(asked, [401, 200, 200]);
    // HEAD would show no key.
    let head = server.http.head(format!("{}/api/user/token/?name=phone", server.base));
    assert_eq!(server.page(head.header("authorization", &password)).await.status, 200);
    assert_eq!(opens(&newer).await, 200);
    // Unnamed ones are like those of logins, which do not replace each other.
    let unnamed = [issue("").await, issue("?name=").await];
    assert_eq!([opens(&unnamed[0]).await, opens(&unnamed[1]).await], [200, 200]);
    for n in 0..110 {
        issue("?name=phone").await;
        let path = format!("/api/user/token/?name=n{n}");
        let response = get(&server, &path, &[("authorization", &password)]).await;
        assert_eq!(response.status, if n < 98 { 200 } else { 400 }, "{n}");
    }
}

#[tokio::test]
async fn token_is_issued_only_for_a_password_or_a_recent_same_site_session() {
    let server = TestServer::start().await;
    let session = Session::open(&server).await;
    let cookies = session.cookies();
    let path = "/api/user/token/?name=a";
    let own = [("cookie", cookies.as_str()), ("sec-fetch-site", "same-origin")];
    assert_eq!(get(&server, path, &own).await.status, 200);
    for foreign in ["cross-site", "same-site"] {
        let headers = [own[0], ("sec-fetch-site", foreign)];
        assert_eq!(get(&server, path, &headers).await.status, 403, "{foreign}");
    }
    let token = server.log_in("amy", PASSWORD).await.json()["key"].as_str().unwrap().to_owned();
    let by_token = get(&server, path, &[("authorization", &format!("Token {token}"))]).await;
    assert_eq!(by_token.status, 403);
    assert_eq!(by_token.json(), detail("A token makes no other token. Use your password."));
    for wrong in [vec![], vec![("authorization", "Token no")]] {
        assert_eq!(get(&server, path, &wrong).await.status, 401);
    }
    server.clock.advance(chrono::Duration::minutes(11));
    assert_eq!(get(&server, path, &own).await.status, 403);
}

#[tokio::test]
async fn tokens_are_listed_in_pages_without_their_keys() {
    let server = TestServer::start().await;
    let token = server.register("amy", "").await;
    server.register("bob", "").await;
    let password = basic("amy", PASSWORD);
    for name in ["a", "b"] {
        let path = format!("/api/user/token/?name={name}");
        get(&server, &path, &[("authorization", &password)]).await;
    }
    let credential = [("authorization", token.as_str())];
    let all = get(&server, "/api/user/tokens/", &credential).await.json();
    assert_eq!(all["count"], 3);
    let names: Vec<_> = all["results"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["b", "a", ""]);
    let used: Vec<_> =
        all["results"].as_array().unwrap().iter().map(|row| &row["in_use"]).collect();
    assert_eq!(used, [false, false, true]);
    assert!(!all.to_string().contains(&token["Token inv-".len()..]));
    let page = get(&server, "/api/user/tokens/?limit=1&offset=1", &credential).await.json();
    assert_eq!(page["results"][0]["name"], "a");
    assert_eq!(page["next"], "http://auth.example.com/api/user/tokens/?limit=1&offset=2");
}

#[tokio::test]
async fn second_document_checks_credentials_like_the_first() {
    let server = TestServer::start().await;
    for path in ["/api/user/me/", "/api/user/roles/", "/api/user/token/", "/api/user/tokens/"] {
        let response = get(&server, path, &[]).await;
        assert_eq!(
            (response.status, response.header("www-authenticate")),
            (401, "Token"),
            "{path}"
        );
        assert_eq!(response.header("cache-control"), "no-store");
    }
    assert_eq!(get(&server, "/api/", &[("authorization", "Token no")]).await.status, 401);
    for path in ["/api", "/api/user/me", "/api/user/"] {
        assert_eq!(get(&server, path, &[]).await.status, 404, "{path}");
    }
}
