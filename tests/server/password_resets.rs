//! Password resets: the recipients of a link, and its end.

use reqwest::Method;
use serde_json::{Value, json};
use test_support::{PASSWORD, TestServer, contract, reset_link};

use super::passwords::{
    NEW, Session, add_address, add_proved, ask, change, confirm, deactivate, invalid_token, link,
    pk, register, reset, token_status,
};
use super::second_factor::Browser;

#[tokio::test]
async fn reset_responds_uniformly_and_emails_only_known_addresses() {
    let server = TestServer::start().await;
    let (gone, _) = register(&server, "gone").await;
    deactivate(&server, pk(&server, &gone).await).await;
    register(&server, "amy").await;
    for email in ["nobody@example.com", "gone@example.com", "AMY@Example.COM"] {
        let response = ask(&server, email).await;
        let detail = json!({ "detail": "Password reset e-mail has been sent." });
        assert_eq!((response.status, response.json()), (200, detail), "{email}");
    }
    // Email is sent in order: amy's is the first and the only one, to the address as stored.
    let mails = server.take_mails(1).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "amy@example.com"));
    assert_eq!(mails[0].subject, "[InvenTree] Password Reset Email");
    assert!(mails[0].text.contains("amy"));
}

#[tokio::test]
async fn reset_link_is_built_from_the_configured_site() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let headers = [
        ("host", "evil.example.net"),
        ("x-forwarded-host", "evil.example.net"),
        ("x-forwarded-proto", "https"),
    ];
    let response =
        server.post("password/reset/", &headers, json!({ "email": "amy@example.com" })).await;
    assert_eq!(response.status, 200);
    let mail = &server.take_mails(1).await[0];
    assert!(
        mail.text.contains("http://auth.example.com/platform/set-password?uid="),
        "{}",
        mail.text
    );
    assert!(!mail.text.contains("evil") && !mail.html.contains("evil"));
}

#[tokio::test]
async fn kelvin_sign_does_not_match_k() {
    let server = TestServer::start().await;
    server.register("kim", "kim@kite.example.com").await;
    server.take_mails(1).await;
    contract::lenient("a domain may have letters of every script", async {
        for email in ["kim@\u{212a}ite.example.com", "\u{212a}im@kite.example.com"] {
            assert!(matches!(ask(&server, email).await.status, 200 | 400));
            let resent =
                server.post("registration/resend-email/", &[], json!({ "email": email })).await;
            assert!(matches!(resent.status, 201 | 400));
        }
    })
    .await;
    // Email is sent in order: any for the above would come first.
    register(&server, "marker").await;
    assert!(server.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn reset_reaches_verified_addresses_only() {
    let server = TestServer::start().await;
    let (token, key) = register(&server, "amy").await;
    confirm(&server, &key).await;
    add_address(&server, &token, "unproved@example.com").await;
    add_proved(&server, &token, "proved@example.com").await;
    ask(&server, "unproved@example.com").await;
    ask(&server, "Proved@example.com").await;
    let mails = server.take_mails(1).await;
    assert_eq!((mails.len(), mails[0].to.as_str()), (1, "proved@example.com"));
    assert_eq!(reset(&server, &reset_link(&mails[0]), NEW).await.status, 200);
    assert_eq!(server.log_in("amy", NEW).await.status, 200);
}

#[tokio::test]
async fn reset_link_works_once_and_opens_no_session() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    let response = reset(&server, &link, NEW).await;
    let detail = json!({ "detail": "Password has been reset with the new password." });
    assert_eq!((response.status, response.json()), (200, detail));
    assert!(response.cookie("sessionid").is_none());
    let again = reset(&server, &link, "Copper-Meadow-31").await;
    assert_eq!((again.status, again.json()), (400, invalid_token()));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 400);
    assert_eq!(server.log_in("amy", NEW).await.status, 200);
}

