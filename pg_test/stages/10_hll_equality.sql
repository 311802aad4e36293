-- tally.hll counts as the type's own equality does, exactly up to 766 values: the oracle is count(DISTINCT), for every type; hashes that are
-- stored do not change; each type reaches an aggregate that counts it by its own equality.
SELECT no_plan();
SET client_min_messages = warning;
CREATE EXTENSION citext;
CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TYPE pair AS (a numeric, b text);
CREATE TYPE colour AS ENUM ('red', 'green');
CREATE DOMAIN amount AS numeric;
CREATE DOMAIN nick AS citext;
CREATE TABLE three (a int, b int, c int);
ALTER TABLE three DROP COLUMN b;

-- Values that look different and are equal, or look alike and differ.
CREATE TABLE values_of (type text, v text[]);
INSERT INTO values_of VALUES
    ('numeric', '{NaN,Infinity,-Infinity,1,-1,1.0,1.00,0,0.00,-0.0,10000,1e4,1e-4,0.0001,100000000,1,1e20,1e-20,-1e20,12345678.90123,12345678.901230}'),
    ('amount', '{1.0,1.00,-1,1,NaN}'),
    ('float8', '{0,-0,NaN,Infinity,-Infinity,1.5,-1.5}'),
    ('float4', '{0,-0,NaN,Infinity,-Infinity,1.5,-1.5}'),
    ('jsonb', '{[],[[]],[[[]]],"{\"a\":{}}","{\"a\":[]}","{}",1,[1],1.0,1.00,-1,"\"1\"",true,false,null,[null],'
        '"[1,[2,3]]","[1,2,3]","[[1,2],3]","{\"a\":1,\"b\":2}","{\"b\":2,\"a\":1}","{\"a\":2,\"b\":1}"}'),
    ('int[]', '{"{1,2}","{{1,2}}","{{1},{2}}","{}","{NULL}","[0:1]={1,2}","{2,1}","{1,2,NULL}"}'),
    ('numeric[]', '{"{1.0}","{1.00}","{NaN}","{Infinity}","{-1}","{1}"}'),
    ('text[]', '{"{a,b}","{ab}","{\"a,b\"}","{NULL}","{\"NULL\"}","{\"\"}","{}"}'),
    ('jsonb[]', '{"{\"[]\"}","{\"[[]]\"}","{1,1.0}","{1.0,1}"}'),
    ('interval', '{1 day,24 hours,1 mon,30 days,1 year,12 mons,360 days,365 days,-1 day,178000000 years,00:00:01,2 hours}'),
    ('timetz', '{12:00+00,13:00+01,12:00+01,12:00-01,00:00+00,00:00:00.000001+00}'),
    ('time', '{12:00,12:00:00,12:00:00.000001}'),
    ('numrange', '{"[1,2)","[1.0,2.00)","(1,2)","[1,2]",empty,"(,)","[1,1]","[1,)","(,1]","[3,3)"}'),
    ('int4range', '{"[1,3)","[1,2]","(0,3)",empty,"(,)"}'),
    ('nummultirange', '{"{[1,2),[3,4)}","{[1.0,2),[3,4)}","{[1,4)}","{}","{[1,2)}"}'),
    ('pair', '{"(1.0,a)","(1.00,a)","(1,b)","(,a)","(1,)","(,)","(NaN,a)","(-1,a)"}'),
    ('three', '{"(1,2)","(1,)","(2,1)","(1,2)"}'),
    ('citext', '{Bob,bob,BOB,bobo,""}'),
    ('nick', '{Bob,bob,BOB,bobo}'),
    ('citext[]', '{"{Bob}","{bob}","{bobo}"}'),
    ('text', '{a,"a ","A","",ä,"ä"}'),
    ('varchar', '{a,"a ","A",""}'),
    ('char(4)', '{a,"a ","A",""}'),
    ('name', '{a,"a ","A",""}'),
    ('"char"', '{a,b,a}'),
    ('inet', '{10.0.0.1,10.0.0.1/32,10.0.0.1/8,::1,::1/128,0.0.0.1}'),
    ('cidr', '{10.0.0.0/8,10/8,10.0.0.0/16,::/8}'),
    ('macaddr', '{08:00:2b:01:02:03,08002b010203,08:00:2b:01:02:04}'),
    ('macaddr8', '{08:00:2b:01:02:03:04:05,08002b0102030405,08:00:2b:01:02:04}'),
    ('bit varying', '{101,1010,0101,"",0,00}'),
    ('bit(3)', '{101,100,001}'),
    ('uuid', '{00000000-0000-0000-0000-000000000001,00000000000000000000000000000001,00000000-0000-0000-0000-000000000002}'),
    ('bytea', '{"\\x00","\\x0000","\\000","\\x"}'),
    ('pg_lsn', '{0/1,1/0,0/0,1/1,2/3,3/2}'),
    ('xid8', '{1,4294967296,4294967297,0}'),
    ('oid', '{1,2,4294967295}'),
    ('regclass', '{pg_class,pg_type,pg_catalog.pg_class}'),
    ('money', '{1.00,-1.00,1}'),
    ('timestamptz', '{2026-01-01 00:00+00,2026-01-01 01:00+01,infinity,-infinity}'),
    ('timestamp', '{2026-01-01,2026-01-01 00:00,infinity}'),
    ('date', '{2026-01-01,20260101,infinity,-infinity}'),
    ('boolean', '{t,true,f}'),
    ('bigint', '{1,-1,4294967296,4294967297,0}'),
    ('int', '{1,-1,0}'),
    ('smallint', '{1,-1,0}'),
    ('colour', '{red,green,red}');

