-- Owns: releases of experiments, and the reports that are made of them. A release of an experiment is published once, when its last window is past.

CREATE OR REPLACE FUNCTION tally.create_experiment_release(
    name        text,
    experiment  text,
    metrics     text[] DEFAULT NULL,
    by          text[] DEFAULT '{}',
    k           int DEFAULT 10,
    settle      interval DEFAULT '1 hour',
    schedule    text DEFAULT NULL,
    description text DEFAULT NULL
) RETURNS regclass
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    e     tally.experiments := tally_internal._experiment(experiment);
    r     tally.rollups;
    made  tally.releases;
    parts text[] := tally_internal._name_parts(name);
    dims  text[];
BEGIN
    SELECT * INTO r FROM tally.rollups x WHERE x.id = e.arrivals;
    PERFORM tally_internal._owned_rollup(r.id, tally_internal._current_role()), tally_internal._check_segments(e, by);
    dims := ARRAY['arm'] || by || ARRAY(SELECT c.metric FROM tally.experiment_cells c WHERE c.experiment_id = e.id AND CASE WHEN metrics IS NULL
        THEN tally_internal._is_share_kind(c.definition ->> 'kind')
        ELSE c.metric IN (SELECT (tally_internal._experiment_cell(e, m)).metric FROM unnest(metrics) m) END ORDER BY c.place);
    made := jsonb_populate_record(made, jsonb_build_object('name', parts[array_upper(parts, 1)], 'rollup_id', r.id,
        'owner', tally_internal._current_role()::text, 'dimensions', dims, 'measures', '{}'::text[], 'people', 'units', 'k', k, 'hierarchies', '[]'::jsonb,
        'margins', 'all', 'bucket', make_interval(days => 1 + COALESCE((e.definition ->> 'ends')::date - (e.definition ->> 'starts')::date, 0)),
        'settle', settle, 'schedule', schedule, 'description', description));
    made.definition := tally_internal._experiment_definition(e.id, dims);
    RETURN tally_internal._make_release(made, r, CASE WHEN array_length(parts, 1) > 1 THEN parts[1] ELSE e.schema END);
END $$;
COMMENT ON FUNCTION tally.create_experiment_release(text, text, text[], text[], int, interval, text, text) IS
'Defines a release of an experiment: a table with its units by arm, by dimensions (by) and by each share (metrics: proportions, retentions and funnels; all of '
'them by default). Arms and shares of fewer than k units are hidden, and as many others as keep them hidden. refresh_release() publishes it once, when the '
'last window has been past for as long as settle says. Roles with SELECT on it and no right on the units get their reports from it.';

CREATE OR REPLACE FUNCTION tally_internal._when_experiment_hidden_s75(id int, detail jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    x    tally.releases := (SELECT y FROM tally.releases y WHERE (y.definition ->> 'experiment')::int = $1
                               AND has_table_privilege(y.relation::oid, 'SELECT') ORDER BY y.id LIMIT 1);
    e    tally.experiments := (SELECT y FROM tally.experiments y WHERE y.id = $1);
    over timestamptz := (tally_internal._experiment_span(e)).until;
    keys text[] := ARRAY(SELECT jsonb_array_elements_text(detail -> 'by'));
    form text;
BEGIN
    IF x.id IS NULL THEN RETURN; END IF;
    IF x.definition IS DISTINCT FROM tally_internal._experiment_definition(e.id, x.dimensions) THEN
        PERFORM tally_internal._refuse_unreleased(x, format('for experiment %L', e.name), 'It is defined otherwise than when the release was made.');
    ELSIF NOT keys <@ x.dimensions THEN
        PERFORM tally_internal._refuse_unreleased(x, 'by ' || array_to_string(keys, ', '),
            format('It answers by %s.', COALESCE((SELECT string_agg(d, ', ') FROM unnest(x.dimensions[2:]) d WHERE NOT x.definition -> 'metrics' ? d),
                                                 'nothing but the arms')),
            format('SELECT * FROM tally.experiment_report(%L);', tally_internal._called(e)));
    ELSIF (tally_internal._release_covers(x.id, over - interval '1 second', over)).covered IS NOT TRUE THEN
        PERFORM tally_internal._refuse_unreleased(x, format('for experiment %L yet', e.name),
            format('It is published once, from %s on.', over + x.settle),
            format('SELECT * FROM tally.experiment_report(%L);  -- when it is published', tally_internal._called(e)));
    ELSIF (detail ->> 'as_of')::timestamptz < over THEN
        PERFORM tally_internal._refuse_unreleased(x, format('as of %s', (detail ->> 'as_of')::timestamptz),
            format('It shows the experiment as a whole, as of %s.', over), format('SELECT * FROM tally.experiment_report(%L);', tally_internal._called(e)));
    END IF;
    -- Of each arm all units and those that did it. A cell that is not there has nobody.
    SELECT string_agg(format('SELECT %s AS place, %s AS labels, t.arm, CASE WHEN NOT (t.hidden OR COALESCE(y.hidden, false)) THEN t.units END AS units, '
                             'CASE WHEN NOT (t.hidden OR COALESCE(y.hidden, false)) THEN COALESCE(y.units, 0) END AS did FROM %s t LEFT JOIN %3$s y ON '
                             'y.bucket = t.bucket AND y.arm = t.arm AND y.%I = ''true''%s WHERE t.arm IS NOT NULL%s', c.place,
               COALESCE('pg_catalog.jsonb_build_object(' || (SELECT string_agg(format('%L, t.%I', b, b), ', ') FROM unnest(keys) b) || ')',
                        '''{}''::pg_catalog.jsonb'), x.relation, c.metric,
               (SELECT string_agg(CASE WHEN d = ANY (keys) THEN format(' AND y.%I = t.%I', d, d) WHEN d <> c.metric THEN format(' AND y.%I IS NULL', d)
                                       ELSE '' END, '') FROM unnest(x.dimensions[2:]) d),
               (SELECT string_agg(format(' AND t.%I IS %s NULL', d, CASE WHEN d = ANY (keys) THEN 'NOT' ELSE '' END), '') FROM unnest(x.dimensions[2:]) d)),
               ' UNION ALL ' ORDER BY c.place) INTO form
      FROM tally.experiment_cells c WHERE c.experiment_id = e.id AND x.definition -> 'metrics' ? c.metric;
    RETURN NEXT tally_internal._refuse_unsafe_release(x, form);
END $$;
COMMENT ON FUNCTION tally_internal._when_experiment_hidden_s75(int, jsonb) IS
'Listener: the query that answers for an experiment from its release, where the reader may read that: units of each arm, and how many of them did what a share '
'asks for. Nothing where he may not.';