#[tokio::test]
async fn reset_ends_every_token_and_session() {
    let server = TestServer::start().await;
    let (token, _) = register(&server, "amy").await;
    let session = Session::open(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    assert_eq!((token_status(&server, &token).await, session.status(&server).await), (200, 200));
    assert_eq!(reset(&server, &link, NEW).await.status, 200);
    assert_eq!((token_status(&server, &token).await, session.status(&server).await), (401, 401));
}

#[tokio::test]
async fn failed_reset_does_not_consume_the_link() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    let (uid, token) = &link;
    let confirm = |uid: &str, token: &str, first: &str, second: &str| {
        let body =
            json!({ "uid": uid, "token": token, "new_password1": first, "new_password2": second });
        let server = &server;
        async move {
            let response = server.post("password/reset/confirm/", &[], body).await;
            (response.status, response.json())
        }
    };
    let invalid = json!(["Invalid value"]);
    // Invalid base36. An id without an account fails like one with an account.
    assert_eq!(confirm("z-z", "x", "a", "b").await, (400, json!({ "uid": invalid })));
    assert_eq!(confirm("zzzz", "x", "a", "b").await, (400, json!({ "token": invalid })));
    assert_eq!(
        confirm("", "x", "a", "b").await,
        (400, json!({ "uid": ["This field may not be blank."] }))
    );
    assert_eq!(confirm(uid, "x", "a", "b").await, (400, json!({ "token": invalid })));
    let (head, last) = token.split_at(token.len() - 1);
    let forged = format!("{head}{}", if last == "0" { "1" } else { "0" });
    assert_eq!(confirm(uid, &forged, NEW, NEW).await, (400, json!({ "token": invalid })));
    let mismatch = json!({ "new_password2": ["The two password fields didn’t match."] });
    assert_eq!(confirm(uid, token, NEW, "other").await, (400, mismatch));
    let common = json!({ "new_password2": ["This password is too common."] });
    assert_eq!(confirm(uid, token, "password1", "password1").await, (400, common));
    assert_eq!(reset(&server, &link, NEW).await.status, 200);
}

#[tokio::test]
async fn reset_link_is_bound_to_its_account() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    register(&server, "bob").await;
    let amys = link(&server, "amy@example.com").await;
    let bobs = link(&server, "bob@example.com").await;
    let response = reset(&server, &(bobs.0, amys.1), NEW).await;
    assert_eq!((response.status, response.json()), (400, invalid_token()));
}

#[tokio::test]
async fn login_voids_reset_links() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    server.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(reset(&server, &link, NEW).await.json(), invalid_token());
}

#[tokio::test]
async fn password_change_voids_reset_links() {
    let server = TestServer::start().await;
    let (token, _) = register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    // A change to the same password counts too.
    assert_eq!(change(&server, &token, PASSWORD, PASSWORD).await.status, 200);
    assert_eq!(reset(&server, &link, NEW).await.json(), invalid_token());
}

#[tokio::test]
async fn address_change_voids_reset_links() {
    let server = TestServer::start().await;
    let (token, key) = register(&server, "amy").await;
    confirm(&server, &key).await;
    let before_adding = link(&server, "amy@example.com").await;
    let second = add_proved(&server, &token, "second@example.com").await;
    assert_eq!(reset(&server, &before_adding, NEW).await.json(), invalid_token());

    let before_primary = link(&server, "amy@example.com").await;
    let primary = format!("emails/{second}/primary/");
    assert_eq!(server.post(&primary, &[("authorization", &token)], Value::Null).await.status, 200);
    assert_eq!(reset(&server, &before_primary, NEW).await.json(), invalid_token());

    let third = add_address(&server, &token, "third@example.com").await;
    let before_removal = link(&server, "second@example.com").await;
    let remove = format!("emails/{third}/remove/");
    assert_eq!(server.post(&remove, &[("authorization", &token)], Value::Null).await.status, 200);
    assert_eq!(reset(&server, &before_removal, NEW).await.json(), invalid_token());
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn reset_link_expires_after_three_days() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    register(&server, "bob").await;
    let amys = link(&server, "amy@example.com").await;
    let bobs = link(&server, "bob@example.com").await;
    server.clock.advance(chrono::Duration::days(3));
    assert_eq!(reset(&server, &amys, NEW).await.status, 200);
    server.clock.advance(chrono::Duration::seconds(1));
    assert_eq!(reset(&server, &bobs, NEW).await.json(), invalid_token());
}

