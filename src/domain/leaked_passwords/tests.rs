use std::collections::BTreeSet;

use super::*;

fn log() -> Logger {
    Logger::root(slog::Discard, slog::o!())
}

fn builtin() -> LeakedPasswords {
    LeakedPasswords::open(&Choice::Builtin, &log()).unwrap()
}

/// Lines of these passwords, each seen once more than the one before.
fn lines(passwords: impl Iterator<Item = String>) -> String {
    let hashes: BTreeSet<String> =
        passwords.map(|password| data_encoding::HEXUPPER.encode(&Sha1::digest(password))).collect();
    hashes.iter().zip(1..).map(|(hash, count)| format!("{hash}:{count}\r\n")).collect()
}

fn made(lines: &str) -> LeakedPasswords {
    let mut bytes = Vec::new();
    make(lines.as_bytes(), &mut bytes, 1).unwrap();
    LeakedPasswords::read(Box::new(Cursor::new(bytes)), &log()).unwrap()
}

#[test]
fn filter_misses_no_password_in_one_range_and_in_several() {
    for count in [1, 2, 3, 10, 1000, RANGE_KEYS, RANGE_KEYS + 1, 3 * RANGE_KEYS] {
        let filter = made(&lines((0..count).map(|n| format!("leaked-{n}"))));
        assert_eq!(filter.ranges.len(), count.div_ceil(RANGE_KEYS), "{count}");
        assert!((0..count).all(|n| filter.contains(&format!("leaked-{n}"))), "{count}");
    }
}

#[test]
fn builtin_list_is_small_and_takes_less_than_one_of_10_000_others_for_leaked() {
    assert!(BUILTIN.len() <= 1_500_000, "{}", BUILTIN.len());
    let filter = builtin();
    let wrong = (0..400_000).filter(|n| filter.contains(&format!("Not-Leaked-{n}"))).count();
    // Two lookups, of 1 in 65,536 each: 12 are expected, and 40 are 1 in 10,000.
    assert!(wrong < 40, "{wrong} of 400,000");
}

#[test]
fn builtin_list_ignores_case_and_leaves_out_those_that_other_rules_refuse() {
    let filter = builtin();
    for leaked in ["chelsea1905", "Leonard1995", "shurik2527"] {
        assert!(filter.contains(leaked), "{leaked}");
        assert!(filter.contains(&leaked.to_uppercase()), "{leaked}");
    }
    assert!(!filter.contains("password") && !filter.contains("8236459127"));
}

#[test]
fn lines_without_a_hash_or_out_of_order_are_refused_by_number() {
    let good = lines(["one".to_owned(), "two".to_owned()].into_iter());
    let (first, second) = good.split_once("\r\n").unwrap();
    let refused = |text: &str| make(text.as_bytes(), io::sink(), 1).unwrap_err().to_string();
    assert!(refused(&format!("{second}{first}\n")).starts_with("line 2 is not in the order"));
    let long = format!("{first}{}", "0".repeat(1000));
    for bad in ["hello", "", &first[1..], &first.replace(':', ";"), &format!("{first}x"), &long] {
        let error = refused(&format!("{first}\n{bad}\n"));
        assert!(error.starts_with("line 2 is no HASH:COUNT"), "{bad}: {error}");
    }
    assert_eq!(refused(""), "no line has a count of 1 or more");
    let error = make(good.as_bytes(), io::sink(), 3).unwrap_err().to_string();
    assert_eq!(error, "no line has a count of 3 or more");
}

#[test]
fn damaged_filter_is_refused_or_answers_and_never_panics() {
    let mut good = Vec::new();
    make(lines((0..500).map(|n| n.to_string())).as_bytes(), &mut good, 1).unwrap();
    let open = |bytes: Vec<u8>| LeakedPasswords::read(Box::new(Cursor::new(bytes)), &log());
    for length in [0, 10, MAGIC.len() + 5, good.len() - 1] {
        assert!(open(good[..length].to_vec()).is_err(), "{length}");
    }
    for at in 0..MAGIC.len() + HEAD_BYTES {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(filter) = open(bytes) {
                let found = (0..100).filter(|n| filter.contains(&n.to_string())).count();
                assert!(found <= 100);
            }
        }
    }
}

#[test]
fn hash_in_the_document_of_have_i_been_pwned_is_read() {
    // Its example: the hash of "P@ssw0rd".
    let filter = made("21BD12DC183F740EE76F27B78EB39C8AD972A757:52579\n");
    assert!(filter.contains("P@ssw0rd") && !filter.contains("P@ssw0rd2"));
    assert!(!LeakedPasswords::none().contains("P@ssw0rd"));
}
