-- When the progress events of a run that has ended were removed; one that was opened again and has
-- ended later has new ones.
ALTER TABLE runs ADD COLUMN progress_removed_at timestamptz;
CREATE INDEX runs_with_progress ON runs (completed_at)
    WHERE progress_removed_at IS NULL OR progress_removed_at < completed_at;
