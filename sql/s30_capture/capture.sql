-- Owns: the triggers on a source that leave a dirty mark in the writer's own transaction.
--
-- The work is in the WHEN conditions. PostgreSQL evaluates them the moment a row is written, with the row at hand. They are
-- never true, so PostgreSQL queues no trigger event and fetches no row again at the end of the statement. Those two are most of
-- what a row trigger costs (figures in docs/architecture.md). Row triggers reach partitions, also those made later.
--
-- The engine makes the triggers, not the role that defines a rollup. They must be ENABLE ALWAYS, so that the rows that logical
-- replication applies leave marks too, and only a table's owner may say that. The catalogue alone says what they evaluate.

CREATE OR REPLACE FUNCTION tally.capture() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.capture() IS
'The function of the capture triggers of a source. It is never called: tally_internal._mark() in their WHEN conditions does the work.';

CREATE OR REPLACE FUNCTION tally.capture_truncate() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally_internal._mark_member(m, 'truncate of ' || m.member) FROM tally.members m WHERE m.member = TG_RELID;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally.capture_truncate() IS 'Statement trigger of a source and of its partitions: marks what the truncated one may have held.';

-- Everybody may execute capture(): whoever adds a partition must, because PostgreSQL clones the triggers to it. If somebody else makes a trigger
-- of this function, that trigger does nothing, and the engine does not take it for its own (_own_triggers()).
REVOKE ALL ON FUNCTION tally.capture_truncate() FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._may_trigger(r tally.rollups) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- Anybody may define a rollup. A trigger on the table needs the right TRIGGER.
    SELECT EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner) AND EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source)
        AND has_table_privilege(r.owner, r.source, 'TRIGGER')
$$;
COMMENT ON FUNCTION tally_internal._may_trigger(tally.rollups) IS 'Whether the owner of a rollup may have triggers on its source.';

CREATE OR REPLACE FUNCTION tally_internal._captured(source regclass) RETURNS SETOF tally.rollups
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.* FROM tally.rollups r
     WHERE r.source = $1 AND tally_internal._may_trigger(r)
       -- A condition on a column that is gone would stop every writer.
       AND CASE WHEN r.key IS NULL THEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = r.time_column
                                                AND a.atttypid = r.time_type AND NOT a.attisdropped)
                                      -- A rule that the text of targets cannot hold would, too.
                                      AND strpos(tally_internal._bucket_rule_of_or_null(r), ';') = 0
                ELSE NOT EXISTS (SELECT FROM unnest(r.key) k WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.source AND a.attname = k
                        AND NOT a.attisdropped)) END
$$;
COMMENT ON FUNCTION tally_internal._captured(regclass) IS
'The rollups on a source whose changes can be captured: its columns are there, and the owner may have triggers on it.';

CREATE OR REPLACE FUNCTION tally_internal._fed_by(source regclass) RETURNS SETOF tally.rollups
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.* FROM tally.rollups r
     WHERE r.source = $1 OR r.id IN (SELECT b.rollup_id FROM tally.beside b JOIN tally.rollups o ON o.id = b.beside_id WHERE o.relation = $1)
$$;
COMMENT ON FUNCTION tally_internal._fed_by(regclass) IS 'The rollups whose definition reads a table: as their source, or beside it.';

CREATE OR REPLACE FUNCTION tally_internal._beside_mark_sql(relation regclass, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('(%stally_internal._mark_key(%L, ARRAY[%s]))',
                             CASE WHEN b.only_column IS NULL THEN '' ELSE format('%s.%I = %L AND ', row_name, b.only_column, b.only_value) END, b.rollup_id,
                             tally_internal._key_names(b.keys, row_name || '.%2$I')), ' OR ' ORDER BY b.rollup_id)
      FROM tally.beside b JOIN tally.rollups o ON o.id = b.beside_id WHERE o.relation = $1
$$;
COMMENT ON FUNCTION tally_internal._beside_mark_sql(regclass, text) IS
'SQL text that marks the keys that a row (NEW or OLD) of a rollup''s table names in the rollups that read it beside their source; null where none does.';

