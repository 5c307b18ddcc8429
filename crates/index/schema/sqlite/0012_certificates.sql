-- Version 12: a program is known by a client certificate too.

-- The certificate that shows it: a name in it, or `sha256:` and its fingerprint; absent if none does.
ALTER TABLE api_key ADD COLUMN certificate TEXT;
