-- Version 17: for how long a key was made, so that another in its place lasts as long.

-- Seconds, ten years at most.
ALTER TABLE api_key ADD COLUMN lasts_s INTEGER NOT NULL DEFAULT 31536000 CHECK (lasts_s > 0);

-- Of one that was exchanged before it is not known; the span of all its texts comes nearest.
UPDATE api_key SET lasts_s = min(315360000, max(1, (expires_ns - created_ns) / 1000000000)) WHERE expires_ns IS NOT NULL;
