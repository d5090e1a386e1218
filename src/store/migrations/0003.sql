-- What the browser called itself when the session began, so that people can tell their sessions apart.
ALTER TABLE sessions ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
