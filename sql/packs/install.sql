-- Owns: install_pack: from a pack's rows to source tables, rollups, metrics, thresholds and views. Everything runs with the caller's rights, in the
-- caller's transaction: an error leaves nothing behind.

CREATE OR REPLACE FUNCTION tally_internal._pack(name text) RETURNS tally.pack_list
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result tally.pack_list;
BEGIN
    SELECT * INTO result FROM tally.pack_list l WHERE l.name = _pack.name;
    IF result.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('pack must be one that comes with pg_tally or that you have registered, got %L', name),
            (SELECT format('There are %s.', string_agg(quote_literal(l.name), ', ' ORDER BY l.name)) FROM tally.pack_list l),
            'SELECT name, description FROM tally.packs;');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._pack(text) IS 'The pack of a name, or an error that lists those there are.';

CREATE OR REPLACE FUNCTION tally_internal._zone_of_pack(copy tally.installed_packs) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- 0.1.0 wrote it down nowhere, but the pack's first rollup has it.
    SELECT COALESCE(copy.zone, (SELECT r.zone FROM tally.pack_steps s JOIN tally.rollups r ON r.name = s.name
                                   AND tally_internal._schema_of(r.relation) = copy.target_schema
                                 WHERE s.pack = copy.pack AND s.kind = 'rollup' ORDER BY s.ordinal LIMIT 1))
$$;
COMMENT ON FUNCTION tally_internal._zone_of_pack(tally.installed_packs) IS 'The time zone of the days and weeks of an installed pack.';

CREATE OR REPLACE FUNCTION tally_internal._finish_relation(relation regclass, was_there boolean) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    gates pg_catalog.text;
BEGIN
    -- By the search_path of the installation, by which PostgreSQL writes the view's text and reads it again.
    SELECT pg_catalog.string_agg(DISTINCT tally_internal._flat_gate_sql(r.relation), ' AND ') INTO gates
      FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
          JOIN tally.rollups r ON r.relation = d.refobjid
     WHERE w.ev_class = $1;
    IF gates IS NOT NULL THEN
        -- It reads a rollup's table with its owner's rights, so it cannot apply the table's row security.
        EXECUTE pg_catalog.format('CREATE OR REPLACE VIEW %s AS SELECT _gated.* FROM (%s) _gated WHERE %s', $1,
                                  pg_catalog.rtrim(pg_catalog.pg_get_viewdef($1), ';'), gates);
    END IF;
    IF NOT was_there THEN
        PERFORM tally_internal._owner_only(pg_catalog.format('%I.%I', n.nspname, c.relname)) FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._finish_relation(regclass, boolean) IS
'Makes a view of a pack refuse readers to whom the row security of a rollup''s table applies, and takes away what default privileges grant on it.';

CREATE OR REPLACE FUNCTION tally_internal._function_of(step tally.pack_steps) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT regexp_replace(step.name, ' CASCADE$', '') $$;
COMMENT ON FUNCTION tally_internal._function_of(tally.pack_steps) IS 'The function that a step makes, with its argument types.';

CREATE OR REPLACE FUNCTION tally_internal._function_at(target_schema text, step tally.pack_steps) RETURNS regprocedure
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- A step names the types of its arguments without a schema, as it names all things. A type that is not there yet is no function's.
    PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
    RETURN to_regprocedure(format('%I.%s', target_schema, tally_internal._function_of(step)));
EXCEPTION WHEN undefined_object OR invalid_schema_name THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._function_at(text, tally.pack_steps) IS 'The function that a step makes in a schema; null where it is not there.';

