//! Password validation and the type that carries a password.
//!
//! Pure functions: no hashing (see [`super::hashing`]), no store, no clock. No message or log line
//! contains a password. The four rules, their order and their texts are those of Django 4.2,
//! `django/contrib/auth/password_validation.py`.
//!
//! Licence: `common-passwords.txt` is Django 4.2's `common-passwords.txt.gz`, unpacked,
//! deduplicated and sorted by bytes. Django is BSD-3-Clause, Copyright (c) Django Software
//! Foundation and individual contributors; the list was made by Royce Williams
//! (<https://gist.github.com/roycewilliams/226886fd01572964e1431ac8afc999ce>).

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::leaked_passwords::LeakedPasswords;

/// The document sets no maximum at registration; this one bounds the work.
const MAX_CHARACTERS: usize = 1024;

const MIN_LENGTH: usize = 8;
const MAX_SIMILARITY: f64 = 0.7;

/// Sorted by bytes for binary search.
static COMMON: LazyLock<Vec<&str>> =
    LazyLock::new(|| include_str!("common-passwords.txt").lines().collect());

/// Python's `\W+`: Unicode letters and numbers are word characters. `char::is_alphanumeric` differs
/// for marks.
static NON_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"[^\p{L}\p{N}_]+").ok());

/// Python's `str.isdigit`: decimal digits and those that `\p{Nd}` lacks, such as superscripts and
/// circled digits.
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"^[\p{Nd}\x{B2}-\x{B3}\x{B9}\x{1369}-\x{1371}\x{19DA}\x{2070}\x{2074}-\x{2079}",
        r"\x{2080}-\x{2089}\x{2460}-\x{2468}\x{2474}-\x{247C}\x{2488}-\x{2490}\x{24EA}",
        r"\x{24F5}-\x{24FD}\x{24FF}\x{2776}-\x{277E}\x{2780}-\x{2788}\x{278A}-\x{2792}",
        r"\x{10A40}-\x{10A43}\x{10E60}-\x{10E68}\x{11052}-\x{1105A}\x{1F100}-\x{1F10A}]+$",
    ))
    .ok()
});

/// A plaintext password on its way from a request to the hasher. Redacted in Debug output, not
/// serialisable, zeroed on drop.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    pub fn new(text: String) -> Password {
        Password(Zeroizing::new(text))
    }

    /// The plaintext. The name should catch a reviewer's eye.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The NFC form, which is hashed: keyboards differ in whether they compose accented letters
    /// (NIST SP 800-63B, 3.1.1.2).
    pub fn composed(&self) -> Password {
        match self.0.is_ascii() {
            true => self.clone(),
            false => Password::new(self.0.nfc().collect()),
        }
    }

    /// Every form that a stored hash can be made from, the current one first: one for ASCII without
    /// surrounding whitespace, six at most. Imported hashes can have any normalisation, and Django
    /// REST framework trims passwords before it hashes them.
    pub fn forms(&self) -> Vec<Password> {
        let mut forms = Vec::with_capacity(1);
        for text in [self.expose(), self.trimmed()] {
            let decomposed = Password::new(text.nfd().collect());
            let typed = Password::new(text.to_owned());
            for form in [typed.composed(), decomposed, typed] {
                if !forms.contains(&form) {
                    forms.push(form);
                }
            }
        }
        forms
    }

    /// The password if it was entered twice alike, as typed; trimmed if the two differ in
    /// surrounding whitespace, as in the reference. `None` if they differ otherwise.
    pub fn entered_twice(self, again: &Password) -> Option<Password> {
        if self.composed() == again.composed() {
            return Some(self);
        }
        let [first, second] = [&self, again].map(|typed| Password::new(typed.trimmed().to_owned()));
        (first.composed() == second.composed()).then_some(first)
    }

    fn trimmed(&self) -> &str {
        self.0.trim_matches(is_python_space)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

/// User attributes that a password must not resemble. Unknown ones are empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserAttributes<'a> {
    pub username: &'a str,
    pub email: &'a str,
    pub first_name: &'a str,
    pub last_name: &'a str,
}

/// A rule that a password breaks. Displayed as Django's message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordProblem {
    /// It resembles this attribute, as shown to the user.
    Similar(&'static str),
    Short,
    Common,
    Numeric,
}

