-- Attempts that were refused are recorded beside changes.
ALTER TABLE audit_records ADD COLUMN outcome    TEXT   NOT NULL DEFAULT 'success';
ALTER TABLE audit_records ADD COLUMN status     BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_records ADD COLUMN error_code BIGINT NOT NULL DEFAULT 0;
ALTER TABLE audit_records ADD COLUMN call       TEXT   NOT NULL DEFAULT '';
ALTER TABLE audit_records ADD COLUMN attempts   BIGINT NOT NULL DEFAULT 1;

-- They are forgotten sooner.
CREATE INDEX audit_refused_by_time ON audit_records (recorded_at_ms) WHERE outcome = 'refused';
