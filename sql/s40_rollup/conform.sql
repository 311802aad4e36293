-- Owns: bringing a rollup's table and live views to a definition that has changed in the catalogue.
--
-- The owner writes the catalogue first, through _store_change(). The functions here do only what the catalogue says. Their SQL contains the
-- definition's text, so it runs as the owner.

CREATE OR REPLACE FUNCTION tally_internal._view_options(view regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE((SELECT 'WITH (' || string_agg(o, ', ') || ')' FROM pg_class c, unnest(c.reloptions) o
                      WHERE c.oid = view AND c.relkind = 'v' AND o ~* '^security_(invoker|barrier)=[a-z0-9]+$'), '')
$$;
COMMENT ON FUNCTION tally_internal._view_options(regclass) IS
'SQL text of whose rights a view reads with, which its owner may have changed and CREATE OR REPLACE VIEW forgets; empty where it is as it was made.';

CREATE OR REPLACE FUNCTION tally_internal._grants_on(relation regclass) RETURNS text[]
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- With whose rights it reads comes first: a grant on a view of its reader's rights is not for one of its owner's.
    SELECT array_agg(x.statement ORDER BY x.n) FROM (
        SELECT format('ALTER VIEW %s SET %s', relation, substr(o.options, 6)) AS statement, 1 AS n
          FROM tally_internal._view_options(relation) o(options) WHERE o.options <> ''
        UNION ALL SELECT format('GRANT %s ON %s TO %s%s', a.privilege_type, relation, COALESCE(quote_ident(g.rolname), 'PUBLIC'),
                                CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), 2
          FROM pg_class c, aclexplode(c.relacl) a LEFT JOIN pg_roles g ON g.oid = a.grantee WHERE c.oid = relation AND a.grantee <> c.relowner) x
$$;
COMMENT ON FUNCTION tally_internal._grants_on(regclass) IS 'The statements that give a relation made anew the options and grants that it has now.';

CREATE OR REPLACE FUNCTION tally_internal._merge_stored(r tally.rollups, gone text[], anew text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept text;
    nums record;
BEGIN
    -- Measures that the table does not have yet are added after this.
    SELECT string_agg(quote_ident(m.name), ', ' ORDER BY m.ordinal) AS names, string_agg(format(m.merge, m.name), ', ' ORDER BY m.ordinal) AS merged INTO nums
      FROM tally.measures m JOIN pg_attribute a ON a.attrelid = r.relation AND a.attname = m.name AND NOT a.attisdropped
     WHERE m.rollup_id = r.id AND m.name <> ALL (anew);
    kept := (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.n) FROM pg_constraint c, unnest(c.conkey) WITH ORDINALITY k(attnum, n)
               JOIN pg_attribute a ON a.attrelid = r.relation AND a.attnum = k.attnum WHERE c.conrelid = r.relation AND c.contype = 'p'
                   AND NOT a.attname = ANY (gone));
    PERFORM tally.run_as(r.owner, r.search_path, format('ALTER TABLE %s DROP CONSTRAINT %I, %s', r.relation,
        (SELECT c.conname FROM pg_constraint c WHERE c.conrelid = r.relation AND c.contype = 'p'),
        (SELECT string_agg(format('ALTER COLUMN %I DROP NOT NULL', g), ', ') FROM unnest(gone) g)));
    -- Grouping reads all rows before it gives the first merged one, so all are deleted by then. The writes mark the rollups on this one.
    PERFORM tally.run_as(r.owner, r.search_path, format(
        'WITH _gone AS (DELETE FROM %1$s RETURNING *) INSERT INTO %1$s (%2$s) SELECT %3$s FROM _gone GROUP BY %4$s',
        r.relation, concat_ws(', ', kept, nums.names), concat_ws(', ', kept, nums.merged), kept));
END $$;
COMMENT ON FUNCTION tally_internal._merge_stored(tally.rollups, text[], text[]) IS
'Merges the stored rows of a rollup that differ only in the dimensions that are dropped, by the merge rules of its measures. Leaves out measures that get '
'another meaning.';

CREATE OR REPLACE FUNCTION tally_internal._columns_gone(r tally.rollups, anew text[], OUT gone text[], OUT dims text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(a.attname::text), array_agg(a.attname::text) FILTER (WHERE a.attnum = ANY (c.conkey))
      FROM pg_attribute a JOIN pg_constraint c ON c.conrelid = a.attrelid AND c.contype = 'p'
     WHERE a.attrelid = r.relation AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'bucket'
       AND (a.attname = ANY (anew)
            OR (NOT EXISTS (SELECT FROM tally.dimensions d WHERE d.rollup_id = r.id AND d.name = a.attname AND a.attnum = ANY (c.conkey))
                AND NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = a.attname AND NOT a.attnum = ANY (c.conkey))))
$$;
COMMENT ON FUNCTION tally_internal._columns_gone(tally.rollups, text[]) IS
'gone: the columns of a rollup''s table that must be dropped. The definition no longer has them as the dimension or measure that they are, or it gives them '
    'another meaning (anew). dims: those of them that are dimensions.';

CREATE OR REPLACE FUNCTION tally_internal._conform_table(r tally.rollups, anew text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key_   name := (SELECT c.conname FROM pg_constraint c WHERE c.conrelid = r.relation AND c.contype = 'p');
    gone   text[];
    dims   text[];
    steps  text;
BEGIN
    SELECT x.gone, x.dims INTO gone, dims FROM tally_internal._columns_gone(r, anew) x;
    IF dims IS NOT NULL THEN
        PERFORM tally_internal._merge_stored(r, dims, anew);
    END IF;
    IF gone IS NOT NULL THEN
        PERFORM tally.run_as(r.owner, r.search_path, (SELECT format('ALTER TABLE %s %s', r.relation, string_agg(format('DROP COLUMN %I', g), ', '))
                                                      FROM unnest(gone) g));
    END IF;
    -- A default that is constant rewrites no row.
    SELECT string_agg(x.step, ', ' ORDER BY x.place, x.ordinal) INTO steps
      FROM (SELECT 1 AS place, d.ordinal, d.name, format('ADD COLUMN %I text NOT NULL DEFAULT %L', d.name, '(before)') AS step FROM tally.dimensions d
            WHERE d.rollup_id = r.id
            UNION ALL SELECT 2, m.ordinal, m.name, format('ADD COLUMN %I %s', m.name, m.type) FROM tally.measures m WHERE m.rollup_id = r.id) x
     WHERE NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.relation AND a.attname = x.name AND NOT a.attisdropped);
    IF steps IS NOT NULL THEN
        PERFORM tally.run_as(r.owner, r.search_path, format('ALTER TABLE %s %s', r.relation, steps));
    END IF;
    SELECT string_agg(format('ALTER COLUMN %I DROP DEFAULT', a.attname), ', ') INTO steps
      FROM pg_attribute a JOIN tally.dimensions d ON d.rollup_id = r.id AND d.name = a.attname WHERE a.attrelid = r.relation AND a.atthasdef
          AND NOT a.attisdropped;
    IF steps IS NOT NULL OR dims IS NOT NULL THEN
        PERFORM tally.run_as(r.owner, r.search_path, format('ALTER TABLE %s %s', r.relation, concat_ws(', ', steps,
            CASE WHEN dims IS NULL THEN 'DROP CONSTRAINT ' || quote_ident(key_) END,
                format('ADD CONSTRAINT %I PRIMARY KEY (%s)', key_, tally_internal._columns_sql(tally_internal._resolved(r), '%I', ', ', 'key')))));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._conform_table(tally.rollups, text[]) IS
'Drops from a rollup''s table the columns that its definition no longer has, merging rows where they were dimensions, and adds new ones: measures empty, '
'dimensions ''(before)''.';

CREATE OR REPLACE FUNCTION tally_internal._live_grows(rollup_id int) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT starts_with(tally_internal._columns_sql(tally_internal._resolved(r), '%I') || ', ', tally_internal._physical_columns(r.live_view) || ', ')
           AND (tally_internal._columns_gone(r, '{}')).gone IS NULL
        FROM tally.rollups r
        WHERE r.id = $1
$$;
COMMENT ON FUNCTION tally_internal._live_grows(int) IS 'Whether the catalogue gives a live view the columns that it has, and possibly more at the end.';

CREATE OR REPLACE FUNCTION tally_internal._conform(rollup_id int, anew text[], who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    -- It does only what the catalogue says. But it locks, so not everybody may call it.
    r      tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
    places jsonb := '{}';
    -- If columns are only added at the end, views that others made on the live view can stay.
    views  int[] := CASE WHEN anew = '{}' AND COALESCE(tally_internal._live_grows(rollup_id), false) THEN '{}'::int[]
                           ELSE tally_internal._with_descendants(rollup_id) END;
    grants text[] := '{}';
    item   text;
BEGIN
    -- It goes from the topmost down, because each view stands on the next.
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (views) ORDER BY x.id DESC LOOP
        places := places || jsonb_build_object(r.id, tally_internal._live_place(r));
        -- Somebody may have dropped it, by CASCADE with a column of the source for instance.
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = r.live_view AND c.relkind = 'v') THEN
            grants := grants || COALESCE(tally_internal._grants_on(r.live_view), '{}');
            PERFORM tally.run_as(r.owner, r.search_path, format('DROP VIEW %s', r.live_view));
        END IF;
    END LOOP;
    SELECT * INTO r FROM tally.rollups x WHERE x.id = rollup_id;
    PERFORM tally_internal._conform_table(r, anew);
    FOR r IN SELECT x.* FROM tally.rollups x WHERE x.id = ANY (views) OR x.id = rollup_id ORDER BY x.id LOOP
        PERFORM tally_internal._put_live(r, COALESCE(places ->> r.id::text, tally_internal._live_place(r)), r.id <> ALL (views));
    END LOOP;
    IF views = '{}' THEN
        PERFORM tally_internal._put_above(rollup_id);
    END IF;
    FOREACH item IN ARRAY grants LOOP
        EXECUTE item;
    END LOOP;
EXCEPTION WHEN dependent_objects_still_exist THEN
    DECLARE
        detail_ text;
    BEGIN
        GET STACKED DIAGNOSTICS detail_ = PG_EXCEPTION_DETAIL;
        PERFORM tally_internal._refuse('dependent_objects_still_exist',
            format('rollup %L cannot be changed in this way: views of others stand on its columns',
                (SELECT x.name FROM tally.rollups x WHERE x.id = rollup_id)),
            detail_,
            format('DROP VIEW %s; and make it again after the change.', COALESCE((regexp_match(detail_, 'view (\S+) depends on'))[1], '…')));
    END;
END $$;
COMMENT ON FUNCTION tally_internal._conform(int, text[], bigint) IS
'Brings a rollup''s table, its live view, and the live views of all rollups on it to what the catalogue says. anew: columns that keep their names and get '
    'another meaning. Grants on them stay.';
