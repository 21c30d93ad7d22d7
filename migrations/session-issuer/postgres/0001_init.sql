-- The keys that sign sessions. The private key is sealed under a key-encryption key that is not in this database.
CREATE TABLE signing_keys (
    -- SHA-256 thumbprint of the key, 64 hex digits.
    kid                   TEXT   PRIMARY KEY,
    account_id            TEXT   NOT NULL,
    jwk                   TEXT   NOT NULL,
    certificate_pem       TEXT   NOT NULL,
    private_key_encrypted BYTEA  NOT NULL,
    key_use               TEXT   NOT NULL CHECK (key_use IN ('next', 'current', 'previous')),
    created_at_ms         BIGINT NOT NULL,
    -- When every enforcement point knew it; it signs nothing before.
    confirmed_at_ms       BIGINT,
    activated_at_ms       BIGINT,
    -- When a previous key leaves the key set.
    retire_at_ms          BIGINT,
    CHECK ((key_use = 'previous') = (retire_at_ms IS NOT NULL))
);

-- One key signs and one is next; of several issuers that create them at once, one wins.
CREATE UNIQUE INDEX signing_keys_one_of_each ON signing_keys (account_id, key_use) WHERE key_use <> 'previous';
CREATE INDEX signing_keys_by_account ON signing_keys (account_id, created_at_ms);
CREATE INDEX signing_keys_retiring ON signing_keys (retire_at_ms) WHERE retire_at_ms IS NOT NULL;

-- A row for every account that has keys.
CREATE TABLE key_settings (
    account_id                 TEXT   PRIMARY KEY,
    key_rotation_interval_days BIGINT NOT NULL CHECK (key_rotation_interval_days BETWEEN 21 AND 365),
    last_key_rotation_at_ms    BIGINT NOT NULL,
    -- Common name of the keys' certificates.
    team_domain                TEXT   NOT NULL
);

CREATE INDEX key_settings_due ON key_settings (last_key_rotation_at_ms);
