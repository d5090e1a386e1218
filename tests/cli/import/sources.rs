//! Sources that are broken, foreign or in use.

use super::*;

#[test]
fn import_of_a_truncated_source_fails_with_one_line() {
    let new = Move::filled();
    let whole = std::fs::read(&new.source.path).unwrap();
    for length in [1, 50, 4096, 10_000, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&new.source.path, &whole[..length]).unwrap();
        let printed = new.refused();
        assert_one_line(&printed, "");
        assert!(!new.database().exists(), "{length}");
    }
    std::fs::write(&new.source.path, b"").unwrap();
    assert_one_line(&new.refused(), "or empty");
}

#[test]
fn import_of_a_corrupt_source_fails_with_one_line() {
    let new = Move::filled();
    let mut bytes = std::fs::read(&new.source.path).unwrap();
    bytes[4096..8192].fill(0x5a);
    std::fs::write(&new.source.path, &bytes).unwrap();
    assert_one_line(&new.refused(), "damaged");
}

#[test]
fn import_of_an_inconsistent_copy_fails_with_one_line() {
    let new = Move::filled();
    new.source.run("PRAGMA cache_size = 1; BEGIN");
    for id in 100..400 {
        new.source.account(id, &format!("half{id}"), PBKDF2);
    }
    let copy = Move::new();
    for suffix in ["", "-journal"] {
        let name = |folder: &Path| folder.join(format!("inventree.sqlite3{suffix}"));
        std::fs::copy(name(new.folder.path()), name(copy.folder.path())).unwrap();
    }
    assert_one_line(&copy.refused(), "half-written");
    new.source.run("ROLLBACK");
    assert!(new.done().contains("accounts                 3 new"));
}

#[test]
fn import_of_another_database_fails_with_one_line() {
    let new = Move::new();
    std::fs::write(
        &new.source.path,
        "a text that is no database, and longer than the header of one would be".repeat(9),
    )
    .unwrap();
    assert_one_line(&new.refused(), "not an SQLite database");

    let new = Move::new();
    new.source.run("DROP TABLE users_apitoken");
    assert_one_line(
        &new.refused(),
        "not an InvenTree database of API version 291: it has no table users_apitoken",
    );

    let new = Move::new();
    new.source.run("ALTER TABLE users_apitoken RENAME COLUMN expiry TO ends");
    assert_one_line(&new.refused(), "its table users_apitoken has no column expiry");
}

#[test]
fn import_of_a_newer_source_fails_with_one_line() {
    let new = Move::filled();
    new.source.run(
        "INSERT INTO django_migrations (app, name, applied) VALUES ('users', '0013_more', '')",
    );
    assert_one_line(&new.refused(), "newer than API version 291");

    let new = Move::filled();
    new.source.run("CREATE TABLE mfa_authenticator (id integer PRIMARY KEY)");
    assert_one_line(&new.refused(), "newer than API version 291");
}

#[test]
fn unreadable_row_is_named_without_its_content() {
    let new = Move::filled();
    new.source.run("UPDATE auth_user SET date_joined = 'secret-looking' WHERE id = 40");
    let printed = new.refused();
    assert_one_line(&printed, "table auth_user, row 40");
    assert!(!printed.contains("secret-looking"), "{printed}");
}

#[tokio::test]
async fn groups_are_imported_with_their_members() {
    let new = Move::filled();
    new.source
        .db
        .execute_batch(
            "INSERT INTO auth_group (id, name) VALUES (1, 'Stock, keepers'), (2, 'Nobody');
             INSERT INTO auth_user_groups (user_id, group_id) VALUES (3, 1), (40, 1);",
        )
        .unwrap();
    let printed = new.import(&[]);
    assert!(printed.status.success(), "{printed:?}");
    let out = String::from_utf8(printed.stdout).unwrap();
    assert!(out.lines().any(|line| line.starts_with("group members") && line.contains(" 2 new")));
    let members = "SELECT COUNT(*) FROM group_members m JOIN groups g ON g.id = m.group_id \
        WHERE g.name = 'Stock, keepers' AND m.account_id IN (3, 40)";
    assert_eq!(new.database.number(members), 2);
    // A second import leaves a membership that was ended here ended.
    new.database.execute("DELETE FROM group_members WHERE account_id = 3");
    assert!(new.import(&[]).status.success());
    assert_eq!(new.database.number(members), 1);
}

#[tokio::test]
async fn server_on_inventrees_own_database_is_refused_and_nothing_is_changed() {
    let new = Move::filled();
    let path = &new.source.path;
    let before = std::fs::read(path).unwrap();
    for arguments in
        [vec!["serve", "--bind", "127.0.0.1:0", "--database"], vec!["migrate", "--database"]]
    {
        let output = Command::new(PROGRAM).env_clear().args(&arguments).arg(path).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains("is InvenTree's own database: import its accounts"), "{printed}");
        assert!(printed.contains("`inventree-auth import inventree`"), "{printed}");
        assert_eq!(std::fs::read(path).unwrap(), before, "{arguments:?}");
    }
    let wal = path.with_extension("sqlite3-wal");
    assert!(!wal.exists());
}

