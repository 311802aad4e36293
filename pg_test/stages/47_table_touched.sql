-- What people do to a rollup's own table: a trigger that drops what a refresh writes, a rule, a table that inherits, a renamed column, a CHECK. Each is
-- an error at once that says how it is undone, nothing is lost, and all is exact when it is undone as status says.
SELECT no_plan();
SET client_min_messages = error;
CREATE TABLE e (at timestamptz NOT NULL, k text NOT NULL, v int);
CREATE INDEX ON e (at);
CREATE INDEX ON e (k);
INSERT INTO e SELECT timestamptz '2026-01-01 00:00+00' + i * interval '5 hours', 'k' || i % 3, i FROM generate_series(1, 20) i;
SELECT tally.create_rollup('days', 'e', 'at', bucket => '1 day', dimensions => '["k"]', measures => '{"n": "count(*)", "v": "sum(v)"}', with_data => true);
SELECT tally.create_rollup('keys', 'e', key => 'k', measures => '{"n": "count(*)", "v": "sum(v)"}', with_data => true);
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    d text; h text;
BEGIN
    EXECUTE statement;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, d, h);
END $$;
CREATE TABLE answers (name text, query text);
INSERT INTO answers VALUES ('days', $$SELECT date_trunc('day', at, 'UTC'), k, count(*), sum(v) FROM e GROUP BY 1, 2$$),
    ('keys', 'SELECT k, count(*), sum(v) FROM e GROUP BY 1');
CREATE FUNCTION checks(what text, table_name text, said text, hint_said text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    fault record;
BEGIN
    UPDATE e SET k = k || 'x' WHERE v IN (SELECT min(v) FROM e WHERE k !~ 'xxx');
    SELECT s.state, s.message, s.hint INTO fault FROM tally.status s WHERE s.rollup = table_name;
    RETURN NEXT is(fault.state || ': ' || fault.message, 'error: ' || said, what || ': status says it at once');
    RETURN NEXT is(fault.hint, hint_said, what || ': and how it is undone');
    RETURN NEXT ok(attempt(format('SELECT tally.refresh(%L)', table_name)) LIKE '55000 | rollup %cannot be computed: ' || said || ' | % | ' || hint_said,
        what || ': a refresh refuses in four parts');
    EXECUTE fault.hint;
    RETURN NEXT is((SELECT string_agg(r.error, ' ') FROM tally.refresh() r), NULL, what || ': it is undone');
    RETURN NEXT bag_eq('TABLE ' || table_name || '_live', (SELECT a.query FROM answers a WHERE a.name = table_name), what || ': live, undone');
    RETURN NEXT bag_eq('TABLE ' || table_name, (SELECT a.query FROM answers a WHERE a.name = table_name), what || ': stored, undone');
    RETURN NEXT is((SELECT s.state FROM tally.status s WHERE s.rollup = table_name), 'fresh', what || ': fresh');
END $$;

-- Bug: a trigger that swallowed rows left stored numbers wrong, and status fresh.
CREATE TRIGGER swallows BEFORE INSERT OR UPDATE ON days FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT checks('a trigger before the row', 'days', 'trigger swallows of public.days may change what a refresh writes', 'DROP TRIGGER swallows ON public.days;');
CREATE TRIGGER swallows BEFORE DELETE ON keys FOR EACH ROW EXECUTE FUNCTION swallow();
SELECT checks('one of a rollup per key', 'keys', 'trigger swallows of public.keys may change what a refresh writes', 'DROP TRIGGER swallows ON public.keys;');
CREATE RULE nothing AS ON INSERT TO days DO INSTEAD NOTHING;
SELECT checks('a rule', 'days', 'rule nothing of public.days may change what a refresh writes', 'DROP RULE nothing ON public.days;');
-- Bug: rows of an inheriting table counted as stored rows, and status was fresh.
CREATE TABLE heir () INHERITS (days);
INSERT INTO heir SELECT * FROM ONLY days;
SELECT checks('a table that inherits', 'days', 'public.heir inherits from public.days, so its rows would count as rows of the rollup',
    'ALTER TABLE public.heir NO INHERIT public.days;');
-- Bug: a renamed column of the table gave a bare 42703, and status knew nothing.
ALTER TABLE days RENAME COLUMN n TO number;
SELECT checks('a renamed measure', 'days', 'column n of public.days is number now', 'ALTER TABLE public.days RENAME COLUMN number TO n;');
ALTER TABLE keys RENAME COLUMN k TO "the key";
SELECT checks('a renamed key', 'keys', 'column k of public.keys is "the key" now', 'ALTER TABLE public.keys RENAME COLUMN "the key" TO k;');
-- A trigger after the row does not change it.
CREATE FUNCTION looks_on() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER looks AFTER INSERT OR UPDATE ON days FOR EACH ROW EXECUTE FUNCTION looks_on();
SELECT is((SELECT state FROM tally.status WHERE rollup = 'days'), 'fresh', 'a trigger after the row is no fault');

-- Bug: where no single row was at fault, the hint was "SELECT * FROM  WHERE ctid = NULL".
ALTER TABLE days ADD CONSTRAINT small CHECK (k <> 'new' OR n < 2);
INSERT INTO e VALUES ('2026-01-02 03:00+00', 'new', 1), ('2026-01-02 04:00+00', 'new', 2);
SELECT tally.refresh('days');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'days'), 'SELECT tally.repair(''days'');  -- once its cause is gone',
    'a bucket that no single row breaks: the hint');
ALTER TABLE days DROP CONSTRAINT small;
DO $$ BEGIN EXECUTE (SELECT hint FROM tally.status WHERE rollup = 'days'); END $$;
SELECT tally.refresh('days');
SELECT bag_eq('TABLE days', (SELECT query FROM answers WHERE name = 'days'), 'a bucket that no single row breaks: it mends');
-- Bug: the hint cut off a table's name at its first space.
CREATE TABLE "two words" (at timestamptz, t text);
CREATE INDEX ON "two words" (at);
SELECT tally.create_rollup('words', '"two words"', 'at', measures => '{"n": "sum(t::int)"}');
INSERT INTO "two words" VALUES ('2026-01-01 00:00+00', '12'), ('2026-01-02 00:00+00', '12ms');
SELECT tally.refresh('words');
SELECT is((SELECT hint FROM tally.status WHERE rollup = 'words'),
    'SELECT * FROM public."two words" WHERE ctid = ''(0,2)'';  -- once it is changed, the next refresh computes its bucket', 'the hint names the whole table');
-- Bug: a refresh spoke of the dropped source by its number.
CREATE TABLE passing (at timestamptz, k text);
SELECT tally.create_rollup('passed', 'passing', 'at', dimensions => '["k"]', measures => '{"n": "count(*)"}', with_data => true);
DROP TABLE passing CASCADE;
SELECT is(attempt('SELECT tally.refresh(''passed'')'),
    '42P01 | rollup ''passed'' cannot be computed: its source is gone | What is stored stands as it is. | SELECT tally.drop_rollup(''passed'');',
    'a dropped source');
SELECT * FROM finish();
