-- Owns: create_cluster_rollup: the rollup with its feed at every node; here a table of parts, foreign tables and a view that read the nodes now, and the
-- rollup that merges them.

CREATE OR REPLACE FUNCTION tally.create_cluster_rollup(
    name        text,
    servers     text[],
    source      text,
    time_column text,
    bucket      interval DEFAULT '1 hour',
    dimensions  jsonb DEFAULT NULL,
    measures    jsonb DEFAULT NULL,
    "where"     text DEFAULT NULL,
    schedule    text DEFAULT '*/5 * * * *',
    zone        text DEFAULT 'UTC',
    description text DEFAULT NULL,
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    expand      text DEFAULT NULL,
    origin      timestamptz DEFAULT NULL,
    emptied     text DEFAULT 'follow'
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' SET intervalstyle = 'postgres' AS $$
#variable_conflict use_variable
DECLARE
    parts     text[] := tally_internal._name_parts(name);
    label     text := parts[array_upper(parts, 1)];
    target    text;
    arguments jsonb := jsonb_build_object('source', source, 'time_column', time_column, 'bucket', bucket::text, 'dimensions', dimensions, 'measures', measures,
        'where', "where", 'schedule', schedule, 'zone', zone, 'description', description, 'search_path', search_path, 'expand', expand,
        'origin', origin::text, 'emptied', emptied);
    old       tally.rollups;
    known     tally.clusters;
    remote    text;
    spread    text := tally_internal._distributed_source(source, search_path, label);
    wanted    jsonb;
    result    regclass;
BEGIN
    PERFORM set_config('search_path', search_path, true);
    target := COALESCE(CASE WHEN array_length(parts, 1) > 1 THEN parts[1] END, current_schema());
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM tally_internal._dblink();
    servers := tally_internal._nodes_given(label, servers, spread, source);
    PERFORM tally_internal._check_servers(label, servers), tally_internal._may_create(label, target, NULL);
    remote := format('%I.%I', target, label);
    SELECT * INTO old FROM tally.rollups r WHERE r.name = label AND tally_internal._schema_of(r.relation) = target;
    SELECT * INTO known FROM tally.clusters c WHERE c.rollup_id = old.id;
    IF old.id IS NOT NULL AND known.arguments - 'description' IS DISTINCT FROM arguments - 'description' THEN
        PERFORM tally_internal._refuse('duplicate_object', format('rollup %L exists already with another definition', label),
            format('It would change %s.', COALESCE((SELECT string_agg(e.key, ', ' ORDER BY e.key) FROM jsonb_each(arguments) e
                                                     WHERE known.arguments -> e.key IS DISTINCT FROM e.value AND e.key <> 'description'),
                                                   'a rollup of this server alone')),
            format(CASE WHEN known.rollup_id IS NULL THEN 'SELECT tally.drop_rollup(%L);' ELSE 'SELECT tally.drop_cluster_rollup(%L, at_nodes => true);' END,
                   tally_internal._called(old)));
    END IF;
    IF spread IS NOT NULL AND old.id IS NOT NULL AND tally_internal._shards_moved(known) THEN
        PERFORM tally.refresh(tally_internal._called(old));
        RETURN old.relation;
    END IF;
    wanted := tally_internal._make_at_nodes(label, remote, servers, CASE WHEN spread IS NULL THEN arguments
                                                                         ELSE tally_internal._for_workers(arguments, spread) END);
    IF old.id IS NULL THEN
        result := tally_internal._build_cluster(label, target, remote, arguments, wanted);
        SELECT * INTO old FROM tally.rollups r WHERE r.relation = result;
        PERFORM tally_internal._watch_nodes(old);
    ELSE
        result := old.relation;
    END IF;
    PERFORM tally_internal._set_nodes(old, servers);
    RETURN result;
END $$;
COMMENT ON FUNCTION tally.create_cluster_rollup(text, text[], text, text, interval, jsonb, jsonb, text, text, text, text, text, text, timestamptz, text) IS
'Defines a rollup that several servers hold together: name; servers (foreign servers of postgres_fdw, the nodes; null: the workers of Citus); source (a '
    'table of this name at each node, or a distributed table of Citus); the other arguments are those of create_rollup(). It makes the rollup at each node, '
    'and one of the same name here that merges them. The view '
    '<name>_live reads the nodes now; the table holds what the last pull brought (refresh() pulls first). Metrics, thresholds, boards and releases stand on '
    'it. If you define it again with other servers, nodes are added or removed.';

CREATE OR REPLACE FUNCTION tally_internal._nodes_given(label text, servers text[], spread text, source text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF spread IS NULL THEN RETURN servers; END IF;
    IF servers IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('servers of cluster rollup %L must be NULL for the distributed table %s, got %s',
                label, spread, servers), 'The workers of Citus that hold its shards are the nodes, whichever they are.',
            format('SELECT tally.create_cluster_rollup(%L, servers => NULL, source => %L, …);', label, source));
    END IF;
    RETURN tally_internal._workers(spread);
END $$;
COMMENT ON FUNCTION tally_internal._nodes_given(text, text[], text, text) IS
'The nodes of a cluster rollup: those that are given, or the workers that hold the shards of a distributed table.';

CREATE OR REPLACE FUNCTION tally_internal._check_servers(label text, servers text[]) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    bad text;
BEGIN
    IF COALESCE(cardinality(servers), 0) = 0 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('cluster rollup %L must have at least one node, got none', label),
            'A node is a foreign server of postgres_fdw.', 'SELECT srvname FROM pg_foreign_server;');
    END IF;
    PERFORM tally_internal._check_once(servers, 'servers');
    SELECT x INTO bad FROM unnest(servers) x WHERE NOT EXISTS (SELECT FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
        WHERE s.srvname = x AND w.fdwname = 'postgres_fdw') LIMIT 1;
    IF FOUND THEN
        PERFORM tally_internal._refuse('undefined_object', format('nodes of cluster rollup %L must be foreign servers of postgres_fdw, got %s', label,
                COALESCE(quote_literal(bad), 'NULL')),
            COALESCE('Known are ' || (SELECT string_agg(quote_literal(s.srvname), ', ' ORDER BY s.srvname) FROM pg_foreign_server s) || '.', 'There is none.'),
            format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host ''…'', dbname ''…'', connect_timeout ''5'');',
                   COALESCE(bad, 'node1')));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_servers(text, text[]) IS 'An error where the nodes of a cluster rollup are not foreign servers of postgres_fdw.';

