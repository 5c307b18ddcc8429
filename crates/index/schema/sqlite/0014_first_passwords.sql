-- Version 14: a password that somebody else has set is changed at the first login.

-- 1 while an account's password is one that somebody else has set, and was not changed since.
ALTER TABLE account ADD COLUMN password_first INTEGER NOT NULL DEFAULT 0 CHECK (password_first IN (0, 1));
