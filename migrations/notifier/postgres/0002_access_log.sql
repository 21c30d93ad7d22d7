-- What was decided at the enforcement points: told over the bus, kept for a while.
CREATE TABLE access_requests (
    ray_id                TEXT    PRIMARY KEY,
    account_id            TEXT    NOT NULL,
    decided_at_ms         BIGINT  NOT NULL,
    application_id        TEXT    NOT NULL,
    application_domain    TEXT    NOT NULL,
    allowed               BOOLEAN NOT NULL,
    reason                TEXT    NOT NULL,
    policy_id             TEXT    NOT NULL,
    credential            BIGINT  NOT NULL,
    token_id              TEXT    NOT NULL,
    client_id             TEXT    NOT NULL,
    client_secret_version BIGINT  NOT NULL,
    ip                    TEXT    NOT NULL,
    country_code          TEXT    NOT NULL,
    method                TEXT    NOT NULL,
    host                  TEXT    NOT NULL,
    path                  TEXT    NOT NULL,
    gateway               TEXT    NOT NULL,
    duration_us           BIGINT  NOT NULL,
    fallback              TEXT    NOT NULL
);

CREATE INDEX access_requests_listed ON access_requests (account_id, decided_at_ms, ray_id);
CREATE INDEX access_requests_by_age ON access_requests (decided_at_ms);
