-- Owns: the context of a refusal is short. It held the whole text that makes the message: 'SQL statement "SELECT tally_internal._refuse(…' over ten lines.
SELECT no_plan();
CREATE FUNCTION public.context_of(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    c text;
BEGIN
    EXECUTE call;
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS c = PG_EXCEPTION_CONTEXT;
    RETURN c;
END $$;
CREATE TABLE contexts AS SELECT c.call, public.context_of(c.call) AS said
    FROM unnest(ARRAY['SELECT tally.create_rollup(''r'', ''pg_class'', ''no'', measures => ''{}'')', 'SELECT tally.create_threshold(''t'')',
    'SELECT tally.create_threshold(repeat(''t'', 300), query => ''SELECT 1 AS value'', condition => ''> 1'')',
        'SELECT tally.create_channel(''c'', kind => ''no'')', 'SELECT tally.drop_rollup(''none'')',
    'SELECT tally.silence(''{}'', '''')', 'SELECT * FROM tally.replay(''none'')', 'SELECT tally.create_task(''t'', ''* * * * *'', ''x'')',
        'SELECT tally.refresh(''none'')']) c(call);
SELECT is((SELECT count(said) FROM contexts), 9::bigint, 'nine refusals');
SELECT is_empty($$SELECT call, said FROM contexts WHERE said ~ '_refuse\(''|format\(' OR EXISTS (SELECT FROM unnest(string_to_array(said, E'\n')) l
    WHERE l !~ '^(PL/pgSQL|SQL) (function|expression|assignment|statement) ' OR l ~ '^(PL/pgSQL|SQL) (expression|assignment|statement) .{120}')$$,
        'none repeats how its message is made');
SELECT is_empty($$SELECT call, said FROM contexts WHERE said !~ '^PL/pgSQL function tally_internal\._refuse\(text,text,text,text\) line \d+ at RAISE\n'
    OR said !~ 'PL/pgSQL function (public\.)?context_of\(text\) line 5 at EXECUTE$'
    OR said !~ 'PL/pgSQL function tally\.[a-z_]+\([^)]*\) line \d+'$$, 'each says which function refused, and which line of the caller called it');
-- Nothing is lost of errors that come after a refusal was caught.
CREATE FUNCTION public.after() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM public.context_of('SELECT tally.drop_rollup(''none'')');
    PERFORM 1 / 0;
END $$;
SELECT is(public.context_of('SELECT public.after()'),
    E'SQL statement "SELECT 1 / 0"\nPL/pgSQL function after() line 4 at PERFORM\nSQL statement "SELECT public.after()"\nPL/pgSQL function context_of(text) '
        'line 5 at EXECUTE', 'the next error has all its lines');
SELECT * FROM finish();
