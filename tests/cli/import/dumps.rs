//! Sources on MySQL and MariaDB: files that `mysqldump` and `mariadb-dump` wrote.

use test_support::mariadb;

use super::*;

/// `mariadb-dump` 10.11 of [`Move::filled_with_oddities`], written by
/// `mariadb_dump_imports_the_same_rows_as_the_file`.
const DUMP: &str = include_str!("inventree.sql");

/// Imports a file with this content into a new database.
fn import_of(content: &[u8]) -> (Move, Output) {
    let new = Move::new();
    let path = new.folder.path().join("inventree.sql");
    std::fs::write(&path, content).unwrap();
    let output = import(&path, new.database(), &[]);
    (new, output)
}

fn assert_same_rows(content: &[u8], by_file: &Move) {
    let (new, output) = import_of(content);
    assert!(output.status.success(), "{output:?}");
    for table in FILLED {
        let rows = by_file.database().rows(table);
        assert!(!rows.is_empty(), "{table}");
        assert_eq!(new.database().rows(table), rows, "{table}");
    }
}

/// The only line of the error; nothing was imported.
fn refused(content: &[u8]) -> String {
    let (new, output) = import_of(content);
    let printed = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), printed.trim_end().lines().count()),
        (Some(1), 1),
        "{printed}"
    );
    assert!(printed.contains("inventree.sql"), "{printed}");
    assert!(!new.database().exists());
    printed
}

#[test]
fn dump_imports_the_same_rows_as_the_file() {
    let by_file = Move::filled_with_oddities();
    by_file.done();
    assert_same_rows(DUMP.as_bytes(), &by_file);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, DUMP.as_bytes()).unwrap();
    assert_same_rows(&packed.finish().unwrap(), &by_file);
    // As MySQL writes the head.
    let mysql = DUMP.replacen("-- MariaDB dump", "-- MySQL dump", 1);
    assert_same_rows(mysql.as_bytes(), &by_file);
}

#[test]
fn interrupted_dump_is_refused() {
    let lines: Vec<&str> = DUMP.split_inclusive('\n').collect();
    for kept in [4, lines.len() / 4, lines.len() / 2, lines.len() - 1] {
        let printed = refused(lines[..kept].concat().as_bytes());
        assert!(printed.contains("half-written"), "{printed}");
    }
    let within_a_row = DUMP.find("pbkdf2_sha256").unwrap();
    refused(&DUMP.as_bytes()[..within_a_row]);
}

#[test]
fn unsupported_dump_is_refused_with_the_option_that_fixes_it() {
    let insert = "INSERT INTO `auth_user`";
    for (dump, expected) in [
        (DUMP.replace("SET NAMES utf8mb4", "SET NAMES latin1"), "--default-character-set=utf8mb4"),
        (DUMP.replace(insert, "INSERT IGNORE INTO `auth_user`"), "--insert-ignore"),
        (DUMP.replace(insert, "REPLACE INTO `auth_user`"), "--replace"),
        (DUMP.replace("CREATE TABLE `auth_user`", "-- `auth_user`"), "--no-create-info"),
        (DUMP.replace("CREATE TABLE `part_part`", "CREATE TABLE `auth_user`"), "two tables"),
        (DUMP.replacen("pbkdf2_sha256", "'", 1), "a row cannot be read"),
        (DUMP.replace("`users_apitoken`", "`users_other`"), "it has no table users_apitoken"),
    ] {
        let printed = refused(dump.as_bytes());
        assert!(
            printed.contains(expected) && !printed.contains("VTsM5G6D"),
            "{expected}: {printed}"
        );
    }
}

/// `cargo test --test cli mariadb -- --ignored`; `WRITE_DUMP=1` writes the file of this folder.
#[test]
#[ignore = "needs MariaDB"]
fn mariadb_dump_imports_the_same_rows_as_the_file() {
    let by_file = Move::filled_with_oddities();
    by_file.done();
    let server = mariadb::Server::start();
    server.create("inventree", &by_file.source.for_mariadb());
    for options in [
        &["--single-transaction", "inventree"][..],
        &["--complete-insert", "inventree"],
        &["--skip-extended-insert", "--hex-blob", "inventree"],
        &["--skip-opt", "inventree"],
        &["--routines", "--triggers", "--databases", "inventree"],
        &["--order-by-primary", "--skip-add-drop-table", "inventree"],
    ] {
        let dump = server.dump(options);
        assert_same_rows(&dump, &by_file);
        if options.len() == 2
            && options[0] == "--single-transaction"
            && std::env::var_os("WRITE_DUMP").is_some()
        {
            let text = String::from_utf8_lossy(&dump);
            std::fs::write("tests/cli/import/inventree.sql", text.as_bytes()).unwrap();
        }
    }
}
