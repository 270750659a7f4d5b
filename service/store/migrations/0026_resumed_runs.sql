-- When an AI pass opened a run again, and how long it had been worked on before: the time that it
-- lay there completed is no part of either.
ALTER TABLE runs
    ADD COLUMN resumed_at timestamptz,
    ADD COLUMN seconds_worked_before float8 NOT NULL DEFAULT 0;