CREATE OR REPLACE FUNCTION tally_internal._targets_text(ids int[], rules text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- PostgreSQL keeps a condition as text and reads it anew for each statement, a constant as one number for each of its bytes.
    RETURN (
    WITH words AS (
        SELECT u.id, u.rule, u.n,
               CASE WHEN u.rule ~ '^calendar [^ ,;:]+ [^ ;:]+$' THEN replace(regexp_replace(substr(u.rule, 10), ' UTC$', ''), ' ', ',')
                    WHEN u.rule ~ '^fixed [1-9]\d{0,17}$' THEN (SELECT (split_part(u.rule, ' ', 2)::bigint / w.width) || w.word
                        FROM (VALUES (604800000000, 'w'), (86400000000, 'd'), (3600000000, 'h'), (60000000, 'm'), (1000000, 's')) w(width, word)
                       WHERE split_part(u.rule, ' ', 2)::bigint % w.width = 0 ORDER BY w.width DESC LIMIT 1) END AS word
          FROM unnest(ids, rules) WITH ORDINALITY u(id, rule, n)),
         -- Rollups of one source are often made one after the other, and have numbers that follow each other.
         runs AS (SELECT w.*, w.id - row_number() OVER (PARTITION BY w.word IS NULL ORDER BY w.n) AS run FROM words w)
    SELECT string_agg(p.part, '; ' ORDER BY p.n)
      FROM (SELECT min(r.n) AS n, min(r.id) || ':' || string_agg(r.word, ' ' ORDER BY r.n) AS part FROM runs r WHERE r.word IS NOT NULL GROUP BY r.run
            UNION ALL SELECT r.n, r.id || ' ' || r.rule FROM runs r WHERE r.word IS NULL) p);
END $$;
COMMENT ON FUNCTION tally_internal._targets_text(int[], text[]) IS
'The text by which a condition tells _mark() the rollups to mark, by their numbers in order and their bucket rules: short, because each byte of it costs each '
'statement.';

CREATE OR REPLACE FUNCTION tally_internal._mark_sql(relation regclass, row_name text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH r AS (SELECT c.* FROM tally.members m, tally_internal._captured(m.source) c WHERE m.member = $1 AND NOT m.cloned)
    SELECT string_agg(t.condition, ' OR ' ORDER BY t.condition)
      FROM (SELECT format('tally_internal._mark(%L, %s)', x.targets, x.instant) AS condition
            FROM (SELECT tally_internal._time_as_timestamptz_sql(format('%s.%I', row_name, r.time_column), r.time_type, r.zone) AS instant,
                   tally_internal._targets_text(array_agg(r.id ORDER BY r.id), array_agg(tally_internal._bucket_rule_of_or_null(r) ORDER BY r.id)) AS targets
              FROM r WHERE r.key IS NULL GROUP BY 1) x
            UNION ALL
            SELECT format('tally_internal._mark_key(%L, ARRAY[%s])', string_agg(r.id::text, ' ' ORDER BY r.id),
                          tally_internal._key_names(r.key, 'COALESCE(' || row_name || '.%2$I::text, ''(none)'')'))
              FROM r WHERE r.key IS NOT NULL GROUP BY r.key
            UNION ALL SELECT tally_internal._beside_mark_sql(m.source, row_name) FROM tally.members m WHERE m.member = $1 AND m.source = $1) t
$$;
COMMENT ON FUNCTION tally_internal._mark_sql(regclass, text) IS
'SQL text that marks the buckets and keys of a row (NEW or OLD) of a table for all rollups that its rows count in; null where there are none, or PostgreSQL '
'clones the triggers.';

CREATE OR REPLACE FUNCTION tally_internal._own_triggers_of(relations regclass[]) RETURNS TABLE (relation oid, name name, event text, enabled "char")
-- Of many tables at once, because a source may have thousands of partitions.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- What conditions call that pg_tally did not bring. Each is looked at once, however many tables call it.
    strangers text[] := ARRAY(
        WITH called AS MATERIALIZED (
            SELECT DISTINCT d.refclassid AS class, d.refobjid AS object FROM pg_trigger t
              JOIN pg_depend d ON d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
             WHERE t.tgrelid = ANY (relations) AND t.tgparentid = 0 AND t.tgqual IS NOT NULL
               AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass))
        SELECT c.class || ' ' || c.object FROM called c WHERE NOT tally_internal._is_part(c.class, c.object));
BEGIN
    RETURN QUERY
    SELECT t.tgrelid, t.tgname, CASE t.tgtype & 60 WHEN 4 THEN 'insert' WHEN 8 THEN 'delete' WHEN 16 THEN 'update' ELSE 'truncate' END, t.tgenabled
      FROM pg_trigger t
     WHERE t.tgrelid = ANY (relations) AND t.tgparentid = 0 AND t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc)
         AND starts_with(t.tgname, 'tally_capture_')
       -- The engine makes its triggers fire always, as only a table's owner may. So it must not do that for a condition that it did not
       -- write. Such a condition calls a function that is neither PostgreSQL's nor pg_tally's.
       AND (t.tgqual IS NULL OR NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_trigger'::regclass AND d.objid = t.oid
                                               AND d.refclassid || ' ' || d.refobjid = ANY (strangers)))
       -- What PostgreSQL brings leaves no row there, nor does a check of a domain. So the condition is also made of nothing but what the engine
       -- writes: names, constants, conversions to text, and functions that run no text and change nothing.
       AND NOT EXISTS (SELECT FROM regexp_matches(t.tgqual::text, '\{([A-Z]+)', 'g') k
                        WHERE k[1] NOT IN ('BOOLEXPR', 'FUNCEXPR', 'OPEXPR', 'CONST', 'VAR', 'COALESCE', 'COALESCEEXPR', 'ARRAY', 'ARRAYEXPR',
                                           'COERCEVIAIO', 'RELABELTYPE'))
       AND NOT EXISTS (SELECT FROM regexp_matches(t.tgqual::text, ':resulttype (\d+) :resultcollid', 'g') k WHERE k[1]::oid <> 'text'::regtype)
       AND NOT EXISTS (SELECT FROM regexp_matches(t.tgqual::text, ':funcid (\d+)', 'g') k JOIN pg_proc p ON p.oid = k[1]::oid
                        WHERE CASE WHEN p.pronamespace = 'pg_catalog'::regnamespace THEN p.provolatile = 'v' OR p.proname ~ '_to_xml'
                                   ELSE p.proname NOT IN ('_mark', '_mark_key', '_instant_of') END);
