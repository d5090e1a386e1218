-- A server has used it before, with a key that is not known here.
INSERT INTO secret_keys (fingerprint, first_used)
SELECT '\x00'::bytea, 0 WHERE EXISTS (SELECT 1 FROM sessions) OR EXISTS (SELECT 1 FROM tokens)
                   OR EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM totp_devices);
