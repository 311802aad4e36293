-- Owns: the node's side of a cluster rollup: the feed of changed buckets of a rollup, and what a coordinator asks of it.
--
-- Why nothing is lost: a mark is written in the transaction that changes the rows. A pull reads marks and rows in one snapshot, and the coordinator commits
-- the rows with that snapshot's description. Only the pull after that hands the description back, and the node deletes the marks which the snapshot saw.
-- So a pull that fails, a crash on either side, or a commit that is late leaves marks, and the bucket is pulled again.

CREATE OR REPLACE FUNCTION tally.feed_written() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int := (SELECT f.rollup_id FROM tally.feeds f JOIN tally.rollups r ON r.id = f.rollup_id WHERE r.relation = TG_RELID);
BEGIN
    IF number IS NULL THEN RETURN NULL; END IF;
    IF TG_OP = 'TRUNCATE' THEN
        INSERT INTO tally.feed_marks (rollup_id, bucket) VALUES (number, '-infinity');
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO tally.feed_marks (rollup_id, bucket) SELECT DISTINCT number, n.bucket FROM fresh n;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO tally.feed_marks (rollup_id, bucket) SELECT DISTINCT number, o.bucket FROM stale o;
    ELSE
        INSERT INTO tally.feed_marks (rollup_id, bucket) SELECT number, x.bucket FROM (SELECT n.bucket FROM fresh n UNION SELECT o.bucket FROM stale o) x;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.feed_written() IS 'Statement trigger on the table of a rollup with a feed: marks the buckets that were written.';
REVOKE ALL ON FUNCTION tally.feed_written() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._feed_ends() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM tally.feed_marks m WHERE m.rollup_id = OLD.rollup_id;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._feed_ends() IS 'Trigger: the marks of a feed go with it, also where its rollup is dropped.';
REVOKE ALL ON FUNCTION tally_internal._feed_ends() FROM PUBLIC;
CREATE OR REPLACE TRIGGER feed_ends AFTER DELETE ON tally.feeds FOR EACH ROW EXECUTE FUNCTION tally_internal._feed_ends();

CREATE OR REPLACE FUNCTION tally_internal._feed_definition(r tally.rollups) RETURNS jsonb
-- It is compared between servers, whose settings may differ. Seven days of a zone with another clock are another series of moments.
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' AS $$
    SELECT jsonb_build_object('rule', tally_internal._bucket_rule_of(r), 'bucket', r.bucket::text, 'origin', r.bucket_origin::text, 'zone', r.zone,
        'time_column', r.time_column, 'time_type', r.time_type::text, 'where', r.filter, 'expand', r.expand, 'emptied', r.emptied,
        'dimensions', (SELECT COALESCE(jsonb_agg(jsonb_build_array(d.name, d.given) ORDER BY d.ordinal), '[]') FROM tally.dimensions d
                        WHERE d.rollup_id = r.id),
        'measures', (SELECT COALESCE(jsonb_agg(jsonb_build_array(m.name, m.expression, m.type, m.merge) ORDER BY m.ordinal), '[]') FROM tally.measures m
                      WHERE m.rollup_id = r.id),
        -- Two servers may know other rules of one zone.
        'clock', (SELECT md5(string_agg((t AT TIME ZONE r.zone)::text, ' ' ORDER BY t))
                    FROM generate_series(timestamptz '1970-01-01 00:00+00', timestamptz '2050-01-01 00:00+00', interval '7 days') t))
$$;
COMMENT ON FUNCTION tally_internal._feed_definition(tally.rollups) IS
'What a rollup is, for comparison between servers: rule of its buckets, filter, dimensions, measures, and how clocks go in its zone here.';

CREATE OR REPLACE FUNCTION tally_internal._feed_identity(f tally.feeds) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- A restore, or a standby that was promoted, may have lost transactions that the coordinator has seen.
    SELECT format('%s %s %s', f.token, (SELECT c.system_identifier FROM pg_control_system() c), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))
