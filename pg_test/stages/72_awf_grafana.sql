-- Owns: dashboards/grafana/awf.json: every query of it runs, as a role that has SELECT on tables and views only, with the
-- macros written out as Grafana does.
SELECT no_plan();
\set dashboard `cat dashboards/grafana/awf.json`

SELECT tally.generate_awf(5000, until => '2025-03-31 12:00+00', span => '1 day');
SELECT tally.install_pack('awf');
CALL tally.backfill();

CREATE TEMP TABLE queries AS
SELECT p ->> 'title' AS panel, p ->> 'type' AS type, t ->> 'format' AS format, t ->> 'rawSql' AS raw
  FROM jsonb_array_elements(:'dashboard'::jsonb -> 'panels') p, jsonb_array_elements(p -> 'targets') t
UNION ALL SELECT 'annotation ' || (a ->> 'name'), 'annotation', 'table', a #>> '{target,rawSql}' FROM jsonb_array_elements(:'dashboard'::jsonb #> '{annotations,list}') a
UNION ALL SELECT 'variable ' || (v ->> 'name'), 'variable', 'table', v ->> 'query' FROM jsonb_array_elements(:'dashboard'::jsonb #> '{templating,list}') v WHERE v ->> 'type' = 'query';
SELECT cmp_ok(count(*), '>=', 10::bigint, 'there are queries to run') FROM queries;
SELECT is((:'dashboard'::jsonb ->> 'schemaVersion'), '42', 'schemaVersion 42');
SELECT is_empty($$SELECT panel FROM queries WHERE raw LIKE '%--%'$$, 'no comment in a query: Grafana sends it on one line');

ALTER TABLE queries ADD COLUMN sql text;
UPDATE queries SET sql = replace(regexp_replace(raw, '\$__timeFilter\((\w+)\)', '\1 BETWEEN ''2025-03-30T12:00:00Z'' AND ''2025-03-31T12:00:00Z''', 'g'), '${world:sqlstring}', '''emberfall'',''tidewatch''');
SELECT is_empty($$SELECT panel FROM queries WHERE sql LIKE '%$%'$$, 'no other macro is used');

CREATE ROLE grafana_72;
GRANT USAGE ON SCHEMA public TO grafana_72;
DO $$
DECLARE
    r record;
BEGIN
    FOR r IN SELECT oid::regclass AS name FROM pg_class WHERE relname LIKE 'awf%' AND relkind IN ('r', 'v') LOOP
        EXECUTE format('GRANT SELECT ON %s TO grafana_72', r.name);
    END LOOP;
END $$;
GRANT ALL ON queries TO grafana_72;
SET ROLE grafana_72;
SELECT lives_ok(sql, format('%s: runs for a reader', panel)) FROM queries ORDER BY panel;
RESET ROLE;
CREATE FUNCTION shape(sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    columns text;
BEGIN
    DROP VIEW IF EXISTS pg_temp.shape_probe;
    EXECUTE 'CREATE TEMP VIEW shape_probe AS ' || sql;
    SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, NULL), ', ' ORDER BY a.attnum) INTO columns FROM pg_attribute a WHERE a.attrelid = 'pg_temp.shape_probe'::regclass;
    RETURN columns;
END $$;
SELECT matches(shape(sql), '^time timestamp with time zone, (\w+ text, )?\w+ (double precision|bigint|numeric)$', format('%s: time, series, number', panel)) FROM queries WHERE format = 'time_series';
SELECT is((WITH x AS (SELECT query_to_xml(sql, false, false, '')::text AS t) SELECT t LIKE '%<row>%' FROM x), true, format('%s: has rows', panel)) FROM queries WHERE format = 'time_series';
REVOKE ALL ON queries FROM grafana_72;
DROP OWNED BY grafana_72;
DROP ROLE grafana_72;
SELECT * FROM finish();
