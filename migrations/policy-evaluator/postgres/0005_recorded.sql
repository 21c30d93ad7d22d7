-- `updated_at_ms` of the application as the feed was last told it by an evaluator that reads its settings out. Any other:
-- it is told once more.
ALTER TABLE applications ADD COLUMN recorded_at_ms BIGINT;
