-- When the sign-up address must be proved, while it must be; NULL for accounts that need no proof.
ALTER TABLE accounts ADD COLUMN confirm_by INTEGER;
CREATE INDEX accounts_confirm_by ON accounts (confirm_by) WHERE is_active;
-- What the name looks like (UTS 39); empty until the server that runs now has filled it in.
ALTER TABLE accounts ADD COLUMN username_skeleton TEXT NOT NULL DEFAULT '';
CREATE INDEX accounts_username_skeleton ON accounts (username_skeleton);
-- Its holder has used a reset link, or the operator gave it: as good as a confirmation, which clients are shown alone.
ALTER TABLE email_addresses ADD COLUMN proved_otherwise BOOLEAN NOT NULL DEFAULT FALSE;
-- With the id: the first rows of an address or an account are found without sorting the others.
DROP INDEX accounts_email;
CREATE INDEX accounts_email ON accounts (email, id) WHERE is_active;
DROP INDEX email_addresses_email;
CREATE INDEX email_addresses_email ON email_addresses (email, id);
CREATE INDEX email_addresses_account ON email_addresses (account_id, id);
CREATE INDEX email_addresses_account_verified ON email_addresses (account_id) WHERE verified;
DROP INDEX sessions_account;
CREATE INDEX sessions_account ON sessions (account_id, id);
DROP INDEX tokens_account;
CREATE INDEX tokens_account ON tokens (account_id, id);
DROP INDEX social_accounts_account;
CREATE INDEX social_accounts_account ON social_accounts (account_id, id);