$$;
COMMENT ON FUNCTION tally_internal._feed_identity(tally.feeds) IS 'Which feed of which server and timeline this is.';
REVOKE ALL ON FUNCTION tally_internal._feed_identity(tally.feeds) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._owned_feed(rollup text, caller regrole) RETURNS tally.feeds
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups := tally_internal._rollup(rollup);
    f tally.feeds;
BEGIN
    PERFORM tally_internal._owned_rollup(r.id, caller);
    SELECT * INTO f FROM tally.feeds x WHERE x.rollup_id = r.id;
    IF f.rollup_id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('rollup %L of this node must have a feed, got none', r.name),
            'It was made anew, or by hand, since the coordinator knew it.', format('SELECT tally.open_feed(%L);', rollup));
    END IF;
    RETURN f;
END $$;
COMMENT ON FUNCTION tally_internal._owned_feed(text, regrole) IS 'The feed of a rollup that a role has the owner''s rights of, or an error.';
REVOKE ALL ON FUNCTION tally_internal._owned_feed(text, regrole) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.open_feed(rollup text, who bigint DEFAULT tally_internal._me()) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._rollup(rollup);
    item   record;
    result uuid;
BEGIN
    PERFORM tally_internal._owned_rollup(r.id, caller);
    IF r.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('a feed needs a rollup over time, got %L, which is per key', r.name),
            'A key may have rows at several nodes, and parts of a key do not merge.', 'SELECT name FROM tally.rollups WHERE key IS NULL;');
    END IF;
    -- The row comes before the triggers, and the first pull after it takes all.
    INSERT INTO tally.feeds (rollup_id) VALUES (r.id) ON CONFLICT (rollup_id) DO NOTHING;
    FOR item IN SELECT e.event, e.tables FROM (VALUES ('insert', 'REFERENCING NEW TABLE AS fresh'),
                    ('update', 'REFERENCING OLD TABLE AS stale NEW TABLE AS fresh'), ('delete', 'REFERENCING OLD TABLE AS stale'),
                    ('truncate', '')) e(event, tables)
                 WHERE NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = r.relation AND t.tgfoid = 'tally.feed_written()'::regprocedure
                                   AND t.tgname = 'tally_feed_' || e.event) LOOP
        EXECUTE format('CREATE TRIGGER tally_feed_%s AFTER %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION tally.feed_written()', item.event,
                       upper(item.event), r.relation, item.tables);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER tally_feed_%s', r.relation, item.event);
        -- Nobody knows what was written while there was no feed.
        UPDATE tally.feeds x SET token = DEFAULT WHERE x.rollup_id = r.id;
    END LOOP;
    SELECT x.token INTO result FROM tally.feeds x WHERE x.rollup_id = r.id;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally.open_feed(text, bigint) IS
'Keeps for a rollup of this server the list of changed buckets that a coordinator pulls; for the owner. create_cluster_rollup() calls it at each node.';

CREATE OR REPLACE FUNCTION tally.close_feed(rollup text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    f    tally.feeds := tally_internal._owned_feed(rollup, tally_internal._caller(who));
    item record;
BEGIN
    FOR item IN SELECT t.tgname, t.tgrelid::regclass AS relation FROM pg_trigger t JOIN tally.rollups r ON r.relation = t.tgrelid
                 WHERE r.id = f.rollup_id AND t.tgfoid = 'tally.feed_written()'::regprocedure LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', item.tgname, item.relation);
    END LOOP;
    DELETE FROM tally.feeds x WHERE x.rollup_id = f.rollup_id;
END $$;
COMMENT ON FUNCTION tally.close_feed(text, bigint) IS 'Ends the feed of a rollup of this server. No coordinator can pull it any more. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._feed_prepare(rollup text, identity text, taken bigint, snapshot pg_snapshot,
                                                        who bigint DEFAULT tally_internal._me()) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    f      tally.feeds := tally_internal._owned_feed(rollup, caller);
