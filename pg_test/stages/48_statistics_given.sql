-- One statistics object serves rollups with the same groups, also after columns and rollups changed hands or names.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE e (at timestamptz NOT NULL, a text, b text);
CREATE TABLE parts (at timestamptz NOT NULL, a text) PARTITION BY RANGE (at);
CREATE TABLE parts_of_2026 PARTITION OF parts FOR VALUES FROM ('2026-01-01Z') TO ('2027-01-01Z');
CREATE FUNCTION make(name text, dimensions jsonb, source text DEFAULT 'e') RETURNS void LANGUAGE sql AS $$
    SELECT tally.create_rollup($1, $3, 'at', '1 hour', $2, '{"n": "count(*)"}')
$$;
CREATE VIEW counted AS SELECT stxname::text AS name FROM pg_statistic_ext;
SELECT make('pair', '["b", "a"]'), make('swapped', '["a", "b"]'), make('p2', '["a"]', source => 'parts');

-- Renamed columns rename nothing of theirs, and who shares is known all the same.
ALTER TABLE e RENAME a TO renamed;
ALTER TABLE e RENAME at TO happened;
SELECT tally.drop_rollup('pair');
SELECT bag_eq($$SELECT name FROM counted WHERE name ~ '^(pair|swapped)'$$, '{swapped_tally_groups}'::text[], 'columns renamed: still shared');
ALTER TABLE e RENAME renamed TO a;
ALTER TABLE e RENAME happened TO at;
ALTER TABLE e RENAME TO moved;
ALTER TABLE moved RENAME TO e;

-- Another owner.
CREATE ROLE statistics_taker; GRANT USAGE, CREATE ON SCHEMA public TO statistics_taker;
SELECT make('p3', '["a"]', source => 'parts'), make('p4', '["a"]', source => 'parts');
GRANT SELECT, TRIGGER ON parts TO statistics_taker;
SELECT tally.set_owner('p2', 'statistics_taker');
CREATE VIEW owned AS SELECT stxname::text, stxowner::regrole::text FROM pg_statistic_ext WHERE stxrelid = 'parts'::regclass;
SELECT bag_eq('TABLE owned', $$VALUES ('p3_tally_groups', current_user::text), ('p2_tally_groups', 'statistics_taker')$$,
    'given away: what others share stays theirs, with its numbers; the gift has its own');
SELECT tally.set_owner('p4', 'statistics_taker');
SELECT bag_eq('TABLE owned', $$VALUES ('p3_tally_groups', current_user::text), ('p2_tally_groups', 'statistics_taker')$$,
    'a second gift shares with the first');
SELECT tally.set_owner('p3', 'statistics_taker');
SELECT bag_eq('TABLE owned', $$VALUES ('p2_tally_groups', 'statistics_taker')$$, 'and the last');
SELECT tally.drop_rollup('p2');
SELECT bag_eq('TABLE owned', $$VALUES ('p3_tally_groups', 'statistics_taker')$$, 'they are handed on within the taker''s');
SELECT bag_eq($$SELECT name FROM tally.uninstall() WHERE what = 'statistics' AND name ~ '^(public\.)?p\d'$$, '{public.p3_tally_groups}'::text[],
    'uninstall names them once');
SELECT tally.drop_rollup('p3');
SELECT tally.drop_rollup('p4');
SELECT is((SELECT count(*) FROM owned), 0::bigint, 'the last of them takes them along');
DROP OWNED BY statistics_taker; DROP ROLE statistics_taker;

SELECT * FROM finish();
