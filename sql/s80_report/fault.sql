-- Owns: why a rollup is not fresh: what is gone or switched off, who works on it, who keeps it waiting.

CREATE OR REPLACE FUNCTION tally_internal._fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    again  text := COALESCE(tally_internal._drops_whole(r.id), format('SELECT tally.drop_rollup(%L);', tally_internal._called(r)));
    repair text := format('SELECT tally.repair(%L);', tally_internal._called(r));
    item   record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.relation) THEN
        SELECT '42P01', 'the table of the rollup is gone', again || '  -- and create it again' INTO sqlstate, message, hint;
        RETURN;
    ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.source) THEN
        SELECT '42P01', 'the source of the rollup is gone; what is stored stands as it is', again INTO sqlstate, message, hint;
        RETURN;
    END IF;
    -- A foreign table may have joined the source since.
    SELECT '42809', f.message, again || '  -- and ' || f.hint INTO sqlstate, message, hint FROM tally_internal._far_fault(r.source, r.name) f
     WHERE f.message IS NOT NULL;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT n.sqlstate, format('node %I was not pulled since %s: %s', n.node, COALESCE(n.pulled_at, n.failed_since), n.message), n.hint
      INTO sqlstate, message, hint FROM tally.cluster_nodes n WHERE n.rollup_id = r.id AND n.failed_since IS NOT NULL ORDER BY n.failed_since LIMIT 1;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT f.* INTO sqlstate, message, hint FROM tally_internal._moved_fault(r) f;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT f.* INTO sqlstate, message, hint FROM tally_internal._owner_fault(r) f;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT f.* INTO sqlstate, message, hint FROM tally_internal._lost_column_fault(r) f;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT w.name, w.type, a.atttypid::regtype AS found INTO item
      FROM (SELECT r.time_column AS name, r.time_type AS type WHERE r.key IS NULL UNION ALL SELECT k, NULL FROM unnest(r.key) k) w
      LEFT JOIN pg_attribute a ON a.attrelid = r.source AND a.attname = w.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.attnum IS NULL OR a.atttypid <> w.type LIMIT 1;
    IF item.name IS NOT NULL THEN
        sqlstate := CASE WHEN item.found IS NULL THEN '42703' ELSE '42804' END;
        message := CASE WHEN item.found IS NULL THEN format('column %I of %s does not exist any more', item.name, r.source)
                        ELSE format('column %I of %s is of type %s, not %s any more', item.name, r.source, item.found, item.type) END;
        hint := again || '  -- and create it again';
        RETURN;
    END IF;
    SELECT f.* INTO sqlstate, message, hint FROM tally_internal._table_fault(r) f;
    IF hint LIKE 'SELECT tally.drop_rollup(%' THEN
        hint := again || '  -- and create it again';
    END IF;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    SELECT f.* INTO sqlstate, message, hint FROM tally_internal._row_security_fault(r) f;
    IF sqlstate IS NOT NULL THEN RETURN; END IF;
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view) THEN
        -- It is made of what it stands on, so that comes first.
        SELECT '42P01', 'the live view of the rollup is gone', COALESCE((
                   SELECT f.hint FROM tally.rollups a CROSS JOIN LATERAL tally_internal._fault(a) f
                    WHERE a.id = ANY (tally_internal._with_ancestors(r.id)) AND a.id <> r.id AND f.hint IS NOT NULL ORDER BY a.id LIMIT 1), repair)
          INTO sqlstate, message, hint;
    ELSIF EXISTS (SELECT FROM tally.metric_views v WHERE v.rollup_id = r.id AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = v.view)) THEN
        SELECT '42P01', 'the flat view of the rollup''s metrics is gone', repair INTO sqlstate, message, hint;
    ELSIF EXISTS (SELECT FROM tally.behaviours b, tally_internal._lost_views(b) WHERE b.counts = r.id) THEN
        SELECT '42P01', format('view %s is gone', string_agg(l.v, ', ')), repair INTO sqlstate, message, hint
            FROM tally.behaviours b, tally_internal._lost_views(b) l(v) WHERE b.counts = r.id;
    ELSIF EXISTS (SELECT FROM tally.members m WHERE m.source = r.source AND m.off) THEN
        SELECT '55000', format('writes to %s are not captured: its triggers are disabled', string_agg(m.member::text, ', ' ORDER BY m.member)),
               format('ALTER TABLE %s ENABLE TRIGGER ALL;', min(m.member::text)) INTO sqlstate, message, hint FROM tally.members m WHERE m.source = r.source
                   AND m.off;
    ELSIF EXISTS (SELECT FROM tally.members m WHERE m.source = r.source AND m.member = r.source AND NOT r.id = ANY (m.rollups)) THEN
        SELECT '55000', format('changes of %s are not captured: its triggers are gone', r.source),
            format('SELECT tally.refresh(%L);', tally_internal._called(r)) INTO sqlstate, message, hint;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._fault(tally.rollups) IS
'What keeps a rollup from being kept exact, as an error would say it: its table, source, owner, rights, columns, views or triggers gone or off. Nulls where '
'nothing does.';

