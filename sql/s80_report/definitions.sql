-- Owns: tally.definitions(): everything that is defined, as the statements that define it again.

CREATE OR REPLACE FUNCTION tally_internal._definition_call(function text, name text, arguments text[]) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT tally.%s(%L%s);', function, name, COALESCE(string_agg(format(E',\n    %I => %L', a[1], a[2]), '' ORDER BY n), ''))
      FROM generate_series(1, COALESCE(array_length(arguments, 1), 0)) n, LATERAL (SELECT ARRAY[arguments[n][1], arguments[n][2]]) x(a)
     -- A schedule of NULL is written out: it means never, and the default is another. So are servers, which have none.
     WHERE a[2] IS NOT NULL OR a[1] IN ('schedule', 'servers')
$$;
COMMENT ON FUNCTION tally_internal._definition_call(text, text, text[]) IS
'The statement that calls a function of tally with a name and arguments, given as pairs of name and value; those that are NULL are left out, but for '
'schedule and servers.';

CREATE OR REPLACE FUNCTION tally_internal._steps_given(steps jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- What was stored past every check must not keep the definitions of others from being written out.
    SELECT jsonb_agg(jsonb_build_object(COALESCE(s ->> 'name', ''), s ->> 'condition') ORDER BY n)::text
      FROM jsonb_array_elements(CASE jsonb_typeof(steps) WHEN 'array' THEN steps ELSE '[]' END) WITH ORDINALITY e(s, n)
$$;
COMMENT ON FUNCTION tally_internal._steps_given(jsonb) IS 'Steps as they are stored, {name, condition}, in the form in which create_funnel() takes them.';

CREATE OR REPLACE FUNCTION tally_internal._rollup_definitions() RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.id, 'rollup', r.name, r.owner::text, tally_internal._definition_call('create_rollup', r.relation::text, ARRAY[
               ['source', r.source::text], ['key', to_jsonb(r.key)::text], ['time_column', r.time_column], ['bucket', r.bucket::text],
               ['zone', NULLIF(r.zone, 'UTC')], ['origin', r.bucket_origin::text], ['lookback', r.lookback::text],
               -- On a rollup, an empty list of dimensions means none, and a missing one means those of the parent.
               ['dimensions', COALESCE((SELECT jsonb_agg(jsonb_build_object(d.name, d.given) ORDER BY d.ordinal)::text FROM tally.dimensions d
                                         WHERE d.rollup_id = r.id AND d.name <> ALL (COALESCE(r.key, '{}'))),
                                       CASE WHEN r.source_rollup IS NOT NULL THEN '[]' END)],
               ['measures', (SELECT jsonb_object_agg(m.name, m.expression)::text FROM tally.measures m WHERE m.rollup_id = r.id)],
               ['where', r.filter], ['expand', r.expand], ['schedule', r.schedule], ['description', r.description],
               ['retain', (SELECT s.keep::text FROM tally.source_retentions s WHERE s.source = r.relation)],
               ['emptied', NULLIF(r.emptied, 'follow')], ['search_path', r.search_path]])
      FROM tally.rollups r WHERE NOT EXISTS (SELECT FROM tally.behaviours b WHERE r.id = ANY (tally_internal._rollups_of(b)))
       AND NOT EXISTS (SELECT FROM tally.experiments e WHERE r.id IN (e.units, e.arrivals))
       AND NOT EXISTS (SELECT FROM tally.experiment_cells c WHERE r.id IN (c.unit_values, c.cells))
       AND NOT EXISTS (SELECT FROM tally.clusters c WHERE c.rollup_id = r.id)
    UNION ALL
    SELECT base.id, b.kind, b.name, b.owner::text, tally_internal._definition_call('create_' || b.kind, r.relation::text, ARRAY[
               ['source', base.source::text], ['time_column', b.definition ->> 'time_column'], ['actor', b.definition ->> 'actor'],
               ['steps', tally_internal._steps_given(b.definition -> 'steps')], ['gap', b.definition ->> 'gap'], ['page', b.definition ->> 'page'],
               ['window', b.definition ->> 'window'], ['bucket', b.definition ->> 'bucket'], ['start', b.definition ->> 'start'],
               ['return', b.definition ->> 'return'], ['period', b.definition ->> 'period'], ['periods', b.definition ->> 'periods'],
               ['mode', b.definition ->> 'mode'], ['dimensions', b.definition ->> 'dimensions'], ['attribution', b.definition ->> 'attribution'],
               ['options', b.definition ->> 'options'], ['exclude', b.definition ->> 'exclude'], ['where', b.definition ->> 'where'],
               ['zone', b.definition ->> 'zone'], ['origin', b.definition ->> 'origin'],
               ['every_start', b.definition ->> 'every_start'], ['schedule', r.schedule],
               -- The engine has added a last line of its own to the given text.
               ['description', NULLIF(regexp_replace(r.description, '(^|\n)[^\n]*$', ''), '')], ['search_path', r.search_path]])
      FROM tally.behaviours b JOIN tally.rollups r ON r.id = b.counts JOIN tally.rollups base ON base.id = (tally_internal._rollups_of(b))[1]
$$;
COMMENT ON FUNCTION tally_internal._rollup_definitions() IS 'Rollups, funnels, retentions and sessions as statements, by number: each after what it stands on.';

CREATE OR REPLACE FUNCTION tally_internal._metric_definitions() RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.id, 'metric', m.name, m.owner::text, tally_internal._definition_call('create_metric', m.name, ARRAY[
               ['rollup', tally_internal._called(r)], ['expression', m.expression], ['unit', m.unit], ['description', m.description],
               ['direction', NULLIF(m.direction, 'neutral')], ['samples', m.samples], ['search_path', m.search_path]])
      FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
$$;
COMMENT ON FUNCTION tally_internal._metric_definitions() IS 'Metrics as statements.';

CREATE OR REPLACE FUNCTION tally_internal._ratio_definitions() RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.id, 'ratio', x.name, n.owner::text, tally_internal._definition_call('create_ratio', x.name, ARRAY[
               ['metric', tally_internal._called(n)], ['divisor', tally_internal._called(d)], ['metric_window', x.metric_window::text],
               ['divisor_window', x.divisor_window::text], ['unit', x.unit], ['description', x.description], ['direction', NULLIF(x.direction, 'neutral')]])
      FROM tally.ratios x JOIN tally.metrics n ON n.id = x.metric_id JOIN tally.metrics d ON d.id = x.divisor_id
$$;
COMMENT ON FUNCTION tally_internal._ratio_definitions() IS 'Ratios of metrics as statements.';

CREATE OR REPLACE FUNCTION tally_internal._experiment_definitions() RETURNS TABLE (stage int, id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 1, NULL::int, 'experiment metric', m.name, m.owner::text, tally_internal._definition_call('create_experiment_metric', m.name, ARRAY[
               ['source', m.source::text], ['kind', m.kind], ['expression', m.definition ->> 'expression'], ['denominator', m.definition ->> 'denominator'],
               ['time_column', m.definition ->> 'time_column'], ['unit', m.definition ->> 'unit'], ['where', m.definition ->> 'where'],
               ['steps', tally_internal._steps_given(m.definition -> 'steps')],
               ['level', m.definition ->> 'level'], ['cap', m.definition ->> 'cap'], ['cap_level', m.definition ->> 'cap_level'],
               ['direction', m.direction], ['window', m.definition ->> 'window'], ['delay', m.definition ->> 'delay'],
               ['description', m.description], ['search_path', m.search_path]])
      FROM tally.experiment_metrics m
    UNION ALL
    SELECT 2, e.units, 'experiment', e.name, e.owner::text,
           tally_internal._definition_call('create_experiment', tally_internal._with_schema(e.schema, e.name), ARRAY[
               ['exposures', e.exposures::text], ['unit', e.definition ->> 'unit'],
               -- By hand, because jsonb would sort the arms.
               ['arms', (SELECT format('{%s}', string_agg(format('%s: %s', a -> 'arm', (a -> 'parameters') || jsonb_build_object('weight', a -> 'weight')),
                                                          ', ' ORDER BY o)) FROM jsonb_array_elements(e.definition -> 'arms') WITH ORDINALITY x(a, o))],
               ['metrics', (SELECT array_agg(tally_internal._called(m) ORDER BY x.place)::text FROM tally.experiment_cells x
                             JOIN tally.experiment_metrics m ON m.id = x.metric_id WHERE x.experiment_id = e.id)],
               ['control', e.definition ->> 'control'], ['arm', e.definition ->> 'arm'], ['time_column', e.definition ->> 'time_column'],
               ['experiment_column', e.definition ->> 'experiment_column'], ['experiment_key', e.definition ->> 'experiment_key'],
               ['dimensions', (SELECT jsonb_agg(jsonb_build_object(d ->> 'name', d ->> 'expression') ORDER BY o)::text
                                 FROM jsonb_array_elements(e.definition -> 'dimensions') WITH ORDINALITY x(d, o))],
               ['where', e.definition ->> 'where'], ['window', e.definition ->> 'window'], ['delay', e.definition ->> 'delay'],
               ['covariate_days', e.definition ->> 'covariate_days'], ['twice', e.definition ->> 'twice'], ['starts', e.definition ->> 'starts'],
               ['ends', e.definition ->> 'ends'], ['planned_units', e.definition ->> 'planned_units'], ['alpha', e.definition ->> 'alpha'],
               ['correction', e.definition ->> 'correction'], ['zone', e.definition ->> 'zone'], ['schedule', r.schedule], ['description', e.description],
               ['search_path', r.search_path]])
      FROM tally.experiments e JOIN tally.rollups r ON r.id = e.units
$$;
COMMENT ON FUNCTION tally_internal._experiment_definitions() IS 'Experiments and their metrics as statements.';

CREATE OR REPLACE FUNCTION tally_internal._cluster_definitions() RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.id, 'cluster rollup', r.name, r.owner::text, tally_internal._definition_call('create_cluster_rollup', r.relation::text, ARRAY[
               ['servers', (SELECT array_agg(n.node ORDER BY n.node)::text FROM tally.cluster_nodes n WHERE n.rollup_id = r.id
                                AND NOT c.definition ? 'placement')],
               ['source', c.arguments ->> 'source'], ['time_column', c.arguments ->> 'time_column'], ['bucket', c.arguments ->> 'bucket'],
               ['dimensions', c.arguments ->> 'dimensions'], ['measures', c.arguments ->> 'measures'], ['where', c.arguments ->> 'where'],
               ['schedule', r.schedule], ['zone', NULLIF(r.zone, 'UTC')], ['description', r.description], ['search_path', c.arguments ->> 'search_path'],
               ['expand', c.arguments ->> 'expand'], ['origin', c.arguments ->> 'origin'], ['emptied', NULLIF(c.arguments ->> 'emptied', 'follow')]])
      FROM tally.clusters c JOIN tally.rollups r ON r.id = c.rollup_id
$$;
COMMENT ON FUNCTION tally_internal._cluster_definitions() IS 'Cluster rollups as statements.';

CREATE OR REPLACE FUNCTION tally_internal._release_definitions() RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT x.id, 'release', x.name, x.owner::text, tally_internal._definition_call('create_release', x.relation::text, ARRAY[
               ['rollup', tally_internal._called(r)], ['dimensions', x.dimensions::text],
               ['measures', x.measures::text], ['people', COALESCE(x.definition ->> 'each', x.people)], ['k', x.k::text],
               ['hierarchies', NULLIF(x.hierarchies, '[]')::text], ['margins', NULLIF(x.margins, 'all')], ['bucket', x.bucket::text],
               ['settle', x.settle::text], ['history', x.history::text], ['schedule', x.schedule], ['description', x.description]])
      FROM tally.releases x JOIN tally.rollups r ON r.id = x.rollup_id WHERE NOT x.definition ? 'experiment'
    UNION ALL
    SELECT x.id, 'release', x.name, x.owner::text, tally_internal._definition_call('create_experiment_release', x.relation::text, ARRAY[
               ['experiment', tally_internal._called(e)],
               ['metrics', ARRAY(SELECT d FROM unnest(x.dimensions) d WHERE x.definition -> 'metrics' ? d)::text],
               ['by', ARRAY(SELECT d FROM unnest(x.dimensions[2:]) d WHERE NOT x.definition -> 'metrics' ? d)::text],
               ['k', x.k::text], ['settle', x.settle::text], ['schedule', x.schedule], ['description', x.description]])
      FROM tally.releases x JOIN tally.experiments e ON e.id = (x.definition ->> 'experiment')::int
$$;
COMMENT ON FUNCTION tally_internal._release_definitions() IS 'Releases as statements. What has been published is not among them.';

CREATE OR REPLACE FUNCTION tally_internal._owned_definitions() RETURNS TABLE (stage int, id int, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT -1, NULL::int, 'setting', s.name, (SELECT p.proowner FROM pg_proc p WHERE p.oid = 'tally.set(text, text)'::regprocedure)::regrole::text,
           format('SELECT tally.set(%L, %L);', s.name, s.value)
      FROM tally.stored_settings s WHERE tally_internal._may_operate(tally_internal._current_role(), 'tally.set(text, text)'::regprocedure)
    UNION ALL
    SELECT 1, NULL::int, 'retention of a source', s.source::text, s.owner::text,
           tally_internal._definition_call('retain_source', s.source::text, ARRAY[
               ['keep', s.keep::text], ['deletes', CASE WHEN NOT s.deletes THEN 'false' END], ['drop_partitions', CASE WHEN s.drop_partitions THEN 'true' END]])
      FROM tally.source_retentions s WHERE s.keep IS NOT NULL AND s.source NOT IN (SELECT r.relation FROM tally.rollups r)
    UNION ALL
    SELECT 1, NULL::int, 'limits', COALESCE(NULLIF(l.schema, ''), '*'), l.owner::text,
           tally_internal._definition_call('set_limits', NULLIF(l.schema, ''), ARRAY[
               ['max_range', l.max_range::text], ['max_rows', l.max_rows::text], ['per_minute', l.per_minute::text], ['min_people', l.min_people::text],
               ['enabled', CASE WHEN NOT l.enabled THEN 'false' END]])
      FROM tally.limits l WHERE tally_internal._has_rights_of(l.owner)
    UNION ALL
    -- After the rollups: those that were there before keep the column.
    SELECT 1, NULL::int, 'pseudonym', format('%s.%I', p.source, p.column_name), p.owner::text,
           format('SELECT tally.require_pseudonym(%L, %L);', p.source, p.column_name)
      FROM tally.pseudonyms p JOIN pg_class c ON c.oid = p.source
    UNION ALL
    SELECT 2, p.id, 'probe', p.name, p.owner::text, tally_internal._definition_call('create_probe', p.name, ARRAY[
               ['query', p.query], ['unit', p.unit], ['description', p.description], ['direction', NULLIF(p.direction, 'neutral')],
               ['every', p.every::text], ['keep', p.keep::text], ['enabled', CASE WHEN NOT p.enabled THEN 'false' END], ['search_path', p.search_path]])
      FROM tally.probes p WHERE tally_internal._has_rights_of(p.owner)
    UNION ALL
    SELECT 3, t.id, 'threshold', t.name, t.owner::text, tally_internal._definition_call('create_threshold', t.name, ARRAY[
               ['metric', COALESCE(tally_internal._called(m), tally_internal._called(p), tally_internal._called(x))],
               ['query', CASE WHEN x.id IS NULL THEN t.query END], ['condition', t.condition],
               ['for', t.for_::text], ['per', NULLIF(t.per, '{}')::text],
               ['where', NULLIF(t.filter, '{}')::text], ['severity', t.severity], ['owner', t.responsible], ['runbook', t.runbook],
               ['response_target', t.response_target::text], ['suggested_actions', NULLIF(t.suggested_actions, '[]')::text],
               ['recovery_condition', t.recovery_condition], ['keep_firing_for', t.keep_firing_for::text], ['min_samples', t.min_samples::text],
               ['no_data', NULLIF(t.no_data, 'keep_last')], ['on_error', NULLIF(t.on_error, 'keep_last')], ['over', t.over::text],
               ['partial_ok', CASE WHEN t.partial_ok THEN 'true' END], ['every', t.every::text], ['auto_resolve', CASE WHEN t.auto_resolve THEN 'true' END],
               ['reopen_within', t.reopen_within::text], ['area', t.area], ['impact', t.impact], ['enabled', CASE WHEN NOT t.enabled THEN 'false' END],
               ['description', t.description], ['escalation', t.escalation::text], ['search_path', t.search_path]])
      FROM tally.thresholds t LEFT JOIN tally.metrics m ON m.id = t.metric_id LEFT JOIN tally.probes p ON p.id = t.probe_id
           LEFT JOIN tally.ratios x ON t.query = tally_internal._ratio_query(x.id, t.per, t.filter, t.partial_ok)
     WHERE tally_internal._has_rights_of(t.owner)
    UNION ALL
    SELECT 5, i.id, 'inhibition', i.name, i.owner::text, tally_internal._definition_call('create_inhibition', i.name, ARRAY[
               ['source', i.source::text], ['target', i.target::text], ['equal', NULLIF(i.equal, '{}')::text],
               ['search_path', quote_ident(i.schema)]])
      FROM tally.inhibitions i WHERE tally_internal._has_rights_of(i.owner)
    UNION ALL
    SELECT 5, r.id, 'route', r.name, r.owner::text, tally_internal._definition_call('create_route', r.name, ARRAY[
               ['tree', tally_internal._route_named(r.tree)::text], ['enabled', CASE WHEN NOT r.enabled THEN 'false' END],
               ['search_path', quote_ident(r.schema)]])
      FROM tally.routes r WHERE tally_internal._has_rights_of(r.owner)
    UNION ALL
    SELECT 6, t.id, 'task', t.name, t.owner::text, tally_internal._definition_call('create_task', t.name, ARRAY[
               ['schedule', t.schedule], ['statement', t.statement], ['description', t.description], ['search_path', t.search_path]])
      FROM tally.tasks t WHERE tally_internal._has_rights_of(t.owner)
       -- create_release() makes that of its schedule.
       AND NOT EXISTS (SELECT FROM tally.releases x WHERE x.task_id = t.id)
$$;
COMMENT ON FUNCTION tally_internal._owned_definitions() IS
'What belongs to an owner alone, as statements: stored settings, retentions of sources, limits of readers, required pseudonyms, probes, thresholds, '
'inhibitions, routes, tasks.';

-- Only the owner sees a channel's url. No statement holds what opens doors (secret, headers).
CREATE OR REPLACE FUNCTION tally_internal._channel_definitions(who bigint DEFAULT tally_internal._me())
RETURNS TABLE (id int, kind text, name text, owner text, statement text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_column
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    RETURN QUERY SELECT c.id, 'channel', c.name, c.owner::text, tally_internal._definition_call('create_channel', c.name, ARRAY[
               ['kind', NULLIF(c.kind, 'webhook')], ['url', c.url], ['template', NULLIF(c.template, 'generic')], ['matchers', NULLIF(c.matchers, '{}')::text],
               ['events', c.events::text], ['group_by', c.group_by::text], ['group_wait', c.group_wait::text], ['group_interval', c.group_interval::text],
               ['repeat_interval', c.repeat_interval::text], ['max_attempts', c.max_attempts::text], ['enabled', CASE WHEN NOT c.enabled THEN 'false' END],
               ['quiet', c.quiet::text], ['search_path', quote_ident(c.schema)]])
           || CASE WHEN c.secret IS NOT NULL OR c.headers <> '{}' THEN '  -- say secret and headers again: they are not written out' ELSE '' END
      FROM tally.channels c WHERE tally_internal._has_rights(caller, c.owner);
END $$;
COMMENT ON FUNCTION tally_internal._channel_definitions(bigint) IS 'The caller''s channels as statements, without secret and headers.';

CREATE OR REPLACE FUNCTION tally.definitions() RETURNS TABLE (ordinal bigint, kind text, name text, owner text, statement text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET "TimeZone" = 'UTC' SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres'
SET extra_float_digits = 1 SET bytea_output = 'hex' SET quote_all_identifiers = off SET standard_conforming_strings = on AS $$
    SELECT row_number() OVER (ORDER BY d.stage, d.id, d.name), d.kind, d.name, d.owner, d.statement
      FROM (SELECT COALESCE(p.stage, -1), NULL::int, p.kind, p.name, p.owner, p.statement FROM tally_internal._announce('definitions_asked') t,
                   jsonb_to_record(t::jsonb) p(stage int, kind text, name text, owner text, statement text)
            UNION ALL SELECT 0, r.* FROM tally_internal._rollup_definitions() r
            UNION ALL SELECT 0, c.* FROM tally_internal._cluster_definitions() c
            UNION ALL SELECT e.* FROM tally_internal._experiment_definitions() e
            UNION ALL SELECT o.* FROM tally_internal._owned_definitions() o
            UNION ALL SELECT 2, m.* FROM tally_internal._metric_definitions() m
            UNION ALL SELECT 3, q.* FROM tally_internal._ratio_definitions() q
            UNION ALL SELECT 3, l.* FROM tally_internal._release_definitions() l
            UNION ALL SELECT 4, c.* FROM tally_internal._channel_definitions() c) d(stage, id, kind, name, owner, statement)
     ORDER BY 1
$$;
COMMENT ON FUNCTION tally.definitions() IS
'Everything that is defined and that you may see, as statements in the order in which to run them: settings, packs, rollups, cluster rollups, funnels, '
'retentions and sessions, how long sources keep their rows, required pseudonyms, '
'metrics, ratios and probes, thresholds, channels (without secret and headers), inhibitions, routes, tasks, boards. '
'Keep them under version control, or run them in another database that has the same sources. In the database from which they come they change nothing. The '
'column owner says which role runs each.';