CREATE FUNCTION counts(type text, v text[], aggregate text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    result bigint;
BEGIN
    EXECUTE format('SELECT %s FROM (SELECT x::%s AS value FROM unnest($1) x OFFSET 0) q', aggregate, type) INTO result USING v;
    RETURN result;
END $$;
SELECT is(counts(type, v, 'tally.approx_distinct(value)'), counts(type, v, 'count(DISTINCT value)'), 'approx_distinct of ' || type) FROM values_of;
SELECT is(counts(type, v, 'tally.distinct_count(tally.hll(value, 13))'), counts(type, v, 'count(DISTINCT value)'), 'hll of ' || type) FROM values_of;
SELECT is(counts(type, v, 'tally.approx_distinct(ROW(value, 1))'), counts(type, v, 'count(DISTINCT ROW(value, 1))'), 'hll of rows of ' || type) FROM values_of;
SELECT is(counts(type || '[]', ARRAY(SELECT ARRAY[x]::text FROM unnest(v) x), 'tally.approx_distinct(value)'),
          counts(type || '[]', ARRAY(SELECT ARRAY[x]::text FROM unnest(v) x), 'count(DISTINCT value)'), 'hll of arrays of ' || type) FROM values_of
              WHERE type !~ '\[\]';
SELECT is((SELECT tally.approx_distinct(x COLLATE ci) FROM unnest('{a,A,b,ä}'::text[]) x),
    (SELECT count(DISTINCT x COLLATE ci) FROM unnest('{a,A,b,ä}'::text[]) x), 'a nondeterministic collation');
SELECT is((SELECT tally.approx_distinct(ARRAY[x COLLATE ci]) FROM unnest('{a,A,b,ä}'::text[]) x), 3::bigint, 'a nondeterministic collation in an array');
SELECT is((SELECT tally.approx_distinct(x::text) FROM unnest('{a,A,b}'::citext[]) x), 3::bigint, 'citext that was cast by hand counts as text');
-- F16: PostgreSQL reads hll(column) of a string type that it does not know as a cast of the column's text; the error says the form to write.
SELECT throws_like($$SELECT tally.hll(x) FROM unnest('{Bob,bob}'::citext[]) x$$, 'invalid input for type tally.hll: not JSON%',
    'hll(citext) is read as a cast');
CREATE FUNCTION hint_of(query text) RETURNS text
    LANGUAGE plpgsql AS $$ DECLARE h text; BEGIN EXECUTE query; RETURN NULL; EXCEPTION WHEN OTHERS
        THEN GET STACKED DIAGNOSTICS h = PG_EXCEPTION_HINT; RETURN h; END $$;
SELECT is(hint_of($$SELECT tally.hll(x) FROM unnest('{Bob,bob}'::citext[]) x$$),
    'To count distinct values of a type like citext: SELECT tally.hll(value, 13) FROM …', 'and the hint is the form that works');
SELECT is((SELECT tally.distinct_count(tally.hll(x, 13)) FROM unnest('{Bob,bob}'::citext[]) x), 1::bigint, 'the form that the hint says');
SELECT is((SELECT tally.distinct_count(tally.add(tally.add(NULL::tally.hll, 1.0), 1.00))), 1::bigint, 'add of numeric');

-- Random values of the types whose own hash is weak: exact as count(DISTINCT) is.
SELECT setseed(0.5);
CREATE TABLE random_of AS SELECT i, (random() * 200 - 100)::numeric(6, 0) / 10 ^ (i % 3) AS n,
    make_interval(days => i % 40, hours => (random() * 12)::int * 8) AS t,
    jsonb_build_array(i % 7, jsonb_build_array((random() * 10)::int), (random() * 3)::int) AS j FROM generate_series(1, 1500) i;
SELECT is(tally.approx_distinct(n), count(DISTINCT n), 'random numerics') FROM random_of;
SELECT is(tally.approx_distinct(t), count(DISTINCT t), 'random intervals') FROM random_of;
SELECT is(tally.approx_distinct(j), count(DISTINCT j), 'random jsonb') FROM random_of;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT is(tally.approx_distinct(n), count(DISTINCT n), 'random numerics in parallel') FROM random_of;
CREATE TABLE nicks AS SELECT (CASE i % 2 WHEN 0 THEN 'Bob' ELSE 'BOB' END || i % 10)::citext AS c FROM generate_series(1, 3000) i;
ANALYZE nicks;
SELECT is(tally.approx_distinct(c), 10::bigint, 'citext in parallel') FROM nicks;
SELECT is((SELECT sum(n) FROM (SELECT tally.approx_distinct(c) AS n FROM nicks GROUP BY lower(c)) x), 10::numeric, 'citext by group');
RESET ALL;
SET client_min_messages = warning;

-- What is stored keeps its meaning: hashes as pg_tally 0.1 took them.
CREATE TABLE golden (type text, value text, stored text);
INSERT INTO golden VALUES
    ('smallint', '1::smallint', '{"precision":13,"distinct":1,"hashes":["e5fdc025e13eeed5"]}'),
    ('integer', '-7', '{"precision":13,"distinct":1,"hashes":["eafc6ec56d90befe"]}'),
    ('bigint', '9007199254740993::bigint', '{"precision":13,"distinct":1,"hashes":["41d1750e97caf28c"]}'),
    ('text', '''café''::text', '{"precision":13,"distinct":1,"hashes":["4c83dbd5f29d367f"]}'),
    ('varchar', '''café''::varchar', '{"precision":13,"distinct":1,"hashes":["4c83dbd5f29d367f"]}'),
    ('char(n)', '''ab''::char(9)', '{"precision":13,"distinct":1,"hashes":["a873719c24d5735c"]}'),
    ('name', '''ab''::name', '{"precision":13,"distinct":1,"hashes":["a873719c24d5735c"]}'),
    ('"char"', '''a''::"char"', '{"precision":13,"distinct":1,"hashes":["ad24b52c294c6310"]}'),
    ('bytea', E'''\\x00ff''::bytea', '{"precision":13,"distinct":1,"hashes":["a99b043a346c8bf3"]}'),
    ('uuid', '''00112233-4455-6677-8899-aabbccddeeff''::uuid', '{"precision":13,"distinct":1,"hashes":["c56cde21e711bf96"]}'),
    ('float8', '1.5::float8', '{"precision":13,"distinct":1,"hashes":["3070c91a08291f8d"]}'),
    ('float4', '1.5::float4', '{"precision":13,"distinct":1,"hashes":["3070c91a08291f8d"]}'),
    ('timestamptz', '''2026-01-01Z''::timestamptz', '{"precision":13,"distinct":1,"hashes":["1e17d71cbbda98e2"]}'),
    ('timestamp', '''2026-01-01''::timestamp', '{"precision":13,"distinct":1,"hashes":["1e17d71cbbda98e2"]}'),
    ('date', '''2026-01-01''::date', '{"precision":13,"distinct":1,"hashes":["a2f5ec6721625eac"]}'),
    ('time', '''12:00''::time', '{"precision":13,"distinct":1,"hashes":["b9994f3df9c9229c"]}'),
    ('boolean', 'true', '{"precision":13,"distinct":1,"hashes":["e5fdc025e13eeed5"]}'),
    ('oid', '42::oid', '{"precision":13,"distinct":1,"hashes":["2d1c8760f8047fc7"]}'),
    ('money', '''1.25''::money', '{"precision":13,"distinct":1,"hashes":["d42a76f3e23f60a6"]}'),
    ('inet', '''10.0.0.1/8''::inet', '{"precision":13,"distinct":1,"hashes":["77810b1dd2191d0e"]}'),
    ('macaddr', '''08:00:2b:01:02:03''::macaddr', '{"precision":13,"distinct":1,"hashes":["757d797a19f40d16"]}');
CREATE FUNCTION sketch_of(value text) RETURNS text
    LANGUAGE plpgsql AS $$ DECLARE r text; BEGIN EXECUTE format('SELECT tally.hll(v)::text FROM (SELECT %s AS v OFFSET 0) q', value) INTO r; RETURN r; END $$;
SELECT is(sketch_of(value), stored, 'the hash of ' || type || ' is as it was') FROM golden;
-- Hashes that had to change are of another version: old and new are not merged into a wrong number.
CREATE TABLE old_new AS SELECT '{"precision":13,"distinct":1,"hashes":["4c83dbd5f29d367f"]}'::text::tally.hll AS old, tally.hll(1.5::numeric) AS new,
    tally.hll('café'::text) AS text;
SELECT throws_like('SELECT tally.merge(old, new) FROM old_new', 'expected distinct counts of one version of hashes, got versions 1 and 2',
    'old and new hashes of a type do not mix');
SELECT throws_like('SELECT tally.add(old, 1.5::numeric) FROM old_new', 'expected distinct counts of one version%', 'nor value by value');
SELECT is(tally.distinct_count(tally.merge(old, text)), 1::bigint, 'text merges with what 0.1 stored') FROM old_new;
SELECT is(tally.distinct_count(tally.merge('{"hashes":[]}'::text::tally.hll, new)), 1::bigint, 'one without values merges with all') FROM old_new;
SELECT is(new::text::tally.hll::text, new::text, 'the version comes back from text') FROM old_new;
SELECT is(tally.hll(i::numeric)::text,
    (SELECT tally.rollup(h)::text FROM (SELECT tally.hll(j::numeric) AS h FROM generate_series(1, 3000) j GROUP BY j % 7) x), 'version 2, dense and merged')
    FROM generate_series(1, 3000) i;

-- Every type of PostgreSQL's reaches its aggregate, and one with the same equality. The oracle: the overload is over the type itself,
-- over anyelement, or over a type whose values are equal exactly when those of the type are.
CREATE TABLE reached (type regtype, argument regtype, failed text);
DO $$
DECLARE t record; given oid;
BEGIN
    FOR t IN SELECT p.oid::regtype AS type FROM pg_type p
        WHERE p.typnamespace = 'pg_catalog'::regnamespace AND p.typtype IN ('b', 'r', 'm') AND p.typcategory NOT IN ('X', 'Z')
                OR p.oid = '"char"'::regtype OR p.typnamespace = 'public'::regnamespace AND p.typtype IN ('b', 'c', 'd', 'e') LOOP
        BEGIN
            EXECUTE format('CREATE TEMP VIEW probe AS SELECT tally.approx_distinct(NULL::%s) AS n', t.type);
            SELECT a.proargtypes[0] INTO given FROM pg_rewrite w
                JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_proc'::regclass
              JOIN pg_proc a ON a.oid = d.refobjid AND a.proname = 'approx_distinct' WHERE w.ev_class = 'probe'::regclass;
            DROP VIEW probe;
            INSERT INTO reached VALUES (t.type, given);
        EXCEPTION WHEN OTHERS THEN INSERT INTO reached VALUES (t.type, NULL, SQLERRM);
        END;
    END LOOP;
END $$;
SELECT cmp_ok((SELECT count(*) FROM reached), '>', 60::bigint, 'types were tried');
SELECT is((SELECT string_agg(format('%s: %s', type, failed), ', ' ORDER BY type::text) FROM reached WHERE failed IS NOT NULL), NULL, 'no call is ambiguous');
SELECT is((SELECT string_agg(format('%s as %s', type, argument), ', ' ORDER BY type::text) FROM reached r JOIN pg_type t ON t.oid = r.type
            WHERE argument <> type AND argument <> 'anyelement'::regtype AND argument <> t.typbasetype), 
          'character as text, character varying as text, citext as text, name as text, nick as text, real as double precision, '
          'regclass as oid, regcollation as oid, regconfig as oid, regdictionary as oid, regnamespace as oid, regoper as oid, '
          'regoperator as oid, regproc as oid, regprocedure as oid, regrole as oid, regtype as oid', 'who is counted as another type');
SELECT * FROM finish();