CREATE OR REPLACE FUNCTION tally_internal._make_at_nodes(label text, remote text, servers text[], arguments jsonb) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    said   jsonb;
    result jsonb;
    node   text;
    trial  boolean;
BEGIN
    -- All nodes are asked before any of them keeps it, so that an error makes nothing half.
    FOR trial IN SELECT unnest('{true,false}'::boolean[]) LOOP
        FOREACH node IN ARRAY servers LOOP
            said := tally_internal._ask_as_caller(node, format('SELECT tally_internal.%I(%L, %L, %L)',
                CASE WHEN arguments ? 'placement' THEN '_create_at_worker' ELSE '_create_at_node' END, remote, arguments, trial));
            result := COALESCE(result, said -> 'definition');
            PERFORM tally_internal._check_node(node, said, COALESCE(result, '{}'), label);
        END LOOP;
    END LOOP;
    SELECT format('%s of type %s', x.name, x.type) INTO node FROM tally_internal._part_columns(result) x
     WHERE x.name = 'cluster_node' OR x.merge IS NOT NULL AND NOT (tally_internal._is_plain_merge(x.merge, x.type)
           AND COALESCE(tally_internal._is_plain_type(to_regtype(x.type)), false)) LIMIT 1;
    IF node IS NOT NULL THEN
        PERFORM tally_internal._refuse('feature_not_supported', format('columns of cluster rollup %L must be of types that this server has, got %s', label,
                node), 'The nodes'' parts are stored here. The name cluster_node is that of their first column.',
            'SELECT typname FROM pg_type WHERE typtype IN (''b'', ''e'');');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._make_at_nodes(text, text, text[], jsonb) IS
'Makes a rollup with its feed at each node, and gives its definition, which must be the same at all of them.';

CREATE OR REPLACE FUNCTION tally_internal._build_cluster(label text, target text, remote text, arguments jsonb, definition jsonb) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    made    tally.rollups;
    parts   text := format('%I.%I', target, label || '_parts');
    face    text := format('%I.%I', target, label || '_everywhere');
    columns text;
    keys    text;
    item    text;
    result  regclass;
