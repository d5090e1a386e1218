-- inventree-auth on PostgreSQL: the rights of a role that serves and owns nothing.
--
-- Change: the role (inventree_serving), the database (auth), the schema (public) if the tables lie in another.
-- Once:          CREATE ROLE inventree_serving LOGIN PASSWORD '…';
-- As the owner:  inventree-auth migrate --database postgresql://OWNER@HOST/auth
--                inventree-auth print grants | psql -v ON_ERROR_STOP=1 'host=HOST dbname=auth user=OWNER'
-- Servers then have INVENTREE_DB_USER=inventree_serving. Repeat both before a newer version serves: this role cannot
-- change the schema. Nothing else may grant it rights: no membership in the owner's role, no CREATE on the database.

BEGIN;

SET LOCAL search_path = public;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
REVOKE ALL ON schema_version, audit FROM inventree_serving;

GRANT CONNECT ON DATABASE auth TO inventree_serving;
GRANT USAGE ON SCHEMA public TO inventree_serving;

-- Its row is the lock that writers take in turns.
GRANT SELECT, UPDATE ON schema_version TO inventree_serving;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    accounts,
    attempts,
    closing_accounts,
    email_addresses,
    group_members,
    groups,
    known_networks,
    outbox,
    passkeys,
    provider_issuers,
    recovery_codes,
    sessions,
    social_accounts,
    tokens,
    totp_devices,
    used_tickets
TO inventree_serving;

-- Of each secret key that servers use, a fingerprint.
GRANT SELECT, INSERT ON secret_keys TO inventree_serving;

-- The trail is added to and counted up; triggers of the owner hold what is younger than 30 days.
GRANT SELECT, INSERT, DELETE, UPDATE (count, last_at) ON audit TO inventree_serving;

COMMIT;
