-- Client ids and names that are keys sort by code point (COLLATE "C"), the same on every server.
-- The tables that fill in bulk (reference_rows, run_documents, results) have no foreign keys: the
-- check per row costs a third of COPY. They are written in the transaction that makes their owner
-- or holds its row, and are deleted with it by statement.

CREATE TABLE workspaces (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    event_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces,
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    last_used_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);

CREATE TABLE reference_data (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces,
    name text NOT NULL,
    source_type text NOT NULL,
    status text NOT NULL,
    error text,
    current_version int NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX reference_data_by_workspace ON reference_data (workspace_id, id DESC);

-- A replace starts a new generation, an append makes the current one longer.
CREATE TABLE reference_versions (
    reference_data_id uuid NOT NULL REFERENCES reference_data ON DELETE CASCADE,
    version int NOT NULL,
    generation int NOT NULL,
    row_count bigint NOT NULL,
    columns jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reference_data_id, version)
);

CREATE TABLE reference_rows (
    reference_data_id uuid NOT NULL,
    generation int NOT NULL,
    position bigint NOT NULL,
    row_id text COLLATE "C" NOT NULL,
    row_values text[] NOT NULL,
    PRIMARY KEY (reference_data_id, generation, position),
    CONSTRAINT reference_rows_row_id UNIQUE (reference_data_id, generation, row_id)
);

CREATE TABLE documents (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    collection text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    filename text,
    fields jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, collection, id)
);

CREATE TABLE matching_configs (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces,
    name text NOT NULL,
    -- No foreign key: a config outlives its reference data, and its next run says so.
    reference_data_id uuid NOT NULL,
    rules jsonb NOT NULL,
    target jsonb NOT NULL,
    version int NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX matching_configs_by_workspace ON matching_configs (workspace_id, id DESC);

CREATE TABLE runs (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces,
    -- No foreign key: deleting a config keeps its runs.
    matching_config_id uuid NOT NULL,
    reference_data_id uuid NOT NULL,
    status text NOT NULL,
    phase text NOT NULL,
    triggered_by text NOT NULL,
    dry_run boolean NOT NULL DEFAULT false,
    -- What was asked for, until it is frozen.
    collection text COLLATE "C" NOT NULL,
    document_ids text[] COLLATE "C",
    -- What the run keeps from the moment it leaves the queue.
    rules jsonb,
    config_version int,
    reference_data_version int,
    rows_total int,
    -- Counters; documents of a position below rows_processed have their result.
    rows_processed int,
    rows_matched int,
    confidence_sum bigint NOT NULL DEFAULT 0,
    rows_per_second double precision,
    warnings jsonb NOT NULL DEFAULT '[]',
    error text,
    -- Lease.
    worker_id uuid,
    attempt int NOT NULL DEFAULT 0,
    attempts_without_progress int NOT NULL DEFAULT 0,
    lease_until timestamptz,
    claimed_at timestamptz,
    version int NOT NULL DEFAULT 1,
    event_seq bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    completed_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX runs_by_workspace ON runs (workspace_id, id DESC);
CREATE INDEX runs_alive ON runs (created_at, id)
    WHERE status IN ('queued', 'running', 'ai_resolving');

-- The frozen order of a run's documents: positions from 0, by document id.
CREATE TABLE run_documents (
    run_id uuid NOT NULL,
    position int NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, position)
);

CREATE TABLE results (
    run_id uuid NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    document_filename text,
    -- What the rules or the AI found, and what holds now: the same, unless a reviewer chose.
    proposed_reference_row_id text COLLATE "C",
    proposed_by text NOT NULL DEFAULT 'rules',
    matched_reference_row_id text COLLATE "C",
    resolved_by text NOT NULL DEFAULT 'rules',
    confidence double precision NOT NULL,
    rule_confidence double precision NOT NULL,
    status text NOT NULL DEFAULT 'pending',
    notes text,
    -- json, not jsonb: kept as the text that goes out.
    evidence json NOT NULL,
    candidates json NOT NULL,
    error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    reviewed_at timestamptz,
    reviewed_by text,
    version int NOT NULL DEFAULT 1,
    PRIMARY KEY (run_id, document_id)
);
CREATE UNIQUE INDEX results_by_id ON results (run_id, id);
CREATE INDEX results_by_confidence ON results (run_id, confidence DESC, document_id);

CREATE TABLE events (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    workspace_seq bigint NOT NULL,
    id uuid NOT NULL,
    run_id uuid REFERENCES runs ON DELETE CASCADE,
    run_seq bigint,
    type text NOT NULL,
    data text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, workspace_seq)
);
CREATE UNIQUE INDEX events_by_run ON events (run_id, run_seq);
