-- Policies that are tried on the account's service tokens, for an hour.
CREATE TABLE policy_tests (
    id            TEXT    PRIMARY KEY,
    account_id    TEXT    NOT NULL,
    -- The policies, as a ListPoliciesResponse message.
    policies      BYTEA    NOT NULL,
    created_at_ms BIGINT  NOT NULL,
    expires_at_ms BIGINT  NOT NULL,
    -- The page of tokens that is judged next.
    next_page     BIGINT  NOT NULL,
    is_complete   BOOLEAN NOT NULL,
    total         BIGINT  NOT NULL,
    approved      BIGINT  NOT NULL,
    blocked       BIGINT  NOT NULL,
    errored       BIGINT  NOT NULL
);

CREATE INDEX policy_tests_by_account ON policy_tests (account_id, created_at_ms);
CREATE INDEX policy_tests_expiring ON policy_tests (expires_at_ms);

CREATE TABLE policy_test_results (
    test_id    TEXT   NOT NULL REFERENCES policy_tests (id) ON DELETE CASCADE,
    -- In the order in which they were judged.
    number     BIGINT NOT NULL,
    token_id   TEXT   NOT NULL,
    token_name TEXT   NOT NULL,
    judgement  TEXT   NOT NULL CHECK (judgement IN ('approved', 'blocked', 'errored')),
    PRIMARY KEY (test_id, number)
);

CREATE INDEX policy_test_results_by_judgement ON policy_test_results (test_id, judgement, number);
