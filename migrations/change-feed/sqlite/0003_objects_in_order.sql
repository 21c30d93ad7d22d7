-- A replica that starts reads every object in the order of their names: so they lie, instead of in the order in which
-- they came, where each of them is looked up apart.
CREATE TABLE feed_objects_in_order (
    object        TEXT   PRIMARY KEY NOT NULL,
    position      BIGINT NOT NULL,
    state         BLOB   NOT NULL,
    keep_until_ms BIGINT
) WITHOUT ROWID;
INSERT INTO feed_objects_in_order (object, position, state, keep_until_ms)
    SELECT object, position, state, keep_until_ms FROM feed_objects ORDER BY object;
DROP TABLE feed_objects;
ALTER TABLE feed_objects_in_order RENAME TO feed_objects;
CREATE INDEX feed_objects_keep_until ON feed_objects (keep_until_ms) WHERE keep_until_ms IS NOT NULL;
