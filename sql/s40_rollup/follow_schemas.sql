-- Owns: rollups that follow a schema when it is renamed. Their tables, views and sources are kept by number. The search_path by which a definition
-- is read, and a schema written in its texts, are text.

CREATE OR REPLACE FUNCTION tally_internal._when_schema_renamed_s40(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was     text := detail ->> 'was';
    becomes text := detail ->> 'becomes';
    r       tally.rollups;
BEGIN
    UPDATE tally.source_retentions s SET search_path = tally_internal._path_renamed(s.search_path, was, becomes);
    -- tally.functions knows functions by their names.
    PERFORM tally_internal._forget_functions();
    FOR r IN SELECT x.* FROM tally.rollups x ORDER BY x.id LOOP
        CONTINUE WHEN tally_internal._path_renamed(r.search_path, was, becomes) = r.search_path AND NOT tally_internal._mentions(r, was);
        BEGIN
            PERFORM tally_internal._rename_in(r, jsonb_build_array(detail || '{"kind": "schema"}'));
        EXCEPTION WHEN OTHERS THEN
            RAISE WARNING USING MESSAGE = format('the definition of rollup %L does not follow schema %I, which is %I now: %s', r.name, was, becomes, SQLERRM),
                DETAIL = 'Its live view goes on with what it was made of. A refresh looks for functions, operators and types under the old name.',
                HINT = format('ALTER SCHEMA %I RENAME TO %I;', becomes, was);
        END;
        PERFORM tally_internal._note_functions(r, r.live_view);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_schema_renamed_s40(int, jsonb) IS
'Listener: rollups follow a schema that is renamed, in the search_path and the texts of their definitions.';
REVOKE ALL ON FUNCTION tally_internal._when_schema_renamed_s40(int, jsonb) FROM PUBLIC;
