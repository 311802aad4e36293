-- Owns: a rollup of a worker of Citus over the shards that lie there. The shards inherit from an empty table of the worker, and the rollup stands on that. So
-- capture, live view and feed are those of any table with children.
--
-- Why no row counts twice or not at all when shards move: each worker knows where all shards lie, and so does the coordinator. A hash of that, the
-- placement, is in the relation that a question reads at each worker, and in the face. A question fails where the placement is another in the snapshot in
-- which it reads. So whatever it reads was read under one placement, and each shard lies at one place in it.

CREATE OR REPLACE FUNCTION tally_internal._placements(source regclass) RETURNS TABLE (shard bigint, place int)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._distributed(source) IS NULL THEN RETURN; END IF;
    RETURN QUERY EXECUTE 'SELECT s.shardid, p.groupid FROM pg_catalog.pg_dist_shard s JOIN pg_catalog.pg_dist_placement p ON p.shardid = s.shardid '
        'AND p.shardstate = 1 WHERE s.logicalrelid = $1' USING source;
END $$;
COMMENT ON FUNCTION tally_internal._placements(regclass) IS
'The shards of a distributed table and the group of Citus that each lies at, as this server knows it; none for other tables.';

CREATE OR REPLACE FUNCTION tally_internal._placement_of(source text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(md5(string_agg(format('%s at %s', p.shard, p.place), ',' ORDER BY p.shard, p.place)), 'none')
      FROM tally_internal._placements(to_regclass(source)) p
$$;
COMMENT ON FUNCTION tally_internal._placement_of(text) IS
'A hash of where all shards of a distributed table lie, as this server knows it: the same at all servers that know the same.';

CREATE OR REPLACE FUNCTION tally_internal._shards_here(source regclass) RETURNS SETOF regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- By its name in text: Citus hides shards from queries of pg_class.
    RETURN QUERY EXECUTE 'SELECT pg_catalog.to_regclass(format(''%I.%I'', n.nspname, (parse_ident(pg_catalog.shard_name($1, p.shard)))'
        '[cardinality(parse_ident(pg_catalog.shard_name($1, p.shard)))])) FROM tally_internal._placements($1) p '
        'JOIN pg_catalog.pg_dist_local_group g ON g.groupid = p.place JOIN pg_class c ON c.oid = $1 JOIN pg_namespace n ON n.oid = c.relnamespace' USING source;
END $$;
COMMENT ON FUNCTION tally_internal._shards_here(regclass) IS 'The shards of a distributed table that lie at this server.';

CREATE OR REPLACE FUNCTION tally_internal._shards_state(source text, parent text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN COALESCE(h.here = k.known, false) THEN tally_internal._placement_of(source)
                ELSE format('%s shards here, %s in the rollup', COALESCE(cardinality(h.here), 0), COALESCE(cardinality(k.known), 0)) END
      FROM (SELECT array_agg(s::oid ORDER BY s::oid) AS here FROM tally_internal._shards_here(to_regclass(source)) s) h,
           (SELECT array_agg(i.inhrelid ORDER BY i.inhrelid) AS known FROM pg_inherits i WHERE i.inhparent = to_regclass(parent)) k
$$;
COMMENT ON FUNCTION tally_internal._shards_state(text, text) IS
'The placement of a distributed table, where the rollup of this worker stands on exactly its shards here; else words that are no placement.';

CREATE OR REPLACE FUNCTION tally_internal._shards_lie(source text, placement text, parent text DEFAULT NULL, label text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    now_ text := CASE WHEN parent IS NULL THEN tally_internal._placement_of(source) ELSE tally_internal._shards_state(source, parent) END;
BEGIN
    IF now_ IS DISTINCT FROM placement THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('shards of %s must lie where rollup %L knows them, got others', source,
                label), format('Shards were moved, split or made since. A sum now could have rows twice or lack some. Expected placement %s, got %s.',
                placement, now_),
            format('SELECT * FROM tally.refresh(%L);  -- at the coordinator', label));
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._shards_lie(text, text, text, text) IS
'True, or an error where the shards of a distributed table lie elsewhere than a rollup knows. parent: also where the rollup of this worker stands on others.';

CREATE OR REPLACE FUNCTION tally_internal._shard_parent(source text, parent text) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF to_regclass(parent) IS NULL THEN
        EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING GENERATED INCLUDING INDEXES)', parent, source);
        EXECUTE format('COMMENT ON TABLE %s IS %L', parent, format('Empty parent of the shards of %s at this worker. Managed by pg_tally. '
            'DROP … CASCADE would drop the shards with it.', source));
        PERFORM tally_internal._owner_only(parent);
    END IF;
    RETURN parent::regclass;
END $$;
COMMENT ON FUNCTION tally_internal._shard_parent(text, text) IS
'The table at this worker that shards of a distributed table inherit from; made where there is none, still without shards.';

CREATE OR REPLACE FUNCTION tally_internal._spare_columns(parent regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    item name;
BEGIN
    -- A shard's column that its parent has cannot be dropped, renamed or given another type.
    IF EXISTS (SELECT FROM pg_inherits i WHERE i.inhparent = parent) THEN RETURN; END IF;
    FOR item IN SELECT a.attname FROM pg_attribute a WHERE a.attrelid = parent AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum DESC LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s DROP COLUMN %I RESTRICT', parent, item);
        EXCEPTION WHEN dependent_objects_still_exist OR invalid_column_reference OR feature_not_supported THEN
            -- The rollup needs it.
            NULL;
        END;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._spare_columns(regclass) IS
'Drops the columns of a parent of shards that no rollup uses, while it has no shards yet: so the distributed table''s own may be dropped and renamed.';

CREATE OR REPLACE FUNCTION tally_internal._take_shards(source text, parent text) RETURNS void
-- A writer may hold one shard and wait for another by a connection of its own, which no detector of deadlocks sees. So this gives up first.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '10s' AS $$
#variable_conflict use_variable
DECLARE
    item regclass;
BEGIN
    FOR item IN SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = parent::regclass
                   AND i.inhrelid NOT IN (SELECT s::oid FROM tally_internal._shards_here(source::regclass) s) LOOP
        EXECUTE format('ALTER TABLE %s NO INHERIT %s', item, parent);
    END LOOP;
    FOR item IN SELECT s FROM tally_internal._shards_here(source::regclass) s
                 WHERE s::oid NOT IN (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = parent::regclass) ORDER BY s LOOP
        EXECUTE format('ALTER TABLE %s INHERIT %s', item, parent);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._take_shards(text, text) IS
'Brings the shards that the rollup of this worker stands on to those of a distributed table that lie here. What comes and goes is marked.';

CREATE OR REPLACE FUNCTION tally_internal._create_at_worker(name text, arguments jsonb, trial boolean) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts  text[] := tally_internal._name_parts(name);
    source text := arguments ->> 'distributed';
    parent text := format('%I.%I', parts[1], parts[2] || '_shards');
    result jsonb;
BEGIN
    PERFORM set_config('client_min_messages', 'error', true), tally_internal._shards_lie(source, arguments ->> 'placement', label => name),
            tally_internal._shard_parent(source, parent);
    result := tally_internal._create_at_node(name, arguments || jsonb_build_object('source', parent, 'schedule', NULL), false);
    IF trial THEN RAISE SQLSTATE 'TYTRY'; END IF;
    PERFORM tally_internal._spare_columns(parent::regclass), tally_internal._take_shards(source, parent);
    EXECUTE format('CREATE OR REPLACE VIEW %I.%I AS SELECT l.* FROM %I.%I l WHERE tally_internal._shards_lie(%L, %L, %L, %L)', parts[1], parts[2] || '_placed',
                   parts[1], parts[2] || '_live', source, arguments ->> 'placement', parent, name);
    EXECUTE format('COMMENT ON VIEW %I.%I IS %L', parts[1], parts[2] || '_placed',
                   format('What this worker holds of rollup %s, now, or an error where shards were moved. Managed by pg_tally.', name));
    PERFORM tally_internal._owner_only(format('%I.%I', parts[1], parts[2] || '_placed'));
    RETURN jsonb_set(result, '{definition}', (result -> 'definition') || jsonb_build_object('distributed', source, 'placement',
                                                                                           tally_internal._shards_state(source, parent)));
EXCEPTION WHEN SQLSTATE 'TYTRY' THEN
    RETURN jsonb_set(result, '{definition}', (result -> 'definition') || jsonb_build_object('distributed', source, 'placement', arguments ->> 'placement'));
END $$;
COMMENT ON FUNCTION tally_internal._create_at_worker(text, jsonb, boolean) IS
'Makes a rollup with its feed over the shards at this worker, or brings one that is here to the shards that lie here now. trial: only tries, and undoes it.';

CREATE OR REPLACE FUNCTION tally_internal._drop_at_node(name text) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    parts  text[] := tally_internal._name_parts(name);
    parent regclass := to_regclass(format('%I.%I', parts[1], parts[2] || '_shards'));
    r      tally.rollups;
    item   regclass;
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.relation = to_regclass(name);
    IF r.id IS NULL THEN RETURN to_jsonb(0); END IF;
    IF r.source = parent THEN
        EXECUTE format('DROP VIEW IF EXISTS %I.%I', parts[1], parts[2] || '_placed');
        FOR item IN SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = parent LOOP
            EXECUTE format('ALTER TABLE %s NO INHERIT %s', item, parent);
        END LOOP;
        PERFORM tally.drop_rollup(name);
        EXECUTE format('DROP TABLE %s', parent);
    ELSE
        PERFORM tally.drop_rollup(name);
    END IF;
    RETURN to_jsonb(1);
END $$;
COMMENT ON FUNCTION tally_internal._drop_at_node(text) IS
'Drops what a coordinator has made at this node for a cluster rollup, where it is there; shards stay as they are. Returns how many rollups that was.';
