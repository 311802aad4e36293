-- Attack 6: a trigger of the attacker's on his own table that calls a trigger function of the engine's: _threshold_dropped() marked a
-- victim's firing incident as recovered, _audit() wrote entries of what never was.
-- As it was (commit 382f689) three triggers were made, two incidents were recovered by threshold_dropped, and the audit had ten forged entries: seen there.
\ir prelude.psql
CREATE TABLE evil.thresholds (id int, owner text DEFAULT 'postgres', name text DEFAULT 'forged');
INSERT INTO evil.thresholds (id) SELECT g FROM generate_series(1, 10) g;
SELECT evil.try('dropped', 'CREATE TRIGGER x BEFORE DELETE ON evil.thresholds FOR EACH ROW EXECUTE FUNCTION tally_internal._threshold_dropped()');
SELECT evil.try('audit', 'CREATE TRIGGER y AFTER INSERT OR UPDATE OR DELETE ON evil.thresholds FOR EACH ROW EXECUTE FUNCTION tally_internal._audit()');
SELECT evil.try('append', 'CREATE TRIGGER z BEFORE UPDATE ON evil.thresholds FOR EACH STATEMENT EXECUTE FUNCTION tally_internal._append_only()');
SELECT evil.try('capture', 'CREATE TRIGGER c AFTER INSERT ON evil.thresholds FOR EACH ROW EXECUTE FUNCTION tally.capture()');
SELECT evil.try('truncate', 'CREATE TRIGGER t AFTER TRUNCATE ON evil.thresholds FOR EACH STATEMENT EXECUTE FUNCTION tally.capture_truncate()');
SELECT evil.try('event trigger', 'SELECT tally_internal._after_ddl()');
UPDATE evil.thresholds SET name = 'other';
DELETE FROM evil.thresholds;
\ir verdict.psql
SELECT is((SELECT string_agg(what || ' ' || outcome, ', ' ORDER BY n) FROM evil.log WHERE what <> 'event trigger'),
    'dropped 42501, audit 42501, append 42501, capture done, truncate 42501',
    'none is for anybody but capture(), which does nothing (cloning a trigger to a partition asks for it)');
SELECT is_empty($$SELECT FROM tally.incidents WHERE recovery = 'threshold_dropped'$$, 'no incident recovers by it');
SELECT is_empty($$SELECT FROM tally.audit WHERE name IN ('forged', 'other')$$, 'and the audit has no entry of what never was');
SELECT * FROM finish();
