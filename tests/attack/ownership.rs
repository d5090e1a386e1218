//! Pre-hijacking: an attacker registers an account with a victim's address and attaches other
//! credentials before the victim registers.

use chrono::{DateTime, Utc};
use inventree_auth::domain::administration;
use inventree_auth::domain::operation::Operation;
use inventree_auth::domain::passwords::Password;
use inventree_auth::store::{AuditFilter, NewSocialAccount, StoreError};
use serde_json::{Value, json};

use super::pk;
use test_support::{PASSWORD, TestServer, confirmation_key, reset_link};

const VICTIM: &str = "victim@example.com";
const EVIL: &str = "evil@example.net";
const NEW: &str = "Violet-Anchor-58";

/// An account that a stranger registered with the victim's address.
struct Hijacked {
    server: TestServer,
    token: String,
    cookie: String,
    id: i64,
    /// The key sent to the victim at registration.
    key: String,
}

async fn confirm(server: &TestServer, headers: &[(&str, &str)], key: &str) -> u16 {
    server.post("registration/verify-email/", headers, json!({ "key": key })).await.status
}

/// Adds an address and confirms it without authentication.
async fn add_proved(server: &TestServer, token: &str, id: i64, email: &str) -> i64 {
    let headers = [("authorization", token)];
    let added =
        server.post("emails/", &headers, json!({ "email": email, "user": id })).await.json();
    let row = added["id"].as_i64().unwrap();
    server.post(&format!("emails/{row}/verify/"), &headers, Value::Null).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(confirm(server, &[], &key).await, 200);
    row
}

async fn connect(server: &TestServer, id: i64, subject: &str) {
    let link = NewSocialAccount {
        issuer: String::new(),
        account_id: id,
        provider: "company".to_owned(),
        uid: subject.to_owned(),
        date_joined: server.app().now(),
        extra_data: "{}".to_owned(),
    };
    server
        .app()
        .store
        .write::<_, StoreError>(move |w| w.social_account_insert(&link))
        .await
        .unwrap();
}

async fn links(server: &TestServer, id: i64) -> i64 {
    server.app().store.read::<_, StoreError>(|r| r.social_account_count(id)).await.unwrap()
}

async fn has_second_factor(server: &TestServer, id: i64) -> bool {
    server.app().store.read::<_, StoreError>(|r| r.second_factor_exists(id)).await.unwrap()
}

async fn events(server: &TestServer) -> Vec<String> {
    let read =
        server.app().store.read::<_, StoreError>(|r| r.audit_list(&AuditFilter::default(), None));
    read.await.unwrap().into_iter().map(|entry| entry.event).collect()
}

impl Hijacked {
    /// Attaches another confirmed address, a provider, a second factor, a token and a session.
    async fn new() -> Hijacked {
        let server = TestServer::start().await;
        let token = server.register("mallory", VICTIM).await;
        let key = confirmation_key(&server.take_mails(1).await[0]);
        let id = pk(&server, &token).await;
        let cookie = format!(
            "sessionid={}",
            server.log_in("mallory", PASSWORD).await.cookie_value("sessionid")
        );
        add_proved(&server, &token, id, EVIL).await;
        connect(&server, id, "mallory-1").await;
        let now: DateTime<Utc> = server.app().now();
        let device = move |w: &inventree_auth::store::Writer<'_>| {
            w.totp_device_insert(id, "", true, &[0], now)
        };
        server.app().store.write::<_, StoreError>(device).await.unwrap();
        Hijacked { server, token, cookie, id, key }
    }

    async fn reset(&self) {
        self.server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
        let (uid, token) = reset_link(&self.server.take_mail_about("Password Reset Email").await);
        let body =
            json!({ "uid": uid, "token": token, "new_password1": NEW, "new_password2": NEW });
        assert_eq!(self.server.post("password/reset/confirm/", &[], body).await.status, 200);
    }

    async fn assert_stranger_is_out(&self) {
        let server = &self.server;
        assert_eq!(server.get("user/", &[("authorization", &self.token)]).await.status, 401);
        assert_eq!(server.get("user/", &[("cookie", &self.cookie)]).await.status, 401);
        assert_eq!(server.log_in("mallory", PASSWORD).await.status, 400);
        assert_eq!(links(server, self.id).await, 0);
        assert!(!has_second_factor(server, self.id).await);
        // Email is sent in order: a link to the stranger's address would come first.
        server.post("password/reset/", &[], json!({ "email": EVIL })).await;
        server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
        assert_eq!(server.take_mail_about("Password Reset Email").await.to, VICTIM);
        assert!(events(server).await.contains(&"ownership_proved".to_owned()));
    }
}

