CREATE TABLE tokens (
    id                   TEXT    PRIMARY KEY,
    account_id           TEXT    NOT NULL,
    name                 TEXT    NOT NULL,
    client_id            TEXT    NOT NULL UNIQUE,
    duration             TEXT    NOT NULL,
    enabled              BOOLEAN NOT NULL,
    created_at_ms        BIGINT  NOT NULL,
    updated_at_ms        BIGINT  NOT NULL,
    expires_at_ms        BIGINT  NOT NULL,
    secret_version       BIGINT  NOT NULL CHECK (secret_version > 0),
    -- Keyed hash of the current secret; an empty one can never be stored.
    secret_digest        BLOB    NOT NULL CHECK (length(secret_digest) = 32),
    -- Which pepper made it.
    pepper_id            TEXT    NOT NULL,
    previous_digest      BLOB    CHECK (previous_digest IS NULL OR length(previous_digest) = 32),
    previous_pepper_id   TEXT,
    previous_version     BIGINT,
    -- Also set without a previous digest: a date asked for at creation is echoed.
    previous_expires_at_ms BIGINT,
    -- Sessions validated before this feed position are dead.
    revoked_as_of        BIGINT  NOT NULL,
    -- Position of the last change: what was read before it is stale.
    changed_at_position  BIGINT  NOT NULL
);

CREATE INDEX tokens_by_account ON tokens (account_id, created_at_ms, id);
CREATE INDEX tokens_expiring ON tokens (expires_at_ms, id) WHERE enabled;

-- Ids are never used again.
CREATE TABLE deleted_tokens (
    id            TEXT   PRIMARY KEY,
    client_id     TEXT   NOT NULL UNIQUE,
    deleted_at_ms BIGINT NOT NULL
);

-- Usage lives apart from credentials: writing it can never touch a secret.
CREATE TABLE token_usage (
    token_id        TEXT   NOT NULL,
    secret_version  BIGINT NOT NULL,
    last_seen_at_ms BIGINT NOT NULL,
    uses            BIGINT NOT NULL,
    PRIMARY KEY (token_id, secret_version)
);

-- Which policies and groups name a token: it cannot be deleted while one does.
CREATE TABLE token_references (
    token_id      TEXT NOT NULL,
    referrer      TEXT NOT NULL,
    referrer_name TEXT NOT NULL,
    PRIMARY KEY (token_id, referrer)
);

CREATE INDEX token_references_by_referrer ON token_references (referrer);
