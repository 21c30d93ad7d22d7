CREATE TABLE alert_policies (
    id             TEXT    PRIMARY KEY,
    account_id     TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    description    TEXT    NOT NULL,
    alert_type     TEXT    NOT NULL,
    enabled        BOOLEAN NOT NULL,
    -- JSON arrays of strings.
    emails         TEXT    NOT NULL,
    webhooks       TEXT    NOT NULL,
    token_ids      TEXT    NOT NULL,
    alert_interval TEXT    NOT NULL,
    settings_json  TEXT    NOT NULL,
    created_at_ms  BIGINT  NOT NULL,
    modified_at_ms BIGINT  NOT NULL
);

CREATE INDEX alert_policies_by_account ON alert_policies (account_id, created_at_ms, id);

CREATE TABLE webhooks (
    id                 TEXT   PRIMARY KEY,
    account_id         TEXT   NOT NULL,
    name               TEXT   NOT NULL,
    url                TEXT   NOT NULL,
    type               TEXT   NOT NULL,
    -- Encrypted; the id is authenticated with it, so that it cannot be moved to another row.
    secret_sealed      BYTEA,
    created_at_ms      BIGINT NOT NULL,
    last_success_at_ms BIGINT,
    last_failure_at_ms BIGINT
);

CREATE INDEX webhooks_by_account ON webhooks (account_id, created_at_ms, id);

-- Which alert policies name a webhook: it cannot be deleted while one does.
CREATE TABLE webhook_references (
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    policy_id  TEXT NOT NULL REFERENCES alert_policies (id) ON DELETE CASCADE,
    PRIMARY KEY (webhook_id, policy_id)
);

CREATE INDEX webhook_references_by_policy ON webhook_references (policy_id);

-- One message to one recipient. The id is a digest of the five columns of the unique key: a row that was withdrawn
-- and comes back is the same message to whoever receives it.
CREATE TABLE deliveries (
    id                   TEXT   PRIMARY KEY,
    account_id           TEXT   NOT NULL,
    policy_id            TEXT   NOT NULL,
    token_id             TEXT   NOT NULL,
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
    alert_body           TEXT   NOT NULL,
    UNIQUE (policy_id, token_id, expires_at_ms, mechanism_type, mechanism)
);

CREATE INDEX deliveries_due ON deliveries (mechanism_type, next_attempt_at_ms, id) WHERE state = 'pending';
CREATE INDEX deliveries_by_expiry ON deliveries (expires_at_ms);
CREATE INDEX deliveries_sent ON deliveries (account_id, ended_at_ms, id) WHERE state = 'sent';
CREATE INDEX deliveries_ended ON deliveries (ended_at_ms);
