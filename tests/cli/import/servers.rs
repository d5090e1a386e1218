//! Sources on a database server.

use test_support::postgres;

use super::*;

/// The rows of a move on PostgreSQL, and the place that they move to.
struct Server {
    new: Move,
    name: String,
    port: u16,
}

impl Server {
    fn of(new: Move) -> Server {
        let (name, port) = postgres::fresh_database().expect("a server");
        postgres::execute(port, &name, &new.source.for_postgresql());
        Server { new, name, port }
    }

    fn import(&self, arguments: &[&str]) -> Output {
        import(postgres::url(self.port, &self.name).as_ref(), self.new.database(), arguments)
    }

    fn done(&self) -> String {
        let output = self.import(&[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// The only line of the error; nothing was imported.
    fn refused(&self) -> String {
        let output = self.import(&[]);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), printed.trim_end().lines().count()),
            (Some(1), 1),
            "{printed}"
        );
        assert!(!self.new.database().exists());
        printed
    }

    fn execute(&self, sql: &str) {
        postgres::execute(self.port, &self.name, sql);
    }
}

#[test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
fn postgresql_imports_the_same_rows_as_the_file() {
    let by_file = Move::filled_with_oddities();
    let printed = by_file.done();
    let server = Server::of(Move::filled_with_oddities());
    assert_eq!(server.done(), printed);
    for table in FILLED {
        let rows = by_file.database.rows(table);
        assert!(!rows.is_empty(), "{table}");
        assert_eq!(server.new.database.rows(table), rows, "{table}");
    }
    assert!(server.done().contains("Nothing to import: all rows exist already"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn account_from_postgresql_logs_in_with_its_old_password() {
    let server = Server::of(Move::filled());
    server.done();
    assert_eq!(server.new.server().await.log_in("ada", OLD).await.status, 200);
}

#[test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
fn read_only_role_suffices_and_dry_run_writes_nothing() {
    let server = Server::of(Move::filled());
    let role = format!("reader_of_{}", server.name);
    server.execute(&format!(
        "CREATE ROLE {role} LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
    ));
    let from = format!("postgresql://{role}@127.0.0.1:{}/{}", server.port, server.name);
    let output = import(from.as_ref(), server.new.database(), &["--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("accounts                 3 new"));
    assert!(!server.new.database().exists());
}

#[test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
fn foreign_newer_or_conflicting_source_on_postgresql_is_refused() {
    let server = Server::of(Move::filled());
    server.execute("INSERT INTO django_migrations VALUES (9, 'users', '0013_more', '')");
    assert!(server.refused().contains("newer than API version 291"));

    let server = Server::of(Move::filled());
    server.execute("ALTER TABLE users_apitoken RENAME COLUMN expiry TO ends");
    assert!(server.refused().contains("its table users_apitoken has no column expiry"));

    let server = Server::of(Move::filled());
    server.execute("DROP TABLE auth_user");
    let printed = server.refused();
    assert!(printed.contains("not an InvenTree database of API version 291"), "{printed}");

    let server = Server::of(Move::filled());
    server.execute("UPDATE auth_user SET date_joined = 'infinity' WHERE id = 40");
    assert!(server.refused().contains("table auth_user, row 40"));

    let new = Move::filled();
    new.source.account(50, "ADA", PBKDF2);
    let output = Server::of(new).import(&[]);
    let printed = String::from_utf8(output.stderr).unwrap();
    assert!(
        printed.contains("username \"ADA\" of account 50 in InvenTree is taken by"),
        "{printed}"
    );
}

#[test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
fn inventrees_own_postgresql_database_is_refused_and_nothing_is_changed() {
    let server = Server::of(Move::filled());
    let own = TestDatabase::Server { name: server.name.clone(), port: server.port };
    let before = own.content();
    let key = ("INVENTREE_SECRET_KEY", "the secret key of every test on a server");
    let file = server.new.source.path.to_str().unwrap();
    for arguments in [
        vec!["serve", "--bind", "127.0.0.1:0", "--database"],
        vec!["migrate", "--database"],
        vec!["import", "inventree", "--from", file, "--database"],
    ] {
        let mut command = Command::new(PROGRAM);
        command.env_clear().envs([key]).args(&arguments).arg(own.argument());
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(printed.contains("is InvenTree's own database: import its accounts"), "{printed}");
        assert_eq!(own.content(), before, "{arguments:?}");
    }
}

/// The first batch that has a refused row is written one by one, and so is one with known accounts.
#[test]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
fn batched_import_has_the_same_outcome_as_row_by_row() {
    let server = Server::of(Move::filled());
    server.execute(&thousands(6, 0));
    let printed = server.done();
    assert!(printed.contains("accounts              6003 new         0 existing"), "{printed}");
    assert!(printed.contains("email addresses       6003 new         0 existing"), "{printed}");
    assert!(printed.contains("API tokens            6001 new         0 existing"), "{printed}");
    assert!(printed.contains("TOTP devices          6001 new         0 existing"), "{printed}");
    assert!(printed.contains("recovery codes        6001 new         0 existing"), "{printed}");
    assert!(printed.contains("group members         6000 new         0 existing"), "{printed}");
    assert!(printed.contains("pbkdf2_sha256 6003"), "{printed}");
    assert!(printed.contains("6002 addresses were converted to lower case"), "{printed}");
    let place = server.new.database();
    assert_eq!(place.number("SELECT COUNT(*) FROM accounts"), 6003);
    assert_eq!(place.number("SELECT COUNT(DISTINCT digest) FROM tokens"), 6001);
    assert!(server.done().contains("Nothing to import: all rows exist already"));

    server.execute(&thousands(1, 10_000));
    let printed = server.done();
    assert!(printed.contains("accounts              1000 new      6003 existing"), "{printed}");
    assert!(printed.contains("email addresses       1000 new      6003 existing"), "{printed}");

    server.execute(&thousands(6, 20_000));
    server.execute("UPDATE auth_user SET username = 'ADA' WHERE id = 25007");
    server.execute("UPDATE users_apitoken SET user_id = 77777 WHERE id = 1025001");
    let before = place.content();
    let output = server.import(&[]);
    let printed = String::from_utf8(output.stderr).unwrap();
    let name = "username \"ADA\" of account 25007 in InvenTree is taken by account 3 \"ada\" in \
        the database";
    assert!(printed.contains(name), "{printed}");
    assert!(printed.contains("its account 77777 is not in InvenTree"), "{printed}");
    assert!(printed.ends_with("2 conflicts: nothing was imported\n"), "{printed}");
    assert!(place.content() == before, "something changed");
}

/// SQL that makes so many thousands of accounts with ids after `after`, each with an address, a
/// token and a group.
fn thousands(count: i64, after: i64) -> String {
    let ids = format!("generate_series({}, {}) id", after + 1001, after + 1000 * (count + 1));
    format!(
        "INSERT INTO auth_user (id, password, is_superuser, username, last_name, email, is_staff,
             is_active, date_joined, first_name)
         SELECT id, '{PBKDF2}', false, 'user' || id, 'Lovelace', 'User' || id || '@example.com',
             false, true, now(), 'Ada' FROM {ids};
         INSERT INTO account_emailaddress (id, email, verified, \"primary\", user_id)
         SELECT id, 'user' || id || '@example.com', true, true, id FROM {ids};
         INSERT INTO users_apitoken (id, created, key, name, expiry, revoked, user_id, metadata)
         SELECT 1000000 + id, now(), 'inv-' || md5(id::text) || '-20260105', 'tab\tbackslash\\',
             '{NEXT_YEAR}', false, id, '{{}}' FROM {ids};
         INSERT INTO otp_totp_totpdevice (id, name, confirmed, key, step, t0, digits, tolerance,
             drift, last_t, user_id, throttling_failure_count)
         SELECT 1000 + id, 'tab\t', true, md5(id::text), 30, 0, 6, 1, 0, -1, id, 0 FROM {ids};
         INSERT INTO otp_static_staticdevice (id, name, confirmed, user_id)
         SELECT 1000 + id, '', true, id FROM {ids};
         INSERT INTO otp_static_statictoken (id, token, device_id)
         SELECT 1000 + id, substr(md5(id::text), 1, 8), 1000 + id FROM {ids};
         INSERT INTO auth_group (id, name) VALUES (1, 'Stock, keepers') ON CONFLICT DO NOTHING;
         INSERT INTO auth_user_groups (id, user_id, group_id) SELECT id, id, 1 FROM {ids}"
    )
}

/// `cargo test --release --test cli million -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes, and means little on a busy machine"]
fn million_accounts_move_from_postgresql_to_postgresql_within_a_minute() {
    let cluster = postgres::Cluster::start(true).expect("PostgreSQL");
    let database = |name: &str| {
        postgres::execute(cluster.port, "postgres", &format!("CREATE DATABASE {name}"));
        TestDatabase::Server { name: name.to_owned(), port: cluster.port }
    };
    let (from, to) = (database("inventree"), database("auth"));
    let folder = tempfile::tempdir().unwrap();
    from.execute(&Source::new(folder.path()).for_postgresql());
    from.execute(&thousands(1000, 0));
    let started = std::time::Instant::now();
    let output = import(from.argument().as_ref(), &to, &[]);
    let took = started.elapsed();
    assert!(output.status.success(), "{output:?}");
    println!("{}{took:?}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(to.number("SELECT COUNT(*) FROM accounts"), 1_000_000);
    assert!(cfg!(debug_assertions) || took.as_secs() < 60, "{took:?}");
}

#[test]
fn source_password_is_never_printed() {
    let new = Move::new();
    let password = new.folder.path().join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let file = ["--from-password-file", password.to_str().unwrap()];
    for (from, arguments, expected) in [
        // Nothing listens there.
        ("postgresql://inventree:s3cret@127.0.0.1:1/inventree", &[][..], "inventree@127.0.0.1"),
        ("postgresql://inventree@127.0.0.1:1/inventree", &file, "inventree@127.0.0.1"),
        ("postgresql://inventree:s3cret@", &[], "postgresql://user@host:port/name"),
        ("mysql://inventree:s3cret@db/inventree", &[], "mysqldump --single-transaction"),
        ("mariadb://inventree:s3cret@db/inventree", &[], "mysqldump --single-transaction"),
    ] {
        let output = import(from.as_ref(), new.database(), arguments);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            (output.status.code(), printed.trim_end().lines().count()),
            (Some(1), 1),
            "{printed}"
        );
        assert!(printed.contains(expected) && !printed.contains("s3cret"), "{printed}");
        assert!(!new.database().exists());
    }
}
