-- Rows of reference data are keyed by a number of their generation that no other reference data has:
-- keys of half the size are filled at nearly twice the speed.
CREATE SEQUENCE row_generations AS int;

CREATE TEMPORARY TABLE renumbered ON COMMIT DROP AS
SELECT reference_data_id, generation,
       (row_number() OVER (ORDER BY reference_data_id, generation))::int AS number
FROM (
    SELECT reference_data_id, generation FROM reference_versions
    UNION
    SELECT reference_data_id, generation FROM abandoned_rows
) AS all_of_them;
SELECT setval('row_generations', greatest(count(*), 1), count(*) > 0) FROM renumbered;

CREATE TABLE keyed_rows (
    generation int NOT NULL,
    position int NOT NULL,
    row_id text COLLATE "C" NOT NULL,
    row_values text[] NOT NULL
);
INSERT INTO keyed_rows (generation, position, row_id, row_values)
SELECT number, position, row_id, row_values
FROM reference_rows JOIN renumbered USING (reference_data_id, generation);
DROP TABLE reference_rows;
ALTER TABLE keyed_rows RENAME TO reference_rows;
ALTER TABLE reference_rows ADD PRIMARY KEY (generation, position);
ALTER TABLE reference_rows ADD CONSTRAINT reference_rows_row_id UNIQUE (generation, row_id);

UPDATE reference_versions SET generation = number FROM renumbered
WHERE renumbered.reference_data_id = reference_versions.reference_data_id
  AND renumbered.generation = reference_versions.generation;
CREATE INDEX reference_versions_by_generation ON reference_versions (generation);

ALTER TABLE abandoned_rows RENAME TO abandoned_before;
CREATE TABLE abandoned_rows (
    generation int PRIMARY KEY
);
INSERT INTO abandoned_rows (generation)
SELECT number FROM abandoned_before JOIN renumbered USING (reference_data_id, generation);
DROP TABLE abandoned_before;