BEGIN
    SELECT * INTO f FROM tally.feeds x WHERE x.rollup_id = f.rollup_id FOR UPDATE;
    IF snapshot IS NOT NULL AND identity = tally_internal._feed_identity(f) AND taken IN (f.taken, f.taken + 1) THEN
        DELETE FROM tally.feed_marks m WHERE m.rollup_id = f.rollup_id AND pg_visible_in_snapshot(m.xid, snapshot);
        UPDATE tally.feeds x SET taken = taken WHERE x.rollup_id = f.rollup_id;
    END IF;
    -- Whoever has the owner's rights may refresh.
    PERFORM tally.refresh(tally_internal._called(r)) FROM tally.rollups r WHERE r.id = f.rollup_id;
    RETURN tally_internal._feed_version();
END $$;
COMMENT ON FUNCTION tally_internal._feed_prepare(text, text, bigint, pg_snapshot, bigint) IS
'What a pull begins with at the node: deletes the marks that the coordinator has committed (null: none), and refreshes the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._feed_version() RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('version', (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_tally'), 'server', current_setting('server_version'))
$$;
COMMENT ON FUNCTION tally_internal._feed_version() IS 'Which pg_tally and which PostgreSQL this is.';

CREATE OR REPLACE FUNCTION tally_internal._feed_state(rollup text, identity text, taken bigint, who bigint DEFAULT tally_internal._me()) RETURNS jsonb
-- It is STABLE, so that it reads in the snapshot of the statement that reads the rows.
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_variable
DECLARE
    f     tally.feeds := tally_internal._owned_feed(rollup, tally_internal._caller(who));
    r     tally.rollups;
    own   text := tally_internal._feed_identity(f);
    whole boolean := identity IS DISTINCT FROM own OR taken NOT IN (f.taken, f.taken + 1)
        OR EXISTS (SELECT FROM tally.feed_marks m WHERE m.rollup_id = f.rollup_id AND m.bucket = '-infinity');
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = f.rollup_id;
    RETURN tally_internal._feed_version() || jsonb_build_object('identity', own, 'taken', f.taken, 'snapshot', pg_current_snapshot()::text, 'whole', whole,
        'definition', tally_internal._feed_definition(r),
        'buckets', CASE WHEN whole THEN '[]' ELSE (SELECT COALESCE(jsonb_agg(DISTINCT m.bucket), '[]') FROM tally.feed_marks m
                                                    WHERE m.rollup_id = f.rollup_id) END);
END $$;
COMMENT ON FUNCTION tally_internal._feed_state(text, text, bigint, bigint) IS
'What a pull takes: the changed buckets (or all: whole), in which snapshot, of which feed; and what rollup, pg_tally and PostgreSQL are.';

CREATE OR REPLACE FUNCTION tally_internal._create_at_node(name text, arguments jsonb, trial boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    result jsonb;
    r      tally.rollups;
BEGIN
    PERFORM set_config('client_min_messages', 'error', true), set_config('search_path', arguments ->> 'search_path', true);
    r.source := (arguments ->> 'source')::regclass;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM tally.create_rollup(name, r.source, arguments ->> 'time_column', (arguments ->> 'bucket')::interval, NULLIF(arguments -> 'dimensions', 'null'),
        NULLIF(arguments -> 'measures', 'null'), arguments ->> 'where', arguments ->> 'schedule', arguments ->> 'zone', arguments ->> 'description',
        search_path => arguments ->> 'search_path', expand => arguments ->> 'expand', origin => (arguments ->> 'origin')::timestamptz,
        emptied => arguments ->> 'emptied');
    SELECT tally_internal._feed_version() || jsonb_build_object('definition', tally_internal._feed_definition(x)) INTO result
      FROM tally_internal._rollup(name) x;
    IF trial THEN RAISE SQLSTATE 'TYTRY'; END IF;
    PERFORM tally.open_feed(name);
    RETURN result;
EXCEPTION WHEN SQLSTATE 'TYTRY' THEN
    -- It can be made here. Whether it can at the other nodes too is asked before any node keeps it.
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._create_at_node(text, jsonb, boolean) IS
'Makes a rollup with its feed at this node, as the coordinator says; trial: only tries, and undoes it. Returns what it is here.';
