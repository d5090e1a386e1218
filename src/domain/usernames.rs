//! Usernames: syntax, and uniqueness by case folding and by look.
//!
//! Usernames are unique without regard to case. A non-ASCII name must not look like another
//! account's either, by its UTS 39 skeleton. Whole scripts are not rejected, and two ASCII names
//! may look alike (`l` and `1`).

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use super::known_clients::NO_ACCOUNT;
use super::operation::Operation;
use super::{App, DomainError, ValidationErrors};
use crate::store::{Account, Conflict, NewAccount, Reader, StoreError, Writer};

const USERNAME_TAKEN: &str = "A user with that username already exists.";
const USERNAME_CHARACTERS: &str = "Enter a valid username. This value may contain only letters, \
    numbers, and @/./+/-/_ characters.";

/// Rows per write transaction while skeletons are backfilled.
const BATCH: u16 = 500;

/// Case-folded form for comparison, character by character.
pub fn username_key(username: &str) -> String {
    username.chars().flat_map(char::to_lowercase).collect()
}

/// Skeleton of a name: names with equal skeletons are confusable (UTS 39, 4). NFKC first, which
/// folds full-width and other styled letters.
pub fn username_skeleton(username: &str) -> String {
    let folded = username_key(&username.nfkc().collect::<String>());
    let seen: String = folded.chars().filter(|c| !is_invisible(*c)).collect();
    let skeleton: String = skeleton(&seen).collect();
    // An empty skeleton means that it has not been backfilled yet.
    if skeleton.is_empty() { folded } else { skeleton }
}

/// Invisible letters: Hangul fillers, before and after NFKC, and Khmer inherent vowels.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}')
}

/// Failed rules for the username of a new account.
///
/// # Errors
///
/// Only the store's.
pub async fn username_problems(app: &App, username: &str) -> Result<Vec<String>, StoreError> {
    let problems = username_form_problems(username);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let is_taken = app.store.read(|r| is_taken(r, username, None)).await?;
    Ok(if is_taken { vec![USERNAME_TAKEN.to_owned()] } else { Vec::new() })
}

/// Failed rules for a new username of `account`. Checking another name is rate limited.
///
/// # Errors
///
/// [`DomainError::Throttled`], and the store's.
pub async fn new_username_problems(
    op: &Operation,
    username: &str,
    account: &Account,
) -> Result<Vec<String>, DomainError> {
    let problems = username_form_problems(username);
    if !problems.is_empty() || username_key(username) == username_key(&account.username) {
        return Ok(problems);
    }
    op.limits.reserve_lookup(account.id, &op.client).await?;
    let is_taken = op.store.read(|r| is_taken(r, username, Some(account.id))).await?;
    Ok(if is_taken { vec![USERNAME_TAKEN.to_owned()] } else { Vec::new() })
}

/// Failed syntax rules of a username.
pub(super) fn username_form_problems(username: &str) -> Vec<String> {
    match username.chars().all(|c| c.is_alphanumeric() || "@.+-_".contains(c)) {
        true => Vec::new(),
        false => vec![USERNAME_CHARACTERS.to_owned()],
    }
}

/// Whether an account other than `own` has this name or a confusable one, or has verified an
/// address of this text.
///
/// # Errors
///
/// Only the store's.
pub(super) fn is_taken(
    r: &Reader<'_>,
    username: &str,
    own: Option<i64>,
) -> Result<bool, StoreError> {
    let holder = r.account_find_by_username_key(&username_key(username))?;
    if let Some(holder) = holder {
        return Ok(Some(holder.id) != own);
    }
    let of_address = r.email_address_find_verified(&username.to_ascii_lowercase())?;
    if of_address.is_some_and(|row| Some(row.account_id) != own) {
        return Ok(true);
    }
    is_confusable(r, username, own)
}

/// Whether a non-ASCII name is confusable with that of an account other than `own`.
fn is_confusable(r: &Reader<'_>, username: &str, own: Option<i64>) -> Result<bool, StoreError> {
    Ok(!username.is_ascii() && r.account_exists_with_skeleton(&username_skeleton(username), own)?)
}