END $$;
COMMENT ON FUNCTION tally_internal._own_triggers_of(regclass[]) IS 'Capture''s triggers that were made on tables themselves, not cloned to them.';

CREATE OR REPLACE FUNCTION tally_internal._own_triggers(relation regclass) RETURNS TABLE (name name, event text, enabled "char")
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT t.name, t.event, t.enabled FROM tally_internal._own_triggers_of(ARRAY[$1]) t;
END $$;
COMMENT ON FUNCTION tally_internal._own_triggers(regclass) IS '_own_triggers_of() one table.';

CREATE OR REPLACE FUNCTION tally_internal._always(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item   name;
    outer_ text := COALESCE(current_setting('tally.attaching', true), '');
BEGIN
    -- The event triggers pass over what is done here. Only a superuser could write this setting at the function itself.
    PERFORM set_config('tally.attaching', 'on', true);
    -- One statement for each: Citus takes no ALTER TABLE that switches two triggers.
    FOR item IN SELECT t.name FROM tally_internal._own_triggers(relation) t WHERE t.enabled = 'O' ORDER BY t.name LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', relation, item);
    END LOOP;
    PERFORM set_config('tally.attaching', outer_, true);
END $$;
COMMENT ON FUNCTION tally_internal._always(regclass) IS
'Makes capture''s triggers of a table, and their clones, fire whatever session_replication_role is. Disabled ones stay disabled.';

CREATE OR REPLACE FUNCTION tally_internal._attach_triggers(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    new_row text := tally_internal._mark_sql(relation, 'NEW');
    old_row text := tally_internal._mark_sql(relation, 'OLD');
    -- The number keeps names apart: a partition with a rollup of its own also gets clones of its parent's triggers.
    number  int := (SELECT min(r.id) FROM tally.members m, tally_internal._fed_by(m.source) r WHERE m.member = relation AND NOT m.cloned);
    counted boolean := EXISTS (SELECT FROM tally.members m, tally_internal._fed_by(m.source) r WHERE m.member = relation
                               AND tally_internal._may_trigger(r));
    foreign_ boolean := (SELECT c.relkind = 'f' FROM pg_class c WHERE c.oid = relation);
    item    record;
BEGIN
    FOR item IN SELECT w.*, COALESCE(t.name, format('tally_capture_%s_%s', w.event, number)) AS name, t.name IS NOT NULL AS there
                  FROM (VALUES ('insert', new_row), ('update', old_row || ' OR ' || new_row), ('delete', old_row)) w(event, condition) LEFT
                      JOIN tally_internal._own_triggers(relation) t ON t.event = w.event LOOP
        IF item.condition IS NOT NULL THEN
            -- OR REPLACE takes SHARE ROW EXCLUSIVE. It waits for writers that do not mark yet, and new writers wait for it.
            EXECUTE format('CREATE OR REPLACE TRIGGER %I AFTER %s ON %s FOR EACH ROW WHEN (%s) EXECUTE FUNCTION tally.capture()', item.name, item.event,
                           relation, item.condition);
        ELSIF item.there THEN
            EXECUTE format('DROP TRIGGER %I ON %s', item.name, relation);
        END IF;
    END LOOP;
    -- Statement triggers are not cloned to partitions. Foreign tables have them since PostgreSQL 16.
    item := NULL;
    SELECT t.name INTO item FROM tally_internal._own_triggers(relation) t WHERE t.event = 'truncate';
    IF NOT counted AND item.name IS NOT NULL THEN
        EXECUTE format('DROP TRIGGER %I ON %s', item.name, relation);
    ELSIF counted AND item.name IS NULL AND NOT (foreign_ AND current_setting('server_version_num')::int < 160000) THEN
        EXECUTE format('CREATE TRIGGER tally_capture_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION tally.capture_truncate()', relation);
    END IF;
    UPDATE tally.members m SET condition = new_row WHERE m.member = relation AND NOT m.cloned;
    PERFORM tally_internal._always(relation);
END $$;
COMMENT ON FUNCTION tally_internal._attach_triggers(regclass) IS
'Makes the triggers of one table mark exactly the rollups that count its rows now; drops them where there are none.';

CREATE OR REPLACE FUNCTION tally_internal._lacking_triggers(source regclass, chosen regclass[]) RETURNS regclass[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    counted boolean := EXISTS (SELECT FROM tally_internal._fed_by(source) r WHERE tally_internal._may_trigger(r));
BEGIN
    RETURN ARRAY(
        SELECT m.member FROM unnest(chosen) x JOIN tally.members m ON m.member = x AND m.source = source
          JOIN pg_class c ON c.oid = m.member
          LEFT JOIN (SELECT o.relation, count(DISTINCT o.event) AS n FROM tally_internal._own_triggers_of(chosen) o GROUP BY 1) t ON t.relation = m.member
         -- A partition has clones of its parent's triggers, and one of its own, for TRUNCATE.
         CROSS JOIN LATERAL (SELECT CASE WHEN NOT m.cloned THEN tally_internal._mark_sql(m.member, 'NEW') END AS condition) k
         WHERE (COALESCE(t.n, 0) < CASE WHEN NOT counted THEN 0 WHEN k.condition IS NULL THEN 1 ELSE 4 END
                                   - (c.relkind = 'f' AND current_setting('server_version_num')::int < 160000)::int
                OR NOT m.cloned AND k.condition IS DISTINCT FROM m.condition)
         ORDER BY m.member = source DESC, m.member);
END $$;
COMMENT ON FUNCTION tally_internal._lacking_triggers(regclass, regclass[]) IS
'Those of some members of a source that have fewer triggers than they should, or triggers with another condition; the source first.';

CREATE OR REPLACE FUNCTION tally_internal._serves(source regclass) RETURNS int[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(r.id ORDER BY r.id), '{}') FROM tally_internal._fed_by($1) r
     WHERE r.source <> $1 OR r.id IN (SELECT c.id FROM tally_internal._captured($1) c)
$$;
COMMENT ON FUNCTION tally_internal._serves(regclass) IS 'The numbers of the rollups that capture on a source is to mark, in order.';

CREATE OR REPLACE FUNCTION tally_internal._attach_members(source regclass, chosen regclass[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one  regclass;
    ids  int[] := tally_internal._serves(source);
    todo regclass[];
BEGIN
    UPDATE tally.members m SET rollups = ids FROM unnest(chosen) x WHERE m.source = source AND m.member = x AND m.rollups <> ids;
    -- Where the triggers are there already, nothing is locked.
    todo := tally_internal._lacking_triggers(source, chosen);
    PERFORM tally_internal._lock_tables(todo, false);
    FOREACH one IN ARRAY todo LOOP
        PERFORM tally_internal._attach_triggers(one);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._attach_members(regclass, regclass[]) IS
'Makes the capture triggers of some members of a source serve exactly the rollups that stand on it now.';

CREATE OR REPLACE FUNCTION tally_internal._attach(source regclass, listed boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    one  regclass;
    todo regclass[];
BEGIN
    IF NOT listed THEN PERFORM tally_internal._list_members(source); END IF;
    PERFORM tally_internal._note_enums(source);
    -- A rollup that was without capture for a while has missed writes. A rollup made in this transaction has not, since it is not built yet.
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, '-infinity', 'infinity', 'captured again' FROM tally.rollups r
     WHERE r.id = ANY (tally_internal._serves(source)) AND r.created_at <> now()
       AND EXISTS (SELECT FROM tally.members m WHERE m.source = $1 AND m.member = $1 AND NOT r.id = ANY (m.rollups));
    todo := ARRAY(SELECT m.member FROM tally.members m WHERE m.source = $1 ORDER BY m.member = $1 DESC, m.member);
    IF EXISTS (SELECT FROM tally_internal._fed_by($1)) THEN
        -- Anybody may ask for the triggers that the catalogue calls for.
        PERFORM tally_internal._attach_members(source, todo);
    ELSE
        PERFORM tally_internal._lock_tables(todo, true);
        DELETE FROM tally.members m WHERE m.source = $1;
        FOREACH one IN ARRAY todo LOOP
            PERFORM tally_internal._attach_triggers(one);
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._attach(regclass, boolean) IS
'Makes the capture triggers of a source and of its members serve exactly the rollups that stand on it now; drops them when there are none. listed: its '
    'members are listed as they are now.';
-- They lock tables with the engine's rights: _attach_capture(), which anybody may call, asks first whose they are.
REVOKE ALL ON FUNCTION tally_internal._attach(regclass, boolean), tally_internal._attach_members(regclass, regclass[]) FROM PUBLIC;
