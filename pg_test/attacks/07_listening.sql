-- Attack 7: to listen and to look. LISTEN tally_incident brought each incident's value and labels to every role that may log in, and
-- tally.status showed everybody the message of a failed refresh, in which PostgreSQL repeats the value that it could not read.
-- As it was (commit 382f689) the attacker heard value, labels, area and impact, and read 'invalid input syntax for type integer: "patient 4711"' in
-- tally.status and tally.health: seen by running this file there.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.forms (at timestamptz NOT NULL, who text, answer text);
CREATE INDEX ON app.forms (at); CREATE INDEX ON app.forms (who);
INSERT INTO app.forms VALUES ('2026-03-01 10:00+00', 'w1', '1');
SELECT tally.create_rollup('app.victim_forms', 'app.forms', key => 'who', measures => '{"total": "sum(answer::int)"}', with_data => true);
SELECT tally.create_rollup('app.victim_answers', 'app.forms', 'at', measures => '{"total": "sum((answer || answer)::int)"}', with_data => true);
SELECT tally.create_threshold('victim_labels', query => 'SELECT 4711.5 AS value, ''patient 4711'' AS patient', condition => '> 10');
INSERT INTO app.forms SELECT '2026-03-01 10:00+00'::timestamptz + g * interval '1 minute', 'w' || g, 'patient 4711' FROM generate_series(1, 9000) g;
\connect - :superuser
SET client_min_messages = error;
CREATE EXTENSION dblink;
SELECT dblink_connect('ear', format('host=%s port=%s dbname=%s user=tally_attacker',
    trim(BOTH '"' FROM split_part(current_setting('unix_socket_directories'), ',', 1)), current_setting('port'), current_database()));
SELECT dblink_exec('ear', 'LISTEN tally_incident');
SELECT count(*) FROM tally.evaluate('2026-03-02 13:00+00');
SELECT tally.comment_incident(i.id, 'patient 4711 again') FROM tally.incidents i WHERE i.threshold = 'victim_labels';
SELECT count(*) FROM tally.refresh();
CREATE TABLE public.heard AS SELECT extra FROM dblink_get_notify('ear') WHERE notify_name = 'tally_incident';
SELECT dblink_disconnect('ear');
-- What he sees by looking, everywhere.
\connect - tally_attacker
SET client_min_messages = error;
SELECT format('CREATE TABLE evil.seen_%s AS SELECT to_jsonb(x)::text AS row FROM tally.%I x', row_number() OVER (), c.relname)
  FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind IN ('r', 'v') AND has_table_privilege(c.oid,
      'SELECT') AND c.relname NOT LIKE 'pack%' \gexec
\connect - tally_victim
SET client_min_messages = error;
CREATE TABLE app.mine AS SELECT rollup, sqlstate, message FROM tally.status WHERE rollup IN ('victim_forms', 'victim_answers');
\connect - :superuser
SET client_min_messages = error;
CREATE TABLE public.seen (relation text, row text);
SELECT format('INSERT INTO public.seen SELECT %L, row FROM evil.%I', relname, relname) FROM pg_class
    WHERE relnamespace = 'evil'::regnamespace AND relname LIKE 'seen%' \gexec
SELECT tally.drop_rollup('victim_forms'), tally.drop_rollup('victim_answers');
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT cmp_ok((SELECT count(*) FROM public.heard), '>=', 1::bigint, 'he hears that there is an incident');
SELECT is_empty($$SELECT extra FROM public.heard WHERE ARRAY(SELECT jsonb_object_keys(extra::jsonb) ORDER BY 1) <> '{event,incident}'$$,
    'its number and what became of it, and nothing else');
SELECT is((SELECT count(*) FROM app.mine WHERE sqlstate = '22P02' AND message LIKE '%patient 4711%'), 2::bigint,
    'the owner reads in tally.status what his refresh failed at');
SELECT cmp_ok((SELECT count(*) FROM public.seen WHERE row LIKE '%victim%'), '>', 3::bigint, 'the attacker sees that there are such rollups');
SELECT is_empty($$SELECT relation, row FROM public.seen WHERE row LIKE '%4711%'$$, 'but the data in no table and no view that he may read');
SELECT * FROM finish();
