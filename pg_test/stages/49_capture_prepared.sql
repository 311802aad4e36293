-- Writers that prepare their transaction: its marks come with its rows, or not at all, and what the session has remembered ends with PREPARE.
SELECT no_plan();
SET client_min_messages = warning;
CREATE TABLE events (at timestamptz NOT NULL, who text);
CREATE INDEX ON events (at);
INSERT INTO events SELECT timestamptz '2026-01-01Z' + i * interval '1 hour', 'w' || i % 3 FROM generate_series(0, 9) i;
SELECT tally.create_rollup('hourly', 'events', 'at', measures => '{"n": "count(*)"}', with_data => true);
SELECT tally.create_rollup('people', 'events', key => 'who', measures => '{"n": "count(*)"}', with_data => true);
CREATE FUNCTION exact(moment text, stored boolean) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT bag_eq('SELECT bucket, n FROM hourly' || suffix, 'SELECT date_trunc(''hour'', at), count(*) FROM events GROUP BY 1', moment || ': hours' || suffix)
      FROM unnest(CASE WHEN stored THEN '{"",_live}' ELSE '{_live}' END::text[]) suffix
    UNION ALL SELECT bag_eq('SELECT who, n FROM people' || suffix, 'SELECT who, count(*) FROM events GROUP BY 1', moment || ': people' || suffix)
      FROM unnest(CASE WHEN stored THEN '{"",_live}' ELSE '{_live}' END::text[]) suffix
$$;
-- Names of prepared transactions belong to the server.
SELECT 'tally_' || current_database() || '_1' AS one, 'tally_' || current_database() || '_2' AS two \gset

BEGIN;
INSERT INTO events VALUES ('2026-01-01 03:10Z', 'w1');
PREPARE TRANSACTION :'one';
SELECT exact('prepared', true);
SELECT is(string_agg(error, ' '), NULL, 'a refresh beside it does not wait') FROM tally.refresh();
-- The same buckets again, in the same session: they are marked anew.
BEGIN;
INSERT INTO events VALUES ('2026-01-01 03:20Z', 'w1');
SELECT exact('the next transaction', false);
COMMIT;
SELECT exact('and its end', false);
SELECT is(string_agg(error, ' '), NULL, 'refreshed') FROM tally.refresh();
SELECT exact('refreshed', true);
COMMIT PREPARED :'one';
SELECT exact('committed later', false);
SELECT is(string_agg(error, ' '), NULL, 'refreshed again') FROM tally.refresh();
SELECT exact('refreshed again', true);

BEGIN;
INSERT INTO events VALUES ('2026-01-01 05:10Z', 'w2'), ('2026-03-01 00:00Z', 'new');
DELETE FROM events WHERE at = '2026-01-01 07:00Z';
PREPARE TRANSACTION :'two';
BEGIN;
INSERT INTO events VALUES ('2026-01-01 05:20Z', 'w2');
COMMIT;
ROLLBACK PREPARED :'two';
SELECT exact('rolled back later', false);
SELECT is(string_agg(error, ' '), NULL, 'refreshed at last') FROM tally.refresh();
SELECT exact('refreshed at last', true);
SELECT is_empty(format('SELECT * FROM tally.verify(%L)', name), name || ': nothing differs') FROM unnest('{hourly,people}'::text[]) name;
SELECT is_empty($$SELECT gid FROM pg_prepared_xacts WHERE database = current_database()$$, 'none is left');
SELECT * FROM finish();
