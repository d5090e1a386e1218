//! Django's password formats, for imported accounts: parsed and verified, never created.
//!
//! A hash whose cost could block the hashing threads must never be tried: it is rejected while
//! parsing. An unknown format matches no password. Formats: Django 4.2,
//! `django/contrib/auth/hashers.py`.

use argon2::password_hash::PasswordVerifier;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, Params};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pbkdf2::pbkdf2_hmac;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::keys::hex;

/// Ten times Django 6's default; some seconds of one core.
const MAX_ROUNDS: u32 = 10_000_000;
/// 2^15 key schedules, some seconds of one core. Django's default is 12.
const MAX_BCRYPT_COST: u32 = 15;
/// Memory of one hash. Django's argon2 takes 100 MiB, its scrypt 16 MiB.
const MAX_MEMORY_KIB: u64 = 256 * 1024;
/// Memory times passes, which determines the time of argon2 and scrypt; some seconds of one core.
const MAX_WORK_KIB: u64 = 2 * 1024 * 1024;
/// Lanes of argon2. Django's default is 8.
const MAX_LANES: u32 = 64;

/// A hash that can be verified. It borrows the stored text and has no Debug.
pub struct DjangoHash<'a>(Kind<'a>);

enum Kind<'a> {
    Pbkdf2 { name: &'static str, rounds: u32, salt: &'a str, expected: Vec<u8> },
    Argon2(&'a str),
    Bcrypt { name: &'static str, hash: &'a str },
    Scrypt { params: scrypt::Params, salt: &'a str, expected: Vec<u8> },
}

/// Why a stored hash cannot be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnusableHash {
    /// Unknown format or malformed.
    Unknown,
    /// Verifying it would take more time or memory than a server can spare.
    TooCostly,
}

const PBKDF2_SHA256: &str = "pbkdf2_sha256";
const PBKDF2_SHA1: &str = "pbkdf2_sha1";
const ARGON2: &str = "argon2";
const BCRYPT_SHA256: &str = "bcrypt_sha256";
const BCRYPT: &str = "bcrypt";
const SCRYPT: &str = "scrypt";

impl<'a> DjangoHash<'a> {
    /// # Errors
    ///
    /// [`UnusableHash`], before any hashing.
    pub fn read(stored: &'a str) -> Result<DjangoHash<'a>, UnusableHash> {
        let (name, rest) = stored.split_once('$').ok_or(UnusableHash::Unknown)?;
        Ok(DjangoHash(match name {
            PBKDF2_SHA256 => read_pbkdf2(PBKDF2_SHA256, rest, Sha256::output_size())?,
            PBKDF2_SHA1 => read_pbkdf2(PBKDF2_SHA1, rest, Sha1::output_size())?,
            // Django puts its own name before a PHC string; both share the `$` between them.
            ARGON2 => {
                let phc = &stored[name.len()..];
                read_argon2(phc)?;
                Kind::Argon2(phc)
            }
            BCRYPT_SHA256 => read_bcrypt(BCRYPT_SHA256, rest)?,
            BCRYPT => read_bcrypt(BCRYPT, rest)?,
            SCRYPT => read_scrypt(rest)?,
            _ => return Err(UnusableHash::Unknown),
        }))
    }

    /// Django's name for the format.
    pub fn name(&self) -> &'static str {
        match self.0 {
            Kind::Pbkdf2 { name, .. } | Kind::Bcrypt { name, .. } => name,
            Kind::Argon2(_) => ARGON2,
            Kind::Scrypt { .. } => SCRYPT,
        }
    }

