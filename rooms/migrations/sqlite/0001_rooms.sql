-- A room exists until it is deleted; whether it is live is not for the database to know.
CREATE TABLE rooms (
    name              TEXT    NOT NULL PRIMARY KEY,
    title             TEXT    NOT NULL,
    layout            TEXT    NOT NULL, -- JSON, as in the API
    created_at_utc_ms INTEGER NOT NULL
) STRICT;
