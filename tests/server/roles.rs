//! A PostgreSQL role with the printed grants that owns nothing can serve, but not change the audit
//! trail.

use std::process::Command;

use inventree_auth::domain::housekeeping::CleanupJob;
use serde_json::{Value, json};
use test_support::database::TestDatabase;
use test_support::{PASSWORD, TestServer, postgres, reset_link};

use crate::PROGRAM;

/// A migrated database and a role with the printed grants.
struct Granted {
    name: String,
    port: u16,
    role: String,
    _folder: tempfile::TempDir,
}

impl Granted {
    fn new() -> Granted {
        let folder = tempfile::tempdir().unwrap();
        let TestDatabase::Server { name, port } = TestDatabase::new(folder.path()) else {
            panic!("no server")
        };
        let role = format!("serving_{name}");
        run(&["migrate", "--database", &postgres::url(port, &name)]);
        let grants = run(&["print", "grants"]).replace("inventree_serving", &role);
        let grants = grants.replace("DATABASE auth", &format!("DATABASE {name}"));
        postgres::execute(port, &name, &format!("CREATE ROLE {role} LOGIN; {grants}"));
        Granted { name, port, role, _folder: folder }
    }

    fn database(&self) -> TestDatabase {
        TestDatabase::Server { name: self.name.clone(), port: self.port }
    }

    async fn serve(&self) -> TestServer {
        TestServer::at_with(&self.database(), &[("DB_USER", &self.role)]).await
    }

    /// Executes SQL as the role.
    fn try_execute(&self, sql: &str) -> Result<(), String> {
        postgres::try_execute_as(&self.role, self.port, &self.name, sql)
    }

    fn trail(&self) -> Vec<String> {
        postgres::texts(self.port, &self.name, "SELECT a::text FROM public.audit a ORDER BY id")
    }
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn role_with_the_printed_grants_serves() {
    let granted = Granted::new();
    let server = granted.serve().await;
    let token = server.register("amy", "amy@example.com").await;
    let headers = [("authorization", token.as_str())];
    server.take_mails(1).await;
    let rename = json!({ "username": "amelia" });
    assert_eq!(server.send(reqwest::Method::PATCH, "user/", &headers, rename).await.status, 200);
    let address = json!({ "email": "amy@example.org", "user": 1 });
    assert_eq!(server.post("emails/", &headers, address).await.status, 201);
    assert_eq!(server.post("emails/2/remove/", &headers, Value::Null).await.status, 200);
    for _ in 0..2 {
        assert_eq!(server.log_in("amelia", "wrong").await.status, 400);
        assert_eq!(
            server.post("password/reset/", &[], json!({ "email": "amy@example.com" })).await.status,
            200
        );
    }
    let mails = server.take_mails(2).await;
    let (uid, reset) = reset_link(&mails[1]);
    let body =
        json!({ "uid": uid, "token": reset, "new_password1": PASSWORD, "new_password2": PASSWORD });
    assert_eq!(server.post("password/reset/confirm/", &[], body).await.status, 200);
    assert_eq!(server.log_in("amelia", PASSWORD).await.status, 200);
    let counted = "SELECT count FROM audit WHERE event = 'login_failed'";
    server.flush_deferred().await;
    assert_eq!(postgres::texts(granted.port, &granted.name, counted), ["2"]);
    // Cleanup works, including audit entries beyond retention.
    server.clock.advance(chrono::Duration::days(800));
    server.log_in("amelia", "wrong").await;
    server.flush_deferred().await;
    CleanupJob::new(server.app().clone()).run_if_due().await.unwrap();
    let left = "SELECT event FROM audit ORDER BY id";
    assert_eq!(
        postgres::texts(granted.port, &granted.name, left),
        ["login_failed", "audit_trimmed"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn role_with_the_printed_grants_cannot_change_the_audit_trail_or_its_triggers() {
    let granted = Granted::new();
    granted.serve().await.register("amy", "").await;
    let before = granted.trail();
    for sql in
        ["UPDATE audit SET count = count + 1, last_at = at + 3600000001", "DELETE FROM audit"]
    {
        let refused = granted.try_execute(sql).unwrap_err();
        assert!(refused.contains("the audit trail is append-only"), "{sql}: {refused}");
    }
    for sql in [
        "UPDATE audit SET client = ''",
        "UPDATE audit SET at = 0",
        "TRUNCATE audit",
        "DROP TABLE audit",
        "DROP TRIGGER audit_is_kept ON audit",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "CREATE RULE hides AS ON INSERT TO audit DO INSTEAD NOTHING",
        "CREATE TRIGGER hides BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION \
         audit_is_append_only()",
        "CREATE OR REPLACE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN \
         RETURN OLD; END'",
        "ALTER FUNCTION audit_is_kept() RESET search_path",
        "DROP FUNCTION audit_is_kept() CASCADE",
        "SET session_replication_role = replica",
        "CREATE TABLE public.mine (id bigint)",
        "CREATE SCHEMA mine",
    ] {
        let refused = granted.try_execute(sql).unwrap_err();
        assert!(
            ["permission denied", "must be owner"].iter().any(|why| refused.contains(why)),
            "{sql}: {refused}"
        );
    }
    assert_eq!(granted.trail(), before);
}

/// Tables, functions and operators of the role, first in its search path.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs PostgreSQL: cargo test --test postgresql"]
async fn shadowing_schema_cannot_change_the_audit_trail() {
    let granted = Granted::new();
    granted.serve().await.register("amy", "").await;
    let before = granted.trail();
    let Granted { name, port, role, .. } = &granted;
    postgres::execute(*port, name, &format!("CREATE SCHEMA mine AUTHORIZATION {role}"));
    let own = format!(
        "CREATE TABLE mine.audit (LIKE public.audit INCLUDING ALL);
         CREATE TABLE mine.schema_version AS SELECT version FROM public.schema_version;
         CREATE FUNCTION mine.never(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT false';
         CREATE FUNCTION mine.never(numeric, numeric) RETURNS boolean LANGUAGE sql AS 'SELECT \
         false';
         CREATE FUNCTION mine.always(bigint, bigint) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION mine.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
         CREATE FUNCTION mine.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS $$SELECT \
         '2999-01-01'::timestamptz$$;
         CREATE OPERATOR mine.> (FUNCTION = mine.never, LEFTARG = bigint, RIGHTARG = bigint);
         CREATE OPERATOR mine.> (FUNCTION = mine.never, LEFTARG = numeric, RIGHTARG = numeric);
         CREATE OPERATOR mine.<= (FUNCTION = mine.always, LEFTARG = bigint, RIGHTARG = bigint);
         CREATE OPERATOR mine.= (FUNCTION = mine.always, LEFTARG = bigint, RIGHTARG = bigint);
         ALTER ROLE {role} SET search_path = mine, public, pg_catalog"
    );
    granted.try_execute(&own).unwrap();
    for sql in [
        "DELETE FROM public.audit",
        "UPDATE public.audit SET count = count + 5, last_at = at",
        "CREATE TEMP TABLE audit (at bigint); DELETE FROM public.audit",
    ] {
        let refused = granted.try_execute(sql).unwrap_err();
        assert!(refused.contains("the audit trail is append-only"), "{sql}: {refused}");
    }
    assert_eq!(granted.trail(), before);
    let server = granted.serve().await;
    assert_eq!(server.log_in("amy", PASSWORD).await.status, 200);
    assert_eq!(granted.trail().len(), before.len() + 1);
    assert_eq!(postgres::texts(*port, name, "SELECT event FROM mine.audit"), [""; 0]);
}
