//! register -> login -> user -> patch -> logout, in a program that depends only on the client
//! crate.

use inventree_auth_client::{Credentials, Problem, connect, types};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let base = std::env::args().nth(1).ok_or("usage: outside-client URL")?;
    let password = "Zebra-Quartz-77".to_owned();

    let anonymous = connect(&base, &Credentials::Anonymous)?;
    let account = types::Register {
        username: "outsider".to_owned(),
        email: Some("outsider@example.com".to_owned()),
        password1: password.clone(),
        password2: password.clone(),
    };
    let key =
        anonymous.auth_registration_create(&account).await?.into_inner().key.ok_or("no key")?;
    let again = anonymous.auth_registration_create(&account).await;
    let problem = Problem::read(again.err().ok_or("a second registration went through")?).await;
    println!("registered; again: {problem}");

    let login = types::Login { username: Some("outsider".to_owned()), email: None, password };
    let session = anonymous.auth_login_create(&login).await?;
    let session = Credentials::from_cookies(session.headers()).ok_or("no session")?;
    println!("logged in");

    for credentials in [Credentials::Token(key), session] {
        let client = connect(&base, &credentials)?;
        let me = client.auth_user_retrieve().await?.into_inner();
        let change = types::PatchedUserDetailsRequest {
            last_name: Some("Side".to_owned()),
            ..Default::default()
        };
        let changed = client.auth_user_partial_update(&change).await?.into_inner();
        assert_eq!((me.pk, changed.last_name.as_deref()), (changed.pk, Some("Side")));
        client.auth_logout_create().await?;
        assert!(client.auth_user_retrieve().await.is_err(), "{credentials:?} outlived its logout");
        println!("{credentials:?}: user, patch, logout");
    }
    Ok(())
}
