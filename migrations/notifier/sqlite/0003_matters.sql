-- A delivery is also of a token that nobody uses. Two matters of one token may fall on one moment, so the id alone, which is
-- a digest of all of them, says which delivery it is.
CREATE TABLE deliveries_by_matter (
    id                   TEXT   PRIMARY KEY,
    account_id           TEXT   NOT NULL,
    policy_id            TEXT   NOT NULL,
    token_id             TEXT   NOT NULL,
    -- 'expiry': it expires; 'unused': it is about to be ended because nobody uses it; 'ended': it was.
    matter               TEXT   NOT NULL DEFAULT 'expiry' CHECK (matter IN ('expiry', 'unused', 'ended')),
    -- When it expires, is due to be ended, or was ended.
    expires_at_ms        BIGINT NOT NULL,
    mechanism_type       TEXT   NOT NULL CHECK (mechanism_type IN ('email', 'webhook')),
    mechanism            TEXT   NOT NULL,
    state                TEXT   NOT NULL CHECK (state IN ('pending', 'sent', 'cancelled', 'dead')),
    -- Counts claims: a message that kills its sender is given up too.
    attempts             BIGINT NOT NULL,
    next_attempt_at_ms   BIGINT NOT NULL,
    claim                TEXT   NOT NULL,
    claimed_until_at_ms  BIGINT NOT NULL,
    last_error           TEXT   NOT NULL,
    created_at_ms        BIGINT NOT NULL,
    -- When it was sent, cancelled or given up.
    ended_at_ms          BIGINT,
    -- As they were when it was sent.
    policy_name          TEXT   NOT NULL,
    policy_description   TEXT   NOT NULL,
    alert_type           TEXT   NOT NULL,
    alert_body           TEXT   NOT NULL
);

INSERT INTO deliveries_by_matter (id, account_id, policy_id, token_id, expires_at_ms, mechanism_type, mechanism, state,
    attempts, next_attempt_at_ms, claim, claimed_until_at_ms, last_error, created_at_ms, ended_at_ms, policy_name,
    policy_description, alert_type, alert_body)
SELECT id, account_id, policy_id, token_id, expires_at_ms, mechanism_type, mechanism, state, attempts, next_attempt_at_ms,
    claim, claimed_until_at_ms, last_error, created_at_ms, ended_at_ms, policy_name, policy_description, alert_type,
    alert_body
FROM deliveries;

DROP TABLE deliveries;
ALTER TABLE deliveries_by_matter RENAME TO deliveries;

CREATE INDEX deliveries_due ON deliveries (mechanism_type, next_attempt_at_ms, id) WHERE state = 'pending';
CREATE INDEX deliveries_by_expiry ON deliveries (expires_at_ms);
CREATE INDEX deliveries_sent ON deliveries (account_id, ended_at_ms, id) WHERE state = 'sent';
CREATE INDEX deliveries_ended ON deliveries (ended_at_ms);