#[test]
fn swapped_source_and_target_are_refused_and_unchanged() {
    let new = Move::filled();
    let other = tempfile::tempdir().unwrap();
    let second = Source::new(other.path());
    let before = std::fs::read(&second.path).unwrap();
    let output = import(&new.source.path, &TestDatabase::File(second.path.clone()), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_one_line(&String::from_utf8(output.stderr).unwrap(), "is not a database of this server");
    assert!(std::fs::read(&second.path).unwrap() == before, "the file changed");
}

#[test]
fn source_in_use_is_read_at_its_last_commit_and_not_written() {
    let new = Move::filled();
    new.source.run("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    new.source.account(44, "ivy", PBKDF2);
    let before = std::fs::read(&new.source.path).unwrap();
    new.source.run("BEGIN IMMEDIATE");
    new.source.account(45, "joe", PBKDF2);
    let printed = new.done();
    assert!(printed.contains("accounts                 4 new"), "{printed}");
    assert!(std::fs::read(&new.source.path).unwrap() == before, "the source changed");
    new.source.run("COMMIT");
}

#[test]
fn piped_output_has_no_secret_and_no_progress_bar() {
    let new = Move::filled();
    for arguments in [&["--dry-run"][..], &[]] {
        let output = new.import(arguments);
        let printed = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        for secret in
            ["VTsM5G6D", "saltsalt", "aaaaaaaa", "feedc0de", "provider-secret", "\x1b", "\r"]
        {
            assert!(!printed.contains(secret), "{secret}: {printed}");
        }
    }
}

/// A real InvenTree database: `INVENTREE_DATABASE=FILE INVENTREE_PASSWORDS=FILE cargo test
/// --release --test cli import -- --ignored --nocapture`, with the passwords of its accounts in the
/// second file, one per line.
#[tokio::test]
#[ignore = "needs a database of InvenTree"]
async fn inventree_database_is_imported() {
    let variable =
        |name: &str| std::env::var_os(name).unwrap_or_else(|| panic!("{name} names no file"));
    let from = PathBuf::from(variable("INVENTREE_DATABASE"));
    let passwords = std::fs::read_to_string(variable("INVENTREE_PASSWORDS")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let database = TestDatabase::new(folder.path());
    let output = import(&from, &database, &[]);
    assert!(output.status.success(), "{output:?}");
    println!("{}", String::from_utf8_lossy(&output.stdout));

    let source =
        rusqlite::Connection::open_with_flags(&from, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)
            .unwrap();
    let rows = |sql: &str| -> Vec<(i64, String, bool)> {
        let mut statement = source.prepare(sql).unwrap();
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let server = TestServer::at(&database).await;
    let (mut tokens, mut logins, mut factors) = (0, 0, 0);
    for (user, key, good) in rows(&format!(
        "SELECT user_id, key, NOT revoked AND expiry >= '{TODAY}' FROM users_apitoken"
    )) {
        let authorization = format!("Token {key}");
        let response = server.get("user/", &[("authorization", &authorization)]).await;
        let active: bool = source
            .query_row("SELECT is_active FROM auth_user WHERE id = ?", [user], |row| row.get(0))
            .unwrap();
        assert_eq!(
            response.status,
            if good && active { 200 } else { 401 },
            "token of account {user}"
        );
        if !(good && active) {
            continue;
        }
        tokens += 1;
        assert_eq!(response.json()["pk"], user);
        let listed =
            server.get("emails/", &[("authorization", &authorization)]).await.json()["results"]
                .clone();
        let expected: Vec<Value> = rows(&format!(
            "SELECT id, email, verified FROM account_emailaddress WHERE user_id = \
                {user} ORDER BY id"
        ))
        .into_iter()
        .map(|(id, email, verified)| json!([id, email.to_ascii_lowercase(), verified]))
        .collect();
        let listed: Vec<Value> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|row| json!([row["id"], row["email"], row["verified"]]))
            .collect();
        assert_eq!(listed, expected, "addresses of account {user}");
    }
    for (user, username, active) in
        rows("SELECT id, username, is_active FROM auth_user WHERE password NOT LIKE '!%'")
    {
        let mut statuses = Vec::new();
        for password in passwords.lines() {
            let status = server.log_in(&username, password).await.status;
            statuses.push(status);
            if status != 400 {
                break;
            }
        }
        match statuses.last() {
            Some(200) if active => logins += 1,
            Some(403) if active => factors += 1,
            _ => assert!(!active, "account {user} opens with none of the passwords"),
        }
    }
    println!(
        "{logins} accounts logged in, {factors} were asked for a second factor, {tokens} tokens \
         were good"
    );
    assert!(logins > 0);
}