CREATE OR REPLACE FUNCTION tally_internal._retire_functions(pack text, target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item record;
BEGIN
    -- A call would find both. What stands on the old one is replaced by a later step, and then the old one can go.
    FOR item IN SELECT p.oid::regprocedure AS old, p.proname AS name FROM pg_proc p
                 WHERE p.pronamespace = to_regnamespace(quote_ident(target_schema)) AND p.proowner = tally_internal._current_role()::oid
                   AND EXISTS (SELECT FROM tally.pack_steps s WHERE s.pack = pack AND s.kind = 'function' AND split_part(s.name, '(', 1) = p.proname)
                   AND NOT EXISTS (SELECT FROM tally.pack_steps s WHERE s.pack = pack AND s.kind = 'function'
                                   AND tally_internal._function_at(target_schema, s) = p.oid) LOOP
        EXECUTE format('ALTER FUNCTION %s RENAME TO %I', item.old, left(item.name, 40) || ' of an earlier pack');
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._retire_functions(text, text) IS
'Renames the functions of an installed pack that this version has with other arguments, so that nothing calls them; with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally_internal._drop_retired(target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item regprocedure;
BEGIN
    FOR item IN SELECT p.oid FROM pg_proc p WHERE p.pronamespace = to_regnamespace(quote_ident(target_schema))
                   AND p.proname LIKE '% of an earlier pack' AND p.proowner = tally_internal._current_role()::oid LOOP
        EXECUTE format('DROP FUNCTION %s', item);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._drop_retired(text) IS 'Drops what _retire_functions() has renamed; an error where something still stands on it.';

CREATE OR REPLACE FUNCTION tally_internal._made_by(step tally.pack_steps, target_schema text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE step.kind
        WHEN 'table' THEN to_regclass(format('%I.%I', target_schema, step.name)) IS NOT NULL
        WHEN 'view' THEN to_regclass(format('%I.%I', target_schema, step.name)) IS NOT NULL
        WHEN 'function' THEN tally_internal._function_at(target_schema, step) IS NOT NULL
        WHEN 'rollup' THEN EXISTS (SELECT FROM tally.rollups r WHERE r.name = step.name AND tally_internal._schema_of(r.relation) = target_schema)
        WHEN 'metric' THEN tally_internal._is_metric(target_schema, step.name)
        WHEN 'probe' THEN EXISTS (SELECT FROM tally.probes p WHERE p.schema = target_schema AND p.name = step.name)
        WHEN 'threshold' THEN EXISTS (SELECT FROM tally.thresholds t WHERE t.schema = target_schema AND t.name = step.name)
        WHEN 'task' THEN EXISTS (SELECT FROM tally.tasks t WHERE t.schema = target_schema AND t.name = step.name)
        WHEN 'board' THEN EXISTS (SELECT FROM tally.boards b WHERE b.schema = target_schema AND b.name = step.name)
        ELSE true END
$$;
COMMENT ON FUNCTION tally_internal._made_by(tally.pack_steps, text) IS 'Whether a schema has what a step is to make there.';

CREATE OR REPLACE FUNCTION tally_internal._run_step(step tally.pack_steps, target_schema text, zone text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' AS $$
DECLARE
    there   boolean;
    options text;
    was     text;
BEGIN
    -- Definitions keep the search_path under which they are made, so it holds the target alone.
    PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true), set_config('TimeZone', zone, true);
    there := step.kind IN ('view', 'table', 'function') AND tally_internal._made_by(step, target_schema);
    -- Whose rights a view reads with is its owner's to say, and CREATE OR REPLACE VIEW forgets it.
    options := CASE WHEN step.kind = 'view' THEN tally_internal._view_options(to_regclass(format('%I.%I', target_schema, step.name))) END;
    was := tally_internal._look_along(quote_ident(target_schema));
    EXECUTE step.statement;
    PERFORM tally_internal._look_along(was), set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
    IF NOT tally_internal._made_by(step, target_schema) THEN
        PERFORM tally_internal._refuse('undefined_object', format('a step of pack %L must make the %s %L that it names, and does not', step.pack, step.kind,
                step.name), NULL,
            format('SELECT statement FROM tally.pack_steps WHERE pack = %L AND ordinal = %s;', step.pack, step.ordinal));
    END IF;
    IF step.kind IN ('view', 'table') THEN
        PERFORM tally_internal._finish_relation(quote_ident(step.name)::regclass, there);
        IF options <> '' THEN
            EXECUTE format('ALTER VIEW %I.%I SET %s', target_schema, step.name, substr(options, 6));
        END IF;
    ELSIF step.kind = 'function' THEN
        IF NOT there THEN
            PERFORM tally_internal._plain_calls(tally_internal._function_of(step)::regprocedure);
        END IF;
        PERFORM tally_internal._pin_session(tally_internal._function_of(step)::regprocedure);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._run_step(tally.pack_steps, text, text) IS
'Runs a step of a pack in a schema, with a time zone; an error where it does not make what it names.';

CREATE OR REPLACE FUNCTION tally_internal._check_installer(wanted tally.pack_list, copy tally.installed_packs, target_schema text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader regrole := tally_internal._current_role();
    owner  tally.role;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = reader AND o.rolsuper) THEN RETURN; END IF;
    -- A superuser has the rights of everybody, and sees the packs of all. Steps run as who installs them, and in the schema of a copy its owner has put what
    -- he likes: triggers on its tables, functions of the names that the steps call.
    SELECT x.x INTO owner FROM unnest(ARRAY[wanted.owner, copy.owner]) x(x)
     WHERE x.x IS NOT NULL AND x.x::oid <> reader AND NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = x.x::oid AND o.rolsuper) LIMIT 1;
    IF owner IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('pack %L is of %s, and %s is a superuser, with whose rights it would run', wanted.name,
            owner, reader), 'A pack runs with the rights of who installs it.',
            format('SET ROLE %s; SELECT tally.install_pack(%L, target_schema => %L); RESET ROLE;', owner, wanted.name, target_schema));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_installer(tally.pack_list, tally.installed_packs, text) IS
