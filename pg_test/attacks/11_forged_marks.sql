-- Attack 11: marks that no row has made. Anybody may call _mark() and _mark_key(), because writers of a source do, and could leave a mark at
-- the end of time or of a key that no element of text can be; live view and refresh of the victim's rollup then failed until it was removed by hand.
-- As it was (commit 382f689): 40 marks were taken, the live view raised 22008, each refresh 22008 or 2202E, and the marks stayed: seen by running this file
-- there.
\ir prelude.psql
CREATE TABLE evil.targets AS SELECT r.id, r.name FROM tally.rollups r;
SELECT evil.try(format('mark %s %s at %s', t.name, rule, at), format('SELECT tally_internal._mark(%L, %L)', t.id || ' ' || rule, at))
  FROM evil.targets t, unnest(ARRAY['fixed 3600000000', 'fixed 1', 'fixed 0', 'fixed -5', 'day 1 UTC', 'month 1 Nowhere/Land', 'nonsense', '']) rule,
       unnest(ARRAY['294276-12-31 23:59:59+00', '4714-11-24 00:00+00 BC', 'infinity', '-infinity', '2026-03-01 00:00:01+00']) at;
SELECT evil.try(format('key %s %s', t.name, key), format('SELECT tally_internal._mark_key(%L, %L)', t.id, key))
  FROM evil.targets t, unnest(ARRAY['[5:5]={s2}', '{w1}', '{w1,w2}', '{}', '{NULL}', '{{w1},{w2}}', '[-3:-2]={a,b}']) key;
SELECT evil.try('mark of ' || target, format('SELECT tally_internal._mark(%L, ''2026-03-01Z'')', target))
    FROM unnest(ARRAY['', '1', '1;2', '987654 fixed 3600000000', '-1 fixed 1', '99999999999999 fixed 1', '1 fixed 3600000000; 2 fixed 3600000000']) target;
SELECT evil.try('key of ' || target, format('SELECT tally_internal._mark_key(%L, ''{w1}'')', target))
    FROM unnest(ARRAY['', 'x', '1 2 3 4', '987654', '-1', '99999999999999']) target;
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.looked (what text, error text);
CREATE FUNCTION public.look(what text, statement text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    INSERT INTO public.looked VALUES (what, NULL);
EXCEPTION WHEN OTHERS THEN INSERT INTO public.looked VALUES (what, SQLSTATE || ' ' || SQLERRM);
END $$;
SELECT public.look('live', 'SELECT count(*) FROM app.victim_hourly_live'), public.look('live per key', 'SELECT count(*) FROM app.victim_keys_live'),
    public.look('status', 'SELECT count(*) FROM tally.status');
CREATE TABLE public.live AS SELECT bucket, who, n FROM app.victim_hourly_live;
CREATE TABLE public.plain AS SELECT date_trunc('hour', at, 'UTC') AS bucket, who, count(*) AS n FROM app.events GROUP BY 1, 2;
CREATE TABLE public.refreshed AS SELECT rollup, error FROM tally.refresh();
\ir verdict.psql
SELECT is_empty('SELECT * FROM public.looked WHERE error IS NOT NULL', 'live views and status answer beside the forged marks');
SELECT bag_eq('SELECT * FROM public.live', 'SELECT * FROM public.plain', 'exactly');
SELECT is_empty('SELECT * FROM public.refreshed WHERE error IS NOT NULL', 'the next refresh takes them');
SELECT is_empty('SELECT * FROM tally.dirty', 'and leaves none');
SELECT is_empty($$SELECT what, outcome FROM evil.log WHERE outcome LIKE 'XX%'$$, 'none is an internal error');
SELECT cmp_ok((SELECT count(*) FROM evil.log WHERE outcome = 'done'), '>', 50::bigint, 'they were tried, and many taken');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'victim_hourly'), 'fresh', 'the rollup is fresh');
SELECT is((SELECT state FROM tally.status WHERE rollup = 'victim_keys'), 'fresh', 'the one per key too');
SELECT * FROM finish();
