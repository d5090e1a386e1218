-- Fingerprints of the secret keys that this database was used with: a lost key is not replaced unnoticed.
CREATE TABLE secret_keys (
    fingerprint BLOB    PRIMARY KEY,
    first_used  INTEGER NOT NULL
) WITHOUT ROWID;
