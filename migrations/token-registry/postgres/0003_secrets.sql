-- Since a rotation was undone: the version that the current secret had before.
ALTER TABLE tokens ADD COLUMN restored_version BIGINT;

-- Where the last use was: the gateway's name, empty if unknown, and the class of the client's address, 0 if unknown.
ALTER TABLE token_usage ADD COLUMN gateway TEXT NOT NULL DEFAULT '';
ALTER TABLE token_usage ADD COLUMN source BIGINT NOT NULL DEFAULT 0;
