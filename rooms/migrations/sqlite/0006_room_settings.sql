-- When the room is on the air: off, auto or on.
ALTER TABLE rooms ADD COLUMN broadcast TEXT NOT NULL DEFAULT 'off';
-- Who may watch it: public, unlisted or private.
ALTER TABLE rooms ADD COLUMN visibility TEXT NOT NULL DEFAULT 'private';
-- Whether its broadcasts are kept: off or on.
ALTER TABLE rooms ADD COLUMN record TEXT NOT NULL DEFAULT 'off';

-- Until now every room was public, recorded, and on the air unless switched off. Rooms of the REST API stay so, and so do rooms whose
-- broadcast somebody switched on. Other rooms that close when they are empty were made by a LiveKit token or by CreateRoom: nobody asked
-- for their broadcast, and they become private.
UPDATE rooms SET visibility = 'public', record = 'on' WHERE idle_end_seconds = 0 OR broadcast_on_at_utc_ms != 0;
UPDATE rooms SET broadcast = CASE WHEN broadcast_on_at_utc_ms = 0 THEN 'auto' ELSE 'on' END
    WHERE visibility = 'public' AND broadcast_off_at_utc_ms IS NULL;
