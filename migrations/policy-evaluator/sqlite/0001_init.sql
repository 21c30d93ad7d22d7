CREATE TABLE applications (
    id            TEXT   PRIMARY KEY,
    account_id    TEXT   NOT NULL,
    -- The audience tag: never changes, never used again.
    aud           TEXT   NOT NULL UNIQUE CHECK (length(aud) = 64),
    name          TEXT   NOT NULL,
    -- An ApplicationSpec message.
    spec          BLOB   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX applications_by_account ON applications (account_id, created_at_ms, id);

-- Each host and path belongs to one application, whoever owns it.
CREATE TABLE application_domains (
    pattern        TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES applications (id) ON DELETE CASCADE
);

CREATE INDEX application_domains_by_application ON application_domains (application_id);

CREATE TABLE policies (
    id             TEXT   PRIMARY KEY,
    account_id     TEXT   NOT NULL,
    -- The application it belongs to alone; NULL: reusable.
    application_id TEXT   REFERENCES applications (id) ON DELETE CASCADE,
    -- A PolicySpec message.
    spec           BLOB   NOT NULL,
    created_at_ms  BIGINT NOT NULL,
    updated_at_ms  BIGINT NOT NULL
);

CREATE INDEX policies_by_account ON policies (account_id, created_at_ms, id);
CREATE INDEX policies_by_owner ON policies (application_id) WHERE application_id IS NOT NULL;

-- The policies of an application, in ascending order of evaluation.
CREATE TABLE application_policies (
    application_id TEXT   NOT NULL REFERENCES applications (id) ON DELETE CASCADE,
    policy_id      TEXT   NOT NULL REFERENCES policies (id),
    precedence     BIGINT NOT NULL,
    PRIMARY KEY (application_id, policy_id),
    UNIQUE (application_id, precedence)
);

CREATE INDEX application_policies_by_policy ON application_policies (policy_id);

CREATE TABLE access_groups (
    id            TEXT   PRIMARY KEY,
    account_id    TEXT   NOT NULL,
    name          TEXT   NOT NULL,
    -- A GroupSpec message.
    spec          BLOB   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);

CREATE INDEX access_groups_by_account ON access_groups (account_id, created_at_ms, id);

-- Which policies and groups name a group: "policy/<id>", "group/<id>".
CREATE TABLE group_references (
    group_id TEXT NOT NULL REFERENCES access_groups (id),
    referrer TEXT NOT NULL,
    PRIMARY KEY (group_id, referrer)
);

CREATE INDEX group_references_by_referrer ON group_references (referrer);

-- Policies and groups of which the token registry may hold references: stated again until it holds what is true.
CREATE TABLE token_referrers (
    referrer   TEXT    PRIMARY KEY,
    account_id TEXT    NOT NULL,
    -- The registry has been told exactly what is stored here.
    settled    BOOLEAN NOT NULL,
    -- When a change of it last began.
    since_ms   BIGINT  NOT NULL
);

CREATE TABLE organizations (
    account_id    TEXT   PRIMARY KEY,
    -- Host of the team domain, lower case, without port.
    team_host     TEXT   NOT NULL UNIQUE,
    -- An Organization message.
    spec          BLOB   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    updated_at_ms BIGINT NOT NULL
);
