-- What others are storing meanwhile is counted, too.
LOCK TABLE documents IN SHARE ROW EXCLUSIVE MODE;
-- Which collections a workspace has, and how many documents each: to count a million of them for
-- every list reads a million entries, and to find the last change reads every document.
CREATE TABLE collections (
    workspace_id uuid NOT NULL REFERENCES workspaces,
    name text COLLATE "C" NOT NULL,
    document_count bigint NOT NULL,
    -- When its first document came, and when one was last stored or deleted.
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, name)
);
INSERT INTO collections (workspace_id, name, document_count, created_at, updated_at)
SELECT workspace_id, collection, count(*), min(created_at), max(updated_at)
FROM documents GROUP BY workspace_id, collection;
