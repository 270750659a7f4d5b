-- The column that a version's row ids were read from; NULL where they are made from positions.
ALTER TABLE reference_versions ADD COLUMN id_column text;

-- Rows, and what belongs to a run, that nothing refers to any more: removed a batch at a time,
-- since a table or a run may be large. No foreign keys: their owners are gone.
CREATE TABLE abandoned_rows (
    reference_data_id uuid NOT NULL,
    generation int NOT NULL,
    PRIMARY KEY (reference_data_id, generation)
);
CREATE TABLE abandoned_runs (
    run_id uuid PRIMARY KEY
);

-- Set on a run under way when a document of its collection is deleted: the fields may be on their
-- way into its results.
ALTER TABLE runs ADD COLUMN lost_documents boolean NOT NULL DEFAULT false;
CREATE INDEX runs_by_collection ON runs (workspace_id, collection);
CREATE INDEX runs_by_reference ON runs (reference_data_id, reference_data_version);
CREATE INDEX runs_by_config ON runs (workspace_id, matching_config_id, id DESC);

-- Every review that was ever made of a result, by the version that it made of the result.
CREATE TABLE result_reviews (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    result_id uuid NOT NULL,
    version int NOT NULL,
    status text NOT NULL,
    notes text,
    matched_reference_row_id text COLLATE "C",
    resolved_by text NOT NULL,
    reviewed_by text NOT NULL,
    reviewed_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, result_id, version)
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The history of reviews is only added to.';
END
$$;
CREATE TRIGGER result_reviews_are_kept BEFORE UPDATE ON result_reviews
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX events_of_reviews ON events (run_id) WHERE type = 'result.reviewed';

-- What a rejected result says of its document and row: no match, as long as both have the content
-- they had. It lasts as long as the review.
CREATE TABLE rejected_pairs (
    run_id uuid NOT NULL REFERENCES runs ON DELETE CASCADE,
    result_id uuid NOT NULL,
    reference_data_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    collection text COLLATE "C" NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    reference_row_id text COLLATE "C" NOT NULL,
    document_digest bytea NOT NULL,
    row_digest bytea NOT NULL,
    PRIMARY KEY (run_id, result_id)
);
CREATE INDEX rejected_pairs_by_document
    ON rejected_pairs (reference_data_id, collection, document_id);

-- The rejected pairs that a run leaves out, as they were when it left the queue.
CREATE TABLE run_exclusions (
    run_id uuid NOT NULL,
    document_id text COLLATE "C" NOT NULL,
    reference_row_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (run_id, document_id, reference_row_id)
);

-- The content of a row: a value that is missing is the same as a column that is not there.
CREATE FUNCTION row_digest(columns jsonb, row_values text[]) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(coalesce(jsonb_object_agg(name, value), '{}')::text, 'UTF8'))
    FROM (
        SELECT columns -> (place - 1)::int ->> 'name' AS name, value
        FROM unnest(row_values) WITH ORDINALITY AS cell (value, place)
    ) AS cells
    WHERE value IS NOT NULL
$$;
CREATE FUNCTION document_digest(fields jsonb) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(fields::text, 'UTF8'))
$$;

-- Evidence without what it tells of the document; members keep their order.
CREATE FUNCTION forget_document(evidence json) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_object_agg(key, (
        SELECT json_object_agg(
            name,
            CASE WHEN name IN ('document_value', 'rationale') THEN 'null'::json ELSE part END
        )
        FROM json_each(value) AS member (name, part)
    )), '{}')
    FROM json_each(evidence)
$$;
CREATE FUNCTION forget_document_of_candidates(candidates json) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT coalesce(json_agg((
        SELECT json_object_agg(
            name, CASE WHEN name = 'evidence' THEN forget_document(part) ELSE part END
        )
        FROM json_each(candidate) AS member (name, part)
    ) ORDER BY place), '[]')
    FROM json_array_elements(candidates) WITH ORDINALITY AS each_one (candidate, place)
$$;
