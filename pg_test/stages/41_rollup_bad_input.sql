-- Each bad definition is refused in four parts, and leaves nothing behind.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (id bigint, at timestamptz, kind text, ms float8);
CREATE TABLE timeless (id bigint, kind text);
CREATE VIEW a_view AS SELECT * FROM events;
CREATE TABLE taken (id int);

CREATE FUNCTION refused(statement text, state text, message_like text, hint_like text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE s text; m text; d text; h text; before bigint; after bigint;
BEGIN
    SELECT count(*) INTO before FROM pg_class;
    BEGIN
        EXECUTE statement;
        RETURN NEXT fail(statement || ': was accepted');
        RETURN;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS s = RETURNED_SQLSTATE, m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT;
    END;
    SELECT count(*) INTO after FROM pg_class;
    RETURN NEXT is(s, state, statement || ': SQLSTATE');
    RETURN NEXT alike(m, message_like, statement || ': message');
    RETURN NEXT alike(h, hint_like, statement || ': hint');
    RETURN NEXT is(after, before, statement || ': nothing is left behind');
    RETURN NEXT is((SELECT count(*) FROM tally.rollups), 0::bigint, statement || ': no row of the catalogue');
END $$;

SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(nothing)"}')$$, '42703', '%measure ''n''%"nothing" does not exist%',
    '%pg_attribute%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["nothing"]', measures => '{"n": "count(*)"}')$$, '42703',
    '%dimension ''nothing''%does not exist%', '%pg_attribute%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "ms + 1"}')$$, '22023', '%must be one aggregate, got ms + 1',
    '%create_metric%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*) + 1"}')$$, '22023', '%must be one aggregate%', '%create_metric%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "avg(ms)"}')$$, '0A000', '%cannot be merged%avg%',
    '%"n_sum": "sum(%"n_count": "count(%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(DISTINCT kind)"}')$$, '0A000', '%cannot be merged%distinct%',
    '%tally.hll%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)"}')$$, '0A000',
    '%cannot be merged%', '%tally.tdigest%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "string_agg(kind, '','')"}')$$, '0A000', '%cannot be merged%string_agg%',
    'SELECT %');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*) FILTER (WHERE random() < 0.5)"}')$$, '42P17',
    '%random()%same answer every time%', '%column of the source%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', bucket => '0 hours', measures => '{"n": "count(*)"}')$$, '22023', '%longer than nothing%',
    '%1 hour%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', bucket => '-1 hour', measures => '{"n": "count(*)"}')$$, '22023', '%longer than nothing%',
    '%1 hour%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', bucket => '1 month 2 days', measures => '{"n": "count(*)"}')$$, '0A000',
    '%does not divide the calendar%', '%1 day%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', zone => 'Nowhere/Atlantis', measures => '{"n": "count(*)"}')$$, '22023',
    '%time zone%Atlantis%', '%pg_timezone_names%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'when', measures => '{"n": "count(*)"}')$$, '42703',
    '%needs a time column%''when'', which does not exist', '%time_column => ''at''%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'kind', measures => '{"n": "count(*)"}')$$, '42804', '%''kind'' of type text%',
    '%time_column => ''at''%');
SELECT refused($$SELECT tally.create_rollup('r', 'timeless', measures => '{"n": "count(*)"}')$$, '42804', '%needs a time column%',
    'ALTER TABLE %timeless ADD COLUMN%');
SELECT refused($$SELECT tally.create_rollup('r', 'a_view', 'at', measures => '{"n": "count(*)"}')$$, '42809', '%needs a table%got public.a_view',
    '%pg_depend%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at')$$, '22023', '%at least one measure%', '%count(*)%');
SELECT refused($$SELECT tally.create_rollup('taken', 'events', 'at', measures => '{"n": "count(*)"}')$$, '42P07', '%exists already%',
    '%create_rollup(''taken_rollup''%');
SELECT refused($$SELECT tally.create_rollup('nowhere.r', 'events', 'at', measures => '{"n": "count(*)"}')$$, '3F000', '%nowhere%', 'CREATE SCHEMA nowhere;');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind"]', measures => '{"kind": "count(*)"}')$$, '42701',
    '%column ''kind'' twice%', '%kind_name%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '[{"n": "count(*)"}]', measures => '{"m": "count(*)"}')$$, '42803',
    '%dimension ''n''%aggregate%', '%measures%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*)"}', "where" => 'nothing = 1')$$, '42703', '%where of rollup%',
    '%pg_attribute%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '{"kind": "kind"}', measures => '{"n": "count(*)"}')$$, '22023',
    '%must be an array of columns%', '%"world"%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind", 3]', measures => '{"n": "count(*)"}')$$, '22023',
    '%must be an array of columns%got 3', '%"world"%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '["count(*)"]')$$, '22023', '%must be an object%', '%count(*)%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": null}')$$, '22023', '%must be an object%"n": null', '%count(*)%');
SELECT refused(format($$SELECT tally.create_rollup(%L, 'events', 'at', measures => '{"n": "count(*)"}')$$, repeat('x', 51)), '42602',
    '%1 to 50 bytes, got 51%', '%create_rollup%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at',
    dimensions => (SELECT jsonb_agg(jsonb_build_object('d' || i, 'kind')) FROM generate_series(1, 32) i), measures => '{"n": "count(*)"}')$$,
    '54000', '%at most 31 dimensions%got 32%', '%create_rollup%');
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => (SELECT jsonb_object_agg('n' || i, 'count(*)') FROM generate_series(1, 1501) i))$$,
    '54000', '%1500 columns%got 0 and 1501%', '%create_rollup%');
CREATE ROLE bad_input_visitor ROLE CURRENT_USER;
SET ROLE bad_input_visitor;
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*)"}')$$, '42501', '%right to create in schema public%',
    'GRANT CREATE ON SCHEMA public TO bad_input_visitor;');
RESET ROLE;
GRANT CREATE ON SCHEMA public TO bad_input_visitor; GRANT SELECT ON events TO bad_input_visitor;
SET ROLE bad_input_visitor;
SELECT refused($$SELECT tally.create_rollup('r', 'events', 'at', measures => '{"n": "count(*)"}')$$, '42501', '%needs SELECT and TRIGGER%lacks TRIGGER',
    'GRANT TRIGGER ON public.events TO bad_input_visitor;');
RESET ROLE;
DROP OWNED BY bad_input_visitor;
DROP ROLE bad_input_visitor;
SELECT refused($$SELECT tally.refresh('r')$$, '42704', '%rollup ''r'' does not exist%', 'SELECT name%');
SELECT refused($$SELECT tally.drop_rollup('r')$$, '42704', '%rollup ''r'' does not exist%', 'SELECT name%');

SELECT lives_ok($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)"}')$$, 'a good one');
SELECT lives_ok($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(*)"}')$$,
    'the same again changes nothing');
SELECT throws_like($$SELECT tally.create_rollup('r', 'events', 'at', dimensions => '["kind"]', measures => '{"n": "count(ms)"}')$$,
    '%exists already with another definition%', 'a duplicate name');
SELECT is((SELECT count(*) FROM tally.rollups), 1::bigint, 'still one');
SELECT * FROM finish();
