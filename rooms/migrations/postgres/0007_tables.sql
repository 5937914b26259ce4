-- The tables as migrations 1 to 7 of SQLite leave them; from 8 on both databases have migrations of the same numbers.
-- Names compare by their bytes, as in SQLite, whatever language the database was made for.

-- A room exists until it is deleted; whether it is live is not for the database to know.
CREATE TABLE rooms (
    name                    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    title                   TEXT   NOT NULL,
    layout                  TEXT   NOT NULL, -- JSON, as in the API
    created_at_utc_ms       BIGINT NOT NULL,
    -- What the application keeps with a room; nothing to this server.
    metadata                TEXT   NOT NULL DEFAULT '',
    -- Seconds after which an empty room is closed; 0: never.
    idle_end_seconds        BIGINT NOT NULL DEFAULT 0,
    -- Participants at once; 0: as the server is configured.
    participants_max        BIGINT NOT NULL DEFAULT 0,
    -- When the room's broadcast was last switched on; 0: it is as the room was made.
    broadcast_on_at_utc_ms  BIGINT NOT NULL DEFAULT 0,
    -- When it was switched off after that; NULL: it is on, or was never switched.
    broadcast_off_at_utc_ms BIGINT,
    -- When the room is on the air: off, auto or on.
    broadcast               TEXT   NOT NULL DEFAULT 'off',
    -- Who may watch it: public, unlisted or private.
    visibility              TEXT   NOT NULL DEFAULT 'private',
    -- Whether its broadcasts are kept: off or on.
    record                  TEXT   NOT NULL DEFAULT 'off'
);

-- An ingress exists until it is deleted; its stream keys name it, and are good as long as it is here.
CREATE TABLE ingresses (
    id                TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name              TEXT   NOT NULL, -- for people
    room              TEXT   NOT NULL, -- which need not exist yet
    identity          TEXT   NOT NULL,
    participant_name  TEXT   NOT NULL,
    created_at_utc_ms BIGINT NOT NULL
);

-- Changes of rooms that somebody who follows them has still to be told, in order. A change writes its row in its own transaction.
-- Transactions that write come one after the other (store/mod.rs), so numbers are in the order of commits.
CREATE TABLE outbox (
    seq  BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    room TEXT   NOT NULL,
    kind TEXT   NOT NULL,
    body TEXT   NOT NULL -- JSON
);

-- How far each follower has come: rows up to the smallest seq are deleted.
CREATE TABLE outbox_cursors (
    consumer TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq      BIGINT NOT NULL
);