BEGIN
    FOR item IN SELECT unnest(ARRAY[format('%I.%I', target, label), parts, face]) LOOP
        IF to_regclass(item) IS NOT NULL THEN
            PERFORM tally_internal._refuse('duplicate_table', format('cluster rollup %L makes %s, but that exists already', label, item),
                'It is not of this rollup, so it is left as it is.', format('SELECT tally.create_cluster_rollup(%L, …);  -- another name', label || '_all'));
        END IF;
    END LOOP;
    SELECT string_agg(format(', %I %s%s', x.name, x.type, CASE WHEN x.merge IS NULL THEN ' NOT NULL' ELSE '' END), '' ORDER BY x.place),
           COALESCE(string_agg(format(', %I', x.name), '' ORDER BY x.place) FILTER (WHERE x.merge IS NULL), '')
      INTO columns, keys FROM tally_internal._part_columns(definition) x;
    EXECUTE format('CREATE TABLE %s (cluster_node text NOT NULL, bucket timestamptz NOT NULL%s, PRIMARY KEY (cluster_node, bucket%s)) WITH (fillfactor = 90)',
                   parts, columns, keys);
    EXECUTE format('CREATE INDEX ON %s (bucket)', parts);
    EXECUTE format('COMMENT ON TABLE %s IS %L', parts, format('What the nodes of rollup %s hold, as of the last pull. Managed by pg_tally: do not write to it.',
                                                             label));
    EXECUTE format('COMMENT ON COLUMN %s.cluster_node IS %L', parts, 'The node that holds the row.');
    -- Without nodes it has no rows; _set_nodes() gives it what there are.
    EXECUTE format('CREATE VIEW %s AS SELECT * FROM %s WHERE false', face, parts);
    PERFORM tally_internal._owner_only(parts), tally_internal._owner_only(face);
    PERFORM tally_internal._store_face(parts::regclass, face::regclass, definition ->> 'rule', '{}');
    made := jsonb_populate_record(made, jsonb_build_object('name', label, 'bucket', definition -> 'bucket', 'zone', definition -> 'zone',
        'schedule', arguments -> 'schedule', 'description', arguments -> 'description', 'search_path', arguments -> 'search_path', 'time_column', 'bucket',
        'bucket_origin', definition -> 'origin', 'ignored_marks', 0, 'emptied', 'follow', 'frozen_before', '-infinity'));
    made.source := parts::regclass;
    made.time_type := 'timestamptz'::regtype;
    result := tally_internal._build_rollup(made, jsonb_build_object(
        'dimensions', (SELECT COALESCE(jsonb_agg(jsonb_build_object('name', x.name, 'expression', quote_ident(x.name)) ORDER BY x.place), '[]')
                         FROM tally_internal._part_columns(definition) x WHERE x.merge IS NULL),
        'measures', (SELECT jsonb_agg(jsonb_build_object('name', x.name, 'expression', format(x.merge, x.name), 'type', x.type, 'merge', x.merge)
                                      ORDER BY x.place) FROM tally_internal._part_columns(definition) x WHERE x.merge IS NOT NULL)), target, false);
    PERFORM tally_internal._store_cluster(r.id, parts::regclass, face::regclass, remote, arguments, definition) FROM tally.rollups r WHERE r.relation = result;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._build_cluster(text, text, text, jsonb, jsonb) IS
'Makes what a cluster rollup consists of at the coordinator, still without nodes: parts, face and the rollup.';

