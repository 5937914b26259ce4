-- An ingress exists until it is deleted; its stream keys name it, and are good as long as it is here.
CREATE TABLE ingresses (
    id                TEXT    NOT NULL PRIMARY KEY,
    name              TEXT    NOT NULL, -- for people
    room              TEXT    NOT NULL, -- which need not exist yet
    identity          TEXT    NOT NULL,
    participant_name  TEXT    NOT NULL,
    created_at_utc_ms INTEGER NOT NULL
) STRICT;
