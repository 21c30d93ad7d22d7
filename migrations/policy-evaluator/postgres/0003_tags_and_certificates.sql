CREATE TABLE tags (
    account_id    TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    PRIMARY KEY (account_id, name)
);

-- Which applications name a tag of their account.
CREATE TABLE application_tags (
    application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    account_id     TEXT NOT NULL,
    name           TEXT NOT NULL,
    PRIMARY KEY (application_id, name),
    FOREIGN KEY (account_id, name) REFERENCES tags (account_id, name)
);

CREATE INDEX application_tags_by_name ON application_tags (account_id, name);

CREATE TABLE certificates (
    id            TEXT   PRIMARY KEY,
    account_id    TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    -- The PEM bundle as it was given.
    pem           TEXT   NOT NULL,
    fingerprint   TEXT   NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    -- A JSON list of host names.
    hostnames     TEXT   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL,
    UNIQUE (account_id, fingerprint)
);

CREATE INDEX certificates_by_account ON certificates (account_id, created_at_ms, id);

CREATE TABLE certificate_settings (
    account_id                    TEXT    NOT NULL,
    hostname                      TEXT    NOT NULL,
    china_network                 BOOLEAN NOT NULL,
    client_certificate_forwarding BOOLEAN NOT NULL,
    PRIMARY KEY (account_id, hostname)
);