'An error where a superuser would install a pack, or bring a copy up to date, that is an ordinary role''s.';

CREATE OR REPLACE FUNCTION tally_internal._require_pseudonyms(pack text, target_schema text, required boolean) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    -- A table of somebody else's is bound by its owner alone.
    SELECT tally.require_pseudonym(c.oid, u, required)
      FROM tally.pack_steps s JOIN pg_class c ON c.oid = to_regclass(format('%I.%I', target_schema, s.name)),
           unnest(tally_internal._line_of_step(s.statement, 'pseudonyms')) u
     WHERE s.pack = $1 AND s.kind = 'source' AND tally_internal._has_rights_of(c.relowner)
$$;
COMMENT ON FUNCTION tally_internal._require_pseudonyms(text, text, boolean) IS
'Requires pseudonyms for the columns that a pack''s sources name, of tables that are the caller''s, or takes that back.';

CREATE OR REPLACE FUNCTION tally.install_pack(name text, target_schema text DEFAULT 'public', zone text DEFAULT pg_catalog.current_setting('TimeZone'))
RETURNS text
-- It returns one line about the history that is to be computed, instead of twenty notices.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
#variable_conflict use_variable
DECLARE
    wanted tally.pack_list := tally_internal._pack(name);
    was    tally.installed_packs;
    source record;
BEGIN
    IF to_regnamespace(quote_ident(target_schema)) IS NULL THEN
        PERFORM tally_internal._refuse('invalid_schema_name', format('target_schema must be a schema that exists, got %L', target_schema), NULL,
            format('CREATE SCHEMA %I;', target_schema));
    ELSIF NOT has_schema_privilege(tally_internal._current_role()::oid, target_schema, 'CREATE') THEN
        PERFORM tally_internal._refuse('insufficient_privilege',
            format('pack %L needs the right to create in schema %I, which %s lacks', wanted.name, target_schema, tally_internal._current_role()),
            'What a pack makes belongs to the role that installs it.',
            format('GRANT USAGE, CREATE ON SCHEMA %I TO %s;', target_schema, tally_internal._current_role()));
    END IF;
    PERFORM tally_internal._check_zone(zone);
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name AND i.target_schema = target_schema;
    PERFORM tally_internal._check_installer(wanted, was, target_schema);
    -- All names of UTC become one. Its buckets have a fixed width, which is quicker. A copy that is there keeps its zone.
    zone := COALESCE(tally_internal._zone_of_pack(was), regexp_replace(zone, '^(Etc/)?(UTC|UCT|GMT|Zulu|Universal)$', 'UTC'));
    FOR source IN SELECT t.relation, to_regclass(format('%I.%I', target_schema, t.relation)) AS present FROM tally.pack_tables t WHERE t.pack = wanted.name LOOP
        IF source.present IS NULL THEN
            PERFORM tally_internal._make_source(wanted.name, source.relation, target_schema);
            PERFORM tally_internal._index_source(wanted.name, source.relation, target_schema);
        ELSE
            PERFORM tally_internal._check_source(wanted.name, source.relation, source.present);
        END IF;
    END LOOP;
    PERFORM tally_internal._require_pseudonyms(wanted.name, target_schema, true);
    PERFORM tally_internal._retire_functions(wanted.name, was.target_schema) WHERE was.pack IS NOT NULL;
    PERFORM tally_internal._run_step(s, target_schema, zone)
       FROM (SELECT * FROM tally.pack_steps s WHERE s.pack = wanted.name AND s.kind NOT IN ('source', 'index') ORDER BY s.ordinal OFFSET 0) s;
    PERFORM tally_internal._drop_retired(target_schema);
    PERFORM tally_internal._drop_forgotten(was) WHERE was.pack IS NOT NULL;
    PERFORM tally_internal._store_pack(wanted.name, target_schema, zone);
    RETURN format('pack %s is installed in schema %I; next: CALL tally.backfill(); SELECT tally.start();', wanted.name, target_schema);
END $$;
COMMENT ON FUNCTION tally.install_pack(text, text, text) IS
'Installs a pack in a schema; in several schemas each copy is its own. Source tables are made where they are missing (one that is there is used as it is, '
    'and a missing column is an error that names it), then its rollups, metrics, thresholds and views. zone is the time zone of its days and weeks; a copy '
    'that is there keeps its own. If you install it again, it is brought up to date: what the pack no longer has is dropped, except tables and rollups.';
