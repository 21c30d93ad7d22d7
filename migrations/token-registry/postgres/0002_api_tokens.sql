-- What the management API is asked with. They open no application, and no feed carries them.
CREATE TABLE api_tokens (
    id             TEXT    PRIMARY KEY,
    account_id     TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    -- Names of scopes, a space between two.
    scopes         TEXT    NOT NULL CHECK (scopes <> ''),
    enabled        BOOLEAN NOT NULL,
    issued_at_ms   BIGINT  NOT NULL,
    modified_at_ms BIGINT  NOT NULL,
    -- NULL: never.
    expires_at_ms  BIGINT,
    -- Keyed hash of the value; an empty one can never be stored.
    digest         BYTEA   NOT NULL UNIQUE CHECK (length(digest) = 32),
    -- Which pepper made it.
    pepper_id      TEXT    NOT NULL
);

CREATE INDEX api_tokens_by_account ON api_tokens (account_id, issued_at_ms, id);

-- Apart from credentials: writing it can never touch one.
CREATE TABLE api_token_usage (
    token_id        TEXT   PRIMARY KEY,
    last_used_at_ms BIGINT NOT NULL
);