CREATE OR REPLACE FUNCTION tally_internal._suspects() RETURNS SETOF int
-- In PL/pgSQL, because a session then plans it once. Planning is most of its time.
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- _fault() of 500 rollups one by one takes longer than all else of status. It finds nothing in a rollup that is not among these.
    -- One may come twice: to make each single, the planner takes room for thousands of rows.
    RETURN QUERY
    SELECT r.id FROM tally.rollups r
      LEFT JOIN pg_class t ON t.oid = r.relation
      LEFT JOIN pg_class s ON s.oid = r.source
      LEFT JOIN pg_class v ON v.oid = r.live_view
     WHERE t.oid IS NULL OR s.oid IS NULL OR v.oid IS NULL OR t.relowner <> r.owner::oid OR v.relowner <> r.owner::oid
        OR s.relrowsecurity OR t.relrowsecurity
        -- What _table_changes() looks for: rules, heirs, triggers before a row.
        OR t.relhasrules OR t.relhassubclass
        OR t.relhastriggers AND EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = t.oid AND g.tgtype & 3 = 3 AND NOT g.tgisinternal)
        OR has_table_privilege(r.owner::oid, s.oid, 'TRIGGER') IS NOT TRUE OR NOT has_any_column_privilege(r.owner::oid, s.oid, 'SELECT')
        OR NOT has_schema_privilege(r.owner::oid, s.relnamespace, 'USAGE') OR NOT has_schema_privilege(r.owner::oid, t.relnamespace, 'USAGE')
    UNION ALL
    SELECT k.rollup_id FROM tally.keyed_rollups k JOIN tally.rollups r ON r.id = k.rollup_id
     WHERE NOT has_table_privilege(r.owner::oid, 'tally.identity_key', 'SELECT')
    UNION ALL
    SELECT c.id FROM (SELECT r.id, r.source, r.time_column, r.time_type FROM tally.rollups r WHERE r.key IS NULL
                      UNION ALL SELECT r.id, r.source, unnest(r.key), NULL FROM tally.rollups r
                      UNION ALL SELECT r.id, r.source, x.name, NULL FROM tally.reads x JOIN tally.rollups r ON r.id = x.rollup_id
                      UNION ALL SELECT r.id, r.relation, 'bucket', NULL FROM tally.rollups r WHERE r.key IS NULL
                      UNION ALL SELECT r.id, r.relation, d.name, NULL FROM tally.dimensions d JOIN tally.rollups r ON r.id = d.rollup_id
                      UNION ALL SELECT r.id, r.relation, m.name, NULL FROM tally.measures m JOIN tally.rollups r ON r.id = m.rollup_id)
                         c(id, relation, name, type)
      LEFT JOIN pg_attribute a ON a.attrelid = c.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.attnum IS NULL OR a.atttypid <> c.type
    UNION ALL
    SELECT v.rollup_id FROM tally.metric_views v LEFT JOIN pg_class c ON c.oid = v.view WHERE c.oid IS NULL
    UNION ALL
    SELECT b.counts FROM tally.behaviours b, tally_internal._lost_views(b)
    UNION ALL
    SELECT r.id FROM tally.members m JOIN pg_class c ON c.oid = m.member JOIN tally.rollups r ON r.source = m.source
     WHERE m.off OR c.relkind = 'f' OR (m.member = m.source AND NOT r.id = ANY (m.rollups))
    UNION ALL
    SELECT n.rollup_id FROM tally.cluster_nodes n WHERE n.failed_since IS NOT NULL;
    IF to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL THEN
        RETURN QUERY SELECT r.id FROM tally.rollups r WHERE tally_internal._distributed(r.source) IS NOT NULL
                     UNION ALL SELECT c.rollup_id FROM tally.clusters c WHERE tally_internal._shards_moved(c);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._suspects() IS
'The rollups that may have a fault, found by a few joins. Each rollup with a fault is among them, some twice.';

CREATE OR REPLACE FUNCTION tally_internal._refreshers() RETURNS TABLE (rollup_id int, pid int, waits_for int[])
LANGUAGE sql STABLE ROWS 1 SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    -- These have locked the row. Only the engine can, so nobody can pretend to be a refresh.
    SELECT l.rollup_id, k.pid, NULLIF(pg_blocking_pids(k.pid), '{}')
      FROM pg_locks k JOIN tally.refresh_locks l ON l.xmax = k.transactionid
     WHERE k.locktype = 'transactionid' AND k.mode = 'ExclusiveLock' AND k.granted AND k.pid <> pg_backend_pid()
$$;
COMMENT ON FUNCTION tally_internal._refreshers() IS
'The processes that refresh or change a rollup now, and those that they wait for: the holders of the rows of tally.refresh_locks.';

CREATE OR REPLACE FUNCTION tally_internal._held_back() RETURNS TABLE (source regclass, reason text)
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- As a rule there is none, and the query below takes long to plan.
    IF NOT EXISTS (SELECT FROM pg_prepared_xact()) THEN RETURN; END IF;
    RETURN QUERY
    SELECT m.source, string_agg(DISTINCT format('prepared transaction %L since %s holds changes back', p.gid, p.prepared), '; ')
      FROM pg_prepared_xacts p
      -- It keeps the virtual number of the session that prepared it.
      JOIN pg_locks x ON x.locktype = 'transactionid' AND x.transactionid = p.transaction AND x.pid IS NULL AND x.granted
      JOIN pg_locks l ON l.pid IS NULL AND l.virtualtransaction = x.virtualtransaction
      JOIN tally.members m ON m.member = l.relation
     WHERE l.locktype = 'relation' AND l.mode IN ('RowExclusiveLock', 'AccessExclusiveLock') AND p.database = current_database()
     GROUP BY m.source;
END $$;
COMMENT ON FUNCTION tally_internal._held_back() IS
'Prepared transactions that have written to sources, as text: their rows and marks come when they are committed.';
