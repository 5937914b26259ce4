-- What the application keeps with a room; nothing to this server.
ALTER TABLE rooms ADD COLUMN metadata TEXT NOT NULL DEFAULT '';