CREATE OR REPLACE FUNCTION tally_internal._set_nodes(r tally.rollups, servers text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    c       tally.clusters;
    remote  text[];
    item    record;
    place   text := tally_internal._schema_of(r.relation);
    number  int;
    columns text;
    dropped regclass[] := '{}';
BEGIN
    SELECT * INTO c FROM tally.clusters x WHERE x.rollup_id = r.id;
    remote := tally_internal._name_parts(c.remote);
    FOR item IN SELECT n.node, n.live FROM tally.cluster_nodes n WHERE n.rollup_id = r.id AND n.node <> ALL (servers) ORDER BY n.node LOOP
        PERFORM tally_internal._store_node(r.id, item.node, NULL);
        EXECUTE format('DELETE FROM %s WHERE cluster_node = $1', c.parts) USING item.node;
        dropped := dropped || item.live;
    END LOOP;
    FOR item IN SELECT s.s AS node FROM unnest(servers) WITH ORDINALITY s(s, n)
                 WHERE s.s NOT IN (SELECT n.node FROM tally.cluster_nodes n WHERE n.rollup_id = r.id) ORDER BY s.n LOOP
        SELECT min(g) INTO number FROM generate_series(1, 100000) g WHERE to_regclass(format('%I.%I', place, format('%s_at_%s', r.name, g))) IS NULL;
        EXECUTE format('CREATE FOREIGN TABLE %I.%I (bucket timestamptz NOT NULL%s) SERVER %I OPTIONS (schema_name %L, table_name %L, fetch_size ''10000'', '
                       'async_capable ''true'')', place, format('%s_at_%s', r.name, number),
                       (SELECT string_agg(format(', %I %s', x.name, x.type), '' ORDER BY x.place) FROM tally_internal._part_columns(c.definition) x),
                       item.node, remote[1], remote[2] || CASE WHEN c.definition ? 'placement' THEN '_placed' ELSE '_live' END);
        EXECUTE format('COMMENT ON FOREIGN TABLE %I.%I IS %L', place, format('%s_at_%s', r.name, number),
                       format('What node %s holds of rollup %s, now. Managed by pg_tally.', item.node, r.name));
        PERFORM tally_internal._owner_only(format('%I.%I', place, format('%s_at_%s', r.name, number)));
        PERFORM tally_internal._store_node(r.id, item.node, format('%I.%I', place, format('%s_at_%s', r.name, number))::regclass);
    END LOOP;
    SELECT string_agg(format(', f.%I', x.name), '' ORDER BY x.place) INTO columns FROM tally_internal._part_columns(c.definition) x;
    EXECUTE format('CREATE OR REPLACE VIEW %s %s AS %s', c.face, tally_internal._view_options(c.face), (
        SELECT format(CASE WHEN c.definition ? 'placement' THEN 'SELECT * FROM (%s) u WHERE tally_internal._shards_lie(%L, %L, label => %L)' ELSE '%s' END,
                      string_agg(format('SELECT %L::pg_catalog.text AS cluster_node, f.bucket%s FROM %s f', n.node, columns, n.live), ' UNION ALL '
                                 ORDER BY n.node),
                      c.definition ->> 'distributed', c.definition ->> 'placement', tally_internal._called(r))
          FROM tally.cluster_nodes n WHERE n.rollup_id = r.id));
    PERFORM tally_internal._store_face(c.parts, c.face, c.definition ->> 'rule',
        ARRAY(SELECT n.live FROM tally.cluster_nodes n WHERE n.rollup_id = r.id ORDER BY n.node));
    SELECT string_agg(format('ALTER SERVER %I OPTIONS (%s extensions %L);', s.srvname, CASE WHEN o.had IS NULL THEN 'ADD' ELSE 'SET' END,
                             concat_ws(',', o.had, 'pg_tally')), ' ' ORDER BY s.srvname) INTO columns
      FROM pg_foreign_server s
      CROSS JOIN LATERAL (SELECT max(x.option_value) AS had FROM pg_options_to_table(s.srvoptions) x WHERE x.option_name = 'extensions') o
     WHERE s.srvname = ANY (servers) AND NOT 'pg_tally' = ANY (string_to_array(replace(COALESCE(o.had, ''), ' ', ''), ','));
    IF columns IS NOT NULL THEN
        RAISE NOTICE USING MESSAGE = format('some nodes of cluster rollup %L do not merge their sketches themselves', r.name),
            DETAIL = 'postgres_fdw lets a server compute with functions of an extension only where the option extensions names it.', HINT = columns;
    END IF;
    FOR item IN SELECT d AS live FROM unnest(dropped) d LOOP
        EXECUTE format('DROP FOREIGN TABLE IF EXISTS %s', item.live);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._set_nodes(tally.rollups, text[]) IS
'Brings the nodes of a cluster rollup to the given servers: foreign tables on their live views, and the face over all of them.';

CREATE OR REPLACE FUNCTION tally_internal._watch_nodes(r tally.rollups) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM tally.create_threshold(r.name || ' nodes', condition => '> 300', area => 'pg_tally', auto_resolve => true, no_data => 'ok',
        impact => 'node {{labels.node}} was not pulled for {{value}} seconds, so its part of ' || r.name || ' is unknown',
        description => 'Made with the cluster rollup: an incident for each node that does not answer.',
        query => format('SELECT n.node, CASE WHEN n.failed_since IS NULL THEN 0 ELSE extract(epoch FROM :as_of - COALESCE(n.pulled_at, n.failed_since)) END '
                        'AS value FROM tally.cluster_nodes n JOIN tally.rollups r ON r.id = n.rollup_id WHERE r.relation = %L::regclass', r.relation::text));
END $$;
COMMENT ON FUNCTION tally_internal._watch_nodes(tally.rollups) IS
'Makes the threshold of a cluster rollup that opens an incident for each node which could not be pulled for five minutes.';
