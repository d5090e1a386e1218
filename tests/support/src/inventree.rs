//! A small InvenTree database, created by each test: the account tables of API version 291 on
//! SQLite, and the same tables and rows for other engines.

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
CREATE TABLE otp_static_staticdevice (id integer PRIMARY KEY AUTOINCREMENT,
  name varchar(64) NOT NULL, confirmed bool NOT NULL, user_id integer NOT NULL);
CREATE TABLE otp_static_statictoken (id integer PRIMARY KEY AUTOINCREMENT,
  token varchar(16) NOT NULL, device_id integer NOT NULL);
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

    /// A code for the day that a device is lost.
    pub fn static_token(&self, user: i64, token: &str, confirmed: bool) {
        let sql =
            "INSERT INTO otp_static_staticdevice (name, confirmed, user_id) VALUES ('', ?, ?)";
        self.db.execute(sql, params![confirmed, user]).unwrap();
        let sql = "INSERT INTO otp_static_statictoken (token, device_id)
                   SELECT ?, MAX(id) FROM otp_static_staticdevice";
        self.db.execute(sql, params![token]).unwrap();
    }

    pub fn run(&self, sql: &str) {
        self.db.execute_batch(sql).unwrap();
    }

    /// The tables and rows as statements for PostgreSQL.
    pub fn for_postgresql(&self) -> String {
        let rows = self.rows(|text| format!("'{}'", text.replace('\'', "''")));
        format!("SET timezone = 'UTC'; {POSTGRESQL_TABLES} {rows}")
    }

    /// The tables and rows as statements for MariaDB.
    pub fn for_mariadb(&self) -> String {
        let escaped = |text: &str| text.replace('\\', r"\\").replace('\'', r"\'");
        let rows = self.rows(|text| format!("'{}'", escaped(text)));
        format!("SET NAMES utf8mb4; SET sql_mode = 'ANSI_QUOTES'; {MARIADB_TABLES} {rows}")
    }

    /// `INSERT` statements of all rows, with each value as a literal.
    fn rows(&self, literal: impl Fn(&str) -> String) -> String {
        let mut statements = String::new();
        for table in self.texts("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE TABLE %'") {
            if table == "sqlite_sequence" {
                continue;
            }
            let columns = self.texts(&format!("SELECT name FROM pragma_table_info('{table}')"));
            let quoted: Vec<String> = columns.iter().map(|name| format!("\"{name}\"")).collect();
            let columns = quoted.join(", ");
            let mut select = self.db.prepare(&format!("SELECT {columns} FROM {table}")).unwrap();
            let mut rows = select.query([]).unwrap();
            while let Some(row) = rows.next().unwrap() {
                let values: Vec<String> = (0..quoted.len())
                    .map(|column| match row.get_ref(column).unwrap() {
                        rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                        rusqlite::types::ValueRef::Integer(number) => literal(&number.to_string()),
                        other => literal(other.as_str().unwrap()),
                    })
                    .collect();
                let values = values.join(", ");
                statements += &format!("INSERT INTO {table} ({columns}) VALUES ({values});\n");
            }
        }
        statements
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

/// As Django makes them there.
const POSTGRESQL_TABLES: &str = r#"
CREATE TABLE auth_user (id integer PRIMARY KEY, password varchar(128) NOT NULL,
  last_login timestamptz, is_superuser boolean NOT NULL, username varchar(150) NOT NULL UNIQUE,
  first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL, email varchar(254) NOT NULL,
  is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
CREATE TABLE account_emailaddress (id integer PRIMARY KEY, email varchar(254) NOT NULL,
  verified boolean NOT NULL, "primary" boolean NOT NULL, user_id integer NOT NULL);
CREATE TABLE users_apitoken (id bigint PRIMARY KEY, created timestamptz NOT NULL,
  key varchar(100) NOT NULL, name varchar(100) NOT NULL, expiry date NOT NULL,
  revoked boolean NOT NULL, user_id integer NOT NULL, last_seen date, metadata jsonb);
CREATE TABLE socialaccount_socialaccount (id integer PRIMARY KEY, provider varchar(200) NOT NULL,
  uid varchar(191) NOT NULL, last_login timestamptz NOT NULL, date_joined timestamptz NOT NULL,
  extra_data jsonb NOT NULL, user_id integer NOT NULL);
CREATE TABLE otp_totp_totpdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL,
  confirmed boolean NOT NULL, key varchar(80) NOT NULL, step smallint NOT NULL, t0 bigint NOT NULL,
  digits smallint NOT NULL, tolerance smallint NOT NULL, drift smallint NOT NULL,
  last_t bigint NOT NULL, user_id integer NOT NULL, throttling_failure_count integer NOT NULL,
  throttling_failure_timestamp timestamptz, created_at timestamptz, last_used_at timestamptz);
CREATE TABLE otp_static_staticdevice (id integer PRIMARY KEY, name varchar(64) NOT NULL,
  confirmed boolean NOT NULL, user_id integer NOT NULL);
CREATE TABLE otp_static_statictoken (id integer PRIMARY KEY, token varchar(16) NOT NULL,
  device_id integer NOT NULL);
CREATE TABLE auth_group (id integer PRIMARY KEY, name varchar(150) NOT NULL UNIQUE);
CREATE TABLE auth_user_groups (id bigint PRIMARY KEY, user_id integer NOT NULL,
  group_id integer NOT NULL);
CREATE TABLE django_migrations (id bigint PRIMARY KEY, app varchar(255) NOT NULL,
  name varchar(255) NOT NULL, applied text NOT NULL);
"#;

/// As Django makes them there, with a table of no interest.
const MARIADB_TABLES: &str = r#"
CREATE TABLE auth_user (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  password varchar(128) NOT NULL, last_login datetime(6), is_superuser tinyint(1) NOT NULL,
  username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL,
  last_name varchar(150) NOT NULL, email varchar(254) NOT NULL, is_staff tinyint(1) NOT NULL,
  is_active tinyint(1) NOT NULL, date_joined datetime(6) NOT NULL) CHARSET utf8mb4;
CREATE TABLE account_emailaddress (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  email varchar(254) NOT NULL, verified tinyint(1) NOT NULL, "primary" tinyint(1) NOT NULL,
  user_id int(11) NOT NULL, UNIQUE KEY account_emailaddress_user_id_email (user_id, email),
  CONSTRAINT account_user FOREIGN KEY (user_id) REFERENCES auth_user (id)) CHARSET utf8mb4;
CREATE TABLE users_apitoken (id bigint(20) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  created datetime(6) NOT NULL, "key" varchar(100) NOT NULL, name varchar(100) NOT NULL,
  expiry date NOT NULL, revoked tinyint(1) NOT NULL, user_id int(11) NOT NULL, last_seen date,
  metadata longtext CHECK (json_valid(metadata))) CHARSET utf8mb4;
CREATE TABLE socialaccount_socialaccount (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  provider varchar(200) NOT NULL, uid varchar(191) NOT NULL, last_login datetime(6) NOT NULL,
  date_joined datetime(6) NOT NULL, extra_data longtext NOT NULL CHECK (json_valid(extra_data)),
  user_id int(11) NOT NULL) CHARSET utf8mb4;
CREATE TABLE otp_totp_totpdevice (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(64) NOT NULL, confirmed tinyint(1) NOT NULL, "key" varchar(80) NOT NULL,
  step smallint(5) unsigned NOT NULL, t0 bigint(20) NOT NULL, digits smallint(5) NOT NULL,
  tolerance smallint(5) NOT NULL, drift smallint(6) NOT NULL, last_t bigint(20) NOT NULL,
  user_id int(11) NOT NULL, throttling_failure_count int(10) unsigned NOT NULL,
  throttling_failure_timestamp datetime(6), created_at datetime(6), last_used_at datetime(6))
  CHARSET utf8mb4;
CREATE TABLE otp_static_staticdevice (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(64) NOT NULL, confirmed tinyint(1) NOT NULL, user_id int(11) NOT NULL)
  CHARSET utf8mb4;
CREATE TABLE otp_static_statictoken (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  token varchar(16) NOT NULL, device_id int(11) NOT NULL) CHARSET utf8mb4;
CREATE TABLE auth_group (id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  name varchar(150) NOT NULL UNIQUE) CHARSET utf8mb4;
CREATE TABLE auth_user_groups (id bigint(20) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  user_id int(11) NOT NULL, group_id int(11) NOT NULL) CHARSET utf8mb4;
CREATE TABLE django_migrations (id bigint(20) NOT NULL AUTO_INCREMENT PRIMARY KEY,
  app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied varchar(99) NOT NULL)
  CHARSET utf8mb4;
CREATE TABLE part_part (id int(11) PRIMARY KEY, notes longtext, image longblob) CHARSET utf8mb4;
INSERT INTO part_part VALUES (1, 'INSERT INTO `auth_user` VALUES (1);\n-- Dump completed', x'00ff');
"#;
