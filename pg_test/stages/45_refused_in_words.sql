-- N18: start, stop, verify and others answered an ordinary role with a bare "permission denied", and an owner could not verify a rollup of his own.
SELECT no_plan();
\ir ../hosted.psql
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01 00:00Z' + i * interval '1 hour' FROM generate_series(1, 50) i;
SELECT tally.create_rollup('ours', 'events', 'at', measures => '{"n": "count(*)"}', with_data => true);
CREATE ROLE refused_one ROLE CURRENT_USER;
GRANT SELECT, TRIGGER ON events TO refused_one;
CREATE SCHEMA own AUTHORIZATION refused_one;
CREATE FUNCTION told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    s text; m text; d text; h text;
BEGIN
    EXECUTE statement;
    RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    RETURN CASE WHEN m LIKE 'permission denied%' OR d = '' OR h = '' THEN 'bare: ' || m ELSE s END;
END $$;
SET ROLE refused_one;
SET search_path = own, public;
\if :hosted
\else
SELECT tally.create_rollup('mine', 'public.events', 'at', measures => '{"n": "count(*)"}', with_data => true);
\endif
SELECT is(told(x), '42501', x || ' says who does it') FROM (VALUES ('SELECT tally.start()'), ('SELECT tally.stop()'), ($$SELECT tally.verify('ours')$$),
    ($$SELECT tally.repair('ours')$$), ($$SELECT tally.refresh('ours')$$), ($$SELECT tally.drop_rollup('ours')$$),
        ($$SELECT tally.alter_rollup('ours', emptied => 'keep')$$),
    ($$SELECT tally.freeze_source('public.events', before => '2020-01-01Z')$$), ($$SELECT tally.retain_source('public.events', keep => '1 day')$$),
    ($$SELECT tally.set_owner('ours', 'refused_one')$$), ('SELECT tally.uninstall()')) v(x);
\if :hosted
SELECT skip('rollups are the installing role''s', 3);
\else
SELECT bag_eq($$SELECT count(*) FROM tally.verify('mine')$$, 'SELECT 0::bigint', 'an owner verifies his own');
SELECT is(told($$SELECT tally.repair('mine'); SELECT tally.refresh('mine')$$), 'no error', 'and repairs and refreshes it');
SELECT is((SELECT sum(n) FROM mine), 50::numeric, 'which is as it was');
\endif
SELECT is(told('SELECT * FROM tally.health; SELECT * FROM tally.status'), 'no error', 'health and status answer everybody');
\if :hosted
\else
SELECT tally.drop_rollup('mine');
\endif
RESET ROLE;
RESET search_path;
SELECT is((SELECT state FROM tally.status WHERE rollup = 'ours'), 'fresh', 'nothing has happened to ours');
-- Bug: what was asked for twice, in another shape, or at the end of time was a bare error of PostgreSQL's.
SELECT tally.create_metric('count of ours', 'ours', 'n');
SELECT matches(told(x), state, x || ' is refused in four parts') FROM (VALUES
    ($$SELECT tally.timeseries('count of ours', by => '{k,k}')$$, '^42703$'), ($$SELECT tally.report('{count of ours,count of ours}')$$, '^42710$'),
    ($$SELECT tally.report('{count of ours}', max_range => '-1 day')$$, '^22023$'), ($$SELECT tally.silence('{}', 'x', zone => 'Nowhere/Land')$$, '^22023$'),
    ($$SELECT tally.create_rollup('two words', 'events', 'at', measures => '{"n": "count(*)"}')$$, '^42602$'),
    ($$SELECT tally.create_rollup('a.b.c', 'events', 'at', measures => '{"n": "count(*)"}')$$, '^42602$'),
    ($$SELECT tally.create_rollup('', 'events', 'at', measures => '{"n": "count(*)"}')$$, '^42602$'),
    ($$SELECT tally.create_rollup(NULL, 'events', 'at', measures => '{"n": "count(*)"}')$$, '^42602$'),
    ($$SELECT tally.create_release('two words', 'ours', '{}', people => 'n')$$, '^42602$'),
    ($$SELECT tally.create_funnel('two words', 'events', 'at', 'at', '{"a": "true"}')$$, '^42602$')) v(x, state);
SELECT throws_like($$SELECT tally.timeseries('count of ours', "where" => '[1]')$$, '"where" must be an object%', '"where" that is no object');
SELECT throws_like($$SELECT tally.health('infinity')$$, 'as_of must be%', 'health at the end of time');
SELECT throws_like($$SELECT tally.openmetrics('-infinity')$$, 'as_of must be%', 'and openmetrics');
SELECT tally.create_rollup('by_two', 'events', 'at', dimensions => '[{"a": "1::text"}]', measures => '{"n": "count(*)"}');
SELECT tally.create_metric('by two', 'by_two', 'n');
SELECT is(told($$SELECT tally.timeseries('by two', by => '{a,a}')$$), '42710', 'a label that is asked for twice');
DROP OWNED BY refused_one;
DROP ROLE refused_one;
SELECT * FROM finish();
