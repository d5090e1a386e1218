-- From where a session was opened, and when it was last used; empty and 0 for sessions of before.
ALTER TABLE sessions ADD COLUMN client TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN last_seen INTEGER NOT NULL DEFAULT 0;
-- Accounts that their owner wants deleted, and when that is due.
CREATE TABLE closing_accounts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    due        INTEGER NOT NULL
);
CREATE UNIQUE INDEX closing_accounts_account ON closing_accounts (account_id);
CREATE INDEX closing_accounts_due ON closing_accounts (due);
