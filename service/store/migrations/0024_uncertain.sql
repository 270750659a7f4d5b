-- Whether somebody should look at a result: what the rules nearly matched, or matched with a close
-- second. Known as it is written, since pages count and list it by the thousand.
ALTER TABLE results ADD COLUMN uncertain boolean NOT NULL DEFAULT false;

UPDATE results SET uncertain = true
FROM runs
WHERE runs.id = results.run_id AND proposed_by = 'rules' AND results.error IS NULL
  AND CASE
      WHEN rule_confidence < (rules ->> 'threshold')::float8
      THEN rule_confidence >= (rules ->> 'review_threshold')::float8
           AND candidates -> 0 IS NOT NULL
      ELSE round((rule_confidence
                  - coalesce((candidates -> 1 ->> 'confidence')::float8, 0))::numeric, 4)
           < coalesce((rules -> 'ai' ->> 'min_margin')::float8, 0.03)::numeric
  END;
