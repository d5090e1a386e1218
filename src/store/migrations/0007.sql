-- Repeats of an entry are counted on its row, and told apart no more where one account or client makes too many rows.
ALTER TABLE audit ADD COLUMN count INTEGER NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN last_at INTEGER;
CREATE INDEX audit_recent ON audit (account_id, event, at);
