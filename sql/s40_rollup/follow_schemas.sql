-- Owns: rollups that follow a schema when it is renamed. Their tables, views and sources are kept by number. The search_path by which a definition
-- is read, and a schema written in its texts, are text.

CREATE OR REPLACE FUNCTION tally_internal._rename_schema_in(r tally.rollups, was text, becomes text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    before text := tally_internal._live_meaning(r);
BEGIN
    UPDATE tally.rollups x SET search_path = tally_internal._path_renamed(x.search_path, was, becomes),
           filter = tally_internal._schema_renamed(x.filter, was, becomes), expand = tally_internal._schema_renamed(x.expand, was, becomes)
     WHERE x.id = r.id RETURNING x.* INTO r;
    UPDATE tally.dimensions d SET given = tally_internal._schema_renamed(d.given, was, becomes),
           expression = tally_internal._schema_renamed(d.expression, was, becomes) WHERE d.rollup_id = r.id;
    UPDATE tally.measures m SET expression = tally_internal._schema_renamed(m.expression, was, becomes) WHERE m.rollup_id = r.id;
    PERFORM tally_internal._put_live(r, tally_internal._live_place(r), true);
    IF tally_internal._live_meaning(r) IS DISTINCT FROM before THEN
        PERFORM tally_internal._refuse('ambiguous_column', 'the renamed text means something else', NULL, NULL);
    END IF;
    PERFORM tally_internal._comment_rollup(r.id);
END $$;
COMMENT ON FUNCTION tally_internal._rename_schema_in(tally.rollups, text, text) IS
'Renames a schema in a rollup''s search_path and texts; an error where PostgreSQL does not read the same in them as before.';
REVOKE ALL ON FUNCTION tally_internal._rename_schema_in(tally.rollups, text, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := detail ->> 'was';
    becomes text := detail ->> 'becomes';
    r       tally.rollups;
BEGIN
    UPDATE tally.source_retentions s SET search_path = tally_internal._path_renamed(s.search_path, was, becomes);
    -- tally.functions knows functions by their names.
    DELETE FROM tally.functions f WHERE to_regprocedure(f.function) IS NULL;
    FOR r IN SELECT x.* FROM tally.rollups x ORDER BY x.id LOOP
        CONTINUE WHEN tally_internal._path_renamed(r.search_path, was, becomes) = r.search_path AND NOT tally_internal._mentions(r, was);
        BEGIN
            PERFORM tally_internal._rename_schema_in(r, was, becomes);
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING USING MESSAGE = format('the definition of rollup %L does not follow schema %I, which is %I now: %s', r.name, was, becomes, SQLERRM),
                DETAIL = 'Its live view goes on with what it was made of. A refresh looks for functions, operators and types under the old name.',
                HINT = format('ALTER SCHEMA %I RENAME TO %I;', becomes, was);
        END;
        PERFORM tally_internal._note_functions(r.live_view);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s40(int, jsonb) IS
'Listener: rollups follow a schema that is renamed, in the search_path and the texts of their definitions.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s40(int, jsonb) FROM PUBLIC;
