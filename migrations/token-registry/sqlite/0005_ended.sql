-- Tokens that were ended because nobody used them: whoever tells people of it reads it here, whenever they can.
CREATE TABLE ended_tokens (
    token_id        TEXT   NOT NULL,
    ended_at_ms     BIGINT NOT NULL,
    account_id      TEXT   NOT NULL,
    name            TEXT   NOT NULL,
    client_id       TEXT   NOT NULL,
    expires_at_ms   BIGINT NOT NULL,
    -- Null: never used.
    last_seen_at_ms BIGINT,
    action          TEXT   NOT NULL,
    threshold_days  BIGINT NOT NULL,
    PRIMARY KEY (token_id, ended_at_ms)
);

CREATE INDEX ended_tokens_by_time ON ended_tokens (ended_at_ms, token_id);
