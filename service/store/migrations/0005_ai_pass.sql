-- What a run's AI pass did: null status for a run without one. Money is in thousand-millionths of
-- a dollar.
ALTER TABLE runs
    ADD COLUMN ai_status text,
    ADD COLUMN ai_to_resolve int,
    ADD COLUMN ai_resolved int NOT NULL DEFAULT 0,
    ADD COLUMN ai_unresolved int NOT NULL DEFAULT 0,
    ADD COLUMN ai_cached int NOT NULL DEFAULT 0,
    ADD COLUMN ai_requests int NOT NULL DEFAULT 0,
    ADD COLUMN ai_input_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN ai_output_tokens bigint NOT NULL DEFAULT 0,
    ADD COLUMN ai_cost_nanodollars bigint NOT NULL DEFAULT 0,
    ADD COLUMN ai_documents_per_second double precision,
    ADD COLUMN ai_is_estimate boolean NOT NULL DEFAULT false,
    ADD COLUMN ai_error text;

-- Which documents a run's AI pass looks at, the most uncertain first, and what it said of them;
-- null as long as it has said nothing.
CREATE TABLE ai_documents (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    position int NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    verdict text,
    PRIMARY KEY (run_id, position)
);
CREATE UNIQUE INDEX ai_documents_by_document ON ai_documents (run_id, document_id);

-- Decisions by the content of the question, so that an equal one is not asked again. `choice` is
-- the place of the candidate from 0, null for none of them. They go with the run that asked.
CREATE TABLE ai_answers (
    workspace_id uuid NOT NULL,
    question bytea NOT NULL,
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    document_id text COLLATE "C" NOT NULL,
    choice int,
    confidence double precision NOT NULL,
    rationale text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, question)
);
CREATE INDEX ai_answers_by_run ON ai_answers (run_id, document_id);
