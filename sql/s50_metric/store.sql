-- Owns: the functions that write metrics and their flat views into the catalogue; nothing else does. As in s40_rollup/store.sql, the caller
-- proves who it is, and no argument is believed.

CREATE OR REPLACE FUNCTION tally_internal._owned_metric(metric_id int, caller regrole) RETURNS tally.metrics
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m tally.metrics;
BEGIN
    SELECT * INTO m FROM tally.metrics x WHERE x.id = metric_id;
    IF m.id IS NULL OR NOT tally_internal._has_rights(caller, m.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('metric %s must exist and belong to %s',
                                                               COALESCE(quote_literal(m.name), metric_id::text, 'NULL'), caller),
            COALESCE(format('It belongs to %s.', m.owner), 'There is none of this number.'),
                COALESCE(format('SET ROLE %s;', m.owner), 'SELECT name, owner FROM tally.metrics;'));
    END IF;
    RETURN m;
END $$;
COMMENT ON FUNCTION tally_internal._owned_metric(int, regrole) IS 'A metric that a role has the owner''s rights of, or an error.';

CREATE OR REPLACE FUNCTION tally_internal._store_metric(made tally.metrics, who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    r      tally.rollups := tally_internal._owned_rollup(made.rollup_id, caller);
    old    tally.metrics;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('metric %L', made.name)), tally_internal._check_metric_name(made.name, r),
        tally_internal._check_ratio_name(made.name, r),
        tally_internal._check_expression(made.expression), tally_internal._check_expression(made.resolved),
        tally_internal._check_type(made.type);
    IF r.key IS NOT NULL OR made.measures IS NULL OR EXISTS (SELECT FROM unnest(made.measures || made.samples) u WHERE u IS NOT NULL
                                                             AND NOT EXISTS (SELECT FROM tally.measures m WHERE m.rollup_id = r.id AND m.name = u)
                                                             AND tally_internal._counted_among(r.id, ARRAY[u]) = '{}') THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('metric %L must use measures of rollup %L, got %s', made.name, r.name, made.measures),
                              tally_internal._measures_of(r.id),
            format('SELECT tally.create_metric(%L, %L, ''…'');', made.name, r.name));
    END IF;
    old := tally_internal._metric_in(r, made.name);
    IF old.id IS NULL THEN
        INSERT INTO tally.metrics (name, rollup_id, owner, search_path, expression, resolved, measures, samples, type, unit, description, direction)
        VALUES (made.name, r.id, r.owner, made.search_path, made.expression, made.resolved, made.measures, made.samples, made.type, made.unit,
                made.description, made.direction) RETURNING id INTO old.id;
    ELSE
        old := tally_internal._owned_metric(old.id, caller);
        UPDATE tally.metrics m SET expression = made.expression, resolved = made.resolved, measures = made.measures, samples = made.samples, type = made.type,
               search_path = made.search_path, unit = made.unit, description = made.description, direction = made.direction, updated_at = now()
         WHERE m.id = old.id AND m.rollup_id = r.id;
        -- The definition was tried on all stored rows.
        DELETE FROM tally.broken_metrics b WHERE b.metric_id = old.id;
    END IF;
    -- A refresh that works now writes rows that this transaction cannot see, and does not see this metric. The next one looks at all of them.
    IF NOT tally_internal._lock_row(r.id, false) THEN
        PERFORM tally_internal._check_later(old.id);
    END IF;
    RETURN old.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_metric(tally.metrics, bigint) IS
'Writes a metric of a rollup, new or changed, into the catalogue. For the rollup''s owner; create_metric() makes it.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_taken(other tally.metrics, m tally.metrics) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF other.id <> m.id THEN
        PERFORM tally_internal._refuse('unique_violation', format('metric %L cannot have the name %L: another metric of the schema has it', m.name, other.name),
            NULL, format('SELECT tally.rename_metric(%L, %L);', tally_internal._called(m), other.name || '_2'));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_taken(tally.metrics, tally.metrics) IS 'An error where another metric has the name that one is to get.';

