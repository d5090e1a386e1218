//! Each unique index maps to its own conflict, independent of the order in which an engine checks
//! them.

use super::*;

#[tokio::test]
async fn second_account_with_same_username_conflicts() {
    let outcome = with_two_accounts(|w, _, _| w.account_insert(&new_account("ONE"))).await;
    assert_eq!(outcome, conflict(Conflict::Username));
}

#[tokio::test]
async fn renaming_to_a_taken_username_conflicts() {
    let outcome =
        with_two_accounts(|w, one, _| w.account_update_names(one, "Two", "two", "two", "", ""))
            .await;
    assert_eq!(outcome, conflict(Conflict::Username));
}

#[tokio::test]
async fn same_address_twice_on_one_account_conflicts() {
    for verified in [false, true] {
        let outcome = with_two_accounts(move |w, one, _| {
            w.email_address_insert(one, "a@example.org", verified, false)?;
            w.email_address_insert(one, "a@example.org", verified, false)
        })
        .await;
        assert_eq!(outcome, conflict(Conflict::AccountEmail));
    }
}

#[tokio::test]
async fn address_verified_elsewhere_can_be_added_but_not_verified() {
    let outcome = with_two_accounts(|w, one, two| {
        w.email_address_insert(one, "a@example.org", true, false)?;
        let id = w.email_address_insert(two, "a@example.org", false, false)?;
        w.email_address_set_verified(id)
    })
    .await;
    assert_eq!(outcome, conflict(Conflict::VerifiedEmail));
}

#[tokio::test]
async fn second_primary_address_conflicts() {
    let outcome = with_two_accounts(|w, one, _| {
        w.email_address_insert(one, "a@example.org", false, true)?;
        w.email_address_insert(one, "b@example.org", false, true)
    })
    .await;
    assert_eq!(outcome, conflict(Conflict::PrimaryEmail));
}

#[tokio::test]
async fn same_session_token_or_social_account_twice_conflicts() {
    let session = with_two_accounts(|w, one, two| {
        w.session_insert(&[1; 32], one, noon(), noon(), "", "")?;
        w.session_insert(&[1; 32], two, noon(), noon(), "", "")
    });
    assert_eq!(session.await, conflict(Conflict::Session));

    let token = with_two_accounts(|w, one, two| {
        w.token_insert(&[1; 32], one, "", noon(), day("2026-01-02"))?;
        w.token_insert(&[1; 32], two, "", noon(), day("2026-01-02"))
    });
    assert_eq!(token.await, conflict(Conflict::Token));

    let social = with_two_accounts(|w, one, two| {
        w.social_account_insert(&new_social_account(one))?;
        w.social_account_insert(&new_social_account(two))
    });
    assert_eq!(social.await, conflict(Conflict::SocialAccount));
}
