-- What has expired is swept by date.
CREATE INDEX tokens_expiry ON tokens (expiry);
