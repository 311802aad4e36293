-- Attack 21: a trigger that looks like capture's own, on a table where the attacker may have triggers. The engine makes its triggers fire always, also
-- where a replica applies changes as a superuser, which only the table's owner may ask for. So it must not take this one for its own.
-- As it was (commit 3cc0e5d) it did where the condition runs code without a function of the attacker's in it: by a check of a domain, by a function of
-- PostgreSQL's or of pg_tally's own that runs a text. Seen there.
\ir prelude.psql
\connect - tally_victim
SET client_min_messages = error;
GRANT TRIGGER, SELECT ON app.events TO tally_attacker;
GRANT USAGE ON SCHEMA app TO tally_attacker;
\connect - tally_attacker
SET client_min_messages = error;
CREATE FUNCTION evil.check_it(int) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM evil.pwn(); RETURN true; END $$;
CREATE DOMAIN evil.d AS int CHECK (evil.check_it(VALUE));
CREATE TABLE evil.tried AS SELECT c.name,
    evil.try(c.name, format('CREATE TRIGGER tally_capture_insert_z%s AFTER INSERT ON app.events FOR EACH ROW WHEN (%s) EXECUTE FUNCTION tally.capture()',
    c.name, c.condition)) AS outcome
  FROM (VALUES ('domain', '(NEW.ms::evil.d) IS NULL'), ('array', 'cardinality((''{'' || NEW.ms || ''}'')::text::evil.d[]) = 7'),
      ('xml', 'query_to_xml(''SELECT evil.pwn()'', true, true, '''') IS NULL'),
      ('engine', 'tally_internal._metric_error(''evil.pwn()'', NEW.ms) IS NULL'), ('value', 'tally_internal._value_or_null(''evil.pwn()'', NEW.ms, 0) IS NULL'),
          ('call', 'evil.pwn() > 1'),
      ('case', 'CASE WHEN tally_internal._mark(''1 fixed 3600000000'', NEW.at) THEN true ELSE false END')) c(name, condition);
-- Whatever he may do that has the engine look after its triggers.
SELECT evil.try('a rollup', $$SELECT tally.create_rollup('evil.on_victims', 'app.events', 'at', measures => '{"n": "count(*)"}', with_data => true)$$);
SELECT evil.try('attach', $$SELECT tally_internal._attach_capture('app.events')$$);
\connect - tally_victim
SET client_min_messages = error;
ALTER TABLE app.events ADD COLUMN more int;
\connect - :superuser
SET client_min_messages = error;
SELECT count(*) FROM tally.refresh();
CREATE TABLE public.triggers AS SELECT t.tgname::text, t.tgenabled::text FROM pg_trigger t WHERE t.tgrelid = 'app.events'::regclass AND NOT t.tgisinternal;
-- What a replica applies.
SET session_replication_role = replica;
INSERT INTO app.events VALUES ('2026-03-02 10:00+00', 'w1', 5);
RESET session_replication_role;
DO $$ DECLARE t text; BEGIN FOR t IN SELECT tgname FROM public.triggers
    WHERE tgname LIKE 'tally\_capture\_insert\_z%' LOOP EXECUTE format('DROP TRIGGER %I ON app.events', t); END LOOP; END $$;
SELECT count(*) FROM tally.refresh();
UPDATE public.before SET state = public.state();
\ir verdict.psql
SELECT is_empty($$SELECT * FROM evil.tried WHERE outcome <> 'done'$$, 'he may have triggers there');
SELECT is((SELECT count(*) FROM public.triggers WHERE tgname LIKE 'tally\_capture\_insert\_z%'), 7::bigint, 'and has seven');
SELECT is_empty($$SELECT * FROM public.triggers WHERE tgname LIKE 'tally\_capture\_insert\_z%' AND tgenabled <> 'O'$$,
    'the engine made none of them fire where a replica applies changes');
SELECT is((SELECT count(*) FROM public.triggers
    WHERE tgname ~ '^tally_capture_(insert|update|delete|truncate)' AND tgname NOT LIKE 'tally\_capture\_insert\_z%' AND tgenabled = 'A'), 4::bigint,
    'its own four do');
SELECT is_empty($$SELECT * FROM evil.log WHERE what = 'pwn'$$, 'so his code did not run there');
SELECT is((SELECT sum(n) FROM app.victim_hourly), (SELECT count(*) FROM app.events)::numeric, 'and the row that came by replication is counted');
SELECT * FROM finish();
