-- The key of broadcasts' tags; made when the feed is opened.
ALTER TABLE feed_head ADD COLUMN broadcast_key BYTEA;
-- Which database server's history this is: a failover or a restored backup has another one.
ALTER TABLE feed_head ADD COLUMN server TEXT NOT NULL DEFAULT '';
-- When this history began after another was lost, by the database's clock; 0: it is the first.
ALTER TABLE feed_head ADD COLUMN resumed_at_ms BIGINT NOT NULL DEFAULT 0;

-- How long after its lease a replica may still admit on what it knew; 0: not at all, -1: without a bound.
ALTER TABLE feed_leases ADD COLUMN staleness_ms BIGINT NOT NULL DEFAULT 0;
