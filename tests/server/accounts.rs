//! Registration, login, logout and the user record: the README's walk through the generated
//! client.

use inventree_auth_client::{Credentials, Problem, types};
use test_support::{PASSWORD, TestServer};

fn account(username: &str) -> types::Register {
    types::Register {
        username: username.to_owned(),
        email: Some(format!("{username}@example.com")),
        password1: PASSWORD.to_owned(),
        password2: PASSWORD.to_owned(),
    }
}

#[tokio::test]
async fn generated_client_completes_registration_to_logout() {
    let server = TestServer::start().await;
    let anonymous = server.client(&Credentials::Anonymous);
    let key = anonymous
        .auth_registration_create(&account("amy"))
        .await
        .unwrap()
        .into_inner()
        .key
        .unwrap();

    let login = types::Login {
        username: Some("AMY".to_owned()),
        email: None,
        password: PASSWORD.to_owned(),
    };
    let response = anonymous.auth_login_create(&login).await.unwrap();
    let session = Credentials::from_cookies(response.headers()).unwrap();

    for credentials in [
        Credentials::Token(key.clone()),
        Credentials::Basic { username: "amy".to_owned(), password: PASSWORD.to_owned() },
        session.clone(),
    ] {
        let client = server.client(&credentials);
        let me = client.auth_user_retrieve().await.unwrap().into_inner();
        assert_eq!(
            (me.username.as_str(), me.email.as_str()),
            ("amy", "amy@example.com"),
            "{credentials:?}"
        );
        let change = types::PatchedUserDetailsRequest {
            first_name: Some("Amy".to_owned()),
            ..Default::default()
        };
        assert_eq!(
            client.auth_user_partial_update(&change).await.unwrap().first_name.as_deref(),
            Some("Amy")
        );
    }

    server.client(&session).auth_logout_create().await.unwrap();
    let refused = server.client(&session).auth_user_retrieve().await.unwrap_err();
    assert_eq!(
        Problem::read(refused).await.to_string(),
        "Authentication credentials were not provided."
    );
    server.client(&Credentials::Token(key.clone())).auth_logout_create().await.unwrap();
    let refused = server.client(&Credentials::Token(key)).auth_user_retrieve().await.unwrap_err();
    assert_eq!(Problem::read(refused).await.status, Some(401));
}

#[tokio::test]
async fn second_registration_with_same_username_conflicts() {
    let server = TestServer::start().await;
    let anonymous = server.client(&Credentials::Anonymous);
    anonymous.auth_registration_create(&account("amy")).await.unwrap();
    let refused = anonymous.auth_registration_create(&account("AMY")).await.unwrap_err();
    let problem = Problem::read(refused).await;
    assert_eq!(problem.fields["username"], ["A user with that username already exists."]);
}
