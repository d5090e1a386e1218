//! Known clients of an account: browsers that signed in to it, and networks that authenticated to
//! it.
//!
//! When password guessing by unknown clients fills the account's bucket, a known client is counted
//! separately and can still log in. A browser is known by a cookie (OWASP, "Slow Down Online
//! Guessing Attacks with Device Cookies"), an API client by its network. Neither authenticates:
//! each is worth a few attempts. Both end with the password.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;

use super::client::Client;
use super::device_cookie::{DeviceCookie, ENTRY_BYTES, ID_BYTES, MAC_BYTES, MAX_ENTRIES};
use super::keys::{self, digest};
use super::limits::ClientTrust;
use super::operation::Operation;
use super::{App, DomainError};
use crate::store::{Account, StoreError, Writer};

/// Networks per account; the least recently used is dropped.
const MAX_NETWORKS: i64 = 10;

/// The cookie after a sign-in: the browser's entries with this account's in front.
pub(super) fn renew(op: &Operation, account_id: i64, password_hash: &str) -> DeviceCookie {
    let is_own = |entry: &&str| open(op, entry, account_id, password_hash).is_some();
    let previous: Vec<&str> = op.client.device.iter().flat_map(DeviceCookie::entries).collect();
    let own = match previous.iter().find(|entry| is_own(entry)) {
        Some(own) => (*own).to_owned(),
        None => {
            let id = op.random::<ID_BYTES>();
            let mac = mac(op, &id, account_id, password_hash);
            URL_SAFE_NO_PAD.encode([&id[..], &mac[..]].concat())
        }
    };
    let others = previous.into_iter().filter(|entry| *entry != own).take(MAX_ENTRIES - 1);
    let entries: Vec<&str> = std::iter::once(own.as_str()).chain(others).collect();
    DeviceCookie::of(&entries)
}

fn mac(app: &App, id: &[u8], account_id: i64, password_hash: &str) -> [u8; MAC_BYTES] {
    let parts = [id, &account_id.to_be_bytes(), password_hash.as_bytes()];
    let full = keys::mac(&app.secret.derive("device-cookie"), &parts);
    let mut mac = [0; MAC_BYTES];
    mac.copy_from_slice(&full[..MAC_BYTES]);
    mac
}

/// The id of an entry, if its MAC matches the account and its current password.
fn open(app: &App, entry: &str, account_id: i64, password_hash: &str) -> Option<[u8; ID_BYTES]> {
    let bytes: [u8; ENTRY_BYTES] = URL_SAFE_NO_PAD.decode(entry).ok()?.try_into().ok()?;
    let (id, sent) = bytes.split_at_checked(ID_BYTES)?;
    keys::equal(&mac(app, id, account_id, password_hash), sent).then_some(id.try_into().ok()?)
}

/// How the account with this name knows the client. Unknown names take the same work.
///
/// # Errors
///
/// Only the store's.
pub(super) async fn client_trust(
    op: &Operation,
    username_key: &str,
) -> Result<ClientTrust, DomainError> {
    let read = op.store.read(|r| {
        let account = r.account_find_by_username_key(username_key)?;
        let id = account.as_ref().map_or(NO_ACCOUNT, |account| account.id);
        Ok::<_, StoreError>((
            r.known_network_find(&network_digest(id, &op.client))?.is_some(),
            account,
        ))
    });
    let (is_known_network, account) = read.await?;
    let (id, hash) = account
        .as_ref()
        .map_or((NO_ACCOUNT, ""), |account| (account.id, account.password.as_str()));
    // Every entry is verified, so that timing does not reveal which one matched.
    let entries = op.client.device.iter().flat_map(DeviceCookie::entries);
    let devices: Vec<[u8; ID_BYTES]> =
        entries.filter_map(|entry| open(op, entry, id, hash)).collect();
    Ok(match (account, devices.first()) {
        (None, _) => ClientTrust::Unknown,
        (Some(_), Some(device)) => ClientTrust::KnownDevice(*device),
        (Some(_), None) if is_known_network => ClientTrust::KnownNetwork,
        (Some(_), None) => ClientTrust::Unknown,
    })
}

/// No row has this id.
pub(super) const NO_ACCOUNT: i64 = 0;

fn network_digest(account_id: i64, client: &Client) -> [u8; 32] {
    digest(&format!("network {account_id} {}", client.address))
}

/// Records the network of a client that authenticated. The write is deferred and made at most once
/// a day; if it is lost, the next login makes it.
pub(super) async fn remember_network(op: &Operation, account: &Account) {
    let (id, now, digest) = (account.id, op.now(), network_digest(account.id, &op.client));
    let last_recorded: Result<_, StoreError> =
        op.store.read(|r| r.known_network_find(&digest)).await;
    let is_due = last_recorded.is_ok_and(|at| at.is_none_or(|at| now - at >= Duration::days(1)));
    if is_due {
        let hash = account.password.clone();
        op.store.write_deferred(move |w| match w.account_find(id)? {
            // Skip if the password has changed since.
            Some(current) if current.password == hash => {
                w.known_network_remember(&digest, id, now, MAX_NETWORKS)
            }
            _ => Ok(()),
        });
    }
}

/// Forgets all networks but this client's, after a password change.
pub(super) fn forget_other_networks(
    w: &Writer<'_>,
    op: &Operation,
    account_id: i64,
) -> Result<(), StoreError> {
    w.known_network_delete_all(account_id)?;
    w.known_network_remember(
        &network_digest(account_id, &op.client),
        account_id,
        op.now(),
        MAX_NETWORKS,
    )
}
