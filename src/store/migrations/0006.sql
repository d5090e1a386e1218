-- What has been tried lately, where several servers count together. A level is in millionths of an attempt.
CREATE TABLE attempts (
    counted  BLOB    PRIMARY KEY,
    level    INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    empty_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX attempts_empty_at ON attempts (empty_at);
