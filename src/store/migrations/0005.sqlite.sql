-- Append-only, whoever writes. What goes is older than thirty days (in microseconds): by the newest row, which has the
-- server's time, and by the machine's, since a row of the far future is easily written.
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_is_never_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
WHEN OLD.at > (SELECT MAX(at) FROM audit) - 2592000000000 OR OLD.at > unixepoch('now') * 1000000 - 2592000000000
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
