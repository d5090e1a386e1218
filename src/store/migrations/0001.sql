-- Ids are never used twice (AUTOINCREMENT): mailed keys name rows by id.
-- Times are unix microseconds, days are ISO text.
-- Every unique index covers its own list of columns: see conflict() in error.rs.

CREATE TABLE accounts (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    username     TEXT    NOT NULL,
    username_key TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    first_name   TEXT    NOT NULL,
    last_name    TEXT    NOT NULL,
    password     TEXT    NOT NULL,
    is_active    BOOLEAN NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    last_login   INTEGER,
    date_joined  INTEGER NOT NULL
);
CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);
CREATE INDEX accounts_email ON accounts (email);

CREATE TABLE email_addresses (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    email      TEXT    NOT NULL,
    verified   BOOLEAN NOT NULL,
    is_primary BOOLEAN NOT NULL
);
CREATE UNIQUE INDEX email_addresses_verified ON email_addresses (email) WHERE verified;
CREATE UNIQUE INDEX email_addresses_primary ON email_addresses (account_id) WHERE is_primary;
CREATE INDEX email_addresses_email ON email_addresses (email);
-- Last, as SQLite checks the newest index first: of several conflicts this one is to be told.
CREATE UNIQUE INDEX email_addresses_account_email ON email_addresses (account_id, email);

CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     BLOB    NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    created    INTEGER NOT NULL,
    expires    INTEGER NOT NULL
);
CREATE UNIQUE INDEX sessions_digest ON sessions (digest);
CREATE INDEX sessions_account ON sessions (account_id);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     BLOB    NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    created    INTEGER NOT NULL,
    expiry     TEXT    NOT NULL,
    revoked    BOOLEAN NOT NULL DEFAULT FALSE,
    last_seen  TEXT
);
CREATE UNIQUE INDEX tokens_digest ON tokens (digest);
CREATE INDEX tokens_account ON tokens (account_id);

CREATE TABLE social_accounts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    provider    TEXT    NOT NULL,
    uid         TEXT    NOT NULL,
    last_login  INTEGER NOT NULL,
    date_joined INTEGER NOT NULL,
    extra_data  TEXT    NOT NULL
);
CREATE UNIQUE INDEX social_accounts_provider_uid ON social_accounts (provider, uid);
CREATE INDEX social_accounts_account ON social_accounts (account_id);

CREATE TABLE totp_devices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    name       TEXT    NOT NULL,
    confirmed  BOOLEAN NOT NULL,
    secret     BLOB    NOT NULL,
    created    INTEGER NOT NULL
);
CREATE INDEX totp_devices_account ON totp_devices (account_id);

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    sealed       BLOB    NOT NULL,
    created      INTEGER NOT NULL,
    next_attempt INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    expires      INTEGER NOT NULL
);
CREATE INDEX outbox_next_attempt ON outbox (next_attempt, id);
CREATE INDEX outbox_expires ON outbox (expires);
