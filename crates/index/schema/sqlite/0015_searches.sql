-- Version 15: searches that a person comes back to are kept with their account, and not in a browser.

-- A JSON array of objects with `name` and `text`; absent if there are none.
ALTER TABLE account ADD COLUMN searches TEXT;
