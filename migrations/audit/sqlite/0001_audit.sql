-- Every owning service has this table in its own database. A record is written in the transaction of what it records.
CREATE TABLE audit_records (
    id             TEXT   PRIMARY KEY,
    recorded_at_ms BIGINT NOT NULL,
    account_id     TEXT   NOT NULL,
    actor_kind     TEXT   NOT NULL,
    actor_id       TEXT   NOT NULL,
    actor_name     TEXT   NOT NULL,
    address        TEXT   NOT NULL,
    agent          TEXT   NOT NULL,
    request_id     TEXT   NOT NULL,
    operation      TEXT   NOT NULL,
    object_kind    TEXT   NOT NULL,
    object_id      TEXT   NOT NULL,
    -- JSON without secrets; empty: there was none.
    before_json    TEXT   NOT NULL,
    after_json     TEXT   NOT NULL
);

CREATE INDEX audit_by_account ON audit_records (account_id, recorded_at_ms, id);
CREATE INDEX audit_by_time ON audit_records (recorded_at_ms);

CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit_records
BEGIN
    SELECT RAISE(ABORT, 'audit records are never changed');
END;