CREATE OR REPLACE FUNCTION tally_internal._store_metric_name(metric_id int, new_name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    m tally.metrics := tally_internal._owned_metric(metric_id, tally_internal._caller(who));
BEGIN
    PERFORM tally_internal._check_metric_name(new_name, r), tally_internal._check_ratio_name(new_name, r),
            tally_internal._refuse_taken(tally_internal._metric_in(r, new_name), m)
       FROM tally.rollups r WHERE r.id = m.rollup_id;
    UPDATE tally.metrics x SET name = new_name, updated_at = now() WHERE x.id = m.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_metric_name(int, text, bigint) IS
'Writes another name of a metric into the catalogue. For the owner; rename_metric() renames the column.';

CREATE OR REPLACE FUNCTION tally_internal._forget_metric(metric_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    m tally.metrics := tally_internal._owned_metric(metric_id, tally_internal._caller(who));
BEGIN
    DELETE FROM tally.metrics x WHERE x.id = m.id;
END $$;
COMMENT ON FUNCTION tally_internal._forget_metric(int, bigint) IS 'Takes a metric out of the catalogue. For the owner; drop_metric() drops the column.';

CREATE OR REPLACE FUNCTION tally_internal._store_metric_view(rollup_id int, view regclass, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    r tally.rollups := tally_internal._owned_rollup(rollup_id, tally_internal._caller(who));
BEGIN
    IF view IS NULL THEN
        DELETE FROM tally.metric_views v WHERE v.rollup_id = r.id;
        RETURN;
    END IF;
    -- create_metric() of others may drop this view and make it anew. So it must belong to the owner, and must not be another object of the catalogue.
    IF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = view AND c.relkind = 'v'
                   AND (c.relowner = r.owner::oid OR NOT EXISTS (SELECT FROM pg_roles o WHERE o.oid = r.owner)))
       OR EXISTS (SELECT FROM tally.rollups x WHERE x.live_view = view)
           OR EXISTS (SELECT FROM tally.metric_views v WHERE v.view = view AND v.rollup_id <> r.id) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('the flat view of rollup %L must be a view of %s''s, got %s', r.name, r.owner, view),
                              'create_metric() makes it.', format('SELECT tally.create_metric(''<name>'', %L, ''…'');', r.name));
    END IF;
    INSERT INTO tally.metric_views (rollup_id, owner, view) VALUES (r.id, r.owner, view)
        ON CONFLICT ON CONSTRAINT metric_views_pkey DO UPDATE SET view = EXCLUDED.view WHERE metric_views.view <> EXCLUDED.view;
END $$;
COMMENT ON FUNCTION tally_internal._store_metric_view(int, regclass, bigint) IS
'Writes into the catalogue which view is the flat view of a rollup; null: it has none. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._is_metric(schema text, name text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM (SELECT m.name, m.rollup_id FROM tally.metrics m
                                UNION ALL SELECT x.name, m.rollup_id FROM tally.ratios x JOIN tally.metrics m ON m.id = x.metric_id) k
                     JOIN tally.rollups r ON r.id = k.rollup_id WHERE k.name = $2 AND tally_internal._schema_of(r.relation) = $1)
$$;
COMMENT ON FUNCTION tally_internal._is_metric(text, text) IS 'Whether a schema has a metric or ratio of a name.';

CREATE OR REPLACE FUNCTION tally_internal._store_probe(made tally.probes, who bigint DEFAULT tally_internal._me()) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    old    tally.probes;
BEGIN
    PERFORM tally_internal._check_size(made::text, format('probe %L', made.name));
    IF tally_internal._is_metric(made.schema, made.name) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('probe %L has the name of a metric', made.name),
            'A threshold names a metric or a probe, so the two must not share a name.',
                              format('SELECT tally.create_probe(%L, …);', made.name || ' now'));
    END IF;
    SELECT * INTO old FROM tally.probes p WHERE p.schema = made.schema AND p.name = made.name;
    IF old.id IS NULL THEN
        PERFORM tally_internal._check_home(format('probe %L', made.name), made.schema, caller);
        INSERT INTO tally.probes (schema, name, owner, search_path, query, unit, description, direction, every, keep, enabled)
        VALUES (made.schema, made.name, caller, made.search_path, made.query, made.unit, made.description, made.direction, made.every, made.keep, made.enabled);
    ELSIF tally_internal._has_rights(caller, old.owner) THEN
        UPDATE tally.probes p SET search_path = made.search_path, query = made.query, unit = made.unit, description = made.description,
            direction = made.direction,
               every = made.every, keep = made.keep, enabled = made.enabled WHERE p.id = old.id;
    ELSE
        PERFORM tally_internal._refuse('insufficient_privilege', format('probe %L exists already and belongs to another role', made.name),
                              'A role sees the probes of roles whose rights it has.',
            format('SELECT tally.create_probe(%L, …);', made.name || ' (' || caller || ')'));
    END IF;
    RETURN made.name;
END $$;
COMMENT ON FUNCTION tally_internal._store_probe(tally.probes, bigint) IS
'Writes a probe, new or changed, into the catalogue; it runs with its owner''s rights. For create_probe().';

CREATE OR REPLACE FUNCTION tally_internal._forget_probe(probe_id int, who bigint DEFAULT tally_internal._me()) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.probes p WHERE p.id = probe_id AND tally_internal._has_rights(caller, p.owner);
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION tally_internal._forget_probe(int, bigint) IS
'Takes a probe and its samples out of the catalogue; false where there is none of the caller''s. For drop_probe().';
