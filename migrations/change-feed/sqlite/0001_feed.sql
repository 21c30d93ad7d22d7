-- Every owning service has these tables in its own database.

-- One row. Updated in the transaction of every change, so positions are dense and in commit order.
CREATE TABLE feed_head (
    id       BIGINT PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    epoch    TEXT   NOT NULL
);

CREATE TABLE feed_entries (
    position     BIGINT PRIMARY KEY,
    object       TEXT   NOT NULL,
    state        BLOB   NOT NULL,
    removed      BOOLEAN NOT NULL,
    recorded_at_ms BIGINT NOT NULL
);

-- The last state of every object that an enforcement point must know.
CREATE TABLE feed_objects (
    object        TEXT   PRIMARY KEY,
    position      BIGINT NOT NULL,
    state         BLOB   NOT NULL,
    -- Nothing it could affect is alive after this; NULL keeps it.
    keep_until_ms BIGINT
);

CREATE INDEX feed_objects_keep_until ON feed_objects (keep_until_ms) WHERE keep_until_ms IS NOT NULL;

CREATE TABLE feed_leases (
    incarnation     TEXT   PRIMARY KEY,
    replica         TEXT   NOT NULL,
    version         TEXT   NOT NULL,
    applied         BIGINT NOT NULL,
    lease_until_ms  BIGINT NOT NULL,
    last_contact_at_ms BIGINT NOT NULL
);
