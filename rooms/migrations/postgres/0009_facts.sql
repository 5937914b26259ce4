-- Rows are of two topics, each with followers of its own: `orders` for parts of this server, `facts` for receivers outside.
ALTER TABLE outbox ADD COLUMN topic TEXT NOT NULL DEFAULT 'orders';
ALTER TABLE outbox_cursors ADD COLUMN topic TEXT NOT NULL DEFAULT 'orders';
CREATE INDEX outbox_by_topic ON outbox (topic, seq);
