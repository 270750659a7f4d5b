-- Ids of deliveries are made where their rows are, by statement: UUIDv7 (RFC 9562) from the clock and
-- 74 random bits.
CREATE FUNCTION new_uuid_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(
        set_bit(set_bit(overlay(
            uuid_send(gen_random_uuid())
            PLACING substring(
                int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3
            )
            FROM 1 FOR 6
        ), 52, 1), 53, 1), 'hex'
    )::uuid
$$;

-- Which key the secrets in this database are encrypted by: a digest that tells the key from another.
CREATE TABLE secret_key (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    fingerprint bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces,
    url text NOT NULL,
    -- NULL: every type but run.progress.
    types text[],
    description text,
    enabled boolean NOT NULL DEFAULT true,
    disabled_reason text,
    -- Encrypted; NULL in a webhook that was deleted.
    secret bytea,
    previous_secret bytea,
    previous_secret_until timestamptz,
    -- When the first attempt failed of those since the last success.
    failing_since timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- A deleted webhook stays until the last of its deliveries is gone.
    deleted_at timestamptz
);
CREATE INDEX webhooks_by_workspace ON webhooks (workspace_id, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_enabled ON webhooks (workspace_id) WHERE enabled;
CREATE INDEX webhooks_deleted ON webhooks (id) WHERE deleted_at IS NOT NULL;

-- The order in which deliveries of a lane go out. An event takes its place while the workspace's row
-- is locked, so that the order of places is that of the event numbers.
CREATE SEQUENCE delivery_places;

-- The outbox and its history. No foreign keys to webhooks and events: what writes a row holds the
-- run's row, and must not wait for who deletes a webhook.
CREATE TABLE deliveries (
    id uuid PRIMARY KEY DEFAULT new_uuid_v7(),
    webhook_id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    event_id uuid NOT NULL,
    -- NULL for a ping, which is no event of the workspace.
    workspace_seq bigint,
    run_id uuid,
    type text NOT NULL,
    -- Deliveries of one lane go one after the other: the run's id, or one of the event's own.
    lane uuid NOT NULL,
    place bigint NOT NULL DEFAULT nextval('delivery_places'),
    -- Whether the lane's row knows of it.
    is_enlisted boolean NOT NULL DEFAULT false,
    status text NOT NULL DEFAULT 'pending',
    -- Attempts in this round (a redelivery begins a new one), and in all.
    tries int NOT NULL DEFAULT 0,
    attempts int NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id DESC);
CREATE INDEX deliveries_pending ON deliveries (webhook_id, lane, place) WHERE status = 'pending';
CREATE INDEX deliveries_new ON deliveries (place) WHERE NOT is_enlisted;

CREATE TABLE delivery_attempts (
    delivery_id uuid NOT NULL REFERENCES deliveries ON DELETE CASCADE,
    number int NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms int NOT NULL,
    status_code int,
    error text,
    reply text,
    PRIMARY KEY (delivery_id, number)
);

-- One row for each webhook and lane with something pending: when its first delivery is due, and who
-- is at it now.
CREATE TABLE delivery_lanes (
    webhook_id uuid NOT NULL,
    lane uuid NOT NULL,
    due_at timestamptz NOT NULL,
    worker_id uuid,
    lease_until timestamptz,
    claims bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (webhook_id, lane)
);
CREATE INDEX delivery_lanes_due ON delivery_lanes (webhook_id, due_at);
CREATE INDEX delivery_lanes_at_work ON delivery_lanes (webhook_id) WHERE lease_until IS NOT NULL;
