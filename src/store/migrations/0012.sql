-- Digests of sign-in tickets that were used: each is valid once.
DROP INDEX social_spent_expires;
ALTER TABLE social_spent RENAME TO used_tickets;
CREATE INDEX used_tickets_expires ON used_tickets (expires);
