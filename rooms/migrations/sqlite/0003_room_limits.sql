-- Seconds after which an empty room is closed; 0: never.
ALTER TABLE rooms ADD COLUMN idle_end_seconds INTEGER NOT NULL DEFAULT 0;
-- Participants at once; 0: as the server is configured.
ALTER TABLE rooms ADD COLUMN participants_max INTEGER NOT NULL DEFAULT 0;
