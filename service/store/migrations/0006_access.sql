-- Who is signed in from a browser, and which changes have been carried out under an
-- Idempotency-Key.

CREATE INDEX api_keys_by_workspace ON api_keys (workspace_id, id DESC);

CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    api_key_id uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE idempotency_records (
    api_key_id uuid NOT NULL REFERENCES api_keys ON DELETE CASCADE,
    key text COLLATE "C" NOT NULL,
    -- Whose request this is: only this attempt may complete the record, and until when nobody
    -- else may begin another one.
    attempt_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Set in the transaction of the effect.
    is_carried_out boolean NOT NULL DEFAULT false,
    -- The content of the request and its reply, once it is known; a reply that is not kept, for
    -- it holds a secret or is too large, has no body.
    fingerprint bytea,
    status int,
    headers json,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (api_key_id, key)
);
CREATE INDEX idempotency_records_by_age ON idempotency_records (created_at);
