-- Owns: drop_pack: takes back what install_pack() made, in reverse.

CREATE OR REPLACE FUNCTION tally_internal._may_take(holder regrole, owner regrole) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = holder::oid) OR COALESCE(tally_internal._has_rights(holder, owner), false)
$$;
COMMENT ON FUNCTION tally_internal._may_take(regrole, regrole) IS
'Whether what belongs to a role may go with a pack that another role has installed: with those rights, or with nobody''s any more.';

CREATE OR REPLACE FUNCTION tally_internal._drop_object(step tally.pack_steps, target_schema text, holder regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    part text[] := regexp_match(step.name, '^(.+) ON (.+)$');
    item text;
BEGIN
    -- A name is looked up, and never a part of the statement: somebody else has written it. PostgreSQL looks in pg_catalog before the target.
    PERFORM set_config('search_path', quote_ident(target_schema) || ', pg_temp', true);
    BEGIN
        SELECT x.item INTO item FROM (
            SELECT format('DROP FUNCTION %s%s', p.oid::regprocedure, CASE WHEN step.name LIKE '% CASCADE' THEN ' CASCADE' ELSE '' END), p.proowner
              FROM pg_proc p WHERE step.kind = 'function' AND p.oid = tally_internal._function_at(target_schema, step)
            UNION ALL SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass), p.proowner
              FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid
             WHERE step.kind = 'trigger' AND t.tgrelid = to_regclass(part[2]) AND NOT t.tgisinternal AND t.tgname = (parse_ident(part[1]))[1]
            UNION ALL SELECT format('DROP %s %s', step.kind, c.oid::regclass), c.relowner
              FROM pg_class c WHERE step.kind IN ('view', 'table') AND c.oid = to_regclass(format('%I.%I', target_schema, step.name))) x(item, owner)
         WHERE tally_internal._may_take(holder, x.owner);
    EXCEPTION WHEN syntax_error OR invalid_text_representation OR invalid_parameter_value OR invalid_name OR undefined_object THEN
        -- What is no name is the name of nothing.
        RETURN;
    END;
    IF item IS NOT NULL THEN EXECUTE item; END IF;
END $$;
COMMENT ON FUNCTION tally_internal._drop_object(tally.pack_steps, text, regrole) IS
'Drops the view, table, function or trigger that a step of a pack has made, if it still stands, and if who has installed the pack could drop it.';

CREATE OR REPLACE FUNCTION tally_internal._drop_step(step tally.pack_steps, target_schema text, holder regrole) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- By their names alone they could be anybody's. Who drops the pack, a superuser perhaps, drops what is its installer's.
    CASE step.kind
        WHEN 'rollup' THEN
            PERFORM tally.drop_rollup(tally_internal._called(r)) FROM tally.rollups r
             WHERE r.name = step.name AND tally_internal._schema_of(r.relation) = target_schema AND tally_internal._may_take(holder, r.owner);
        WHEN 'metric' THEN
            PERFORM tally_internal._drop_metric(m) FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
             WHERE m.name = step.name AND tally_internal._schema_of(r.relation) = target_schema AND tally_internal._may_take(holder, m.owner);
        WHEN 'probe' THEN
            PERFORM tally.drop_probe(tally_internal._called(p)) FROM tally.probes p WHERE p.schema = target_schema AND p.name = step.name
                AND tally_internal._may_take(holder, p.owner);
        WHEN 'threshold' THEN
            PERFORM tally.drop_threshold(tally_internal._called(t)) FROM tally.thresholds t WHERE t.schema = target_schema AND t.name = step.name
                AND tally_internal._may_take(holder, t.owner);
        WHEN 'task' THEN
            PERFORM tally.drop_task(tally_internal._with_schema(t.schema, t.name)) FROM tally.tasks t WHERE t.schema = target_schema AND t.name = step.name
                AND tally_internal._may_take(holder, t.owner);
        WHEN 'board' THEN
            PERFORM tally.drop_board(tally_internal._called(b)) FROM tally.boards b WHERE b.schema = target_schema AND b.name = step.name
                AND tally_internal._may_take(holder, b.owner);
        WHEN 'view', 'table', 'function', 'trigger' THEN
            PERFORM tally_internal._drop_object(step, target_schema, holder);
        ELSE
            NULL;  -- rows go with their table, and sources stay
    END CASE;
END $$;
COMMENT ON FUNCTION tally_internal._drop_step(tally.pack_steps, text, regrole) IS
'Takes back one step of an installation by a role, holder, if it still stands.';

CREATE OR REPLACE FUNCTION tally_internal._made_steps(copy tally.installed_packs) RETURNS SETOF tally.pack_steps
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- 0.1.0 wrote nothing down; then it is what the pack says now.
    SELECT s.* FROM tally.pack_steps s WHERE s.pack = copy.pack AND copy.made IS NULL
    UNION ALL
    SELECT copy.pack, m.o::int, m.step ->> 0, m.step ->> 1, '', '' FROM jsonb_array_elements(copy.made) WITH ORDINALITY m(step, o)
