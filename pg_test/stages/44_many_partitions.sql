-- Owns: adding, attaching and detaching one of many partitions looks at all of them together, not one by one. It took 2 s with 400 partitions and four
-- rollups, where the same without pg_tally takes 15 ms; make bench-growth measures. Counted here are calls of functions.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz NOT NULL, k text) PARTITION BY RANGE (at);
SELECT format('CREATE TABLE e_%s PARTITION OF e FOR VALUES FROM (%L) TO (%L)', d, date '2026-01-01' + d, date '2026-01-02' + d)
    FROM generate_series(0, 59) d \gexec
CREATE INDEX ON e (at);
SELECT count(tally.create_rollup('r' || i, 'e', 'at', dimensions => '["k"]', measures => '{"n": "count(*)"}', with_data => true)) FROM generate_series(1, 2) i;
CREATE TABLE joins (LIKE e INCLUDING ALL);
INSERT INTO joins VALUES ('2026-04-02', 'came'), ('2026-04-02', 'came');
CREATE FUNCTION public.calls(statement text) RETURNS TABLE (func text, calls bigint) LANGUAGE plpgsql SET track_functions = 'all' AS $$
BEGIN
    CREATE TEMP TABLE had ON COMMIT DROP AS SELECT p.oid, COALESCE(pg_stat_get_xact_function_calls(p.oid), 0) AS n FROM pg_proc p
        WHERE p.pronamespace IN ('tally'::regnamespace, 'tally_internal'::regnamespace);
    EXECUTE statement;
    RETURN QUERY SELECT h.oid::regprocedure::text, pg_stat_get_xact_function_calls(h.oid) - h.n FROM had h WHERE pg_stat_get_xact_function_calls(h.oid) > h.n;
