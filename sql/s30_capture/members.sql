-- Owns: following the tables of a source as they come (ATTACH PARTITION, INHERIT, CREATE) and go (DETACH, DROP, NO INHERIT).
-- Their rows come and go with them, and no trigger sees that. So the transaction that moves a table marks what the table holds.

CREATE OR REPLACE FUNCTION tally_internal._bounds(member regclass, OUT time_column text, OUT since text, OUT until text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
    SELECT a.attname, CASE b[1] WHEN 'MINVALUE' THEN '-infinity' ELSE btrim(b[1], '''') END, CASE b[2] WHEN 'MAXVALUE' THEN 'infinity'
        ELSE btrim(b[2], '''') END
      FROM pg_class c
      JOIN pg_inherits i ON i.inhrelid = c.oid
      JOIN pg_partitioned_table p ON p.partrelid = i.inhparent AND p.partstrat = 'r' AND p.partnatts = 1
      JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
          AND a.atttypid IN ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype),
           regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \((.+)\) TO \((.+)\)$') b
     WHERE c.oid = $1 AND b IS NOT NULL
$$;
COMMENT ON FUNCTION tally_internal._bounds(regclass) IS 'The bounds of a partition by a range of one column of time, as text; nulls for other tables.';

CREATE OR REPLACE FUNCTION tally_internal._tree(source regclass) RETURNS TABLE (member regclass, parent regclass, depth int, cloned boolean)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE tree AS (
        SELECT c.oid AS member, NULL::oid AS parent, 0 AS depth, false AS cloned FROM pg_class c WHERE c.oid = $1
        UNION ALL SELECT c.oid, tree.member, tree.depth + 1, c.relispartition
          FROM tree JOIN pg_inherits i ON i.inhparent = tree.member AND NOT i.inhdetachpending JOIN pg_class c ON c.oid = i.inhrelid
    )
    -- A table may inherit from several tables that themselves inherit from one.
    SELECT DISTINCT ON (tree.member) tree.member::regclass, tree.parent::regclass, tree.depth, tree.cloned FROM tree ORDER BY tree.member, tree.depth
$$;
COMMENT ON FUNCTION tally_internal._tree(regclass) IS 'The tables that hold the rows of a source now: itself, partitions and inheriting tables at any depth.';

CREATE OR REPLACE FUNCTION tally_internal._member_range(r tally.rollups, m tally.members, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
DECLARE
    rule text := tally_internal._bucket_rule_of_or_null(r);
    wide boolean := true;
BEGIN
    since := '-infinity';
    until := 'infinity';
    IF r.key IS NULL AND m.time_column = r.time_column THEN
        IF r.time_type = 'timestamptz'::regtype THEN
            since := tally_internal._bucket_start(rule, m.since::timestamptz);
            until := tally_internal._bucket_at_or_after(rule, m.until::timestamptz);
            -- Where a clock is set back over midnight, rows after the bound may be in an earlier bucket, and rows before it in a later one.
            wide := tally_internal._rows_past(rule, since) > m.since::timestamptz OR tally_internal._rows_from(rule, until) < m.until::timestamptz;
        ELSIF r.time_type = 'timestamp'::regtype THEN
            since := tally_internal._instant_of(m.since::timestamp, r.zone);
            until := tally_internal._instant_of(m.until::timestamp, r.zone);
        ELSE
            since := tally_internal._instant_of(m.since::date, r.zone);
            until := tally_internal._instant_of(m.until::date, r.zone);
        END IF;
        -- A bucket more to either side also for local times, which clocks that are put back map to instants in the other order. A
        -- rule that is none (COALESCE) stops its own rollup, not the DDL of others.
        since := COALESCE(CASE WHEN wide THEN tally_internal._bucket_shifted(rule, since, -1) ELSE since END, '-infinity');
        until := COALESCE(CASE WHEN wide THEN tally_internal._bucket_shifted(rule, until, 2) ELSE until END, 'infinity');
        -- Both beyond the end of time.
        IF since >= until THEN
            since := '-infinity';
            until := 'infinity';
        END IF;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._member_range(tally.rollups, tally.members) IS
'The buckets of a rollup that may hold rows of a member: those within its bounds, or all.';

CREATE OR REPLACE FUNCTION tally_internal._mark_member(m tally.members, reason text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
    SELECT r.id, x.since, x.until, $2 FROM tally_internal._fed_by(m.source) r, tally_internal._member_range(r, m) x
$$;
COMMENT ON FUNCTION tally_internal._mark_member(tally.members, text) IS 'Marks for every rollup on a source what one of its members may hold.';
REVOKE ALL ON FUNCTION tally_internal._mark_member(tally.members, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._generated(relation regclass) RETURNS text
-- Dearer than to look whether a table has defaults at all.
LANGUAGE plpgsql STABLE COST 10000 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Stored columns are left out: a change of their expression rewrites the table, and tally_internal._before_rewrite() sees that.
    RETURN (
    SELECT string_agg(pg_get_expr(d.adbin, d.adrelid), ', ' ORDER BY a.attnum)
      FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE a.attrelid = $1 AND a.attgenerated = 'v' AND NOT a.attisdropped);
END $$;
COMMENT ON FUNCTION tally_internal._generated(regclass) IS
'The expressions of a table''s virtual generated columns (PostgreSQL 18); null where there are none.';

CREATE OR REPLACE FUNCTION tally_internal._follow_generated(source regclass, touched oid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item tally.members;
BEGIN
    IF current_setting('server_version_num')::int < 180000 THEN RETURN; END IF;
    FOR item IN UPDATE tally.members m SET generated = tally_internal._generated(m.member)
                 WHERE m.source = $1 AND (touched IS NULL OR m.member = ANY (touched))
                   AND (m.generated IS NOT NULL OR EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = m.member))
                   AND m.generated IS DISTINCT FROM tally_internal._generated(m.member) RETURNING m.* LOOP
        PERFORM tally_internal._mark_member(item, format('generated columns of %s changed', item.member));
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_generated(regclass, oid[]) IS
'Notices virtual generated columns (PostgreSQL 18) that got another expression: no row is written, and every value may be another. touched: as in '
    '_list_members().';

CREATE OR REPLACE FUNCTION tally_internal._left(source regclass, touched oid[]) RETURNS SETOF tally.members
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = source) THEN
        RETURN QUERY SELECT m.* FROM tally.members m WHERE m.source = source;
    ELSIF touched IS NULL THEN
        RETURN QUERY SELECT m.* FROM tally.members m
          WHERE m.source = source AND m.member <> source
            AND NOT EXISTS (SELECT FROM pg_inherits i JOIN tally.members p ON p.member = i.inhparent AND p.source = source
                             WHERE i.inhrelid = m.member AND NOT i.inhdetachpending);
    ELSE
        -- The same, by indexes.
        RETURN QUERY SELECT m.* FROM unnest(touched) t JOIN tally.members m ON m.member = t AND m.source = source AND m.member <> source
          WHERE NOT EXISTS (SELECT FROM pg_inherits i JOIN tally.members p ON p.member = i.inhparent AND p.source = source
                             WHERE i.inhrelid = t AND NOT i.inhdetachpending);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._left(regclass, oid[]) IS
'The members of a source that no member is a parent of any more. touched: only these are looked at; null: all.';

CREATE OR REPLACE FUNCTION tally_internal._came(source regclass, touched oid[]) RETURNS TABLE (member regclass, parent regclass, cloned boolean)
-- Compiling it would take longer than running it.
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    tops oid[];
BEGIN
    IF touched IS NULL THEN
        tops := ARRAY(SELECT i.inhrelid FROM pg_inherits i JOIN tally.members p ON p.member = i.inhparent AND p.source = source
                       WHERE NOT i.inhdetachpending AND NOT EXISTS (SELECT FROM tally.members m WHERE m.source = source AND m.member = i.inhrelid)
                      UNION ALL SELECT c.oid FROM pg_class c WHERE c.oid = source AND NOT EXISTS (SELECT FROM tally.members m WHERE m.source = source));
    ELSE
        -- The same, by indexes.
        tops := ARRAY(SELECT i.inhrelid FROM unnest(touched) t JOIN pg_inherits i ON i.inhrelid = t AND NOT i.inhdetachpending
                        JOIN tally.members p ON p.member = i.inhparent AND p.source = source
                       WHERE NOT EXISTS (SELECT FROM tally.members m WHERE m.source = source AND m.member = t));
    END IF;
    -- Most often nothing came.
    IF tops = '{}' THEN RETURN; END IF;
    RETURN QUERY
    WITH RECURSIVE came(member, parent, depth) AS (
        SELECT t, i.inhparent, 0 FROM unnest(tops) t
          LEFT JOIN (pg_inherits i JOIN tally.members p ON p.member = i.inhparent AND p.source = source) ON i.inhrelid = t AND NOT i.inhdetachpending
        UNION ALL SELECT i.inhrelid, c.member, c.depth + 1 FROM came c JOIN pg_inherits i ON i.inhparent = c.member AND NOT i.inhdetachpending
    )
    SELECT x.member::regclass, x.parent::regclass, x.member <> source AND t.relispartition
      -- A table may inherit from several tables that themselves inherit from one.
      FROM (SELECT DISTINCT ON (c.member) c.* FROM came c ORDER BY c.member, c.depth) x JOIN pg_class t ON t.oid = x.member
     WHERE NOT EXISTS (SELECT FROM tally.members m WHERE m.source = source AND m.member = x.member) ORDER BY x.depth, x.member;
END $$;
COMMENT ON FUNCTION tally_internal._came(regclass, oid[]) IS
'The tables that hold rows of a source and are not on the list of its members, parents before their children. touched: only these, and what is below them, are '
    'looked at; null: all.';

CREATE OR REPLACE FUNCTION tally_internal._list_members(source regclass, touched oid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known boolean := EXISTS (SELECT FROM tally.members m WHERE m.source = $1);
    item  tally.members;
    gone  tally.members[];
    fresh record;
BEGIN
    -- What left comes first. What is below it leaves with it.
    LOOP
        gone := ARRAY(SELECT x FROM tally_internal._left(source, touched) x);
        EXIT WHEN gone = '{}';
        DELETE FROM tally.members m USING unnest(gone) g WHERE m.source = g.source AND m.member = g.member;
        FOREACH item IN ARRAY gone LOOP
            -- Nobody knows any more how full a dropped table was.
            PERFORM tally_internal._mark_member(item, format('%s left %s', item.member, source));
            IF EXISTS (SELECT FROM pg_class c WHERE c.oid = item.member) THEN
                PERFORM tally_internal._attach_triggers(item.member);
            END IF;
        END LOOP;
    END LOOP;
    FOR fresh IN SELECT * FROM tally_internal._came(source, touched) LOOP
        -- The bounds of the parent hold for a partition that is not bound by time itself.
        INSERT INTO tally.members AS m (source, member, cloned, time_column, since, until, generated)
        SELECT source, fresh.member, fresh.cloned, b.time_column, b.since, b.until, tally_internal._generated(fresh.member)
          FROM (SELECT x.* FROM tally_internal._bounds(fresh.member) x WHERE x.time_column IS NOT NULL
                UNION ALL SELECT p.time_column, p.since, p.until FROM tally.members p WHERE p.source = $1 AND p.member = fresh.parent
                UNION ALL SELECT NULL, NULL, NULL LIMIT 1) b
        RETURNING m.* INTO item;
        -- The history of a new source is marked as a whole. A table without pages has no rows, in any snapshot.
        IF known AND (pg_relation_size(item.member) > 0 OR (SELECT c.relkind = 'f' FROM pg_class c WHERE c.oid = item.member)) THEN
            PERFORM tally_internal._mark_member(item, format('%s joined %s', item.member, source));
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._list_members(regclass, oid[]) IS
'Brings the list of a source''s members to what the catalogue says, and marks what came and went. touched: tables without children, the only ones that can '
    'have come or gone; null: any may have.';

CREATE OR REPLACE FUNCTION tally_internal._switched(source regclass, touched oid[]) RETURNS TABLE (member oid, origin boolean, off boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF touched IS NULL THEN
        RETURN QUERY SELECT t.tgrelid, bool_or(t.tgenabled = 'O' AND t.tgparentid = 0), bool_or(t.tgenabled IN ('D', 'R'))
          FROM pg_trigger t JOIN tally.members m ON m.member = t.tgrelid AND m.source = source
         WHERE t.tgenabled <> 'A' AND t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc) GROUP BY 1;
    ELSE
        -- The same, by indexes.
        RETURN QUERY SELECT t.tgrelid, bool_or(t.tgenabled = 'O' AND t.tgparentid = 0), bool_or(t.tgenabled IN ('D', 'R'))
          FROM unnest(touched) x JOIN pg_trigger t ON t.tgrelid = x JOIN tally.members m ON m.member = x AND m.source = source
         WHERE t.tgenabled <> 'A' AND t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc) GROUP BY 1;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._switched(regclass, oid[]) IS
'The members of a source with a trigger of capture that does not fire always: whether one fires at the origin only, and whether one is off. They are few. '
    'touched: as in _list_members().';

CREATE OR REPLACE FUNCTION tally_internal._follow_switches(source regclass, touched oid[] DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    item record;
BEGIN
    -- ALTER TABLE … ENABLE TRIGGER ALL turns "always" into "origin only".
    PERFORM tally_internal._always(s.member::regclass) FROM tally_internal._switched(source, touched) s WHERE s.origin;
    FOR item IN UPDATE tally.members m SET off = NOT m.off
                  FROM (SELECT x.member FROM tally.members x LEFT JOIN tally_internal._switched(source, touched) s ON s.member = x.member
                         WHERE x.source = source AND (touched IS NULL OR x.member = ANY (touched)) AND x.off <> COALESCE(s.off, false)
                           -- One without triggers is not switched on.
                           AND (s.off OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = x.member
                                                    AND t.tgfoid IN ('tally.capture'::regproc, 'tally.capture_truncate'::regproc)))) d
                 WHERE m.source = source AND m.member = d.member RETURNING m.*, m AS whole LOOP
        IF NOT item.off THEN
            PERFORM tally_internal._mark_member(item.whole, format('capture on %s was disabled', item.member));
        ELSE
            RAISE WARNING USING MESSAGE = format('writes to %s are not captured while its triggers are disabled', item.member),
                DETAIL = format('Rollups on %s do not see them, and are marked as a whole when the triggers are enabled again.', source),
                HINT = format('ALTER TABLE %s ENABLE TRIGGER ALL;', item.member);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._follow_switches(regclass, oid[]) IS
'Notices capture''s triggers being disabled and enabled: what was written in between is marked as a whole. touched: as in _list_members().';