#[tokio::test]
async fn reset_links_are_valid_until_one_is_used() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let first = link(&server, "amy@example.com").await;
    server.clock.advance(chrono::Duration::minutes(5));
    let second = link(&server, "amy@example.com").await;
    assert_ne!(first, second);
    assert_eq!(reset(&server, &first, NEW).await.status, 200);
    assert_eq!(reset(&server, &second, PASSWORD).await.json(), invalid_token());
}

#[tokio::test]
async fn reset_link_of_an_account_deactivated_since_is_void() {
    let server = TestServer::start().await;
    let (token, _) = register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    deactivate(&server, pk(&server, &token).await).await;
    let response = reset(&server, &link, NEW).await;
    assert_eq!((response.status, response.json()), (400, invalid_token()));
}

#[tokio::test]
async fn opening_a_reset_link_changes_nothing() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    let link = link(&server, "amy@example.com").await;
    let query = format!("uid={}&token={}", link.0, link.1);
    for method in [Method::GET, Method::HEAD] {
        for path in ["/platform/set-password", "/api/auth/password/reset/confirm/"] {
            let url = format!("{}{path}?{query}", server.base);
            assert!(server.run(server.http.request(method.clone(), url)).await.status < 500);
        }
    }
    assert_eq!(reset(&server, &link, NEW).await.status, 200);
}

#[tokio::test]
async fn first_reset_of_an_account_without_address_row_works() {
    let server = TestServer::with(&[
        ("ADMIN_USER", "admin"),
        ("ADMIN_PASSWORD", PASSWORD),
        ("ADMIN_EMAIL", "Root@example.com"),
    ])
    .await;
    let link = link(&server, "root@example.com").await;
    assert_eq!(reset(&server, &link, NEW).await.status, 200);
    assert_eq!(server.log_in("admin", NEW).await.status, 200);
}

#[tokio::test]
async fn claiming_the_address_of_another_account_gets_no_reset_link() {
    let server = TestServer::start().await;
    let (amy, _) = register(&server, "amy").await;
    let eve = server.register("eve", "").await;
    add_address(&server, &eve, "amy@example.com").await;
    let link = link(&server, "amy@example.com").await;
    assert_eq!(i64::from_str_radix(&link.0, 36).unwrap(), pk(&server, &amy).await);
    assert!(server.mails.lock().unwrap().is_empty());
    assert_eq!(reset(&server, &link, NEW).await.status, 200);
    assert_eq!(server.log_in("eve", PASSWORD).await.status, 200);
}

/// Asks at the pages for a reset.
async fn ask_at_the_pages(server: &TestServer, next: &str) -> u16 {
    let body = json!({ "email": "amy@example.com", "next": next });
    Browser::new(server).post("links/reset/", body).await.status
}

#[tokio::test]
async fn reset_link_keeps_the_next_parameter() {
    let server = TestServer::start().await;
    register(&server, "amy").await;
    assert_eq!(ask_at_the_pages(&server, "/shop/?item=7").await, 200);
    let mail = &server.take_mails(1).await[0];
    let (uid, rest) = reset_link(mail);
    let (token, sealed) = rest.split_once("&next=").expect("a sealed path");
    assert!(!sealed.contains("shop"));
    let state = async |next: &str| {
        let path = format!("links/reset/?uid={uid}&token={token}&next={next}");
        Browser::new(&server).get(&path).await.json()
    };
    assert_eq!(state(sealed).await, json!({ "state": "good", "next": "/shop/?item=7" }));
    let mut spoilt = sealed.to_owned();
    spoilt.replace_range(40..41, if &sealed[40..41] == "A" { "B" } else { "A" });
    for other in ["", "/shop/", "//evil.example/", "https%3A%2F%2Fevil.example%2F", &spoilt] {
        assert_eq!(state(other).await, json!({ "state": "good", "next": null }), "{other}");
    }
    // Paths of other sites are refused before anything is sent, and the API knows no `next`.
    for next in ["//evil.example/", "/\\evil.example/", "https://evil.example/", "shop"] {
        assert_eq!(ask_at_the_pages(&server, next).await, 400, "{next}");
    }
    let body = json!({ "email": "amy@example.com", "next": "/shop/" });
    assert_eq!(server.post("password/reset/", &[], body).await.status, 200);
    let mails = server.take_mails(1).await;
    assert_eq!(mails.len(), 1);
    assert!(!mails[0].text.contains("next="), "{}", mails[0].text);
}