    /// Takes the full cost of the hash: never call it on an async thread.
    pub fn verify(&self, password: &[u8]) -> bool {
        match &self.0 {
            Kind::Pbkdf2 { name, rounds, salt, expected } => {
                let mut found = vec![0; expected.len()];
                match *name {
                    PBKDF2_SHA1 => {
                        pbkdf2_hmac::<Sha1>(password, salt.as_bytes(), *rounds, &mut found)
                    }
                    _ => pbkdf2_hmac::<Sha256>(password, salt.as_bytes(), *rounds, &mut found),
                }
                found.ct_eq(expected).into()
            }
            Kind::Argon2(phc) => read_argon2(phc).is_ok_and(|mut hash| {
                // Hashes of the first version of argon2 do not name it.
                hash.version.get_or_insert(argon2::Version::V0x10.into());
                Argon2::default().verify_password(password, &hash).is_ok()
            }),
            // bcrypt reads 72 bytes only, so Django hashes the password first.
            Kind::Bcrypt { name: BCRYPT_SHA256, hash } => {
                bcrypt::verify(hex(&Sha256::digest(password)), hash).unwrap_or(false)
            }
            Kind::Bcrypt { hash, .. } => bcrypt::verify(password, hash).unwrap_or(false),
            Kind::Scrypt { params, salt, expected } => {
                let mut found = vec![0; expected.len()];
                let done = scrypt::scrypt(password, salt.as_bytes(), params, &mut found);
                done.is_ok() && bool::from(found.ct_eq(expected))
            }
        }
    }
}

/// Parses an argon2 PHC string, Django's or our own.
///
/// # Errors
///
/// [`UnusableHash`], before any hashing.
pub fn read_argon2(phc: &str) -> Result<PasswordHash, UnusableHash> {
    let hash = PasswordHash::new(phc).map_err(|_| UnusableHash::Unknown)?;
    if hash.salt.is_none() || hash.hash.is_none() {
        return Err(UnusableHash::Unknown);
    }
    let params = Params::try_from(&hash).map_err(|_| UnusableHash::Unknown)?;
    let memory = u64::from(params.m_cost());
    let work = memory.saturating_mul(u64::from(params.t_cost()));
    let affordable =
        memory <= MAX_MEMORY_KIB && work <= MAX_WORK_KIB && params.p_cost() <= MAX_LANES;
    if affordable { Ok(hash) } else { Err(UnusableHash::TooCostly) }
}

/// `<rounds>$<salt>$<base64>`
fn read_pbkdf2<'a>(
    name: &'static str,
    rest: &'a str,
    length: usize,
) -> Result<Kind<'a>, UnusableHash> {
    let mut parts = rest.split('$');
    let (Some(rounds), Some(salt), Some(expected), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(UnusableHash::Unknown);
    };
    let (rounds, expected) = (number(rounds)?, digest(expected, length)?);
    if rounds > MAX_ROUNDS {
        return Err(UnusableHash::TooCostly);
    }
    Ok(Kind::Pbkdf2 { name, rounds, salt, expected })
}

/// `$2b$<cost>$<salt and hash>`
fn read_bcrypt<'a>(name: &'static str, hash: &'a str) -> Result<Kind<'a>, UnusableHash> {
    let parts: bcrypt::HashParts = hash.parse().map_err(|_| UnusableHash::Unknown)?;
    if parts.get_cost() > MAX_BCRYPT_COST {
        return Err(UnusableHash::TooCostly);
    }
    Ok(Kind::Bcrypt { name, hash })
}

/// `<N>$<salt>$<r>$<p>$<base64>`
fn read_scrypt(rest: &str) -> Result<Kind<'_>, UnusableHash> {
    let mut parts = rest.split('$');
    let (Some(n), Some(salt), Some(r), Some(p), Some(expected), None) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(UnusableHash::Unknown);
    };
    let (n, r, p, expected) = (number(n)?, number(r)?, number(p)?, digest(expected, 64)?);
    if !n.is_power_of_two() {
        return Err(UnusableHash::Unknown);
    }
    // A block has 128 bytes.
    let memory = u64::from(n).saturating_mul(u64::from(r)) / 8;
    let blocks = u64::from(p).saturating_mul(u64::from(r));
    if memory > MAX_MEMORY_KIB
        || memory.saturating_mul(u64::from(p)) > MAX_WORK_KIB
        || blocks / 8 > MAX_MEMORY_KIB
    {
        return Err(UnusableHash::TooCostly);
    }
    let params = scrypt::Params::new(n.ilog2() as u8, r, p).map_err(|_| UnusableHash::Unknown)?;
    Ok(Kind::Scrypt { params, salt, expected })
}

