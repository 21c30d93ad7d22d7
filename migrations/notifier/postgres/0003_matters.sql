-- A delivery is also of a token that nobody uses. 'expiry': it expires; 'unused': it is about to be ended because nobody
-- uses it; 'ended': it was. `expires_at_ms` is when it expires, is due to be ended, or was ended.
ALTER TABLE deliveries ADD COLUMN matter TEXT NOT NULL DEFAULT 'expiry' CHECK (matter IN ('expiry', 'unused', 'ended'));

-- Two matters of one token may fall on one moment, so the id alone, which is a digest of all of them, says which delivery
-- it is. The key was made without a name.
DO $$
DECLARE
    unnamed TEXT;
BEGIN
    SELECT conname INTO STRICT unnamed FROM pg_constraint WHERE conrelid = 'deliveries'::regclass AND contype = 'u';
    EXECUTE format('ALTER TABLE deliveries DROP CONSTRAINT %I', unnamed);
END
$$;
