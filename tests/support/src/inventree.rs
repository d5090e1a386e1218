//! A small InvenTree database, created by each test: the account tables of API version 291 on
//! SQLite.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

pub struct Source {
    pub path: PathBuf,
    pub db: Connection,
}

const TABLES: &str = r#"
CREATE TABLE auth_user (id integer PRIMARY KEY AUTOINCREMENT, password varchar(128) NOT NULL,
  last_login datetime,
  is_superuser bool NOT NULL, username varchar(150) NOT NULL UNIQUE,
  last_name varchar(150) NOT NULL,
  email varchar(254) NOT NULL, is_staff bool NOT NULL, is_active bool NOT NULL,
  date_joined datetime NOT NULL,
  first_name varchar(150) NOT NULL);
CREATE TABLE account_emailaddress (id integer PRIMARY KEY AUTOINCREMENT, verified bool NOT NULL,
  "primary" bool NOT NULL, user_id integer NOT NULL, email varchar(254) NOT NULL);
CREATE TABLE users_apitoken (id integer PRIMARY KEY AUTOINCREMENT, created datetime NOT NULL,
  key varchar(100) NOT NULL,
  name varchar(100) NOT NULL, expiry date NOT NULL, revoked bool NOT NULL, user_id integer NOT NULL,
  last_seen date,
  metadata text);
CREATE TABLE socialaccount_socialaccount (id integer PRIMARY KEY AUTOINCREMENT,
  provider varchar(200) NOT NULL,
  uid varchar(191) NOT NULL, last_login datetime NOT NULL, date_joined datetime NOT NULL,
  user_id integer NOT NULL,
  extra_data text NOT NULL);
CREATE TABLE otp_totp_totpdevice (id integer PRIMARY KEY AUTOINCREMENT, name varchar(64) NOT NULL,
  confirmed bool NOT NULL, key varchar(80) NOT NULL, step smallint NOT NULL, t0 bigint NOT NULL,
  digits smallint NOT NULL, tolerance smallint NOT NULL, drift smallint NOT NULL,
  last_t bigint NOT NULL,
  user_id integer NOT NULL, throttling_failure_count integer NOT NULL,
  throttling_failure_timestamp datetime,
  created_at datetime, last_used_at datetime);
CREATE TABLE auth_group (id integer PRIMARY KEY AUTOINCREMENT,
  name varchar(150) NOT NULL UNIQUE);
CREATE TABLE auth_user_groups (id integer PRIMARY KEY AUTOINCREMENT, user_id integer NOT NULL,
  group_id integer NOT NULL);
CREATE TABLE django_migrations (id integer PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL,
  name varchar(255) NOT NULL, applied datetime NOT NULL);
INSERT INTO django_migrations (app, name, applied) VALUES
  ('auth', '0012_alter_user_first_name_max_length', ''), ('users', '0012_alter_ruleset_can_view',
  ''),
  ('part', '0132_partparametertemplate_selectionlist', '');
"#;

const DAY: &str = "2026-01-05 08:09:10.123456";

impl Source {
    pub fn new(folder: &Path) -> Source {
        let path = folder.join("inventree.sqlite3");
        let db = Connection::open(&path).unwrap();
        db.execute_batch(TABLES).unwrap();
        Source { path, db }
    }

    /// An active account, without an address row.
    pub fn account(&self, id: i64, username: &str, password: &str) {
        let sql = "INSERT INTO auth_user (id, password, is_superuser, username, last_name, email, \
            is_staff, is_active,
                   date_joined, first_name) VALUES (?, ?, 0, ?, 'Lovelace', ?, 0, 1, ?, 'Ada')";
        self.db
            .execute(sql, params![id, password, username, format!("{username}@example.com"), DAY])
            .unwrap();
    }

    pub fn address(&self, id: i64, user: i64, email: &str, verified: bool, primary: bool) {
        let sql = "INSERT INTO account_emailaddress (id, verified, \"primary\", user_id, email) \
            VALUES (?, ?, ?, ?, ?)";
        self.db.execute(sql, params![id, verified, primary, user, email]).unwrap();
    }

    pub fn token(&self, user: i64, key: &str, expiry: &str, revoked: bool) {
        let sql =
            "INSERT INTO users_apitoken (created, key, name, expiry, revoked, user_id, metadata)
                   VALUES (?, ?, '', ?, ?, ?, '{}')";
        self.db.execute(sql, params![DAY, key, expiry, revoked, user]).unwrap();
    }

    pub fn link(&self, id: i64, user: i64, provider: &str, uid: &str) {
        let sql = "INSERT INTO socialaccount_socialaccount (id, provider, uid, last_login, \
            date_joined, user_id,
                   extra_data) VALUES (?, ?, ?, ?, ?, ?, '{\"access\": \"provider-secret\"}')";
        self.db.execute(sql, params![id, provider, uid, DAY, DAY, user]).unwrap();
    }

    pub fn totp(&self, user: i64, confirmed: bool) {
        let sql = "INSERT INTO otp_totp_totpdevice (name, confirmed, key, step, t0, digits, \
            tolerance, drift, last_t,
                   user_id, throttling_failure_count) VALUES ('default', ?, 'feedc0de00', 30, 0, \
                   6, 1, 0, -1, ?, 0)";
        self.db.execute(sql, params![confirmed, user]).unwrap();
    }

    pub fn run(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }
}