/// Parses a positive number. Zero is invalid; a number that overflows is too expensive.
fn number(text: &str) -> Result<u32, UnusableHash> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UnusableHash::Unknown);
    }
    match text.parse() {
        Ok(0) => Err(UnusableHash::Unknown),
        Ok(number) => Ok(number),
        Err(_) => Err(UnusableHash::TooCostly),
    }
}

fn digest(text: &str, length: usize) -> Result<Vec<u8>, UnusableHash> {
    let bytes = STANDARD.decode(text).map_err(|_| UnusableHash::Unknown)?;
    if bytes.len() == length { Ok(bytes) } else { Err(UnusableHash::Unknown) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Created with Django 4.2's `make_password` and `encode`, argon2-cffi and bcrypt. The second
    /// entry of each pair has another password.
    const MADE_BY_DJANGO: &[(&str, &str)] = &[
        (
            "inventree-test-1",
            "pbkdf2_sha256$1$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=",
        ),
        ("пароль ß 77", "pbkdf2_sha256$1$saltsalt$lJQw5HNStDY/VU7tofJUHGXdJahBgHY8brXrdST/4FU="),
        ("inventree-test-1", "pbkdf2_sha1$3$saltsalt$3YaQrkIHuKKvlNDsU+09Qhzk19I="),
        ("пароль ß 77", "pbkdf2_sha1$3$saltsalt$N+xGfh3/PtNB86FsPdRL2bgpV5c="),
        (
            "inventree-test-1",
            "argon2$argon2id$v=19$m=64,t=2,p=8$c2FsdHNhbHQ$\
             kFIMYGL8t9/KZYZt5VqTXVfV1Ez7BJuwRE7gSTQRIOU",
        ),
        (
            "inventree-test-1",
            "bcrypt_sha256$$2b$04$NbYKMWrTgjkKt3oh4Z8VcOdSuh9rjo1gaykMfPJ/.g6fe2TSSeNs.",
        ),
        ("inventree-test-1", "bcrypt$$2b$04$OngNHxAFQV15ae00rMgxcOoPihxNh6kzXbiC2nvaIfVlVDBxy0jkC"),
        (
            "inventree-test-1",
            "scrypt$16$saltsalt$2$1$2Qs/X8iuPNJVVZofshTbd46BGOQGKjIoD1Eds8IHw324vBwknjDj2Koq\
             jP6CJvUg8SegUld1sL2wpiap5TFtvw==",
        ),
        (
            "inventree-test-1",
            "argon2$argon2i$v=19$m=512,t=2,p=2$c2FsdHNhbHQ$sW8kHxY/CVC1tVcoDJjP7g",
        ),
        (
            "пароль ß 77",
            "argon2$argon2id$v=19$m=64,t=2,p=8$c2FsdHNhbHQ$\
             jIqFge0djH6PkLEuxoIaOXljxngHeJ7E6EXWZokaWA0",
        ),
        (
            "пароль ß 77",
            "bcrypt_sha256$$2b$04$aGZXlyN6NnXk.nVn0uswMezdHUh83kkLqFXBHWwhLtDLjMigXOfue",
        ),
        ("пароль ß 77", "bcrypt$$2b$04$AiS0pcNyGpqhWg2kTDaGRurjtEdvUL0e3VuncoQP4AWHF.UvXffU2"),
        (
            "пароль ß 77",
            "scrypt$16$saltsalt$2$1$xcdsSzOr//OdeQ9HWs6q533Sjnn/wpgd+f8WuJB02Jlhh4N0onZ7D9Zp\
             BDI/lLms/7t6CIe+BeQAVy5mXuLj2A==",
        ),
        (
            "long long long long long long long long long long long long long long long long long \
             long long long ",
            "bcrypt_sha256$$2b$04$B0ZLmq5hCNUMORxT.wekYuJ7gpSjmTygzM5jzwfJC0z4F2C7pLSsy",
        ),
    ];

    #[test]
    fn django_hashes_verify_their_password_only() {
        for (password, stored) in MADE_BY_DJANGO {
            let hash = DjangoHash::read(stored).unwrap_or_else(|why| panic!("{stored}: {why:?}"));
            assert!(stored.starts_with(hash.name()), "{stored}");
            assert!(hash.verify(password.as_bytes()), "{stored}");
            assert!(!hash.verify(b"inventree-test-2"), "{stored}");
            assert!(!hash.verify(b""), "{stored}");
        }
    }

    /// A test vector of the reference implementation, `phc-winner-argon2/src/test.c`.
    #[test]
    fn argon2i_without_a_version_is_version_16() {
        let first = "$m=256,t=2,p=1$c29tZXNhbHQ$/U3YPXYsSb3q9XxHvc0MLxur+GP960kN9j7emXX8zwY";
        let verifies = |version: &str| {
            let stored = format!("argon2$argon2i{version}{first}");
            DjangoHash::read(&stored).unwrap().verify(b"password")
        };
        assert!(verifies("") && verifies("$v=16"));
        assert!(!verifies("$v=19"));
    }

    #[test]
    fn changed_digest_or_salt_does_not_verify() {
        for (stored, changed) in [
            ("VTsM5G6D", "pbkdf2_sha256$1$saltsalt$WTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4="),
            ("saltsalt", "pbkdf2_sha256$1$saltsalu$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4="),
            ("1 round", "pbkdf2_sha256$2$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4="),
        ] {
            assert!(!DjangoHash::read(changed).unwrap().verify(b"inventree-test-1"), "{stored}");
        }
    }

    #[test]
    fn absurd_costs_are_refused_before_any_work() {
        let started = std::time::Instant::now();
        let sixty_four = STANDARD.encode([0; 64]);
        let thirty_two = STANDARD.encode([0; 32]);
        let bcrypt = "C6UzMDM.H6dfI/f/IKcEeO5EN7n5hX6S9r8zqLqJq0l1cG8m2mYfK";
        let argon2 = "c29tZXNhbHQ$RdescudvJCsgt3ub+b/dWRWJTmaQL/W0";
        for stored in [
            format!("pbkdf2_sha256$1000000000$salt${thirty_two}"),
            format!("pbkdf2_sha256$99999999999999999999$salt${thirty_two}"),
            format!("pbkdf2_sha1$1000000000$salt${}", STANDARD.encode([0; 20])),
            format!("argon2$argon2id$v=19$m=4194304,t=1,p=1${argon2}"),
            format!("argon2$argon2id$v=19$m=102400,t=1000000,p=1${argon2}"),
            format!("bcrypt_sha256$$2b$31${bcrypt}"),
            format!("bcrypt$$2b$31${bcrypt}"),
            format!("scrypt$1073741824$salt$8$1${sixty_four}"),
            format!("scrypt$16384$salt$8$1000000${sixty_four}"),
            format!("scrypt$2$salt$4294967295$4294967295${sixty_four}"),
        ] {
            assert_eq!(DjangoHash::read(&stored).err(), Some(UnusableHash::TooCostly), "{stored}");
        }
        assert!(started.elapsed() < std::time::Duration::from_secs(1));
    }

    #[test]
    fn unknown_and_damaged_hashes_are_rejected() {
        for stored in [
            "",
            "!",
            "!kq0RHXo5LLXtCxNY",
            "plain",
            "md5$salt$5f4dcc3b5aa765d61d8327deb882cf99",
            "pbkdf2_sha256",
            "pbkdf2_sha256$",
            "pbkdf2_sha256$1$salt",
            "pbkdf2_sha256$0$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=",
            "pbkdf2_sha256$-1$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=",
            "pbkdf2_sha256$1$saltsalt$",
            "pbkdf2_sha256$1$saltsalt$VTsM",
            "pbkdf2_sha256$1$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=$more",
            "pbkdf2_sha512$1$saltsalt$VTsM5G6Dzytw+Yj25lIizfE9LB85OTDednu1PGJ1Fv4=",
            "argon2$",
            "argon2$argon2id$v=19$m=8",
            "bcrypt_sha256$",
            "bcrypt_sha256$$2b$12$short",
            "scrypt$15$salt$8$1$AAAA",
            "scrypt$16$salt$8$1",
        ] {
            assert_eq!(DjangoHash::read(stored).err(), Some(UnusableHash::Unknown), "{stored}");
        }
    }
}
