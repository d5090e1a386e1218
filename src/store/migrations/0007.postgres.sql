-- The same rules as 0007.sqlite.sql. A function runs with the rights and the search path of its caller: the path is
-- fixed, so that no schema of the caller's own stands in for a table, a function or an operator.
ALTER FUNCTION audit_is_append_only() SET search_path = pg_catalog, pg_temp;
CREATE OR REPLACE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    newest bigint;
BEGIN
    EXECUTE format('SELECT MAX(at) FROM %I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME) INTO newest;
    IF OLD.at > newest - 2592000000000
       OR OLD.at > EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 - 2592000000000 THEN
        RAISE EXCEPTION 'the audit trail is append-only';
    END IF;
    RETURN OLD;
END $$;
CREATE FUNCTION audit_is_counted() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.id = OLD.id AND NEW.at = OLD.at AND NEW.event = OLD.event
       AND NEW.account_id IS NOT DISTINCT FROM OLD.account_id
       AND NEW.client = OLD.client AND NEW.detail = OLD.detail AND NEW.count = OLD.count + 1
       AND NEW.last_at >= COALESCE(OLD.last_at, OLD.at) AND NEW.last_at <= OLD.at + 3600000000 THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
DROP TRIGGER audit_is_never_changed ON audit;
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_counted();
