-- Owns: the rest of the state of 0.2.0, made by the functions of 0.2.0, and the marks of what 0.1.0 stored and 0.2.0 computes otherwise.

-- Defaults.
DO $$
DECLARE
    item text;
BEGIN
    FOREACH item IN ARRAY '{behaviours,installed_packs,metric_views,metrics,probes,rollups,source_retentions,tasks,thresholds}'::text[] LOOP
        EXECUTE format('ALTER TABLE tally.%I ALTER owner SET DEFAULT tally_internal._current_role()', item);
    END LOOP;
END $$;

-- What an alert is found by, and the groups that messages are told in.
INSERT INTO tally.silence_anchors (anchor, ends_at, silence_id)
SELECT DISTINCT a, CASE WHEN s.every IS NULL THEN s.ends_at ELSE 'infinity' END, s.id FROM tally.silences s, unnest(tally_internal._anchors(s.matchers)) a;
SELECT tally_internal._inhibit(s.sources) FROM tally.incidents i, tally_internal._inhibition_sides(ARRAY[i.id], ARRAY[tally_internal._identity(i)], i.owner) s
 WHERE i.status IN ('new', 'acknowledged') AND i.recovered_at IS NULL;
INSERT INTO tally.notification_groups (channel_id, group_hash, first_flush, last_flush)
SELECT n.channel_id, n.group_hash, max(n.flush_at), max(n.flush_at) FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id
 WHERE c.group_by IS NOT NULL GROUP BY 1, 2;
INSERT INTO tally.notification_members (channel_id, incident_id, group_hash, waiting_id, told_at)
SELECT n.channel_id, i.id, md5(tally_internal._group_key(c, i.id, tally_internal._identity(i))::text),
       max(n.id) FILTER (WHERE n.status = 'pending' AND n.attempts = 0),
       coalesce(max(n.sent_at), max(n.created_at))
  FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id CROSS JOIN LATERAL jsonb_array_elements(n.events) e
  JOIN tally.incidents i ON i.id = (e ->> 'incident')::bigint AND i.status IN ('new', 'acknowledged') AND i.recovered_at IS NULL
 WHERE e ->> 'event' IN ('opened', 'refired', 'reopened', 'unsilenced') GROUP BY n.channel_id, i.id, c.*, i.*;

-- A dimension groups as GROUP BY of its value does: where that is another text than before, the rollup is computed anew. What reads an owner's texts
-- or tables does so as the owner, because PostgreSQL runs the checks of domains when it reads constants, and what is constant in an index when it plans.
DO $$
DECLARE
    r     tally.rollups;
    d     tally.dimensions;
    fresh tally.dimensions;
    words text;
    todo  text;
BEGIN
    FOR r IN SELECT * FROM tally.rollups x WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source) ORDER BY x.id LOOP
        -- The maker's own schema is the maker's, whoever runs the upgrade.
        r.search_path := replace(r.search_path, '"$user"', r.owner::text);
        FOR d IN SELECT * FROM tally.dimensions x WHERE x.rollup_id = r.id ORDER BY x.ordinal LOOP
            BEGIN
                SELECT f.* INTO fresh FROM tally.run_as(r.owner, r.search_path, 'SELECT * FROM tally_internal._new_dimension($1, $2, $3, $4, $5)', 0, r.zone,
                    r, (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.relation), d.ordinal,
                    d.name, d.given) x, jsonb_populate_record(NULL::tally.dimensions, x) f;
                CONTINUE WHEN fresh.expression = d.expression;
                UPDATE tally.dimensions x SET expression = fresh.expression WHERE x.rollup_id = r.id AND x.name = d.name;
                -- COALESCE of a column that is never NULL gives the same text.
                CONTINUE WHEN fresh.expression = format('COALESCE(%s, ''(none)'')', d.expression)
                    AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = r.source AND quote_ident(a.attname) = d.given AND a.attnotnull);
                INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
                SELECT r.id, r.frozen_before, 'infinity', 'upgrade to 0.2.0: dimension ' || d.name;
            EXCEPTION WHEN OTHERS THEN
                GET STACKED DIAGNOSTICS words = MESSAGE_TEXT, todo = PG_EXCEPTION_HINT;
                RAISE WARNING USING MESSAGE = format('dimension %L of rollup %L is kept as it is, but 0.2.0 would refuse it: %s', d.name, r.name, words),
                    HINT = COALESCE(NULLIF(todo, ''), format('SELECT tally.drop_rollup(%L);  -- and create it again', r.name));
            END;
        END LOOP;
    END LOOP;
END $$;

-- Sketches of totals add as numeric now; those of 0.1.0 added as float8.
INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
SELECT DISTINCT r.id, r.frozen_before, 'infinity'::timestamptz, 'upgrade to 0.2.0: exact totals'
  FROM tally.rollups r JOIN tally.measures m ON m.rollup_id = r.id WHERE m.type = 'tally.totals' AND r.source_rollup IS NULL;

-- A retention counted in hours counts them from the start in every zone.
INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
SELECT r.id, r.frozen_before, 'infinity', 'upgrade to 0.2.0: periods of hours'
  FROM tally.behaviours b JOIN tally.rollups r ON r.id = b.counts
 WHERE b.kind = 'retention' AND b.definition ->> 'zone' <> 'UTC' AND extract(epoch FROM (b.definition ->> 'period')::interval
       - date_trunc('day', (b.definition ->> 'period')::interval)) <> 0;

-- Days whose midnight the clock skips or repeats had other bounds: those days, and the buckets that hold them, are computed anew.
DO $$
DECLARE
    r     tally.rollups;
    bound record;
