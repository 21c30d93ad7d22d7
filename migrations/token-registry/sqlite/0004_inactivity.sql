-- What each account wants done with unused tokens, as its owner last said.
CREATE TABLE inactivity_rules (
    account_id     TEXT   PRIMARY KEY,
    threshold_days BIGINT NOT NULL,
    action         TEXT   NOT NULL,
    -- Since when it has been said again and again, unchanged and without a gap.
    since_ms       BIGINT NOT NULL,
    stated_at_ms   BIGINT NOT NULL,
    -- When tokens were last looked through for it; 0: never.
    acted_at_ms    BIGINT NOT NULL
);
