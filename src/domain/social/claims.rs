//! Claims of a provider, within the limits of an account.

use crate::domain::email_format::is_email_address;
use crate::domain::groups::GroupSync;
use crate::providers::ExternalIdentity;
use crate::store::StoreError;

/// Maximum length of `accounts.username`, `first_name` and `last_name`.
pub(super) const MAX_NAME_CHARACTERS: usize = 150;

/// Normalises claims to the limits of an account, and groups to those here that they stand for.
pub(super) fn normalised(identity: ExternalIdentity, sync: Option<&GroupSync>) -> ExternalIdentity {
    let name = |text: String| {
        let printable: String = text.chars().filter(|c| !c.is_control()).collect();
        printable.trim().chars().take(MAX_NAME_CHARACTERS).collect::<String>()
    };
    let email = identity
        .email
        .map(|email| email.to_ascii_lowercase())
        .filter(|email| is_email_address(email));
    ExternalIdentity {
        issuer: identity.issuer,
        subject: identity.subject,
        groups: identity.groups.zip(sync).map(|(claimed, sync)| sync.mapped(&claimed)),
        email_verified: identity.email_verified && email.is_some(),
        email,
        username: identity.username.map(name),
        first_name: name(identity.first_name),
        last_name: name(identity.last_name),
    }
}

/// Suggests a username from the claims, without the characters that a username cannot contain.
pub(super) fn suggested_username(identity: &ExternalIdentity, provider: &str) -> String {
    let local = identity.email.as_deref().and_then(|email| email.split('@').next());
    let candidates = [identity.username.as_deref(), local, Some(provider)];
    let allowed = |suggestion: &str| -> String {
        suggestion
            .chars()
            .filter(|c| c.is_alphanumeric() || "@.+-_".contains(*c))
            .take(MAX_NAME_CHARACTERS - 10)
            .collect()
    };
    candidates
        .into_iter()
        .flatten()
        .map(allowed)
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "user".to_owned())
}

/// The suggested name, or the same with the lowest free number: amy, amy2, amy3.
pub(super) fn free_username(
    suggestion: &str,
    is_taken: impl Fn(&str) -> Result<bool, StoreError>,
) -> Result<String, StoreError> {
    const MAX_NUMBER: u64 = 1 << 40;
    if !is_taken(suggestion)? {
        return Ok(suggestion.to_owned());
    }
    let is_taken = |number: u64| is_taken(&format!("{suggestion}{number}"));
    // Doubled up to a free number and halved back, so a popular name takes few lookups. With gaps
    // in between the number may not be the lowest.
    let (mut taken, mut free) = (1, 2);
    while is_taken(free)? {
        (taken, free) = (free, free * 2);
        if free > MAX_NUMBER {
            return Err(StoreError::Other(format!("no free name after {suggestion}")));
        }
    }
    while free - taken > 1 {
        let middle = taken + (free - taken) / 2;
        if is_taken(middle)? {
            taken = middle;
        } else {
            free = middle;
        }
    }
    Ok(format!("{suggestion}{free}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(username: Option<&str>, email: Option<&str>) -> ExternalIdentity {
        ExternalIdentity {
            issuer: "https://id.example.com".to_owned(),
            subject: "1".to_owned(),
            groups: None,
            email: email.map(str::to_owned),
            email_verified: true,
            username: username.map(str::to_owned),
            first_name: "A\u{7}my ".to_owned(),
            last_name: "x".repeat(400),
        }
    }

    #[test]
    fn claims_are_truncated_to_the_column_sizes() {
        let identity = normalised(identity(Some("amy\r\n"), Some("Amy@Example.COM")), None);
        assert_eq!((identity.first_name.as_str(), identity.last_name.len()), ("Amy", 150));
        assert_eq!(identity.email.as_deref(), Some("amy@example.com"));
        let bad = self::identity(None, Some("amy@example.com\r\nBcc: all@example.com"));
        let bad = normalised(bad, None);
        assert!(bad.email.is_none() && !bad.email_verified);
    }

    #[test]
    fn provider_username_is_used_if_valid() {
        assert_eq!(suggested_username(&identity(Some("Amy <b>"), None), "google"), "Amyb");
        assert_eq!(
            suggested_username(&identity(Some("!!"), Some("amy@example.com")), "google"),
            "amy"
        );
        assert_eq!(suggested_username(&identity(None, None), "google"), "google");
    }

    #[test]
    fn taken_username_gets_the_next_number() {
        for last in [1, 2, 3, 4, 5, 6, 7, 50] {
            let lookups = std::cell::Cell::new(0);
            let is_taken = |name: &str| {
                lookups.set(lookups.get() + 1);
                let number = name.strip_prefix("Amy").unwrap();
                Ok(number.is_empty() || number.parse::<u64>().unwrap() <= last)
            };
            assert_eq!(free_username("Amy", is_taken).unwrap(), format!("Amy{}", last + 1));
            assert!(lookups.get() <= 14, "{}", lookups.get());
        }
        assert_eq!(free_username("bob", |_| Ok(false)).unwrap(), "bob");
        assert!(free_username("bob", |_| Ok(true)).is_err());
    }
}
