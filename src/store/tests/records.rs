//! Each table returns complete records, only for their owner.
//!
//! Tests run SQL directly only where no handle offers the operation.

use super::super::values::params;
use super::*;
use crate::store::NewPasskey;

#[tokio::test]
async fn primary_moves_only_to_an_address_of_the_account() {
    with_two_accounts(|w, one, two| {
        let a = w.email_address_insert(one, "a@example.org", false, true)?;
        let b = w.email_address_insert(one, "b@example.org", false, false)?;
        let foreign = w.email_address_insert(two, "c@example.org", false, true)?;

        w.email_address_set_primary(one, b)?;
        assert_eq!(w.email_address_find_primary(one)?.unwrap().id, b);
        assert!(!w.email_address_find(one, a)?.unwrap().primary);

        w.email_address_set_primary(one, foreign)?;
        assert_eq!(w.email_address_find_primary(one)?.unwrap().id, b);
        assert_eq!(w.email_address_find_primary(two)?.unwrap().id, foreign);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn addresses_are_paged_by_id_and_looked_up_by_text() {
    with_two_accounts(|w, one, two| {
        let a = w.email_address_insert(one, "a@example.org", true, false)?;
        let b = w.email_address_insert(one, "b@example.org", false, false)?;
        let shared = w.email_address_insert(two, "a@example.org", false, false)?;
        let ids = |list: Vec<EmailAddress>| list.iter().map(|e| e.id).collect::<Vec<_>>();

        assert_eq!(ids(w.email_address_list(one, None, 0)?), [a, b]);
        assert_eq!(ids(w.email_address_list(one, Some(1), 1)?), [b]);
        assert_eq!(w.email_address_count(one)?, 2);
        assert!(
            w.email_address_exists("a@example.org")? && !w.email_address_exists("c@example.org")?
        );
        assert_eq!(w.email_address_find_verified("a@example.org")?.unwrap().id, a);
        assert_eq!(ids(w.email_address_list_unverified_by_email("a@example.org", 9)?), [shared]);
        assert_eq!(
            (w.email_address_find_first(one)?.unwrap().id, w.email_address_last_id(one)?),
            (a, b)
        );
        assert!(w.email_address_exists_beyond(one, 1)? && !w.email_address_exists_beyond(one, 2)?);
        assert!(
            w.email_address_exists_other(one, a)? && !w.email_address_exists_other(two, shared)?
        );
        assert!(w.email_address_is_verified("a@example.org")?);
        assert!(!w.email_address_is_verified("b@example.org")?);
        assert_eq!(w.email_address_find(two, a)?, None);
        assert!(w.email_address_delete(a)?);
        assert!(!w.email_address_delete(a)?);
        assert_eq!(w.email_address_find_by_id(a)?, None);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn accounts_by_email_include_verified_rows() {
    with_two_accounts(|w, one, two| {
        let ids = |list: Vec<Account>| list.iter().map(|a| a.id).collect::<Vec<_>>();
        let address = w.email_address_insert(two, "one@example.org", false, false)?;
        w.email_address_insert(one, "one@example.org", false, false)?;
        assert_eq!(ids(w.account_list_by_email("one@example.org", 9)?), [one]);
        w.email_address_set_verified(address)?;
        assert_eq!(ids(w.account_list_by_email("one@example.org", 9)?), [two, one]);
        assert_eq!(ids(w.account_list_by_email("one@example.org", 1)?), [two]);
        w.account_set_active(one, false)?;
        assert_eq!(ids(w.account_list_by_email("one@example.org", 9)?), [two]);
        w.account_set_email(one, "")?;
        w.account_set_email(two, "")?;
        assert!(w.account_list_by_email("", 9)?.is_empty());
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn account_round_trips() {
    let (_folder, store) = open();
    assert!(!store.read(|r| r.account_exists_any()).await.unwrap());
    let id = write(&store, |w| {
        let id = w.account_insert(&new_account("Ada"))?;
        w.account_update_names(id, "Ada2", "ada2", "ada2", "", "")?;
        w.account_update_full_name(id, "A", "L")?;
        w.account_set_password(id, "!x")?;
        w.account_touch_login(id, noon() + hour())?;
        w.account_set_language(id, "de")?;
        Ok(id)
    })
    .await
    .unwrap();
    let by_key = |r: &Reader<'_>| r.account_find_by_username_key("ada2");
    let account = store.read(by_key).await.unwrap().unwrap();
    let expected = Account {
        id,
        username: "Ada2".to_owned(),
        email: "ada@example.org".to_owned(),
        first_name: "A".to_owned(),
        last_name: "L".to_owned(),
        password: "!x".to_owned(),
        is_active: true,
        is_superuser: false,
        last_login: Some(noon() + hour()),
        date_joined: noon(),
        confirm_by: None,
        language: "de".to_owned(),
    };
    assert_eq!(account, expected);
    assert!(store.read(|r| r.account_exists_any()).await.unwrap());
}

#[tokio::test]
async fn session_is_found_with_its_account_and_deleted_when_expired() {
    with_two_accounts(|w, one, _| {
        for n in 1..=4 {
            w.session_insert(&[n; 32], one, noon(), noon() + hour() * i32::from(n), "", "")?;
        }
        let (session, account) = w.session_find(&[2; 32])?.unwrap();
        assert_eq!((session.account_id, account.id), (one, one));
        assert_eq!(session.expires, noon() + hour() * 2);

        assert_eq!(w.session_delete_expired(noon() + hour() * 2, 1)?, 1);
        assert_eq!(w.session_find(&[1; 32])?, None);
        assert_eq!(w.session_delete_expired(noon() + hour() * 2, 9)?, 1);
        assert_eq!(w.session_delete_others(one, Some(&[4; 32]))?, 1);
        assert_eq!(w.session_list(one)?.len(), 1);
        assert!(w.session_delete(&[4; 32])?);
        assert!(!w.session_delete(&[4; 32])?);
        assert_eq!(w.session_delete_others(one, None)?, 0);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn token_is_found_with_its_account() {
    with_two_accounts(|w, one, _| {
        let id = w.token_insert(&[1; 32], one, "cli", noon(), day("2026-01-02"))?;
        let other = w.token_insert(&[2; 32], one, "web", noon(), day("2026-01-02"))?;
        w.token_touch(id, day("2025-12-31"))?;
        w.token_revoke(id)?;
        let (token, account) = w.token_find(&[1; 32])?.unwrap();
        let expected = Token {
            id,
            account_id: one,
            name: "cli".to_owned(),
            created: noon(),
            expiry: day("2026-01-02"),
            revoked: true,
            last_seen: Some(day("2025-12-31")),
        };
        assert_eq!((token, account.username.as_str()), (expected, "one"));
        assert_eq!(w.token_delete_others(one, Some(other))?, 1);
        assert_eq!(w.token_list(one)?[0].id, other);
        assert_eq!(w.token_delete_others(one, None)?, 1);
        assert!(!w.token_delete(other)?);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn social_account_is_found_by_uid_and_touched() {
    with_two_accounts(|w, one, two| {
        let id = w.social_account_insert(&new_social_account(one))?;
        w.social_account_touch(id, noon() + hour())?;
        let found = w.social_account_find_by_uid("github", "7")?.unwrap();
        assert_eq!(found.last_login - found.date_joined, hour());
        assert_eq!(w.social_account_list(one, None, 0)?, [found]);
        assert_eq!(w.social_account_count(one)?, 1);
        assert_eq!(w.social_account_find(two, id)?, None);
        assert!(w.social_account_delete(id)?);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn only_a_confirmed_totp_device_counts() {
    with_two_accounts(|w, one, _| {
        w.totp_device_insert(one, "phone", false, b"sealed", noon())?;
        assert!(!w.second_factor_exists(one)?);
        w.totp_device_insert(one, "phone", true, b"sealed", noon())?;
        assert!(w.second_factor_exists(one)?);
        Ok(())
    })
    .await
    .unwrap();
}

fn new_passkey(account_id: i64) -> NewPasskey {
    NewPasskey {
        account_id,
        credential_id: b"id".to_vec(),
        public_key: b"key".to_vec(),
        sign_count: 0,
        name: "laptop".to_owned(),
        created: noon(),
    }
}

#[tokio::test]
async fn passkey_is_a_second_factor_and_its_counter_rises() {
    with_two_accounts(|w, one, two| {
        let id = w.passkey_insert(&new_passkey(one))?.unwrap();
        assert!(w.second_factor_exists(one)? && !w.second_factor_exists(two)?);
        assert_eq!(w.passkey_insert(&new_passkey(two))?, None, "one account has the credential");
        for (account, count, is_used) in
            [(two, 5, false), (one, 0, true), (one, 0, true), (one, 5, true), (one, 5, false)]
        {
            assert_eq!(w.passkey_use(account, id, count, noon())?, is_used, "{count}");
        }
        assert!(!w.passkey_use(one, id, 0, noon())?, "a counter does not go back to none");
        assert_eq!(w.passkey_find(b"id")?.unwrap().sign_count, 5);
        assert_eq!(w.passkey_delete_own(two, id)?, None);
        assert_eq!(w.passkey_delete_own(one, id)?.as_deref(), Some("laptop"));
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn outbox_returns_due_messages_in_order_and_drops_expired_ones() {
    with_two_accounts(|w, _, _| {
        assert_eq!(w.outbox_next_attempt()?, None);
        let late = w.outbox_insert(b"late", noon(), noon() + hour())?;
        let soon = w.outbox_insert(b"soon", noon(), noon() + hour() * 9)?;
        w.outbox_postpone(late, noon() + hour())?;
        assert_eq!(w.outbox_next_attempt()?, Some(noon()));
        assert_eq!(w.outbox_due(noon(), 9)?[0].id, soon);
        let due = w.outbox_due(noon() + hour(), 9)?;
        assert_eq!([due[0].id, due[1].id], [soon, late]);
        assert_eq!((due[1].attempts, due[1].sealed.as_slice()), (1, &b"late"[..]));
        assert_eq!(w.outbox_delete_expired(noon() + hour())?, 1);
        assert_eq!(w.outbox_count()?, 1);
        assert!(w.outbox_delete(soon)?);
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn deleted_account_leaves_no_rows_and_its_id_is_not_reused() {
    with_two_accounts(|w, one, two| {
        w.email_address_insert(two, "a@example.org", true, true)?;
        w.session_insert(&[1; 32], two, noon(), noon(), "", "")?;
        w.token_insert(&[1; 32], two, "", noon(), day("2026-01-02"))?;
        w.social_account_insert(&new_social_account(two))?;
        w.totp_device_insert(two, "", true, b"", noon())?;
        w.passkey_insert(&new_passkey(two))?;
        w.execute("DELETE FROM accounts WHERE id = $1", params![two])?;

        assert_eq!(w.email_address_count(two)?, 0);
        assert_eq!(w.session_find(&[1; 32])?, None);
        assert_eq!(w.token_find(&[1; 32])?, None);
        assert_eq!(w.social_account_count(two)?, 0);
        assert!(!w.second_factor_exists(two)?);
        let next = w.account_insert(&new_account("three"))?;
        assert!(next > two && two > one);
        Ok(())
    })
    .await
    .unwrap();
}

#[test]
fn debug_shows_no_secret() {
    let (folder, store) = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let text = runtime.block_on(write(&store, |w| {
        let new = new_account("one");
        let id = w.account_insert(&new)?;
        let new_social = new_social_account(id);
        w.social_account_insert(&new_social)?;
        w.outbox_insert(b"sealed", noon(), noon())?;
        let account = w.account_find(id)?;
        let social = w.social_account_list(id, None, 0)?;
        let mails = w.outbox_due(noon(), 1)?;
        Ok(format!("{new:?} {account:?} {new_social:?} {social:?} {mails:?}"))
    }));
    let text = text.unwrap();
    assert!(!text.contains("secret"), "{text}");
    assert!(!text.contains("115"), "a byte of the sealed text: {text}");
    drop(folder);
}
