-- What the first release (schema 0001) left in a database: a completed run with a review, and one
-- that its worker was carrying out, with two of its four documents done.
INSERT INTO workspaces (id, name, event_seq) VALUES
    ('01900000-0000-7000-8000-000000000001', 'default', 5);
INSERT INTO api_keys (id, workspace_id, name, key_hash, scopes) VALUES
    ('01900000-0000-7000-8000-000000000002', '01900000-0000-7000-8000-000000000001', 'first',
     '\x0001', '{read,write,admin}');
INSERT INTO reference_data (id, workspace_id, name, source_type, status, current_version) VALUES
    ('01900000-0000-7000-8000-000000000003', '01900000-0000-7000-8000-000000000001', 'Vendors',
     'json', 'ready', 1);
INSERT INTO reference_versions (reference_data_id, version, generation, row_count, columns) VALUES
    ('01900000-0000-7000-8000-000000000003', 1, 1, 2,
     '[{"name": "name", "type": "string"}, {"name": "number", "type": "string"}]');
INSERT INTO reference_rows (reference_data_id, generation, position, row_id, row_values) VALUES
    ('01900000-0000-7000-8000-000000000003', 1, 0, 'ref_0', '{Alpine Metalworks,N0}'),
    ('01900000-0000-7000-8000-000000000003', 1, 1, 'ref_1', '{Borealis Paper,N1}');
INSERT INTO documents (workspace_id, collection, id, filename, fields)
SELECT '01900000-0000-7000-8000-000000000001', 'default', 'doc_' || place, 'doc.pdf',
       '{"vendor": "ALPINE METALWORKS", "number": "n-0"}'
FROM generate_series(0, 3) AS place;
INSERT INTO matching_configs (id, workspace_id, name, reference_data_id, rules, target) VALUES
    ('01900000-0000-7000-8000-000000000004', '01900000-0000-7000-8000-000000000001', 'Vendors',
     '01900000-0000-7000-8000-000000000003',
     '{"field_mappings": [
         {"source": "vendor", "target": "name", "weight": 0.6, "strategy": "fuzzy",
          "scorer": "token_sort", "min_score": 0.0},
         {"source": "number", "target": "number", "weight": 0.4, "strategy": "exact",
          "case_sensitive": false, "verbatim": false, "near": true}],
       "threshold": 0.8, "review_threshold": 0.5, "missing": "ignore",
       "ai": {"min_margin": 0.03, "max_cost_usd": null}}',
     '{"type": "run", "collection": null, "field": null, "equals": null}');
INSERT INTO runs (id, workspace_id, matching_config_id, reference_data_id, status, phase,
                  triggered_by, collection, rules, config_version, reference_data_version,
                  rows_total, rows_processed, rows_matched, confidence_sum, rows_per_second,
                  warnings, worker_id, attempt, attempts_without_progress, lease_until, claimed_at,
                  event_seq, started_at, completed_at)
SELECT run.id::uuid, config.workspace_id, config.id, config.reference_data_id, run.status,
       run.phase, 'api', 'default', config.rules, 1, 1, 4, run.done, run.done, run.done * 10000,
       100, '[{"code": "field_not_found", "count": 1, "sample": "total"}]', run.worker::uuid, 1, 0,
       run.lease_until::timestamptz, now(), run.events, now(), run.completed_at::timestamptz
FROM matching_configs AS config, (VALUES
    ('01900000-0000-7000-8000-000000000005', 'completed', 'done', 4, NULL, NULL, 3,
     '2026-01-01T00:00:00Z'),
    ('01900000-0000-7000-8000-000000000006', 'running', 'matching', 2,
     '01900000-0000-7000-8000-00000000000f', '2026-01-01T00:00:00Z', 2, NULL)
) AS run (id, status, phase, done, worker, lease_until, events, completed_at);
INSERT INTO run_documents (run_id, position, document_id)
SELECT runs.id, place, 'doc_' || place FROM runs, generate_series(0, 3) AS place;
INSERT INTO results (run_id, document_id, id, document_filename, proposed_reference_row_id,
                     matched_reference_row_id, confidence, rule_confidence, evidence, candidates)
SELECT run_id, document_id, gen_random_uuid(), 'doc.pdf', 'ref_0', 'ref_0', 1, 1,
       '{"vendor": {"strategy": "fuzzy", "score": 1.0, "weight": 0.6,
                    "document_value": "ALPINE METALWORKS", "reference_value": "Alpine Metalworks"}}',
       '[{"reference_row_id": "ref_0", "confidence": 1.0, "evidence": {}},
         {"reference_row_id": "ref_1", "confidence": 0.1, "evidence": {}}]'
FROM run_documents JOIN runs ON runs.id = run_id WHERE position < rows_processed;
UPDATE results
SET status = 'approved', resolved_by = 'review', matched_reference_row_id = 'ref_1',
    notes = 'checked', reviewed_at = now(), reviewed_by = 'first', version = 2
WHERE document_id = 'doc_3';
INSERT INTO events (workspace_id, workspace_seq, id, run_id, run_seq, type, data)
SELECT '01900000-0000-7000-8000-000000000001', place, gen_random_uuid(), run_id::uuid, run_seq,
       type, json_build_object('type', type, 'run_seq', run_seq)
FROM (VALUES
    (1, '01900000-0000-7000-8000-000000000005', 1, 'run.queued'),
    (2, '01900000-0000-7000-8000-000000000005', 2, 'run.started'),
    (3, '01900000-0000-7000-8000-000000000005', 3, 'run.completed'),
    (4, '01900000-0000-7000-8000-000000000006', 1, 'run.queued'),
    (5, '01900000-0000-7000-8000-000000000006', 2, 'run.started')
) AS told (place, run_id, run_seq, type);