$$;
COMMENT ON FUNCTION tally_internal._made_steps(tally.installed_packs) IS 'What an installation of a pack has made, by kind and name.';

CREATE OR REPLACE FUNCTION tally_internal._drop_forgotten(copy tally.installed_packs) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step tally.pack_steps;
BEGIN
    FOR step IN SELECT m.* FROM tally_internal._made_steps(copy) m
                 WHERE NOT EXISTS (SELECT FROM tally.pack_steps s WHERE s.pack = copy.pack AND s.kind = m.kind AND s.name = m.name)
                   -- _retire_functions() has seen to those with other arguments.
                   AND NOT (m.kind = 'function' AND tally_internal._function_at(copy.target_schema, m) IS NULL)
                 ORDER BY m.ordinal DESC LOOP
        IF step.kind IN ('table', 'rollup') THEN
            RAISE WARNING USING
                MESSAGE = format('%s %I.%I is no part of pack %L any more, and is left as it is', step.kind, copy.target_schema, step.name, copy.pack),
                HINT = CASE step.kind WHEN 'rollup' THEN format('SELECT tally.drop_rollup(%L);', tally_internal._with_schema(copy.target_schema, step.name))
                                      ELSE format('DROP TABLE %I.%I;', copy.target_schema, step.name) END;
        ELSE
            PERFORM tally_internal._drop_step(step, copy.target_schema, copy.owner);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._drop_forgotten(tally.installed_packs) IS
'Takes back what an installation has made and its pack has no more. Tables and rollups stay, because they hold data: a WARNING names them.';

CREATE OR REPLACE FUNCTION tally_internal._drop_channels_of(copy tally.installed_packs) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c record;
BEGIN
    -- A pack makes channels by its settings: under a name that one of its steps writes out, for the incidents of its area alone.
    FOR c IN SELECT x.schema, x.name FROM tally.channels x
              WHERE x.schema = copy.target_schema AND tally_internal._may_take(copy.owner, x.owner) AND x.matchers = jsonb_build_object('area', copy.pack)
                AND EXISTS (SELECT FROM tally.pack_steps s WHERE s.pack = copy.pack AND strpos(s.statement, quote_literal(x.name)) > 0) ORDER BY x.id LOOP
        PERFORM tally.drop_channel(tally_internal._with_schema(c.schema, c.name));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._drop_channels_of(tally.installed_packs) IS
'Drops the channels that the settings of an installed pack have made, with the caller''s rights.';

CREATE OR REPLACE FUNCTION tally.drop_pack(name text, target_schema text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    wanted tally.pack_list := tally_internal._pack(name);
    copies text[] := ARRAY(SELECT i.target_schema::text FROM tally.installed_packs i
                            WHERE i.pack = wanted.name AND i.target_schema = COALESCE(target_schema, i.target_schema::text) ORDER BY 1);
    was    tally.installed_packs;
BEGIN
    IF copies = '{}' THEN
        RAISE NOTICE USING MESSAGE = format('pack %L is not installed%s; nothing changed', wanted.name, COALESCE(' in schema ' || target_schema, ''));
        RETURN format('pack %s is not installed', wanted.name);
    ELSIF cardinality(copies) > 1 THEN
        PERFORM tally_internal._refuse('ambiguous_parameter', format('pack %L is installed in several schemas, and one must be named', wanted.name),
            format('Those are %s.', (SELECT string_agg(quote_literal(c), ', ' ORDER BY c) FROM unnest(copies) c)),
            format('SELECT tally.drop_pack(%L, %L);', wanted.name, copies[1]));
    END IF;
    SELECT * INTO was FROM tally.installed_packs i WHERE i.pack = wanted.name AND i.target_schema = copies[1];
    PERFORM tally_internal._drop_channels_of(was);
    PERFORM tally_internal._drop_step(s, was.target_schema, was.owner)
       FROM (SELECT * FROM tally_internal._made_steps(was) s ORDER BY s.ordinal DESC OFFSET 0) s;
    PERFORM tally_internal._require_pseudonyms(wanted.name, was.target_schema, false);
    PERFORM tally_internal._forget_pack(wanted.name, copies[1]);
    RETURN format('pack %s is dropped; its source tables in schema %I are left as they are', wanted.name, was.target_schema);
END $$;
COMMENT ON FUNCTION tally.drop_pack(text, text) IS
'Takes back what install_pack() made, in reverse, required pseudonyms too, and the channels that settings of the pack made. Source tables and their rows '
'stay. If the pack is installed in several schemas, target_schema says which copy.';
