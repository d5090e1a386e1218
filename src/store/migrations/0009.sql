-- When the session's owner last proved who they are (OpenID Connect's auth_time). Sessions of before count as long ago.
ALTER TABLE sessions ADD COLUMN auth_time INTEGER NOT NULL DEFAULT 0;
