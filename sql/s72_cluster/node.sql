-- Owns: asking a node, from the coordinator: by dblink, through a foreign server of postgres_fdw, with the rights of the user mapping.

CREATE OR REPLACE FUNCTION tally_internal._dblink() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(w, ', ' ORDER BY w) INTO missing FROM unnest('{dblink,postgres_fdw}'::text[]) w
     WHERE NOT EXISTS (SELECT FROM pg_extension e WHERE e.extname = w);
    IF missing IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('cluster rollups need the extensions dblink and postgres_fdw, got none of %s', missing),
            'Both come with PostgreSQL. By one the coordinator talks to its nodes, by the other queries read them.',
            (SELECT string_agg(format('CREATE EXTENSION %I;', w), ' ') FROM regexp_split_to_table(missing, ', ') w));
    END IF;
    RETURN (SELECT format('%I.dblink', n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'dblink');
END $$;
COMMENT ON FUNCTION tally_internal._dblink() IS 'The name of dblink''s function here, or an error that says which extensions are missing.';

CREATE OR REPLACE FUNCTION tally_internal._asking_sql(node text, statement text, columns text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT far.* FROM %s(%L, %L) far(%s)', tally_internal._dblink(), node, statement, columns)
$$;
COMMENT ON FUNCTION tally_internal._asking_sql(text, text, text) IS 'SQL text that runs a statement at a node and gives its rows, of columns with types.';

CREATE OR REPLACE FUNCTION tally_internal._ask_as_caller(node text, statement text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text;
    holder regrole;
    code text; message text; detail text; hint text;
BEGIN
    -- A superuser connects without a password, also where the owner of the server says so, and for everybody.
    SELECT s.srvowner INTO holder FROM pg_foreign_server s JOIN pg_roles me ON me.rolname = current_user AND me.rolsuper
      JOIN pg_roles o ON o.oid = s.srvowner AND NOT o.rolsuper WHERE s.srvname = node;
    IF holder IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('node %I is a server of %s, and %s is a superuser', node, holder, current_user),
            'The owner of a server decides where it is, and as which role one connects.', format('SET ROLE %s;  -- and again', holder));
    END IF;
    EXECUTE tally_internal._asking_sql(node, statement, 'answer text') INTO result;
    RETURN result::jsonb;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    IF code IN ('42883', '3F000') AND message ~ 'tally_internal' THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('node %I must have pg_tally %s, got none or an older one', node,
                tally_internal._feed_version() ->> 'version'), message, 'CREATE EXTENSION pg_tally;  -- at the node');
    END IF;
    PERFORM tally_internal._refuse(code, format('node %I: %s', node, message), NULLIF(detail, ''), COALESCE(NULLIF(hint, ''),
        format('SELECT srvoptions FROM pg_foreign_server WHERE srvname = %L;  -- does it answer there?', node)));
END $$;
COMMENT ON FUNCTION tally_internal._ask_as_caller(text, text) IS
'The JSON that a statement gives at a node, asked with the caller''s user mapping; errors name the node.';

CREATE OR REPLACE FUNCTION tally_internal._check_node(node text, said jsonb, definition jsonb, label text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    here text := tally_internal._feed_version() ->> 'version';
    what record;
BEGIN
    IF said ->> 'version' IS DISTINCT FROM here THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('node %I must have pg_tally %s as the coordinator has, got %s', node, here,
                said ->> 'version'),
            'Sketches and definitions of two versions may differ, so their rows are not merged.',
            format('ALTER EXTENSION pg_tally UPDATE TO %L;  -- at the node, or at the coordinator', here));
    END IF;
    SELECT e.key, e.value AS wanted, said -> 'definition' -> e.key AS got INTO what FROM jsonb_each(definition) e
     WHERE said -> 'definition' -> e.key IS DISTINCT FROM e.value ORDER BY e.key = 'clock', e.key LIMIT 1;
    IF what.key = 'placement' THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('shards of %s at node %I must lie where rollup %L knows them, got others',
                definition ->> 'distributed', node, label), format('Expected placement %s, got %s.', what.wanted, what.got),
            format('SELECT * FROM tally.refresh(%L);', label));
    ELSIF what.key = 'clock' THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('node %I must know the same rules of zone %s as the first node, got others', node,
                definition ->> 'zone'),
            'Its tzdata is of another year, so a day may begin at another moment there.',
            'Bring the operating systems'' tzdata to one version, and try again.');
    ELSIF what.key IS NOT NULL THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('rollup %L must be the same at all nodes, got another %s at node %I', label,
                what.key, node),
            format('Expected %s, got %s.', what.wanted, what.got),
            format('SELECT tally.drop_rollup(%L);  -- at the node; then create the cluster rollup again as it is', label));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_node(text, jsonb, jsonb, text) IS
'An error where a node has another pg_tally, another definition of the rollup, or other rules of its zone.';
