-- Groups: who may pass the forward authentication, and named to the services behind it.
CREATE TABLE groups (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT    NOT NULL
);
CREATE UNIQUE INDEX groups_name ON groups (name);
CREATE TABLE group_members (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    group_id   INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX group_members_account_group ON group_members (account_id, group_id);
CREATE INDEX group_members_group ON group_members (group_id, account_id);
-- A subject is unique within its issuer alone. Empty for links of before and for imported ones.
ALTER TABLE social_accounts ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
DROP INDEX social_accounts_provider_uid;
CREATE INDEX social_accounts_provider_uid ON social_accounts (provider, uid, id);
CREATE UNIQUE INDEX social_accounts_identity ON social_accounts (provider, issuer, uid);
-- The issuer with which a server first used each provider: links without an issuer are of this one.
CREATE TABLE provider_issuers (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT    NOT NULL,
    issuer   TEXT    NOT NULL
);
CREATE UNIQUE INDEX provider_issuers_provider ON provider_issuers (provider);
