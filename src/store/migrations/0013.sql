-- The newest time step that a TOTP device opened with: each step opens once, on all servers.
ALTER TABLE totp_devices ADD COLUMN last_step INTEGER NOT NULL DEFAULT 0;
ALTER TABLE totp_devices ADD COLUMN last_used INTEGER;
-- Recovery codes that are still good. A used one is deleted.
CREATE TABLE recovery_codes (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id INTEGER NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    digest     BLOB    NOT NULL
);
CREATE INDEX recovery_codes_account ON recovery_codes (account_id, id);
