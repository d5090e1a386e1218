//! User names: what they may be made of, and when two of them are one.
//!
//! Names are one when they differ in case alone. A name beyond ASCII must not look like another account's either, by its
//! skeleton of UTS 39: names of one script are not refused for being foreign, and two names of ASCII letters are told
//! apart by whoever reads them, so they may stand side by side.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;

use super::client::Client;
use super::{Domain, Problems, Refusal};
use crate::store::{Account, Conflict, NewAccount, Reader, StoreError, Writer};

const USERNAME_TAKEN: &str = "A user with that username already exists.";
const USERNAME_CHARACTERS: &str =
    "Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters.";

/// Rows of one write while skeletons are filled in.
const BATCH: u16 = 500;

/// The form in which user names are compared: without regard to case, letter by letter.
pub fn username_key(username: &str) -> String {
    username.chars().flat_map(char::to_lowercase).collect()
}

/// What a name looks like: names with equal skeletons can be taken for one another (UTS 39, 4; NFKC first, which folds
/// full-width and other styled letters).
pub fn username_skeleton(username: &str) -> String {
    let folded = username_key(&username.nfkc().collect::<String>());
    let seen: String = folded.chars().filter(|c| !is_invisible(*c)).collect();
    let skeleton: String = skeleton(&seen).collect();
    // An empty one says that it is not filled in yet.
    if skeleton.is_empty() { folded } else { skeleton }
}

/// Letters that show nothing: fillers of Hangul, before and after NFKC, and inherent vowels of Khmer.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{3164}' | '\u{ffa0}')
}

/// What is wrong with the user name of a new account.
///
/// # Errors
///
/// Only the store's.
pub async fn username_problems(domain: &Domain, username: &str) -> Result<Vec<String>, StoreError> {
    let problems = username_form_problems(username);
    if !problems.is_empty() {
        return Ok(problems);
    }
    let is_taken = domain.store.read(|r| is_taken(r, username, None)).await?;
    Ok(if is_taken { vec![USERNAME_TAKEN.to_owned()] } else { Vec::new() })
}

/// What is wrong with the user name that `account` wants to have from now on. To ask for another's is limited.
///
/// # Errors
///
/// [`Refusal::Throttled`], and the store's.
pub async fn new_username_problems(
    domain: &Domain,
    username: &str,
    account: &Account,
    client: &Client,
) -> Result<Vec<String>, Refusal> {
    let problems = username_form_problems(username);
    if !problems.is_empty() || username_key(username) == username_key(&account.username) {
        return Ok(problems);
    }
    domain.limits.reserve_lookup(account.id, client).await?;
    let is_taken = domain.store.read(|r| is_taken(r, username, Some(account.id))).await?;
    Ok(if is_taken { vec![USERNAME_TAKEN.to_owned()] } else { Vec::new() })
}

/// What is wrong with a user name whoever has it.
pub(super) fn username_form_problems(username: &str) -> Vec<String> {
    match username.chars().all(|c| c.is_alphanumeric() || "@.+-_".contains(c)) {
        true => Vec::new(),
        false => vec![USERNAME_CHARACTERS.to_owned()],
    }
}

/// Whether another account than `own` has this name, or one that it looks like.
///
/// # Errors
///
/// Only the store's.
pub(super) fn is_taken(r: &Reader<'_>, username: &str, own: Option<i64>) -> Result<bool, StoreError> {
    let holder = r.account_find_by_username_key(&username_key(username))?;
    if let Some(holder) = holder {
        return Ok(Some(holder.id) != own);
    }
    looks_taken(r, username, own)
}

/// Whether a name beyond ASCII looks like that of another account than `own`.
fn looks_taken(r: &Reader<'_>, username: &str, own: Option<i64>) -> Result<bool, StoreError> {
    Ok(!username.is_ascii() && r.account_exists_with_skeleton(&username_skeleton(username), own)?)
}

fn taken() -> Refusal {
    Problems::of("username", USERNAME_TAKEN).into()
}

fn name_conflict(error: StoreError) -> Refusal {
    match error {
        StoreError::Conflict(Conflict::Username) => taken(),
        other => Refusal::Store(other),
    }
}

/// Inserts an account, unless another request took its name meanwhile.
pub(super) fn insert(w: &Writer<'_>, new: &NewAccount) -> Result<i64, Refusal> {
    if looks_taken(w, &new.username, None)? {
        return Err(taken());
    }
    w.account_insert(new).map_err(name_conflict)
}

/// Writes the names of an account, unless another request took its new user name meanwhile.
pub(super) fn update(w: &Writer<'_>, account: &Account, is_renamed: bool) -> Result<(), Refusal> {
    let Account { id, username, first_name, last_name, .. } = account;
    if is_renamed && looks_taken(w, username, Some(*id))? {
        return Err(taken());
    }
    let (key, skeleton) = (username_key(username), username_skeleton(username));
    w.account_update_names(*id, username, &key, &skeleton, first_name, last_name).map_err(name_conflict)
}

/// Fills in the skeletons of accounts that an earlier version made; called at start, before anybody can register.
/// Small writes, so that another server on this database goes on. Answers how many there were.
///
/// # Errors
///
/// The store's; the next start goes on from there.
pub async fn fill_skeletons(domain: &Domain) -> Result<usize, StoreError> {
    let mut filled = 0;
    loop {
        let batch = domain.store.read(|r| r.account_list_without_skeleton(BATCH.into())).await?;
        let (found, is_last) = (batch.len(), batch.len() < usize::from(BATCH));
        if found > 0 {
            let write = domain.store.write(move |w| {
                batch.iter().try_for_each(|(id, key)| w.account_set_skeleton(*id, key, &username_skeleton(key)))
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
    fn look_alikes_of_other_scripts_and_styles_have_one_skeleton() {
        for twin in ["\u{430}my", "am\u{443}", "\u{ff21}my", "\u{1d41a}my", "\u{391}my"] {
            assert!(alike("amy", twin), "{twin}");
        }
        assert!(alike("rené", "rene\u{301}"), "composed and decomposed");
        assert!(alike("amy", "amy\u{3164}"), "a letter that shows nothing");
    }

    #[test]
    fn names_that_differ_to_the_eye_differ_in_skeleton() {
        for (a, b) in [("amy", "bob"), ("rené", "rene"), ("Алексей", "Андрей"), ("小林", "小森")] {
            assert!(!alike(a, b), "{a} {b}");
        }
    }

    #[test]
    fn no_skeleton_is_empty() {
        // An empty one says that it is not filled in yet.
        for name in ["a", ".", "-", "ªº", "ﬁ", "\u{3164}"] {
            assert!(!username_skeleton(name).is_empty(), "{name}");
        }
    }
}
