-- How the room overflows from its seats to its broadcast, JSON as in the API. The number of seats moves there.
ALTER TABLE rooms ADD COLUMN audience TEXT NOT NULL DEFAULT '{}';
UPDATE rooms SET audience = '{"seats_max":' || participants_max || '}' WHERE participants_max > 0;
ALTER TABLE rooms DROP COLUMN participants_max;
-- No lease of a seat ends later than this, milliseconds since the Unix epoch; written ahead, about once a minute.
ALTER TABLE rooms ADD COLUMN leases_until_utc_ms INTEGER NOT NULL DEFAULT 0;
