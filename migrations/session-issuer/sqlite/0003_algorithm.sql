-- A key has one algorithm. An account has a ring of keys of each that it needs: one current, one next, the previous ones.
ALTER TABLE signing_keys ADD COLUMN algorithm TEXT NOT NULL DEFAULT 'RS256' CHECK (algorithm IN ('RS256', 'ES256'));

DROP INDEX signing_keys_one_of_each;
CREATE UNIQUE INDEX signing_keys_one_of_each ON signing_keys (account_id, algorithm, key_use)
    WHERE key_use <> 'previous';
