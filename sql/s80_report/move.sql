-- Owns: taking what pg_tally knows and has stored out of a database of one edition and into a database of the other (scripts/move.sh calls it). Tables of
-- people go by pg_dump. Catalogue, alerts, releases and logs go row by row as text, because both editions have the same tables. Rows of tables with sketches
-- go with the sketches in their stored form. Views and triggers are made anew in the other database.

CREATE OR REPLACE FUNCTION tally_internal._moved_tables() RETURNS TABLE (relation regclass, place int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A table behind those that it points at. What is left out: locks and anchors, which triggers make; what names transactions, jobs or numbers of tables of
    -- one database; words about functions, which the other edition has of its own.
    WITH RECURSIVE state(oid) AS (
        SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'tally'::regnamespace AND c.relkind = 'r' AND c.relname !~ '^dirty_keys_'
           AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0)
           AND c.relname <> ALL ('{refresh_locks,silence_anchors,feed_marks,release_turns,jobs,functions,feeds,clusters,cluster_nodes,key_marks}')
    ), behind(oid, place) AS (
        SELECT s.oid, 0 FROM state s
        UNION SELECT f.conrelid, b.place + 1 FROM behind b JOIN pg_constraint f ON f.contype = 'f' AND f.confrelid = b.oid AND f.conrelid <> f.confrelid
         WHERE b.place < 20
    )
    SELECT s.oid::regclass, max(b.place) FROM state s JOIN behind b ON b.oid = s.oid GROUP BY s.oid ORDER BY 2, s.oid::regclass::text
$$;
COMMENT ON FUNCTION tally_internal._moved_tables() IS 'The tables of schema tally whose rows go into a database of the other edition, in the order of going.';
REVOKE ALL ON FUNCTION tally_internal._moved_tables() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._is_sketch(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_type t WHERE t.oid = $1 AND t.typnamespace = 'tally'::regnamespace AND t.typtype IN ('b', 'c') AND t.typname <> 'role')
$$;
COMMENT ON FUNCTION tally_internal._is_sketch(oid) IS 'Whether a type is one of the sketches.';

CREATE OR REPLACE FUNCTION tally_internal._rows_out(relation regclass) RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT jsonb_build_object(''table'', %L, ''row'', to_jsonb(x.*)) FROM (SELECT %s FROM ONLY %s r) x', relation,
        (SELECT string_agg(format(CASE WHEN tally_internal._is_sketch(a.atttypid) THEN 'tally_internal._form(r.%1$I) AS %1$I' ELSE 'r.%1$I::text AS %1$I' END,
                                  a.attname), ', ' ORDER BY a.attnum)
           FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), relation);
END $$;
COMMENT ON FUNCTION tally_internal._rows_out(regclass) IS 'The rows of a table: values as text, sketches in their stored form.';
REVOKE ALL ON FUNCTION tally_internal._rows_out(regclass) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._sketch_tables() RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace <> ALL (ARRAY['tally', 'tally_internal']::regnamespace[])
       AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND tally_internal._is_sketch(a.atttypid))
     ORDER BY 1
$$;
COMMENT ON FUNCTION tally_internal._sketch_tables() IS 'The tables with sketches: those of rollups, and people''s own.';

CREATE OR REPLACE FUNCTION tally_internal._made_views() RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.oid::regclass FROM pg_class c WHERE c.relkind = 'v' AND c.oid IN (
        SELECT r.live_view FROM tally.rollups r UNION ALL SELECT v.view FROM tally.metric_views v
        UNION ALL SELECT tally_internal._relation_named(n) FROM tally.behaviours b, tally_internal._views_of(b) n) ORDER BY c.oid
$$;
COMMENT ON FUNCTION tally_internal._made_views() IS 'The views that the engine has made, which _rebuild_derived() makes anew.';

CREATE OR REPLACE FUNCTION tally_internal._move_plan() RETURNS TABLE (kind text, line text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- leave: how a line of pg_restore's list reads that stays out. make: a view with the same columns and no rows, in the place of one that is made anew.
    SELECT 'leave', format(' TABLE DATA %s %s ', n.nspname, c.relname)
      FROM tally_internal._sketch_tables() t JOIN pg_class c ON c.oid = t JOIN pg_namespace n ON n.oid = c.relnamespace
    UNION ALL
    SELECT x.kind, x.line FROM tally_internal._made_views() v JOIN pg_class c ON c.oid = v JOIN pg_namespace n ON n.oid = c.relnamespace,
        LATERAL (VALUES ('leave', format(' VIEW %s %s ', n.nspname, c.relname)),
            ('make', format('CREATE VIEW %s AS SELECT %s; ALTER VIEW %s OWNER TO %s;', v, (
                SELECT string_agg(format('NULL::%s%s AS %I', format_type(a.atttypid, a.atttypmod),
                           (SELECT format(' COLLATE %s', l.oid::regcollation) FROM pg_collation l WHERE l.oid = a.attcollation AND l.collname <> 'default'),
                           a.attname), ', ' ORDER BY a.attnum)
                  FROM pg_attribute a WHERE a.attrelid = v AND a.attnum > 0 AND NOT a.attisdropped) || ' WHERE false', v, c.relowner::regrole))) x(kind, line)
$$;
COMMENT ON FUNCTION tally_internal._move_plan() IS 'What scripts/move.sh leaves out of a dump, and the statements that it runs instead.';
REVOKE ALL ON FUNCTION tally_internal._move_plan() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.move_out() RETURNS SETOF jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' SET timezone = 'UTC'
    SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    item regclass;
BEGIN
    IF EXISTS (SELECT FROM tally.clusters) OR EXISTS (SELECT FROM tally.feeds) THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('a database without cluster rollups expected, got %s',
                (SELECT string_agg(r.name, ', ') FROM tally.rollups r
                  WHERE r.id IN (SELECT c.rollup_id FROM tally.clusters c UNION SELECT f.rollup_id FROM tally.feeds f))),
            'The sketches of two editions cannot be merged.', 'SELECT statement FROM tally.definitions() WHERE kind LIKE ''cluster%'';');
    END IF;
    RETURN NEXT jsonb_build_object('version', tally_internal._installed_version(), 'tables', (
        SELECT jsonb_object_agg(m.relation::text, (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = m.relation AND a.attnum > 0 AND NOT a.attisdropped))
          FROM tally_internal._moved_tables() m));
    FOR item IN SELECT m.relation FROM tally_internal._moved_tables() m ORDER BY m.place, m.relation::text LOOP
        RETURN QUERY SELECT * FROM tally_internal._rows_out(item);
    END LOOP;
    RETURN QUERY SELECT jsonb_build_object('sequence', format('%I.%I', s.schemaname, s.sequencename), 'last', s.last_value)
      FROM pg_sequences s WHERE s.schemaname = 'tally' AND s.last_value IS NOT NULL;
    FOR item IN SELECT t FROM tally_internal._sketch_tables() t LOOP
        RETURN QUERY SELECT * FROM tally_internal._rows_out(item);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.move_out() IS
'All that pg_tally knows and has stored in this database, for tally.move_in() in a database of the other edition: definitions, alerts, releases, logs, and the '
'rows of tables with sketches. scripts/move.sh calls it. For the role that installed pg_tally.';
REVOKE ALL ON FUNCTION tally.move_out() FROM PUBLIC;
