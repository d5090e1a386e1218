use std::collections::BTreeSet;
use std::io::Cursor;

use futures::FutureExt;

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

fn read(bytes: Vec<u8>) -> io::Result<LeakedPasswords> {
    let filter = Arc::new(Filter::read(Source::Memory(bytes.into()))?);
    Ok(LeakedPasswords { filter, log: log() })
}

fn made(lines: &str) -> LeakedPasswords {
    read(made_bytes(lines)).unwrap()
}

fn made_bytes(lines: &str) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    make(lines.as_bytes(), &mut bytes, 1).unwrap();
    bytes.into_inner()
}

/// Without a runtime: a filter in memory is never waited for.
fn contains(filter: &LeakedPasswords, password: &str) -> bool {
    filter.contains(password).now_or_never().unwrap()
}

#[test]
fn filter_has_no_false_negatives() {
    for count in [1, 2, 3, 10, 1000, RANGE_KEYS, RANGE_KEYS + 1, 3 * RANGE_KEYS] {
        let filter = made(&lines((0..count).map(|n| format!("leaked-{n}"))));
        assert_eq!(filter.filter.ranges.len(), count.div_ceil(RANGE_KEYS), "{count}");
        assert!((0..count).all(|n| contains(&filter, &format!("leaked-{n}"))), "{count}");
    }
}

#[test]
fn builtin_list_is_small_and_has_few_false_positives() {
    assert!(BUILTIN.len() <= 1_500_000, "{}", BUILTIN.len());
    let filter = builtin();
    let wrong = (0..400_000).filter(|n| contains(&filter, &format!("Not-Leaked-{n}"))).count();
    // Two lookups, of 1 in 65,536 each: 12 are expected, and 40 are 1 in 10,000.
    assert!(wrong < 40, "{wrong} of 400,000");
}

#[test]
fn builtin_list_ignores_case_and_omits_passwords_that_other_rules_refuse() {
    let filter = builtin();
    for leaked in ["chelsea1905", "Leonard1995", "shurik2527"] {
        assert!(contains(&filter, leaked), "{leaked}");
        assert!(contains(&filter, &leaked.to_uppercase()), "{leaked}");
    }
    assert!(!contains(&filter, "password") && !contains(&filter, "8236459127"));
}

#[test]
fn lines_without_a_hash_or_out_of_order_are_refused_by_number() {
    let good = lines(["one".to_owned(), "two".to_owned()].into_iter());
    let (first, second) = good.split_once("\r\n").unwrap();
    let nowhere = || Cursor::new(Vec::new());
    let refused = |text: &str| make(text.as_bytes(), nowhere(), 1).unwrap_err().to_string();
    assert!(refused(&format!("{second}{first}\n")).starts_with("line 2 is not in the order"));
    let long = format!("{first}{}", "0".repeat(1000));
    for bad in ["hello", "", &first[1..], &first.replace(':', ";"), &format!("{first}x"), &long] {
        let error = refused(&format!("{first}\n{bad}\n"));
        assert!(error.starts_with("line 2 is not `HASH:COUNT`"), "{bad}: {error}");
    }
    assert_eq!(refused(""), "no line has a count of 1 or more");
    let error = make(good.as_bytes(), nowhere(), 3).unwrap_err().to_string();
    assert_eq!(error, "no line has a count of 3 or more");
}

#[test]
fn damaged_filter_never_panics() {
    let good = made_bytes(&lines((0..500).map(|n| n.to_string())));
    for length in [0, 10, MAGIC.len() + 5, good.len() - 1] {
        assert!(read(good[..length].to_vec()).is_err(), "{length}");
    }
    for at in 0..MAGIC.len() + HEAD_BYTES {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(filter) = read(bytes) {
                let found = (0..100).filter(|n| contains(&filter, &n.to_string())).count();
                assert!(found <= 100);
            }
        }
    }
}

#[test]
fn incomplete_filter_is_refused() {
    let good = lines((0..2 * RANGE_KEYS).map(|n| n.to_string()));
    let mut bytes = Cursor::new(Vec::new());
    make(format!("{good}interrupted").as_bytes(), &mut bytes, 1).unwrap_err();
    let bytes = bytes.into_inner();
    assert!(bytes.len() > 2 * RANGE_KEYS, "a range was written: {}", bytes.len());
    assert!(read(bytes).is_err());
}

#[test]
fn documented_hash_of_have_i_been_pwned_is_parsed() {
    // Its example: the hash of "P@ssw0rd".
    let filter = made("21BD12DC183F740EE76F27B78EB39C8AD972A757:52579\n");
    assert!(contains(&filter, "P@ssw0rd") && !contains(&filter, "P@ssw0rd2"));
    assert!(!contains(&LeakedPasswords::none(), "P@ssw0rd"));
}

#[test]
fn file_lookup_does_not_block_the_async_runtime() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    make(lines(["leaked".to_owned()].into_iter()).as_bytes(), File::create(&path).unwrap(), 1)
        .unwrap();
    let filter = LeakedPasswords::open(&Choice::File(path.to_path_buf()), &log()).unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        // The only thread for disks is busy.
        let (release, busy) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || busy.recv());
        let mut lookup = Box::pin(filter.contains("leaked"));
        assert_eq!((&mut lookup).now_or_never(), None);
        drop(release);
        assert!(lookup.await);
        assert!(busy.await.unwrap().is_err());
    });
}
