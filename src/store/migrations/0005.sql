-- Who did what, from where and when. No foreign key: what an account did is known when the account is gone.
CREATE TABLE audit (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    account_id INTEGER,
    client     TEXT    NOT NULL,
    detail     TEXT    NOT NULL
);
CREATE INDEX audit_account ON audit (account_id, id);
CREATE INDEX audit_at ON audit (at);
