-- A revoked key is a previous one without its private part. Its row stays until no session that it signed can be alive.
ALTER TABLE signing_keys ADD COLUMN revoked_at_ms BIGINT
    CHECK (revoked_at_ms IS NULL OR (key_use = 'previous' AND length(private_key_encrypted) = 0));

-- Longer than any session that it signed, in whole days; 0 while the usual grace is enough.
ALTER TABLE signing_keys ADD COLUMN longest_session_ms BIGINT NOT NULL DEFAULT 0;