#[tokio::test]
async fn reset_through_the_sign_up_address_revokes_earlier_credentials() {
    let account = Hijacked::new().await;
    account.reset().await;
    account.assert_stranger_is_out().await;
    // Later actions of the holder, including the confirmation, revoke nothing more.
    let token =
        account.server.log_in("mallory", NEW).await.json()["key"].as_str().unwrap().to_owned();
    let token = format!("Token {token}");
    connect(&account.server, account.id, "victim-1").await;
    assert_eq!(confirm(&account.server, &[], &account.key).await, 200);
    let rows = account.server.get("emails/", &[("authorization", &token)]).await.json();
    assert_eq!((&rows["count"], &rows["results"][0]["email"]), (&json!(1), &json!(VICTIM)));
    assert_eq!(links(&account.server, account.id).await, 1);
}

#[tokio::test]
async fn confirming_the_sign_up_address_revokes_earlier_credentials() {
    for is_moved in [false, true] {
        let account = Hijacked::new().await;
        let headers = [("authorization", account.token.as_str())];
        if is_moved {
            // The stranger's address is primary, so no reset reaches the holder before the
            // confirmation.
            let rows = account.server.get("emails/", &headers).await.json();
            let evil = rows["results"][1]["id"].as_i64().unwrap();
            assert_eq!(
                account
                    .server
                    .post(&format!("emails/{evil}/primary/"), &headers, Value::Null)
                    .await
                    .status,
                200
            );
        }
        assert_eq!(confirm(&account.server, &[], &account.key).await, 200);
        account.assert_stranger_is_out().await;
        account.reset().await;
        account.assert_stranger_is_out().await;
        assert_eq!(account.server.log_in("mallory", NEW).await.status, 200);
    }
}

#[tokio::test]
async fn reset_voids_keys_of_unverified_addresses() {
    let server = TestServer::start().await;
    let token = server.register("mallory", VICTIM).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let (headers, id) = ([("authorization", token.as_str())], pk(&server, &token).await);
    let added = server.post("emails/", &headers, json!({ "email": EVIL, "user": id })).await.json();
    server.post(&format!("emails/{}/verify/", added["id"]), &headers, Value::Null).await;
    let kept = confirmation_key(&server.take_mails(1).await[0]);
    // Only the sign-up address is pending: its confirmation revokes nothing.
    assert_eq!(confirm(&server, &[], &key).await, 200);
    assert_eq!(server.get("emails/", &headers).await.json()["count"], 2);
    let account = Hijacked { server, token: token.clone(), cookie: String::new(), id, key };
    account.reset().await;
    assert_eq!(confirm(&account.server, &[], &kept).await, 404);
}

/// A stolen token added an address, and the owner changes the password or has it set.
#[tokio::test]
async fn new_password_voids_keys_of_unverified_addresses() {
    for by_operator in [false, true] {
        let server = TestServer::start().await;
        let token = server.register("amy", VICTIM).await;
        let key = confirmation_key(&server.take_mails(1).await[0]);
        let (headers, id) = ([("authorization", token.as_str())], pk(&server, &token).await);
        let body = json!({ "email": EVIL, "user": id });
        let added = server.post("emails/", &headers, body).await.json();
        server.post(&format!("emails/{}/verify/", added["id"]), &headers, Value::Null).await;
        let kept = confirmation_key(&server.take_mails(1).await[0]);
        match by_operator {
            false => {
                let body = json!({ "new_password1": NEW, "new_password2": NEW });
                let changed = server.post("password/change/", &headers, body).await;
                assert_eq!(changed.status, 200);
            }
            true => {
                let op = Operation::of_operator(server.app());
                let read = op.store.read::<_, StoreError>(|r| r.account_find(id)).await;
                let (account, new) = (read.unwrap().unwrap(), Password::new(NEW.to_owned()));
                administration::set_password(&op, &account, new).await.unwrap();
            }
        }
        assert_eq!(confirm(&server, &[], &kept).await, 404, "{by_operator}");
        server.post("registration/resend-email/", &[], json!({ "email": EVIL })).await;
        assert_eq!(server.database.number("SELECT COUNT(*) FROM email_addresses"), 1);
        assert_eq!(confirm(&server, &[], &key).await, 200, "the sign-up address stays");
    }
}

