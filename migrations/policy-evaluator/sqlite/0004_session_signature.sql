-- What signs the application's sessions; NULL: RS256.
ALTER TABLE applications ADD COLUMN session_signature TEXT CHECK (session_signature IN ('RS256', 'ES256'));
