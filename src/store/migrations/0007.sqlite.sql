-- An entry is counted one up, within an hour (in microseconds) of its time; nothing else of it changes.
DROP TRIGGER audit_is_never_changed;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
WHEN (NEW.id = OLD.id AND NEW.at = OLD.at AND NEW.event = OLD.event AND NEW.account_id IS OLD.account_id
      AND NEW.client = OLD.client AND NEW.detail = OLD.detail AND NEW.count = OLD.count + 1
      AND NEW.last_at >= COALESCE(OLD.last_at, OLD.at) AND NEW.last_at <= OLD.at + 3600000000) IS NOT TRUE
BEGIN
    SELECT RAISE(ABORT, 'the audit trail is append-only');
END;
