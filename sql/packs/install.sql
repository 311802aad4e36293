-- Owns: install_pack and drop_pack: from a pack's rows to source tables, rollups, metrics, thresholds and views, and back.
-- Everything runs with the caller's rights, in the caller's transaction: an error leaves nothing behind.

CREATE OR REPLACE FUNCTION tally_internal._pack(name text) RETURNS tally.pack_list
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result tally.pack_list;
BEGIN
    SELECT * INTO result FROM tally.pack_list l WHERE l.name = _pack.name;
    IF result.name IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('pack must be one that comes with pg_tally, got %L', name),
            (SELECT format('There are %s.', string_agg(quote_literal(l.name), ', ' ORDER BY l.name)) FROM tally.pack_list l),
            'SELECT name, description FROM tally.packs;');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._pack(text) IS 'The pack of a name, or an error that lists those there are.';

CREATE OR REPLACE FUNCTION tally_internal._check_source(pack text, relation text, present regclass) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wrong text;
    mend  text;
BEGIN
    -- Another type of the same category (varchar for text, numeric for float8) is taken too.
    SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('%I %s is missing', c.name, c.type)
                           ELSE format('%I is %s where %s is expected', c.name, format_type(a.atttypid, a.atttypmod), c.type) END, ', ' ORDER BY c.ordinal),
           string_agg(CASE WHEN a.attname IS NULL THEN format('ADD COLUMN %I %s', c.name, c.type)
                           ELSE format('ALTER COLUMN %I TYPE %s USING %1$I::%2$s', c.name, c.type) END, ', ' ORDER BY c.ordinal)
      INTO wrong, mend
      FROM tally.pack_columns c
      LEFT JOIN pg_attribute a ON a.attrelid = present AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_type have ON have.oid = a.atttypid
      JOIN pg_type want ON want.oid = c.type::regtype
     WHERE c.pack = _check_source.pack AND c.relation = _check_source.relation
       AND c.constraints NOT LIKE '%IDENTITY%'
       AND (a.attname IS NULL OR have.typcategory <> want.typcategory AND NOT (want.typcategory = 'S' AND have.typcategory IN ('U', 'E'))
            AND NOT (c.identifier AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'text'::regtype, 'varchar'::regtype)));
    IF wrong IS NOT NULL THEN
        PERFORM tally_internal._refuse('undefined_column', format('pack %L cannot use the table %s as it is: %s', pack, present, wrong),
            'The pack never changes a table that it finds.',
            format('ALTER TABLE %s %s;', present, mend));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_source(text, text, regclass) IS
'An error that names every missing or unsuitable column of a source table that is there already.';