BEGIN
    FOR r IN SELECT * FROM tally.rollups x WHERE x.bucket >= interval '1 day' AND x.zone <> 'UTC' AND x.key IS NULL
                AND EXISTS (SELECT FROM pg_class c WHERE c.oid = x.relation) ORDER BY x.id LOOP
        SELECT (x ->> 'first')::timestamptz AS first, (x ->> 'last')::timestamptz AS last INTO bound
          FROM tally.run_as(r.owner, '', format('SELECT min(bucket) AS first, max(bucket) AS last FROM %s WHERE isfinite(bucket)', r.relation), 0) x;
        INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
        SELECT r.id, greatest(a.since, r.frozen_before), a.until, 'upgrade to 0.2.0: an odd midnight'
          FROM generate_series(bound.first AT TIME ZONE r.zone - interval '1 day', bound.last AT TIME ZONE r.zone + r.bucket, interval '1 day') s(day),
               LATERAL (SELECT date_trunc('day', s.day) AS midnight) m,
               LATERAL (SELECT m.midnight AT TIME ZONE r.zone AS instant) i,
               tally_internal._aligned(r, i.instant - interval '26 hours', i.instant + interval '50 hours') a
         WHERE (i.instant AT TIME ZONE r.zone <> m.midnight OR (i.instant - interval '1 hour') AT TIME ZONE r.zone <> m.midnight - interval '1 hour'
                OR (i.instant + interval '1 hour') AT TIME ZONE r.zone <> m.midnight + interval '1 hour')
           AND a.until > r.frozen_before;
    END LOOP;
END $$;

-- Distinct counts of types that 0.1.0 took some unequal values of for one: those counted by the aggregate for any type, or of numeric.
DO $$
DECLARE
    r     tally.rollups;
    m     tally.measures;
    counts oid;
BEGIN
    FOR r IN SELECT * FROM tally.rollups x WHERE EXISTS (SELECT FROM pg_class c WHERE c.oid = x.source) ORDER BY x.id LOOP
        r.search_path := replace(r.search_path, '"$user"', r.owner::text);
        FOR m IN SELECT * FROM tally.measures x WHERE x.rollup_id = r.id AND x.expression LIKE '%hll%' ORDER BY x.ordinal LOOP
            BEGIN
                SELECT (x ->> 'aggregate')::oid INTO counts
                  FROM tally.run_as(r.owner, r.search_path, 'SELECT a.aggregate FROM tally_internal._analyse($1, $2, $3, ''measure'', $4) a', 0, r.zone,
                      m.expression, r, (SELECT n.nspname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = r.relation),
                      m.name) x;
            EXCEPTION WHEN OTHERS THEN
                -- What is not known is computed anew.
                counts := 'tally.hll(anyelement)'::regprocedure;
            END;
            INSERT INTO tally.dirty_ranges (rollup_id, since, until, reason)
            SELECT r.id, r.frozen_before, 'infinity', 'upgrade to 0.2.0: distinct counts of ' || m.name
             WHERE counts IN ('tally.hll(anyelement)'::regprocedure, 'tally.hll(anyelement, integer)'::regprocedure,
                              'tally.hll(numeric)'::regprocedure, 'tally.hll(numeric, integer)'::regprocedure);
        END LOOP;
    END LOOP;
END $$;

-- 0.1.0 had statistics on an expression that no query of 0.2.0 has, for each rollup. One object serves all rollups with the same groups.
DO $$
DECLARE
    old record;
    had int[] := '{}';
BEGIN
    FOR old IN SELECT r.id, o.object FROM tally.rollups r CROSS JOIN LATERAL tally_internal._statistics_of(r, '_tally_groups') o(object)
                WHERE o.object IS NOT NULL LOOP
        EXECUTE 'DROP STATISTICS ' || old.object;
        had := had || old.id;
    END LOOP;
    PERFORM tally_internal._add_statistics(h) FROM unnest(had) h ORDER BY h;
END $$;

-- INFO, because an upgrade's NOTICEs are not shown.
DO $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT string_agg(DISTINCT r.name, ', ' ORDER BY r.name) AS names, count(DISTINCT r.id) AS n FROM tally.dirty_ranges g
                  JOIN tally.rollups r ON r.id = g.rollup_id WHERE g.reason LIKE 'upgrade to 0.2.0: %' HAVING count(*) > 0 LOOP
        RAISE INFO USING MESSAGE = format('%s rollups are marked to be computed anew, in whole or in part', item.n),
            DETAIL = format('Those are %s.', item.names),
            HINT = 'CALL tally.backfill();  -- or wait for the schedule; live views are exact now';
    END LOOP;
    FOR item IN SELECT string_agg(format('ANALYZE %s;', x), ' ') AS todo FROM tally_internal._lacking_statistics() x HAVING count(*) > 0 LOOP
        RAISE INFO USING MESSAGE = 'statistics on the groups of rollups were made anew and are empty', HINT = item.todo || '  -- or wait for autovacuum';
    END LOOP;
    FOR item IN SELECT p.pack, p.target_schema, p.owner FROM tally.installed_packs p ORDER BY p.pack LOOP
        RAISE INFO USING MESSAGE = format('pack %L was installed by 0.1.0: install it again, so that its functions are those of 0.2.0', item.pack),
            HINT = concat(CASE WHEN item.owner::oid <> tally_internal._current_role()::oid THEN format('SET ROLE %s; ', item.owner) END,
                          format('SELECT tally.install_pack(%L, target_schema => %L);', item.pack, item.target_schema));
    END LOOP;
END $$;
