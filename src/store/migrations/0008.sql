-- Networks from which an account's password was given, so that strangers who guess it are counted apart from them.
CREATE TABLE known_networks (
    digest     BLOB    PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    last_used  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX known_networks_account ON known_networks (account_id, last_used);
ALTER TABLE attempts RENAME COLUMN counted TO key_digest;
