-- Owns: what people have done to a rollup's own table that would change or add to what a refresh writes there.

CREATE OR REPLACE FUNCTION tally_internal._table_changes(ids int[]) RETURNS TABLE (rollup_id int, what text, hint text)
-- Each refresh asks about its own rollup, so no branch may read the whole catalogue (40 ms a refresh with 500 rollups), and planning must not be done
-- for each rollup anew (3 ms).
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    -- A trigger before the row may change or drop it.
    SELECT r.id, format('trigger %I of %s may change what a refresh writes', t.tgname, r.relation), format('DROP TRIGGER %I ON %s;', t.tgname, r.relation)
      FROM tally.rollups r JOIN pg_trigger t ON t.tgrelid = r.relation AND t.tgtype & 3 = 3 AND t.tgtype & 28 > 0 AND t.tgenabled <> 'D' AND NOT t.tgisinternal
     WHERE r.id = ANY (ids)
    UNION ALL
    SELECT r.id, format('rule %I of %s may change what a refresh writes', w.rulename, r.relation), format('DROP RULE %I ON %s;', w.rulename, r.relation)
      FROM tally.rollups r JOIN pg_rewrite w ON w.ev_class = r.relation AND w.ev_enabled <> 'D' WHERE r.id = ANY (ids)
    UNION ALL
    SELECT r.id, format('%s inherits from %s, so its rows would count as rows of the rollup', i.inhrelid::regclass, r.relation),
           format('ALTER TABLE %s NO INHERIT %s;', i.inhrelid::regclass, r.relation)
      FROM tally.rollups r JOIN pg_inherits i ON i.inhparent = r.relation WHERE r.id = ANY (ids)
    UNION ALL
    -- The only column that no definition knows is the one that was renamed.
    SELECT r.id, format('column %I of %s %s', c.name, r.relation, COALESCE('is ' || quote_ident(strange.name) || ' now', 'does not exist any more')),
           CASE WHEN strange.name IS NOT NULL THEN format('ALTER TABLE %s RENAME COLUMN %I TO %I;', r.relation, strange.name, c.name)
                ELSE format('SELECT tally.drop_rollup(%L);  -- and create it again', tally_internal._called(r)) END
      FROM tally.rollups r
      CROSS JOIN LATERAL (SELECT 'bucket' WHERE r.key IS NULL UNION ALL SELECT d.name FROM tally.dimensions d WHERE d.rollup_id = r.id
                          UNION ALL SELECT m.name FROM tally.measures m WHERE m.rollup_id = r.id) c(name)
      LEFT JOIN pg_attribute a ON a.attrelid = r.relation AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN LATERAL (SELECT min(x.attname::text) AS name FROM pg_attribute x
                          WHERE x.attrelid = r.relation AND x.attnum > 0 AND NOT x.attisdropped AND x.attname <> 'bucket'
                            AND NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = x.attname)
                            AND NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = x.attname) HAVING count(*) = 1) strange ON true
     WHERE r.id = ANY (ids) AND a.attnum IS NULL AND EXISTS (SELECT FROM pg_class t WHERE t.oid = r.relation);
END $$;
COMMENT ON FUNCTION tally_internal._table_changes(int[]) IS
'What was done to the tables of these rollups that would change or add to what a refresh writes, or stop it: triggers before a row, rules, '
    'tables that inherit, renamed and dropped columns; with the statement that undoes it.';

CREATE OR REPLACE FUNCTION tally_internal._table_fault(r tally.rollups, OUT sqlstate text, OUT message text, OUT hint text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT '55000', c.what, c.hint INTO sqlstate, message, hint FROM tally_internal._table_changes(ARRAY[r.id]) c LIMIT 1;
END $$;
COMMENT ON FUNCTION tally_internal._table_fault(tally.rollups) IS
'The fault of a rollup to whose table something was done that a refresh cannot work with; nulls where there is none.';
