-- When the room's broadcast was last switched on; 0: it is as the room was made, on.
ALTER TABLE rooms ADD COLUMN broadcast_on_at_utc_ms INTEGER NOT NULL DEFAULT 0;
-- When it was switched off after that; NULL: it is on.
ALTER TABLE rooms ADD COLUMN broadcast_off_at_utc_ms INTEGER;