impl PasswordProblem {
    /// The last part of the pages' key for the rule.
    pub fn rule(self) -> &'static str {
        match self {
            PasswordProblem::Similar(_) => "similar",
            PasswordProblem::Short => "length",
            PasswordProblem::Common => "common",
            PasswordProblem::Numeric => "digits",
        }
    }
}

impl fmt::Display for PasswordProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordProblem::Similar(attribute) => {
                write!(f, "The password is too similar to the {attribute}.")
            }
            PasswordProblem::Short => write!(
                f,
                "This password is too short. It must contain at least {MIN_LENGTH} characters."
            ),
            PasswordProblem::Common => f.write_str("This password is too common."),
            PasswordProblem::Numeric => f.write_str("This password is entirely numeric."),
        }
    }
}

/// The message about a password of more than [`MAX_CHARACTERS`].
pub fn too_long(password: &str) -> Option<String> {
    (password.chars().count() > MAX_CHARACTERS)
        .then(|| format!("Ensure this field has no more than {MAX_CHARACTERS} characters."))
}

/// The messages of all broken rules in Django's order; empty if the password is acceptable.
pub async fn problems(
    password: &str,
    about: &UserAttributes<'_>,
    leaked: &LeakedPasswords,
) -> Vec<String> {
    violated_rules(password, about, leaked).await.iter().map(PasswordProblem::to_string).collect()
}

/// All broken rules in Django's order. A leaked password counts as common if none is broken.
pub async fn violated_rules(
    password: &str,
    about: &UserAttributes<'_>,
    leaked: &LeakedPasswords,
) -> Vec<PasswordProblem> {
    let mut found = violated_rules_without_list(password, about);
    if found.is_empty() && leaked.contains(password).await {
        found.push(PasswordProblem::Common);
    }
    found
}

/// All broken rules in Django's order, whether or not the password has leaked.
pub fn violated_rules_without_list(
    password: &str,
    about: &UserAttributes<'_>,
) -> Vec<PasswordProblem> {
    let lower = Zeroizing::new(password.to_lowercase());
    let is_common = || COMMON.binary_search(&lower.trim_matches(is_python_space)).is_ok();
    let is_numeric = || DIGITS.as_ref().is_some_and(|digits| digits.is_match(password));
    let mut found: Vec<PasswordProblem> =
        similar_to(&lower, about).map(PasswordProblem::Similar).into_iter().collect();
    found.extend((password.chars().count() < MIN_LENGTH).then_some(PasswordProblem::Short));
    found.extend(is_common().then_some(PasswordProblem::Common));
    found.extend(is_numeric().then_some(PasswordProblem::Numeric));
    found
}

