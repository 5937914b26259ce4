-- Changes of rooms that somebody who follows them has still to be told, in order. A change writes its row in its own transaction.
CREATE TABLE outbox (
    seq  INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    room TEXT    NOT NULL,
    kind TEXT    NOT NULL,
    body TEXT    NOT NULL -- JSON
) STRICT;
-- How far each follower has come: rows up to the smallest seq are deleted.
CREATE TABLE outbox_cursors (
    consumer TEXT    NOT NULL PRIMARY KEY,
    seq      INTEGER NOT NULL
) STRICT;
