-- Owns: pull: what has changed at each node comes into the table of parts, from which the rollup here is refreshed like any other.

CREATE OR REPLACE FUNCTION tally_internal._taking_sql(c tally.clusters, n tally.cluster_nodes, whole boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- One statement reads the state of the feed and the rows, so both are of one snapshot. Values are written in one form, whatever the node's settings.
    SELECT format('WITH s AS MATERIALIZED (SELECT tally_internal._feed_state(%1$L, %2$L, %3$s) AS state, %4$s), '
                  'w AS MATERIALIZED (SELECT %5$L OR (s.state ->> ''whole'')::boolean AS whole FROM s) '
                  'SELECT %9$s || jsonb_build_object(''whole'', w.whole)::jsonb, NULL::timestamptz%6$s FROM s, w '
                  -- Two parts, because an OR of both would look each row of the rollup up in the list.
                  'UNION ALL SELECT NULL, t.bucket%7$s FROM (SELECT DISTINCT b::timestamptz AS bucket FROM s, w, '
                  'jsonb_array_elements_text(s.state -> ''buckets'') b WHERE NOT w.whole) c JOIN %8$s t ON t.bucket = c.bucket '
                  'UNION ALL SELECT NULL, t.bucket%7$s FROM %8$s t WHERE (SELECT w.whole FROM w)',
                  c.remote, n.identity, n.taken,
                  (SELECT string_agg(format('set_config(%L, %L, false)', g.name, g.value), ', ')
                     FROM (VALUES ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('IntervalStyle', 'postgres')) g(name, value)),
                  whole, string_agg(format(', NULL::%s', x.type), '' ORDER BY x.place), string_agg(format(', t.%I', x.name), '' ORDER BY x.place), c.remote,
                  CASE WHEN c.definition ? 'placement' THEN format('jsonb_set(s.state, ''{definition}'', (s.state -> ''definition'') || jsonb_build_object('
                      '''distributed'', %1$L::text, ''placement'', tally_internal._shards_state(%1$L, %2$L)))', c.definition ->> 'distributed',
                      tally_internal._beside_remote(c.remote, '_shards')) ELSE 's.state' END)
      FROM tally_internal._part_columns(c.definition) x
$$;
COMMENT ON FUNCTION tally_internal._taking_sql(tally.clusters, tally.cluster_nodes, boolean) IS
'SQL text that runs at a node: a row with the state of the feed, and the rows of all buckets that it names (whole: of all).';

CREATE OR REPLACE FUNCTION tally_internal._beside_remote(remote text, ending text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('%I.%I', p[1], p[2] || ending) FROM tally_internal._name_parts(remote) p
$$;
COMMENT ON FUNCTION tally_internal._beside_remote(text, text) IS 'The name of what stands beside a rollup at a node, with its schema.';

CREATE OR REPLACE FUNCTION tally_internal._part_columns(definition jsonb) RETURNS TABLE (place bigint, name text, type text, merge text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT row_number() OVER (ORDER BY x.kind, x.n), x.item ->> 0, CASE x.kind WHEN 1 THEN 'text' ELSE x.item ->> 2 END, x.item ->> 3
      FROM (SELECT 1 AS kind, d.item, d.n FROM jsonb_array_elements(definition -> 'dimensions') WITH ORDINALITY d(item, n)
            UNION ALL SELECT 2, m.item, m.n FROM jsonb_array_elements(definition -> 'measures') WITH ORDINALITY m(item, n)) x
$$;
COMMENT ON FUNCTION tally_internal._part_columns(jsonb) IS
'The columns of a rollup behind its bucket, of its definition: dimensions, then measures with their merge.';

CREATE OR REPLACE FUNCTION tally_internal._putting_sql(c tally.clusters, n tally.cluster_nodes, whole boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._render(
        'WITH _far AS MATERIALIZED ({asking}), '
        '_state AS MATERIALIZED (SELECT f.state::pg_catalog.jsonb AS state FROM _far f WHERE f.state IS NOT NULL), '
        '_stale AS MATERIALIZED (SELECT p.ctid AS place, p.* FROM _state s, pg_catalog.jsonb_array_elements_text(s.state -> ''buckets'') b(b), {parts} p '
            'WHERE NOT (s.state ->> ''whole'')::boolean AND p.cluster_node = $1 AND p.bucket = b.b::timestamptz '
            'UNION ALL SELECT p.ctid, p.* FROM _state s, {parts} p WHERE (s.state ->> ''whole'')::boolean AND p.cluster_node = $1), '
        '_deleted AS (DELETE FROM {parts} p USING _stale o WHERE p.ctid = o.place AND NOT EXISTS (SELECT FROM _far f WHERE {same_key}) RETURNING 1), '
        '_put AS (INSERT INTO {parts} AS p (cluster_node, bucket{columns}) SELECT $1, f.bucket{far_columns} FROM _far f WHERE f.state IS NULL '
            'ON CONFLICT (cluster_node, bucket{dimensions}) DO UPDATE SET ({measures}) = ROW({new_measures}) '
            'WHERE ROW({old_measures})::record OPERATOR(pg_catalog.*<>) ROW({new_measures})::record RETURNING 1) '
        'SELECT s.state, (SELECT pg_catalog.count(*) FROM _put) + (SELECT pg_catalog.count(*) FROM _deleted) AS rows FROM _state s',
        jsonb_build_object('parts', c.parts,
            'asking', tally_internal._asking_sql(n.node, tally_internal._taking_sql(c, n, whole), 'state pg_catalog.text, bucket timestamptz'
                          || string_agg(format(', %I %s', x.name, x.type), '' ORDER BY x.place)),
            'columns', string_agg(format(', %I', x.name), '' ORDER BY x.place), 'far_columns', string_agg(format(', f.%I', x.name), '' ORDER BY x.place),
            'dimensions', COALESCE(string_agg(format(', %I', x.name), '' ORDER BY x.place) FILTER (WHERE x.merge IS NULL), ''),
            'same_key', 'f.bucket = o.bucket' || COALESCE(string_agg(format(' AND f.%1$I = o.%1$I', x.name), '' ORDER BY x.place)
                                                              FILTER (WHERE x.merge IS NULL), ''),
            'measures', string_agg(quote_ident(x.name), ', ' ORDER BY x.place) FILTER (WHERE x.merge IS NOT NULL),
            'new_measures', string_agg(format('excluded.%I', x.name), ', ' ORDER BY x.place) FILTER (WHERE x.merge IS NOT NULL),
            'old_measures', string_agg(format('p.%I', x.name), ', ' ORDER BY x.place) FILTER (WHERE x.merge IS NOT NULL)))
      FROM tally_internal._part_columns(c.definition) x
$$;
COMMENT ON FUNCTION tally_internal._putting_sql(tally.clusters, tally.cluster_nodes, boolean) IS
'SQL text of one statement that brings the parts of a node ($1) to what the node holds in its changed buckets, and gives the state of the feed.';

CREATE OR REPLACE FUNCTION tally_internal._pull_node(r tally.rollups, node text, whole boolean, OUT buckets bigint, OUT rows bigint, OUT error text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
#variable_conflict use_variable
DECLARE
    c      tally.clusters;
    n      tally.cluster_nodes;
    limit_ int := 60000;
    wrote  jsonb;
    code text; message text; hint text;
BEGIN
    SELECT * INTO c FROM tally.clusters x WHERE x.rollup_id = r.id;
    BEGIN
        -- Pulls of one node take turns. What the one before has committed, this one sees.
        SELECT * INTO n FROM tally.cluster_nodes x WHERE x.rollup_id = r.id AND x.node = node FOR UPDATE;
        IF n.node IS NULL THEN RETURN; END IF;
        PERFORM tally.run_as(r.owner, r.search_path, tally_internal._asking_sql(node, format('SELECT tally_internal._feed_prepare(%L, %L, %s, %L)', c.remote,
            n.identity, n.taken,
            -- A pull of this very transaction may yet be undone. Then its marks must still be there.
            CASE WHEN n.pulled_by IS DISTINCT FROM pg_current_xact_id() THEN n.snapshot END), 'answer text'), limit_, 'UTC');
        SELECT x INTO wrote FROM tally.run_as(r.owner, r.search_path, tally_internal._putting_sql(c, n, whole), limit_, 'UTC', node) x;
        PERFORM tally_internal._check_node(node, wrote -> 'state', c.definition, c.remote);
        UPDATE tally.cluster_nodes x SET identity = wrote -> 'state' ->> 'identity', taken = (wrote -> 'state' ->> 'taken')::bigint + 1,
            snapshot = (wrote -> 'state' ->> 'snapshot')::pg_snapshot, pulled_by = pg_current_xact_id(), pulled_at = clock_timestamp(),
            failed_since = NULL, sqlstate = NULL, message = NULL, hint = NULL WHERE x.rollup_id = r.id AND x.node = node;
        buckets := CASE WHEN (wrote -> 'state' ->> 'whole')::boolean THEN NULL ELSE jsonb_array_length(wrote -> 'state' -> 'buckets') END;
        rows := (wrote ->> 'rows')::bigint;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
        error := format('%s: %s', code, message);
        hint := COALESCE(NULLIF(hint, ''), format('SELECT * FROM tally.pull(%L);', tally_internal._called(r)));
        RAISE WARNING USING MESSAGE = format('node %I of cluster rollup %L was not pulled: %s', node, r.name, message), ERRCODE = code,
            DETAIL = 'Its rows stand as of the pull before; live views and metrics that read it raise an error.', HINT = hint;
        BEGIN
            UPDATE tally.cluster_nodes x SET failed_since = COALESCE(x.failed_since, clock_timestamp()), sqlstate = code, message = left(message, 1000),
                hint = hint WHERE x.rollup_id = r.id AND x.node = node;
        EXCEPTION WHEN lock_not_available THEN
            -- Another pull works on it, and will say how it is.
            NULL;
        END;
    END;
END $$;
COMMENT ON FUNCTION tally_internal._pull_node(tally.rollups, text, boolean) IS
'Pulls one node of a cluster rollup, as its owner. A failure is written down and stops no other node. buckets null: all were taken.';
REVOKE ALL ON FUNCTION tally_internal._pull_node(tally.rollups, text, boolean) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.pull(rollup text DEFAULT NULL, whole boolean DEFAULT false, who bigint DEFAULT tally_internal._me())
RETURNS TABLE (name text, node text, buckets bigint, rows bigint, error text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    one    tally.rollups;
    item   record;
BEGIN
    IF rollup IS NOT NULL THEN
        one := tally_internal._rollup(rollup);
        PERFORM tally_internal._check_refresh(caller, one.id);
        IF NOT EXISTS (SELECT FROM tally.clusters c WHERE c.rollup_id = one.id) THEN
            PERFORM tally_internal._refuse('wrong_object_type', format('pull needs a cluster rollup, got %L, which is none', one.name),
                'Its rows lie on this server.', format('SELECT * FROM tally.refresh(%L);', rollup));
        END IF;
    END IF;
    FOR item IN SELECT r, n.node FROM tally.rollups r JOIN tally.cluster_nodes n ON n.rollup_id = r.id
                      WHERE CASE WHEN rollup IS NULL THEN tally_internal._may_refresh(caller, r.id) ELSE r.id = one.id END ORDER BY r.id, n.node LOOP
        one := item.r;
        name := one.name;
        node := item.node;
        SELECT p.buckets, p.rows, p.error INTO buckets, rows, error FROM tally_internal._pull_node(one, node, whole) p;
        RETURN NEXT;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally.pull(text, boolean, bigint) IS
'Takes what has changed at the nodes of a cluster rollup (null: of all that the caller may refresh; whole: everything) into its parts. refresh() does it '
'too, before it computes. Returns what was done per node; a node that fails is reported in error and stops no other.';

CREATE OR REPLACE FUNCTION tally_internal._when_refresh_begins_s72(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item record;
BEGIN
    FOR item IN SELECT r, tally_internal._shards_moved(c) AS moved FROM tally.clusters c JOIN tally.rollups r ON r.id = c.rollup_id
                 WHERE detail @> to_jsonb(r.id) ORDER BY r.id LOOP
        IF item.moved THEN
            PERFORM tally_internal._pull_moved(item.r);
        ELSE
            PERFORM tally_internal._pull_node(item.r, n.node, false) FROM tally.cluster_nodes n WHERE n.rollup_id = (item.r).id;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._when_refresh_begins_s72(int, jsonb) IS 'Listener: pulls the cluster rollups among those that are to be refreshed.';