/// The name of the first attribute that the password resembles, as shown to the user.
fn similar_to(password: &str, about: &UserAttributes<'_>) -> Option<&'static str> {
    let attributes = [
        ("username", about.username),
        ("first name", about.first_name),
        ("last name", about.last_name),
        ("email address", about.email),
    ];
    attributes.into_iter().filter(|(_, value)| !value.is_empty()).find_map(|(name, value)| {
        let value = value.to_lowercase();
        let parts = NON_WORD.iter().flat_map(|non_word| non_word.split(&value));
        parts.chain([value.as_str()]).any(|part| is_similar(password, part)).then_some(name)
    })
}

fn is_similar(password: &str, part: &str) -> bool {
    let (length, part_length) = (password.chars().count(), part.chars().count());
    // Django's shortcut: a much shorter part cannot reach the limit. It also skips the empty part.
    let out_of_reach =
        length >= 10 * part_length && (part_length as f64) < MAX_SIMILARITY / 2.0 * length as f64;
    !out_of_reach && quick_ratio(password, part) >= MAX_SIMILARITY
}

/// `difflib.SequenceMatcher.quick_ratio`: twice the number of common characters, in any order, over
/// the total length.
fn quick_ratio(a: &str, b: &str) -> f64 {
    let mut available: HashMap<char, usize> = HashMap::new();
    let (mut length, mut matches) = (0_usize, 0_usize);
    for c in b.chars() {
        length += 1;
        *available.entry(c).or_default() += 1;
    }
    for c in a.chars() {
        length += 1;
        if let Some(left) = available.get_mut(&c).filter(|left| **left > 0) {
            *left -= 1;
            matches += 1;
        }
    }
    if length == 0 { 1.0 } else { 2.0 * matches as f64 / length as f64 }
}

/// The characters that Python's `str.strip` removes: Unicode white space and four ASCII separators.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(password: &str, about: &UserAttributes<'_>) -> Vec<String> {
        violated_rules_without_list(password, about)
            .iter()
            .map(PasswordProblem::to_string)
            .collect()
    }

    const SHORT: &str = "This password is too short. It must contain at least 8 characters.";
    const COMMON_TEXT: &str = "This password is too common.";
    const NUMERIC: &str = "This password is entirely numeric.";

    const PAT: UserAttributes<'_> = UserAttributes {
        username: "pc_pat",
        email: "pc.pat@example.com",
        first_name: "Patricia",
        last_name: "Möllendorf",
    };

    #[test]
    fn valid_password_has_no_problems() {
        assert!(problems("Zebra-Quartz-77", &PAT).is_empty());
        assert!(problems("пароль-äöü-77", &PAT).is_empty());
    }

    #[test]
    fn messages_come_in_djangos_order() {
        assert_eq!(problems("123456", &PAT), [SHORT, COMMON_TEXT, NUMERIC]);
        let admin = UserAttributes { username: "admin", ..UserAttributes::default() };
        assert_eq!(
            problems("admin", &admin),
            ["The password is too similar to the username.", SHORT, COMMON_TEXT]
        );
    }

    #[test]
    fn similar_attribute_is_named_as_in_django() {
        for (password, name) in [
            ("PC_PAT_9", "username"),
            ("patricia-1x", "first name"),
            ("mÖllendorf", "last name"),
            ("pc.pat@example", "email address"),
            ("example.com", "email address"),
        ] {
            assert_eq!(
                problems(password, &PAT),
                [format!("The password is too similar to the {name}.")],
                "{password}"
            );
        }
        let twice = UserAttributes {
            username: "quartzite",
            email: "quartzite@example.com",
            ..UserAttributes::default()
        };
        assert_eq!(problems("quartzite", &twice), ["The password is too similar to the username."]);
    }

    #[test]
    fn quick_ratio_agrees_with_difflib() {
        for (a, b, ratio) in [
            ("pc.pat@example", "pc.pat@example.com", 0.875),
            ("abcd", "bcde", 0.75),
            ("zebra-quartz-77", "login_amy", 0.08333333333333333),
            ("aab", "abb", 0.6666666666666666),
            ("", "", 1.0),
            ("a", "", 0.0),
        ] {
            assert_eq!(quick_ratio(a, b), ratio, "{a} {b}");
        }
    }

    #[test]
    fn much_longer_password_may_contain_the_username() {
        let about = UserAttributes { username: "a", ..UserAttributes::default() };
        assert!(problems("aaaaaaaaaa-Zq7", &about).is_empty());
    }

    #[test]
    fn length_counts_characters_not_bytes() {
        assert_eq!(problems("äöüßéñž", &UserAttributes::default()), [SHORT]);
        assert!(problems("äöüßéñžx", &UserAttributes::default()).is_empty());
    }

    #[test]
    fn common_passwords_are_sorted_and_normalised() {
        assert!(COMMON.is_sorted());
        assert_eq!(COMMON.len(), 19_729);
        assert_eq!(problems(" QwertyUiop ", &UserAttributes::default()), [COMMON_TEXT]);
        assert_eq!(problems("йцукен", &UserAttributes::default()), [SHORT, COMMON_TEXT]);
    }

    #[test]
    fn digits_of_any_script_are_numeric_but_fractions_are_not() {
        assert_eq!(problems("8236459127", &UserAttributes::default()), [NUMERIC]);
        assert_eq!(problems("٨٢٣٦٤٥٩١²", &UserAttributes::default()), [NUMERIC]);
        assert!(problems("8236459½", &UserAttributes::default()).is_empty());
    }

    #[test]
    fn password_is_redacted_in_debug_output() {
        let password = Password::new("Zebra-Quartz-77".to_owned());
        assert_eq!(format!("{password:?}"), "Password(***)");
        assert_eq!(password.expose(), "Zebra-Quartz-77");
    }
}
