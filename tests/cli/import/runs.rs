//! Second runs, dry runs, and conflicts.

use super::*;

#[tokio::test]
async fn second_import_restores_no_revoked_token() {
    let new = Move::filled();
    new.done();
    let key = [("authorization", "Token inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105")];
    let mut server = new.server().await;
    assert_eq!(
        server
            .send(reqwest::Method::PATCH, "user/", &key, json!({ "username": "ada2" }))
            .await
            .status,
        200
    );
    assert_eq!(server.post("emails/9/remove/", &key, Value::Null).await.status, 200);
    assert_eq!(server.post("logout/", &key, Value::Null).await.status, 200);
    server.stop().await;
    let before = new.database().content();

    let printed = new.done();

    assert!(printed.contains("Nothing to import: all rows exist already"), "{printed}");
    assert!(printed.contains("accounts                 0 new         3 existing"), "{printed}");
    assert!(new.database().content() == before, "something changed");
    let server = new.server().await;
    assert_eq!(server.get("user/", &key).await.status, 401);
    assert_eq!(server.log_in("ada2", OLD).await.status, 200);
}

#[tokio::test]
async fn repeated_import_adds_new_rows_only() {
    let new = Move::filled();
    new.done();
    new.source.account(43, "eve", PBKDF2);
    new.source.address(20, 43, "eve@example.com", true, true);
    let printed = new.done();
    assert!(printed.contains("accounts                 1 new         3 existing"), "{printed}");
    assert!(printed.contains("email addresses          1 new         3 existing"), "{printed}");
    let server = new.server().await;
    assert_eq!(server.log_in("eve", OLD).await.status, 200);
}

#[test]
fn dry_run_reports_and_writes_nothing() {
    let new = Move::filled();
    let files = || {
        let mut names: Vec<_> = std::fs::read_dir(new.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let before = files();
    let output = new.import(&["--dry-run"]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(
        printed.contains("accounts                 3 new")
            && printed.contains("nothing was written"),
        "{printed}"
    );
    assert_eq!(files(), before);

    new.done();
    new.source.account(43, "eve", PBKDF2);
    let (bytes, before) = (new.database().content(), files());
    let printed = String::from_utf8(new.import(&["--dry-run"]).stdout).unwrap();
    assert!(printed.contains("accounts                 1 new         3 existing"), "{printed}");
    assert!(new.database().content() == bytes, "something changed");
    assert_eq!(files(), before);
}

#[test]
fn conflicts_within_the_source_name_both_sides_and_nothing_is_written() {
    let new = Move::filled();
    new.source.account(50, "ADA", PBKDF2);
    new.source.address(30, 50, "ADA@example.com", true, true);
    new.source.account(51, "fay", PBKDF2);
    new.source.address(31, 51, "BEA@example.com", true, false);
    new.source.address(32, 51, "fay@example.com", false, true);
    new.source.address(33, 51, "fay@home.example.com", false, true);
    new.source.address(34, 51, "Fay@example.com", false, false);
    new.source.link(60, 51, "github", "ada-1");
    new.source.token(51, "inv-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-20260105", NEXT_YEAR, false);
    new.source.address(35, 999, "nobody@example.com", false, false);
    let printed = new.refused();
    let conflicts: Vec<&str> = printed
        .lines()
        .filter_map(|line| line.split_once("conflict: ").map(|(_, is)| is))
        .collect();
    assert_eq!(
        conflicts,
        [
            "username \"ADA\" of account 50 in InvenTree is taken by account 3 \"ada\" in \
             InvenTree",
            "address \"bea@example.com\" is verified for two accounts: account 51 \"fay\" in \
             InvenTree and account 40 \"Bea\" in InvenTree",
            "account 51 \"fay\" in InvenTree has two primary addresses: \"fay@home.example.com\" \
             and \"fay@example.com\"",
            "account 51 \"fay\" in InvenTree has the address \"fay@example.com\" twice, in \
             different case",
            "table account_emailaddress, row 35: its account 999 is not in InvenTree",
            "\"ada-1\" at \"github\" is linked to two accounts: account 51 \"fay\" in InvenTree \
             and account 3 \"ada\" in InvenTree",
            "the API token in row 2 belongs to two accounts: account 51 \"fay\" in InvenTree and \
             account 3 \"ada\" in InvenTree",
        ]
    );
    assert!(printed.ends_with("7 conflicts: nothing was imported\n"), "{printed}");
    assert!(!new.database().exists(), "a database that was made for it is taken away again");
}

#[tokio::test]
async fn conflicts_with_existing_accounts_name_both_sides_and_nothing_is_written() {
    let new = Move::filled();
    let mut server = new.server().await;
    // Ids 1, 2 and 3; an account in the source has the id 3.
    server.register("bea", "other@example.com").await;
    server.register("gus", "gus@example.com").await;
    server.register("hal", "hal@example.com").await;
    server.stop().await;
    let printed = new.refused();
    assert!(
        printed.contains("conflict: account 3 is \"ada\" in InvenTree and \"hal\" in the database"),
        "{printed}"
    );
    let name = "conflict: username \"Bea\" of account 40 in InvenTree is taken by account 1 \
        \"bea\" in the database";
    assert!(printed.contains(name), "{printed}");
    assert!(printed.ends_with("2 conflicts: nothing was imported\n"), "{printed}");
}
