-- Incidents in pages: every incident is on one page and no more, whatever is filed between two pages; each status and area against plain SQL over the table.
SELECT no_plan();
SET client_min_messages = warning;
SET timezone = 'UTC';
CREATE TABLE hosts (host text, load float8);
INSERT INTO hosts SELECT 'h' || i, 2 FROM generate_series(1, 450) i;
SELECT tally.create_threshold('busy', query => 'SELECT host, load AS value FROM hosts', condition => '> 1', area => 'web');
SELECT opened FROM tally.evaluate('2026-03-01 10:00Z');
UPDATE hosts SET load = 0 WHERE host LIKE 'h3%';
SELECT recovered FROM tally.evaluate('2026-03-01 10:01Z');
SELECT count(tally.acknowledge(id)) FROM tally.incidents WHERE id % 5 = 0;
SELECT count(tally.resolve(id, root_cause => 'a', mitigation => 'b', prevention => 'c')) FROM tally.incidents WHERE id % 7 = 0;
SELECT count(tally.review(id)) FROM tally.incidents WHERE id % 14 = 0;

-- Pages while others are filed.
CREATE TABLE read (page int, id bigint);
CREATE PROCEDURE read_all(most int) LANGUAGE plpgsql AS $$
DECLARE
    last bigint;
BEGIN
    FOR page IN 1 .. 100 LOOP
        INSERT INTO read SELECT page, i.id FROM tally.list_incidents('all', before => last, most => most) i;
        EXIT WHEN NOT FOUND;
        SELECT min(id) INTO last FROM read;
        IF page <= 3 THEN
            INSERT INTO hosts VALUES ('late' || page, 5);
            PERFORM tally.evaluate(timestamptz '2026-03-01 11:00Z' + page * interval '1 minute');
        END IF;
    END LOOP;
END $$;
CREATE TEMP TABLE before AS SELECT id FROM tally.incidents;
CALL read_all(100);
SELECT cmp_ok((SELECT count(*) FROM tally.incidents), '>', (SELECT count(*) FROM before), 'others were filed meanwhile');
SELECT bag_eq('SELECT id FROM read', 'SELECT id FROM before', 'each of the others is on one page');
SELECT is((SELECT array_agg(n ORDER BY page) FROM (SELECT page, count(*) AS n FROM read GROUP BY page) x), '{100,100,100,100,50}'::bigint[], 'of so many');
SELECT is((SELECT array_agg(id) FROM tally.list_incidents('all', most => 3)), (SELECT array_agg(id) FROM (SELECT id FROM tally.incidents
    ORDER BY id DESC LIMIT 3) x), 'newest first');

-- Statuses.
SELECT bag_eq(format('SELECT id FROM tally.list_incidents(%L, most => 10000)', s.status), 'SELECT id FROM tally.incidents WHERE ' || s.condition,
              s.status || ' incidents')
  FROM (VALUES ('open', $$status IN ('new', 'acknowledged')$$), ('new', $$status = 'new' AND recovered_at IS NULL$$),
               ('acknowledged', $$status = 'acknowledged' AND recovered_at IS NULL$$),
               ('recovered', $$status IN ('new', 'acknowledged') AND recovered_at IS NOT NULL$$), ('resolved', $$status = 'resolved'$$),
               ('reviewed', $$status = 'reviewed'$$), ('all', 'true')) s(status, condition);
SELECT isnt((SELECT count(*) FROM tally.list_incidents('recovered', most => 10000)), 0::bigint, 'some of them are over');
SELECT is((SELECT count(*) FROM tally.list_incidents('all', area => 'db')), 0::bigint, 'none of another area');
SELECT throws_ok($$SELECT * FROM tally.list_incidents('closed')$$, '22023', NULL, 'a status that is none');
SELECT throws_ok($$SELECT * FROM tally.list_incidents(most => 0)$$, '22023', NULL, 'an empty page');

-- The page for people.
CREATE TEMP TABLE page AS SELECT tally.page_incidents('all')::text AS first, NULL::text AS last, NULL::bigint AS cursor;
UPDATE page SET cursor = (regexp_match(first, '<input[^>]*name="before"[^>]*value="(\d+)"'))[1]::bigint;
SELECT is((SELECT cursor FROM page), (SELECT min(id) FROM (SELECT id FROM tally.incidents ORDER BY id DESC LIMIT 200) x), 'a button leads to what is older');
SELECT unalike((SELECT first FROM page), '%incidents before%', 'the first page is before nothing');
UPDATE page SET last = tally.page_incidents('all', before => (SELECT min(id) + 10 FROM tally.incidents))::text;
SELECT is((SELECT last LIKE '%All incidents before #' || min(i.id) + 10 || '<%' FROM page, tally.incidents i GROUP BY last), true, 'the last says before what');
SELECT unalike((SELECT last FROM page), '%name="before"%', 'the last page has none');
SELECT is((SELECT count(*) FROM page, regexp_matches(last, 'page_incident\?id=', 'g')), 10::bigint, 'and the rest');
CREATE ROLE incident_pages_stranger ROLE CURRENT_USER;
SET ROLE incident_pages_stranger;
SELECT is((SELECT count(*) FROM tally.list_incidents('all')), 0::bigint, 'a stranger sees none');
RESET ROLE;
DROP ROLE incident_pages_stranger;
SELECT * FROM finish();
