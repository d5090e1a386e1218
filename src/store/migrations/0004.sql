-- Sign-ins through a provider that have come back once: none comes back twice.
CREATE TABLE social_spent (
    digest  BLOB    PRIMARY KEY,
    expires INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX social_spent_expires ON social_spent (expires);