CREATE OR REPLACE FUNCTION tally_internal._make_source(pack text, relation text, target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
BEGIN
    EXECUTE (SELECT format('CREATE TABLE %I.%I (%s)', target_schema, _make_source.relation,
                           string_agg(format('%I %s %s', p.name, p.type, p.constraints), ', ' ORDER BY p.ordinal))
               FROM tally.pack_columns p WHERE p.pack = _make_source.pack AND p.relation = _make_source.relation);
    EXECUTE (SELECT format('COMMENT ON TABLE %I.%I IS %L', target_schema, t.relation, t.description)
               FROM tally.pack_tables t WHERE t.pack = _make_source.pack AND t.relation = _make_source.relation);
    FOR c IN SELECT * FROM tally.pack_columns p WHERE p.pack = _make_source.pack AND p.relation = _make_source.relation LOOP
        EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', target_schema, c.relation, c.name, c.description);
    END LOOP;
    PERFORM tally_internal._owner_only(format('%I.%I', $3, $2));
END $$;
COMMENT ON FUNCTION tally_internal._make_source(text, text, text) IS 'Makes a source table of a pack, without its indexes.';

CREATE OR REPLACE FUNCTION tally_internal._index_source(pack text, relation text, target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    statement text;
BEGIN
    PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
    FOREACH statement IN ARRAY (SELECT t.indexes FROM tally.pack_tables t WHERE t.pack = _index_source.pack AND t.relation = _index_source.relation) LOOP
        EXECUTE statement;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._index_source(text, text, text) IS 'Indexes a source table that the pack made; a generator does it after its first load.';

CREATE OR REPLACE FUNCTION tally_internal._make_sources(pack text, target_schema text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made text[];
BEGIN
    SELECT array_agg(t.relation ORDER BY t.relation) INTO made FROM tally.pack_tables t
     WHERE t.pack = _make_sources.pack AND to_regclass(format('%I.%I', target_schema, t.relation)) IS NULL;
    PERFORM tally_internal._make_source(_make_sources.pack, r, target_schema) FROM unnest(made) r;
    RETURN coalesce(made, '{}');
END $$;
COMMENT ON FUNCTION tally_internal._make_sources(text, text) IS
'Makes the source tables of a pack that are missing, without their indexes, and names them: for generators.';

CREATE OR REPLACE FUNCTION tally_internal._pack_zone(rollup text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- All names of UTC become one. Its buckets have a fixed width, which is quicker.
    SELECT coalesce((SELECT r.zone FROM tally.rollups r WHERE r.name = rollup),
                    regexp_replace(current_setting('TimeZone'), '^(Etc/)?(UTC|UCT|GMT|Zulu|Universal)$', 'UTC'))
$$;
COMMENT ON FUNCTION tally_internal._pack_zone(text) IS
'Zone for a rollup of a pack: that of the installing session, or the rollup''s own once it is there, so that installing again changes nothing.';

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
                                   AND to_regprocedure(format('%I.%s', target_schema, regexp_replace(s.name, ' CASCADE$', ''))) = p.oid) LOOP
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

CREATE OR REPLACE FUNCTION tally.install_pack(name text, target_schema text DEFAULT 'public') RETURNS text
-- It returns one line about the history that is to be computed, instead of twenty notices.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = warning AS $$
DECLARE
    wanted tally.pack_list := tally_internal._pack(name);
    was    tally.installed_packs;
    source record;
    step   record;
    was_there boolean;
BEGIN
    IF to_regnamespace(quote_ident(target_schema)) IS NULL THEN
        PERFORM tally_internal._refuse('invalid_schema_name', format('target_schema must be a schema that exists, got %L', target_schema), NULL,
            format('CREATE SCHEMA %I;', target_schema));
    END IF;
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name;
    IF was.target_schema <> target_schema THEN
        PERFORM tally_internal._refuse('duplicate_object',
            format('pack %L is installed once per database, and is in schema %I already, not %I', wanted.name, was.target_schema, target_schema),
            'Rollups and metrics have one name in the whole database.',
            format('SELECT tally.drop_pack(%L);', wanted.name));
    END IF;
    FOR source IN SELECT t.relation, to_regclass(format('%I.%I', target_schema, t.relation)) AS present FROM tally.pack_tables t WHERE t.pack = wanted.name LOOP
        IF source.present IS NULL THEN
            PERFORM tally_internal._make_source(wanted.name, source.relation, target_schema);
            PERFORM tally_internal._index_source(wanted.name, source.relation, target_schema);
        ELSE
            PERFORM tally_internal._check_source(wanted.name, source.relation, source.present);
        END IF;
    END LOOP;
    PERFORM tally_internal._retire_functions(wanted.name, was.target_schema) WHERE was.pack IS NOT NULL;
    FOR step IN SELECT * FROM tally.pack_steps s WHERE s.pack = wanted.name ORDER BY s.ordinal LOOP
        -- Definitions keep the search_path under which they are made, so it holds the target alone.
        PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
        was_there := step.kind IN ('view', 'table') AND to_regclass(quote_ident(step.name)) IS NOT NULL
            OR step.kind = 'function' AND to_regprocedure(split_part(step.name, ' CASCADE', 1)) IS NOT NULL;
        EXECUTE step.statement;
        IF step.kind = 'function' AND NOT was_there THEN
            PERFORM tally_internal._plain_calls(f) FROM to_regprocedure(split_part(step.name, ' CASCADE', 1)) f WHERE f IS NOT NULL;
        END IF;
        IF step.kind IN ('view', 'table') THEN
            PERFORM tally_internal._finish_relation(step.name, was_there);
        ELSIF step.kind = 'function' THEN
            PERFORM tally_internal._pin_session(regexp_replace(step.name, ' CASCADE$', '')::regprocedure);
        END IF;
    END LOOP;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM tally_internal._drop_retired(target_schema);
    PERFORM tally_internal._store_pack(wanted.name, target_schema);
    RETURN format('pack %s is installed in schema %I; next: CALL tally.backfill(); SELECT tally.start();', wanted.name, target_schema);
END $$;
COMMENT ON FUNCTION tally.install_pack(text, text) IS
'Installs a pack: source tables where they are missing (one that is there is used as it is, and a missing column is an error that names it), then its '
    'rollups, metrics, thresholds and views. Again: brings it up to date.';

CREATE OR REPLACE FUNCTION tally_internal._store_pack(pack text, target_schema text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    wanted tally.pack_list := tally_internal._pack(pack);
    was    tally.installed_packs;
BEGIN
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name;
    IF was.pack IS NOT NULL AND NOT tally_internal._has_rights(caller, was.owner)
        OR NOT COALESCE(has_schema_privilege(caller::oid, _store_pack.target_schema, 'CREATE'), false) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('pack %L can only be installed by its owner %s, got %s', wanted.name, was.owner,
            caller),
                              'That needs the right to create in its schema.', 'SELECT name, owner, target_schema FROM tally.packs;');
    END IF;
    INSERT INTO tally.installed_packs (pack, owner, target_schema, version)
    SELECT wanted.name, caller, _store_pack.target_schema, e.extversion FROM pg_extension e WHERE e.extname = 'pg_tally'
    ON CONFLICT ON CONSTRAINT installed_packs_pkey DO UPDATE SET version = excluded.version, installed_at = excluded.installed_at;
END $$;
COMMENT ON FUNCTION tally_internal._store_pack(text, text, bigint) IS 'Writes down that a pack is installed. For install_pack().';

CREATE OR REPLACE FUNCTION tally_internal._forget_pack(pack text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.installed_packs i WHERE i.pack = _forget_pack.pack AND tally_internal._has_rights(caller, i.owner);
END $$;
COMMENT ON FUNCTION tally_internal._forget_pack(text, bigint) IS 'Writes down that a pack is installed no more. For its owner; drop_pack() takes it back.';

CREATE OR REPLACE FUNCTION tally_internal._drop_step(step tally.pack_steps, target_schema text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE step.kind
        WHEN 'rollup' THEN
            PERFORM tally.drop_rollup(r.name) FROM tally.rollups r WHERE r.name = step.name;
        WHEN 'metric' THEN
            PERFORM tally.drop_metric(m.name) FROM tally.metrics m WHERE m.name = step.name;
        WHEN 'probe' THEN
            PERFORM tally.drop_probe(p.name) FROM tally.probes p WHERE p.name = step.name;
        WHEN 'threshold' THEN
            PERFORM tally.drop_threshold(t.name) FROM tally.thresholds t WHERE t.name = step.name;
        WHEN 'task' THEN
            PERFORM tally.drop_task(t.name) FROM tally.tasks t WHERE t.name = step.name;
        WHEN 'board' THEN
            PERFORM tally.drop_board(b.name) FROM tally.boards b WHERE b.name = step.name;
        WHEN 'view', 'table', 'function', 'trigger' THEN
            PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
            EXECUTE format('DROP %s IF EXISTS %s', step.kind, step.name);
        ELSE
            NULL;  -- rows go with their table
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._drop_step(tally.pack_steps, text) IS 'Takes back one step of an installation, if it still stands.';

CREATE OR REPLACE FUNCTION tally.drop_pack(name text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted tally.pack_list := tally_internal._pack(name);
    was    tally.installed_packs;
BEGIN
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name;
    IF was.pack IS NULL THEN
        RAISE NOTICE USING MESSAGE = format('pack %L is not installed; nothing changed', wanted.name);
        RETURN format('pack %s is not installed', wanted.name);
    END IF;
    PERFORM tally_internal._drop_step(s, was.target_schema) FROM (SELECT * FROM tally.pack_steps s WHERE s.pack = wanted.name
                                                                  ORDER BY s.ordinal DESC OFFSET 0) s;
    PERFORM tally_internal._forget_pack(wanted.name);
    RETURN format('pack %s is dropped; its source tables in schema %I are left as they are', wanted.name, was.target_schema);
END $$;
COMMENT ON FUNCTION tally.drop_pack(text) IS 'Takes back what install_pack() made, in reverse; source tables and their rows stay.';
