-- The language that the owner last used, for emails that others cause; empty while it is unknown.
ALTER TABLE accounts ADD COLUMN language TEXT NOT NULL DEFAULT '';
