-- Owns: the event triggers: changes of tables that change what a rollup counts. They belong to the extension, fire for
-- everybody, and for a table of no rollup cost one look into tally.members.

CREATE OR REPLACE FUNCTION tally_internal._follow(source regclass, touched oid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    lacking regclass[];
    ids     int[];
BEGIN
    PERFORM tally_internal._list_members(source, touched);
    ids := tally_internal._serves(source);
    lacking := ARRAY(SELECT m.member FROM tally.members m WHERE m.source = source AND NOT ids <@ m.rollups);
    -- Triggers are made only where the list lacks them. Triggers whose column was renamed go on marking. Triggers that a restore has not
    -- reached yet will come with the restore.
    IF source = ANY (lacking) THEN
        PERFORM tally_internal._attach(source, listed => true);
    ELSIF lacking <> '{}' THEN
        PERFORM tally_internal._attach_members(source, lacking);
    END IF;
    PERFORM tally_internal._follow_switches(source, touched);
    PERFORM tally_internal._follow_generated(source, touched);
    PERFORM tally_internal._announce('source_changes', detail => to_jsonb(source::oid::bigint));
END $$;
COMMENT ON FUNCTION tally_internal._follow(regclass, oid[]) IS
'Brings capture of a source to what the catalogues say now: members that came or went, triggers disabled or enabled, columns that are there again. touched: '
    'only these tables were altered, and no table is below one of them; null: any may have been.';

CREATE OR REPLACE FUNCTION tally_internal._reconcile_members() RETURNS void
-- Views that follow a renamed column wait for whoever reads them.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET tally.lock_timeout = '0' SET lock_timeout = '2s' AS $$
DECLARE
    one    regclass;
    detail text;
BEGIN
    -- Where no source has partitions or children, there is nothing to find, and a new session need not plan the search.
    IF NOT EXISTS (SELECT FROM tally.members m WHERE m.member <> m.source OR m.rollups = '{}')
        AND NOT EXISTS (SELECT FROM tally.members m JOIN pg_class c ON c.oid = m.member WHERE c.relhassubclass) THEN
        RETURN;
    END IF;
    FOR one IN
        SELECT p.source FROM tally.members p JOIN pg_inherits i ON i.inhparent = p.member AND NOT i.inhdetachpending
         WHERE NOT EXISTS (SELECT FROM tally.members m WHERE m.source = p.source AND m.member = i.inhrelid)
        UNION SELECT m.source FROM tally.members m
         WHERE m.member <> m.source AND NOT EXISTS (SELECT FROM pg_inherits i JOIN tally.members p ON p.member = i.inhparent
                                                     WHERE i.inhrelid = m.member AND p.source = m.source AND NOT i.inhdetachpending)
        UNION SELECT m.source FROM tally.members m WHERE m.rollups = '{}'
    LOOP
        BEGIN
            BEGIN
                PERFORM tally_internal._follow(one);
            EXCEPTION WHEN lock_not_available THEN
                -- A refresh blocks no writer for long, so the next one makes the triggers. What came and went is marked now, unless somebody
                -- else is just listing it.
                PERFORM tally_internal._list_members(one);
            END;
        EXCEPTION WHEN OTHERS THEN
            -- One source stops only itself. The next refresh tries it again, and status says what is not captured.
            GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
            RAISE WARNING USING MESSAGE = format('capture of %s does not follow what became of it: %s', one, SQLERRM), ERRCODE = SQLSTATE, DETAIL = detail,
                HINT = 'SELECT rollup, state, message, hint FROM tally.status;';
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._reconcile_members() IS
'Finds by the catalogue what the event triggers have not seen: they may be disabled, or changed by a transaction with an older snapshot. Every refresh '
'begins with it.';

CREATE OR REPLACE FUNCTION tally_internal._before_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- When something is renamed, nothing tells its old name afterwards. What somebody sets by hand is written over here.
    IF tg_tag <> 'ALTER SCHEMA' THEN
        -- Capture renames nothing.
        IF COALESCE(current_setting('tally.attaching', true), '') <> 'on' THEN
            PERFORM set_config('tally.names', CASE WHEN EXISTS (SELECT FROM tally.rollups) THEN tally_internal._note_names()::text ELSE '' END, true),
                    set_config('tally.asked', COALESCE(tally_internal._note_asked()::text, ''), true);
        END IF;
        RETURN;
    END IF;
    PERFORM set_config('tally.schemas', (SELECT jsonb_object_agg(n.oid, n.nspname) FROM pg_namespace n WHERE n.nspname !~ '^pg_')::text, true);
END $$;
COMMENT ON FUNCTION tally_internal._before_ddl() IS 'Event trigger: notes the names of what definitions use before something is altered.';

CREATE OR REPLACE FUNCTION tally_internal._after_ddl() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one     regclass;
    touched oid[];
    objects jsonb;
    changes jsonb;
BEGIN
    -- Capture may change a thousand partitions, and need not look at each change. If somebody sets this by hand, only the next refresh
    -- follows the changes of that person's tables.
    IF current_setting('tally.attaching', true) = 'on' THEN RETURN; END IF;
    PERFORM tally_internal._announce('schema_renamed', detail => jsonb_build_object('was', x.was, 'becomes', n.nspname))
       FROM pg_event_trigger_ddl_commands() c JOIN pg_namespace n ON c.classid = 'pg_namespace'::regclass AND n.oid = c.objid
       CROSS JOIN LATERAL (SELECT NULLIF(current_setting('tally.schemas', true), '')::jsonb ->> n.oid::text AS was) x
      WHERE c.command_tag = 'ALTER SCHEMA' AND x.was <> n.nspname;
    IF starts_with(tg_tag, 'ALTER ') THEN
        changes := tally_internal._names_changed(NULLIF(current_setting('tally.names', true), '')::jsonb);
    END IF;
    IF changes IS NOT NULL THEN
        -- Labels are noted by the name of their enum.
        UPDATE tally.enums e SET type = format('%I.%I', n.schema, n.name)
          FROM jsonb_array_elements(changes) c, tally_internal._named((c ->> 'class')::oid, (c ->> 'object')::oid) n
         WHERE c ->> 'kind' IN ('object', 'moved')
           AND e.type = format('%I.%I', c ->> 'schema', CASE c ->> 'kind' WHEN 'object' THEN c ->> 'was' ELSE n.name END)
           AND NOT EXISTS (SELECT FROM tally.enums o WHERE o.type = format('%I.%I', n.schema, n.name));
        PERFORM tally_internal._announce('objects_renamed', detail => changes);
    END IF;
    IF starts_with(tg_tag, 'ALTER ') THEN
        PERFORM tally_internal._announce('asked_renamed', detail => x.x)
           FROM (SELECT tally_internal._names_changed(NULLIF(current_setting('tally.asked', true), '')::jsonb)) x(x) WHERE x.x IS NOT NULL;
    END IF;
    IF tg_tag IN ('ALTER FUNCTION', 'ALTER ROUTINE', 'ALTER AGGREGATE', 'ALTER EXTENSION') THEN
        PERFORM tally_internal._announce('functions_go');
    END IF;
    PERFORM tally_internal._follow_enum(c.objid::regtype) FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_type'::regclass
        AND c.command_tag = 'ALTER TYPE';
    PERFORM tally_internal._follow_composite(c.objid::regclass) FROM pg_event_trigger_ddl_commands() c WHERE c.classid = 'pg_class'::regclass
        AND c.command_tag = 'ALTER TYPE';
    -- What is made for this session alone, or by the engine, is in no definition. The many objects of an extension are no namesakes of others.
    -- A cast is known by the type that it casts.
    objects := (SELECT jsonb_agg(jsonb_build_object('class', c.classid::bigint,
                                                     'object', CASE WHEN c.classid = 'pg_cast'::regclass
                                                         THEN (SELECT k.castsource FROM pg_cast k WHERE k.oid = c.objid) ELSE c.objid END::bigint,
                                                     'place', CASE WHEN NOT c.in_extension THEN c.schema_name END,
                                                     'renamed', EXISTS (SELECT FROM jsonb_array_elements(changes) x
                                                                         WHERE (x ->> 'object')::oid = c.objid AND (x ->> 'class')::oid = c.classid)))
                  FROM pg_event_trigger_ddl_commands() c
                 WHERE c.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass)
                   AND c.schema_name NOT IN ('pg_temp', 'pg_catalog', 'tally', 'tally_internal')
                    OR c.classid IN ('pg_cast'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass) AND NOT c.in_extension);
    IF objects IS NOT NULL AND EXISTS (SELECT FROM tally.rollups) THEN
        PERFORM tally_internal._announce('objects_change', detail => objects);
    END IF;
    -- A change of a parent is one of its children too, and PostgreSQL names only the parent. So a table with none below it is looked at alone, and
    -- for any other the whole tree is.
    FOR one, touched IN
        WITH RECURSIVE altered AS MATERIALIZED (
            SELECT DISTINCT c.objid, t.relhassubclass OR t.relkind = 'p' AS whole FROM pg_event_trigger_ddl_commands() c JOIN pg_class t ON t.oid = c.objid
             WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table', 'table column')),
        above(source, ancestor) AS (
            SELECT m.source, i.inhparent FROM tally.members m JOIN pg_inherits i ON i.inhrelid = m.source WHERE m.member = m.source
            UNION SELECT a.source, i.inhparent FROM above a JOIN pg_inherits i ON i.inhrelid = a.ancestor
        )
        SELECT h.source, CASE WHEN NOT bool_or(h.whole) THEN array_agg(h.objid) END
          FROM (SELECT m.source, a.objid, a.whole FROM altered a JOIN tally.members m ON m.member = a.objid
                UNION SELECT m.source, a.objid, a.whole FROM altered a JOIN pg_inherits i ON i.inhrelid = a.objid JOIN tally.members m ON m.member = i.inhparent
                UNION SELECT u.source, a.objid, true FROM altered a JOIN above u ON u.ancestor = a.objid) h
         GROUP BY h.source LOOP
        PERFORM tally_internal._follow(one, touched);
    END LOOP;
    PERFORM tally_internal._announce('source_changes', detail => to_jsonb(x.source::oid::bigint))
       FROM (SELECT DISTINCT r.source FROM pg_event_trigger_ddl_commands() c JOIN pg_index i ON i.indexrelid = c.objid
               JOIN tally.rollups r ON r.source = i.indrelid WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'index') x;
END $$;
COMMENT ON FUNCTION tally_internal._after_ddl() IS
'Event trigger: a table that belongs to a source, or comes to it, was made or altered; a source got an index; a value of an enum was renamed, a type altered, '
    'a function, operator or type made, replaced or renamed.';

CREATE OR REPLACE FUNCTION tally_internal._after_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one     regclass;
    touched oid[];
BEGIN
    -- PostgreSQL drops triggers by themselves, or with a column that they look at.
    UPDATE tally.members m SET rollups = '{}', condition = NULL FROM pg_event_trigger_dropped_objects() d
     WHERE d.classid = 'pg_trigger'::regclass AND starts_with(d.address_names[3], 'tally_capture_')
       AND m.member = to_regclass(format('%I.%I', d.address_names[1], d.address_names[2]));
    FOR one, touched IN SELECT m.source, array_agg(d.objid) FROM pg_event_trigger_dropped_objects() d JOIN tally.members m ON m.member = d.objid
                         WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0 GROUP BY m.source LOOP
        -- What was below a dropped table was dropped with it.
        PERFORM tally_internal._list_members(one, touched);
    END LOOP;
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE d.classid = 'pg_proc'::regclass) THEN
        PERFORM tally_internal._announce('functions_go');
    END IF;
    -- The name of a cast is that of the type that it casts.
    PERFORM tally_internal._announce('objects_change', detail => jsonb_build_array(jsonb_build_object(
        'class', 'pg_cast'::regclass::oid::bigint, 'object', x.type::oid::bigint, 'renamed', false)))
       FROM pg_event_trigger_dropped_objects() d
       CROSS JOIN LATERAL (SELECT CASE WHEN d.classid = 'pg_cast'::regclass THEN to_regtype(d.address_names[1]) END AS type) x WHERE x.type IS NOT NULL;
    -- Nobody can say any more what a dropped index was on.
    IF EXISTS (SELECT FROM pg_event_trigger_dropped_objects() d WHERE d.original AND d.object_type = 'index') THEN
        PERFORM tally_internal._announce('source_changes', detail => to_jsonb(x.source::oid::bigint))
           FROM (SELECT DISTINCT r.source FROM tally.rollups r WHERE r.live_by_index AND NOT tally_internal._time_index(r.source, r.time_column)) x;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._after_drop() IS
'Event trigger: a table that belongs to a source was dropped, however that came about, or an index of one; a function or a cast.';

CREATE OR REPLACE FUNCTION tally_internal._before_rewrite() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- 4: the type of a column changes, and USING may give it any value. 2: a generated column gets another expression, or a column
    -- comes with a default that is computed for each row. Persistence and access method change no value that is there.
    IF pg_event_trigger_table_rewrite_reason() & 6 > 0 THEN
        PERFORM tally_internal._mark_member(m, 'rewrite of ' || m.member) FROM tally.members m WHERE m.member = pg_event_trigger_table_rewrite_oid();
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._before_rewrite() IS
'Event trigger: the rows of a source are written anew with other values, which no row trigger sees: a type, a generated column or a computed default.';

REVOKE ALL ON FUNCTION tally_internal._before_ddl(), tally_internal._after_ddl(), tally_internal._after_drop(),
    tally_internal._before_rewrite(), tally_internal._follow(regclass, oid[]),
    tally_internal._reconcile_members() FROM PUBLIC;