END $$;
-- Rows of a catalogue that a statement reads: 60 partitions have 240 triggers of capture.
CREATE FUNCTION public.looked(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    had bigint := pg_stat_get_xact_tuples_returned('pg_trigger'::regclass) + pg_stat_get_xact_tuples_fetched('pg_trigger'::regclass);
BEGIN
    EXECUTE statement;
    RETURN pg_stat_get_xact_tuples_returned('pg_trigger'::regclass) + pg_stat_get_xact_tuples_fetched('pg_trigger'::regclass) - had;
END $$;
SELECT cmp_ok(public.looked(s), '<', 60::bigint, 'what concerns one partition looks at no trigger of the others: ' || s)
    FROM unnest('{CREATE TABLE e_alone PARTITION OF e FOR VALUES FROM (''2026-06-01'') TO (''2026-06-02''),ALTER TABLE e_alone SET (fillfactor = 90),
                  DROP TABLE e_alone}'::text[]) s;
CREATE TABLE made AS SELECT s.n, c.*
    FROM (VALUES (1, 'CREATE TABLE e_new PARTITION OF e FOR VALUES FROM (''2026-04-01'') TO (''2026-04-02'')')) s(n, statement),
    LATERAL public.calls(s.statement) c;
INSERT INTO made SELECT 2, c.* FROM public.calls('ALTER TABLE e ATTACH PARTITION joins FOR VALUES FROM (''2026-04-02'') TO (''2026-04-03'')') c;
INSERT INTO made SELECT 3, c.* FROM public.calls('ALTER TABLE e DETACH PARTITION e_7') c;
INSERT INTO made SELECT 4, c.* FROM public.calls('DROP TABLE e_8') c;
SELECT is_empty('SELECT n, func, calls FROM made WHERE calls >= 50', 'no function is called for each of 60 partitions');
SELECT cmp_ok((SELECT count(*) FROM made WHERE n = s), '>', 2::bigint, 'but some are called, by statement ' || s) FROM generate_series(1, 4) s;
-- The event triggers looked at each of capture's own ALTERs, and followed the source after it.
CREATE TABLE own AS SELECT * FROM public.calls($$SELECT tally.create_rollup('r3', 'e', 'at', measures => '{"n": "count(*)"}', "where" => 'k = ''new''')$$);
SELECT is_empty($$SELECT func, calls FROM own WHERE func ~ '_follow\(|_note_names'$$, 'capture''s own ALTERs are not followed');
SELECT isnt_empty($$SELECT FROM own WHERE func ~ '_always'$$, 'which there are');
-- And capture is as it should be.
SELECT is((SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = m::regclass AND t.tgname LIKE 'tally_capture_%' AND t.tgenabled = 'A'), 4::bigint,
    m || ' has all triggers, firing always') FROM unnest('{e_new,joins,e_9}'::text[]) m;
INSERT INTO e VALUES ('2026-04-01 05:00+00', 'new'), ('2026-01-10 05:00+00', 'old');
SELECT count(*) FROM tally.refresh();
SELECT bag_eq('TABLE ' || r, 'SELECT date_trunc(''hour'', at) AS bucket, k, count(*) AS n FROM e GROUP BY 1, 2', r || ' counts what the table holds')
    FROM unnest('{r1,r2}'::text[]) r;
SELECT is((SELECT sum(n) FROM r1 WHERE k = 'came'), 2::numeric, 'with the rows of the table that joined');
-- Tables below one that joins come with it, and go with it; the plain table beside them is looked at alone.
CREATE TABLE branch (LIKE e) PARTITION BY RANGE (at);
CREATE TABLE leaf PARTITION OF branch FOR VALUES FROM ('2026-07-01') TO ('2026-07-02');
INSERT INTO leaf VALUES ('2026-07-01 05:00+00', 'below');
ALTER TABLE e ATTACH PARTITION branch FOR VALUES FROM ('2026-07-01') TO ('2026-08-01');
SELECT bag_eq('TABLE r1_live', 'SELECT date_trunc(''hour'', at) AS bucket, k, count(*) AS n FROM e GROUP BY 1, 2', 'what is below a table that joined counts');
CREATE TABLE leaf_2 PARTITION OF branch FOR VALUES FROM ('2026-07-02') TO ('2026-07-03');
INSERT INTO leaf_2 VALUES ('2026-07-02 05:00+00', 'later');
SELECT count(*) FROM tally.refresh();
SELECT bag_eq('TABLE r1', 'SELECT date_trunc(''hour'', at) AS bucket, k, count(*) AS n FROM e GROUP BY 1, 2', 'and what came below it');
ALTER TABLE e DETACH PARTITION branch;
SELECT is_empty($$SELECT member FROM tally.members WHERE member IN ('branch'::regclass, 'leaf'::regclass, 'leaf_2'::regclass)$$, 'all of it left');
SELECT bag_eq('TABLE r1_live', 'SELECT date_trunc(''hour'', at) AS bucket, k, count(*) AS n FROM e GROUP BY 1, 2', 'with its rows');
DROP TABLE branch;
-- A partition whose trigger somebody dropped gets it again with the next change.
DROP TRIGGER tally_capture_truncate ON e_9;
CREATE TABLE e_newer PARTITION OF e FOR VALUES FROM ('2026-05-01') TO ('2026-05-02');
SELECT is((SELECT count(*) FROM pg_trigger t WHERE t.tgrelid = 'e_9'::regclass AND t.tgname LIKE 'tally_capture_%'), 4::bigint, 'what one lacks is made anew');
-- ENABLE TRIGGER ALL makes them fire at the origin only; they are made to fire always again.
ALTER TABLE e_9 ENABLE TRIGGER ALL;
SELECT is_empty($$SELECT tgname FROM pg_trigger t WHERE t.tgrelid = 'e_9'::regclass AND t.tgparentid = 0 AND t.tgname LIKE 'tally_capture_%'
    AND t.tgenabled <> 'A'$$, 'enabled triggers fire always');
SELECT * FROM finish();
