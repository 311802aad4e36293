-- Owns: the live view as an object: making it, making it anew where somebody has dropped it, and what it reads.

CREATE OR REPLACE FUNCTION tally_internal._speaks_of_rows(view regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_rewrite w WHERE w.ev_class = view AND w.ev_action::text ~ '{VAR :varno \d+ :varattno 0 ')
$$;
COMMENT ON FUNCTION tally_internal._speaks_of_rows(regclass) IS 'Whether a view speaks of whole rows of what it reads. Its tree may be megabytes of text.';

CREATE OR REPLACE FUNCTION tally_internal._columns_read(r tally.rollups, view regclass) RETURNS TABLE (name text, place int)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH w AS MATERIALIZED (SELECT x.oid, tally_internal._speaks_of_rows(view) AS whole FROM pg_rewrite x WHERE x.ev_class = view)
    SELECT DISTINCT s.attname::text, s.attnum::int
      FROM w
      JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
       AND d.refobjid IN (r.source, (SELECT p.live_view FROM tally.rollups p WHERE p.id = r.source_rollup), tally_internal._face_of(r))
      JOIN pg_attribute o ON o.attrelid = d.refobjid
      -- A definition that speaks of the whole row depends on no column by name, and reads them all.
       AND (o.attnum = d.refobjsubid OR (w.whole AND o.attnum > 0 AND NOT o.attisdropped))
      JOIN pg_attribute s ON s.attrelid = r.source AND s.attname = o.attname AND s.attnum > 0 AND NOT s.attisdropped
$$;
COMMENT ON FUNCTION tally_internal._columns_read(tally.rollups, regclass) IS
'The columns of a rollup''s source that its live view reads, by PostgreSQL''s own record of what the view depends on.';

CREATE OR REPLACE FUNCTION tally_internal._put_live(r tally.rollups, place text, columns_stay boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    options text := tally_internal._view_options(to_regclass(place));
BEGIN
    DELETE FROM tally.reads x WHERE x.rollup_id = r.id;
    -- run_as() makes it, because constants are read when the view is made. So they are read under the settings of every refresh.
    PERFORM tally.run_as(r.owner, r.search_path, format('CREATE %sVIEW %s %s AS %s', CASE WHEN columns_stay THEN 'OR REPLACE '
                                                        ELSE '' END, place, options, tally_internal._live_query(r)), 0, r.zone);
    INSERT INTO tally.reads (rollup_id, name, place) SELECT r.id, x.name, x.place FROM tally_internal._columns_read(r, place::regclass) x;
    IF r.key IS NOT NULL OR cardinality(tally_internal._stack_levels(tally_internal._resolved(r))) > 2 THEN
        -- It is made once more, now that it is known which columns it needs of what it stands on.
        PERFORM tally.run_as(r.owner, r.search_path, format('CREATE OR REPLACE VIEW %s %s AS %s', place, options, tally_internal._live_query(r)),
                               0, r.zone);
    END IF;
    PERFORM tally_internal._note_functions(r, place::regclass);
    IF NOT columns_stay THEN
        PERFORM tally.run_as(r.owner, r.search_path, x) FROM tally_internal._taken_away(place::regclass) x;
    END IF;
    UPDATE tally.rollups x SET live_view = place::regclass, live_by_index = CASE WHEN r.key IS NULL THEN tally_internal._time_index(r.source, r.time_column) END
     WHERE x.id = r.id;
END $$;
COMMENT ON FUNCTION tally_internal._put_live(tally.rollups, text, boolean) IS
'Makes the live view of a rollup at a place, as its owner and under the settings of its refreshes, or replaces it (columns_stay), and notes what it reads of '
    'the source.';
REVOKE ALL ON FUNCTION tally_internal._put_live(tally.rollups, text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._live_place(r tally.rollups) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- It stays where it is, under any name or schema that it has got since.
    SELECT COALESCE((SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.live_view
                     AND c.relkind = 'v'),
                    (SELECT format('%I.%I', n.nspname, r.name || '_live') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                     WHERE c.oid = r.relation))
$$;
COMMENT ON FUNCTION tally_internal._live_place(tally.rollups) IS 'Schema and name of a rollup''s live view, or those that it gets where there is none.';

CREATE OR REPLACE FUNCTION tally_internal._put_above(rollup_id int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.rollups;
BEGIN
    -- What looks at rows of a rollup below to find what is dirty has that one's definition in its own text.
    FOR r IN SELECT x.* FROM tally.rollups x JOIN pg_class c ON c.oid = x.live_view AND c.relkind = 'v'
              WHERE x.id = ANY (tally_internal._with_descendants(rollup_id)) AND x.id <> rollup_id
                AND cardinality(tally_internal._stack_levels(tally_internal._resolved(x))) > 1 ORDER BY x.id LOOP
        PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._put_above(int) IS
'Makes the live views anew that hold the definition of a rollup in their own text, because they stand on it. For a definition that has changed.';
REVOKE ALL ON FUNCTION tally_internal._put_above(int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._make_live(rollup_id int) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r     tally.rollups;
    place text;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    -- It makes what the catalogue says, as its owner, and only what is not there.
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN RETURN r.live_view; END IF;
    place := tally_internal._live_place(r);
    PERFORM tally_internal._put_live(r, place);
    PERFORM tally_internal._watch_table(r.relation);
    RETURN place::regclass;
END $$;
COMMENT ON FUNCTION tally_internal._make_live(int) IS
'Makes the live view of a rollup where it has none, as its owner and under the settings of its refreshes.';
REVOKE ALL ON FUNCTION tally_internal._make_live(int) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._follow_index(r tally.rollups) RETURNS void
-- A reader may hold the view and wait for the table that the index is dropped from, so this waits for nobody.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF r.key IS NULL AND r.live_by_index IS DISTINCT FROM tally_internal._time_index(r.source, r.time_column)
        AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
        PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    END IF;
EXCEPTION WHEN OTHERS THEN
    -- The view stays as it is: right, and slower than it could be. Each refresh tries again.
    NULL;
END $$;
COMMENT ON FUNCTION tally_internal._follow_index(tally.rollups) IS
'Makes the live view of a rollup anew where an index on the source''s time column has come or gone since it was made.';
REVOKE ALL ON FUNCTION tally_internal._follow_index(tally.rollups) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._remake_live(rollup_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    own  tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
    r    tally.rollups;
    view regclass;
BEGIN
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (tally_internal._with_descendants(own.id)) AND NOT EXISTS (SELECT FROM pg_class c
        WHERE c.oid = x.live_view)
        ORDER BY x.id LOOP
        view := tally_internal._make_live(r.id);
        PERFORM tally_internal._comment_rollup(r.id);
        RAISE NOTICE USING MESSAGE = format('the live view of rollup %L is made anew', r.name),
            DETAIL = 'Nobody knows any more what was granted on the old one.',
            HINT = format('GRANT SELECT ON %s TO …;', view);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._remake_live(int, bigint) IS
'Makes the live views of a rollup, and of those on it, that somebody has dropped. For the owner.';
