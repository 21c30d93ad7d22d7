-- A FailureMode message; NULL: closed.
ALTER TABLE applications ADD COLUMN failure_mode BYTEA;
