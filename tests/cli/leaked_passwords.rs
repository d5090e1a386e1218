//! `leaked-passwords`: a filter that the server takes, or one line that says why there is none.

use std::path::Path;
use std::process::Command;

use crate::PROGRAM;

/// Have I Been Pwned's line about "P@ssw0rd", and one that was seen less often.
const LINES: &str = "21BD12DC183F740EE76F27B78EB39C8AD972A757:52579\r\n\
                     21BE12DC183F740EE76F27B78EB39C8AD972A758:3\r\n";

/// The exit code, stdout and stderr.
fn run(folder: &Path, command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn make(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    run(folder, Command::new(PROGRAM).arg("leaked-passwords").args(arguments))
}

fn checked(folder: &Path, filter: &str) -> (Option<i32>, String) {
    let mut command = Command::new(PROGRAM);
    let setting = ("INVENTREE_LEAKED_PASSWORDS", filter);
    let (code, _, err) = run(folder, command.arg("check-config").env(setting.0, setting.1));
    (code, err)
}

#[test]
fn filter_is_built_from_hashes_and_accepted_by_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("hashes.txt"), LINES).unwrap();
    let (code, out, err) = make(folder.path(), &["hashes.txt", "all.bin"]);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("all.bin is a filter of 2 leaked passwords, "), "{out}");
    let (_, out, _) = make(folder.path(), &["hashes.txt", "few.bin", "--min-count", "20"]);
    assert!(out.starts_with("few.bin is a filter of 1 leaked passwords, "), "{out}");
    for filter in ["all.bin", "few.bin", "builtin", "off"] {
        assert_eq!(checked(folder.path(), filter).0, Some(0), "{filter}");
    }
    for (filter, why) in [("missing.bin", "No such file"), ("hashes.txt", "no filter that")] {
        let (code, err) = checked(folder.path(), filter);
        assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
        assert!(err.contains(filter) && err.contains(why), "{err}");
    }
}

#[test]
fn invalid_hashes_leave_no_file_and_existing_files_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("words.txt"), "password\nletmein\n").unwrap();
    let (code, out, err) = make(folder.path(), &["words.txt", "made.bin"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("words.txt: line 1 is not `HASH:COUNT` with a SHA-1 hash"), "{err}");
    assert!(!folder.path().join("made.bin").exists());
    std::fs::write(folder.path().join("hashes.txt"), LINES).unwrap();
    let (code, _, err) = make(folder.path(), &["hashes.txt", "words.txt"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("words.txt: File exists"), "{err}");
}