fn taken() -> DomainError {
    ValidationErrors::of("username", USERNAME_TAKEN).into()
}

fn name_conflict(error: StoreError) -> DomainError {
    match error {
        StoreError::Conflict(Conflict::Username) => taken(),
        other => DomainError::Store(other),
    }
}

/// Inserts an account, unless another request has taken its name in the meantime.
pub(super) fn insert(w: &Writer<'_>, new: &NewAccount) -> Result<i64, DomainError> {
    if is_confusable(w, &new.username, None)? {
        return Err(taken());
    }
    w.account_insert(new).map_err(name_conflict)
}

/// Updates the names of an account, unless another request has taken its new username in the
/// meantime.
pub(super) fn update(
    w: &Writer<'_>,
    account: &Account,
    is_renamed: bool,
) -> Result<(), DomainError> {
    let Account { id, username, first_name, last_name, .. } = account;
    if !is_renamed {
        return Ok(w.account_update_full_name(*id, first_name, last_name)?);
    }
    if is_confusable(w, username, Some(*id))? {
        return Err(taken());
    }
    let (key, skeleton) = (username_key(username), username_skeleton(username));
    w.account_update_names(*id, username, &key, &skeleton, first_name, last_name)
        .map_err(name_conflict)
}

/// Resolves the user name for a sign-in by `entered`: the account that has verified this address,
/// or else the one with this name, as a stranger may have taken the address for a name. Attempts
/// are then counted per account. A name without an account stays as it is, after the same work.
///
/// # Errors
///
/// Only the store's.
pub(super) async fn username_of(app: &App, entered: &str) -> Result<String, StoreError> {
    let entered = entered.trim();
    let (key, email) = (username_key(entered), entered.to_ascii_lowercase());
    let found = app.store.read(|r| {
        let by_name = r.account_find_by_username_key(&key)?;
        let row = r.email_address_find_verified(&email)?;
        let by_address = r.account_find(row.map_or(NO_ACCOUNT, |row| row.account_id))?;
        Ok::<_, StoreError>(by_address.or(by_name))
    });
    Ok(found.await?.map_or_else(|| entered.to_owned(), |account| account.username))
}

/// Backfills the skeletons of accounts from an earlier version, at start before registration opens.
/// Small transactions, so that other servers on the database can write. Returns their number.
///
/// # Errors
///
/// The store's; the next start continues.
pub async fn fill_skeletons(app: &App) -> Result<usize, StoreError> {
    let mut filled = 0;
    loop {
        let batch = app.store.read(|r| r.account_list_without_skeleton(BATCH.into())).await?;
        let (found, is_last) = (batch.len(), batch.len() < usize::from(BATCH));
        if found > 0 {
            let write = app.store.write(move |w| {
                batch.iter().try_for_each(|(id, key)| {
                    w.account_set_skeleton(*id, key, &username_skeleton(key))
                })
            });
            write.await?;
        }
        filled += found;
        if is_last {
            return Ok(filled);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(a: &str, b: &str) -> bool {
        username_skeleton(a) == username_skeleton(b)
    }

    #[test]
    fn confusable_names_have_one_skeleton() {
        for twin in ["\u{430}my", "am\u{443}", "\u{ff21}my", "\u{1d41a}my", "\u{391}my"] {
            assert!(alike("amy", twin), "{twin}");
        }
        assert!(alike("rené", "rene\u{301}"), "composed and decomposed");
        assert!(alike("amy", "amy\u{3164}"), "a letter that shows nothing");
    }

    #[test]
    fn visually_distinct_names_have_distinct_skeletons() {
        for (a, b) in [("amy", "bob"), ("rené", "rene"), ("Алексей", "Андрей"), ("小林", "小森")]
        {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn no_skeleton_is_empty() {
        // An empty skeleton means that it has not been backfilled yet.
        for name in ["a", ".", "-", "ªº", "ﬁ", "\u{3164}"] {
            assert!(!username_skeleton(name).is_empty(), "{name}");
        }
    }
}