#[tokio::test]
async fn owner_who_confirms_while_signed_in_keeps_everything() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    let id = pk(&server, &token).await;
    add_proved(&server, &token, id, "amy@example.org").await;
    connect(&server, id, "amy-1").await;
    assert_eq!(confirm(&server, &[("authorization", &token)], &key).await, 200);
    let rows = server.get("emails/", &[("authorization", &token)]).await.json();
    assert_eq!(rows["count"], 2);
    assert_eq!(links(&server, id).await, 1);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn owner_of_a_verified_address_keeps_other_credentials() {
    let server = TestServer::start().await;
    let token = server.register("amy", VICTIM).await;
    let key = confirmation_key(&server.take_mails(1).await[0]);
    assert_eq!(confirm(&server, &[], &key).await, 200);
    let id = pk(&server, &token).await;
    connect(&server, id, "amy-1").await;
    add_proved(&server, &token, id, "amy@example.org").await;
    assert_eq!(server.take_mails(1).await[0].to, VICTIM, "the notice");
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    let account = Hijacked { server, token: token.clone(), cookie: String::new(), id, key };
    account.reset().await;
    assert_eq!(account.server.get("user/", &[("authorization", &token)]).await.status, 401);
    assert_eq!(links(&account.server, id).await, 1);
    let login = account.server.log_in("amy", NEW).await.json();
    let token = format!("Token {}", login["key"].as_str().unwrap());
    assert_eq!(
        account.server.get("emails/", &[("authorization", &token)]).await.json()["count"],
        2
    );
}

/// A stolen session cannot use this rule against the owner.
#[tokio::test]
async fn confirming_an_added_address_revokes_nothing() {
    let server = TestServer::start().await;
    let token = server.register("amy", "amy@example.com").await;
    server.take_mails(1).await;
    let id = pk(&server, &token).await;
    connect(&server, id, "amy-1").await;
    // The owner has not confirmed the sign-up address yet.
    add_proved(&server, &token, id, EVIL).await;
    assert_eq!(server.get("user/", &[("authorization", &token)]).await.status, 200);
    assert_eq!(server.get("emails/", &[("authorization", &token)]).await.json()["count"], 2);
    assert_eq!(links(&server, id).await, 1);
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
}

/// The second account at an address has it as no primary one, and so may remove it.
#[tokio::test]
async fn sign_up_address_without_a_row_gets_no_email() {
    let server = TestServer::start().await;
    server.register("decoy", VICTIM).await;
    let token = server.register("mallory", VICTIM).await;
    server.take_mails(2).await;
    let (headers, id) = ([("authorization", token.as_str())], pk(&server, &token).await);
    connect(&server, id, "mallory-1").await;
    let rows = server.get("emails/", &headers).await.json();
    let row = &rows["results"][0]["id"];
    assert_eq!(
        server.post(&format!("emails/{row}/remove/"), &headers, Value::Null).await.status,
        200
    );
    assert_eq!(server.get("user/", &headers).await.json()["email"], "");
    server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
    let mail = server.take_mails(1).await.remove(0);
    assert!(mail.text.contains("decoy") && !mail.text.contains("mallory"), "{}", mail.text);
}

/// The domain rule came after the account: the holder's address cannot become primary.
#[tokio::test]
async fn address_removed_by_a_takeover_gets_no_reset_link() {
    let account = Hijacked::new().await;
    let headers = [("authorization", account.token.as_str())];
    let rows = account.server.get("emails/", &headers).await.json();
    let evil = &rows["results"][1]["id"];
    assert_eq!(
        account.server.post(&format!("emails/{evil}/primary/"), &headers, Value::Null).await.status,
        200
    );
    let Hijacked { mut server, key, .. } = account;
    server.stop().await;
    let rule = [("LOGIN_SIGNUP_MAIL_RESTRICTION", "example.net")];
    let server = TestServer::at_with(&server.database, &rule).await;
    assert_eq!(confirm(&server, &[], &key).await, 200);
    server.post("password/reset/", &[], json!({ "email": EVIL })).await;
    server.post("password/reset/", &[], json!({ "email": VICTIM })).await;
    // Mails leave in order.
    assert_eq!(server.take_mail_about("Password Reset Email").await.to, VICTIM);
}

/// As the administrator of the settings: User.email has no row.
#[tokio::test]
async fn address_set_by_the_operator_is_notified_and_stays_the_sign_up_address() {
    let server = TestServer::start().await;
    let token = server.register("root", "").await;
    let (headers, id) = ([("authorization", token.as_str())], pk(&server, &token).await);
    let given =
        move |w: &inventree_auth::store::Writer<'_>| w.account_set_email(id, "root@example.com");
    server.app().store.write::<_, StoreError>(given).await.unwrap();
    connect(&server, id, "root-1").await;
    add_proved(&server, &token, id, EVIL).await;
    assert_eq!(server.take_mails(1).await[0].to, "root@example.com", "the notice");
    assert_eq!(server.get("user/", &headers).await.status, 200);
    assert_eq!(links(&server, id).await, 1);
    assert_eq!(server.log_in("root", PASSWORD).await.status, 200);
}
