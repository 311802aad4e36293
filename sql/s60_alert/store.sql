-- Owns: the functions that write thresholds into the catalogue; nothing else does. As in s40_rollup/store.sql, the caller proves who it is, and
-- no argument is believed: the function looks up what is watched, and the caller must own it or may read it.

CREATE OR REPLACE FUNCTION tally_internal._check_watched(t tally.thresholds, role regrole) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN t.probe_id IS NOT NULL AND NOT EXISTS (SELECT FROM tally.probes p WHERE p.id = t.probe_id
                                                    AND tally_internal._has_rights(role, p.owner)) THEN format('probe %s', t.probe_id)
        WHEN t.metric_id IS NOT NULL AND NOT EXISTS (SELECT FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
            WHERE m.id = t.metric_id AND COALESCE(has_table_privilege(role::oid, r.live_view::oid, 'SELECT'), false)) THEN format('metric %s', t.metric_id)
        END
$$;
COMMENT ON FUNCTION tally_internal._check_watched(tally.thresholds, regrole) IS
'What a threshold watches that a role may not: another''s probe, or a metric whose live view it may not read; null where it may. Asked when a threshold is '
'made, and again whenever it is evaluated.';

CREATE OR REPLACE FUNCTION tally_internal._store_threshold(made tally.thresholds, who bigint DEFAULT tally_internal._me()) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    old    tally.thresholds;
    t      tally.thresholds;
    m      tally.metrics;
BEGIN
    made.schema := COALESCE(made.schema, tally_internal._threshold_schema(made));
    SELECT * INTO old FROM tally.thresholds x WHERE x.schema = made.schema AND x.name = made.name;
    IF old.id IS NOT NULL AND NOT tally_internal._has_rights(caller, old.owner) THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %L exists already and belongs to another role', made.name),
                              'A role sees the thresholds of roles whose rights it has.',
            format('SELECT tally.create_threshold(%L, …);', made.name || ' (' || caller || ')'));
    END IF;
    made.owner := COALESCE(old.owner, caller::tally.role);
    IF tally_internal._check_watched(made, caller) IS NOT NULL OR tally_internal._check_watched(made, made.owner) IS NOT NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %L must watch what its owner may read, got %s', made.name,
                                                               COALESCE(tally_internal._check_watched(made, caller), tally_internal._check_watched(made,
                                                            made.owner))),
            'A threshold is evaluated with the rights of the role that made it.', 'SELECT name FROM tally.probes UNION ALL SELECT name FROM tally.metrics;');
    END IF;
    -- Bounds, rule and windows follow from the rest, whatever is given.
    SELECT * INTO m FROM tally.metrics x WHERE x.id = made.metric_id;
    t := tally_internal._bounded_threshold(made, m);
    t.created_at := COALESCE(old.created_at, now());
    t.updated_at := now();
    IF old.id IS NULL THEN
        PERFORM tally_internal._check_home(format('threshold %L', t.name), t.schema, caller);
        t.id := nextval(pg_get_serial_sequence('tally.thresholds', 'id'));
        INSERT INTO tally.thresholds SELECT t.*;
        RETURN t.id;
    END IF;
    UPDATE tally.thresholds x SET (search_path, metric_id, probe_id, query, condition, recovery_condition, for_, keep_firing_for, per, filter, over,
                                   min_samples, no_data,
            on_error, partial_ok, every, severity, responsible, runbook, response_target, suggested_actions, area, impact, auto_resolve, reopen_within,
            enabled, description, escalation, rule, windows, updated_at)
         = (t.search_path, t.metric_id, t.probe_id, t.query, t.condition, t.recovery_condition, t.for_, t.keep_firing_for, t.per, t.filter, t.over,
            t.min_samples, t.no_data,
            t.on_error, t.partial_ok, t.every, t.severity, t.responsible, t.runbook, t.response_target, t.suggested_actions, t.area, t.impact,
                t.auto_resolve, t.reopen_within,
            t.enabled, t.description, t.escalation, t.rule, t.windows, t.updated_at)
     WHERE x.id = old.id;
    RETURN old.id;
END $$;
COMMENT ON FUNCTION tally_internal._store_threshold(tally.thresholds, bigint) IS
'Writes a threshold, new or changed, into the catalogue; it is evaluated with its owner''s rights. For create_threshold().';

CREATE OR REPLACE FUNCTION tally_internal._forget_threshold(threshold_id int, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    DELETE FROM tally.thresholds x WHERE x.id = threshold_id AND tally_internal._has_rights(caller, x.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('threshold %s must exist and belong to %s', threshold_id, caller), NULL,
                              'SELECT name, owner FROM tally.thresholds;');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._forget_threshold(int, bigint) IS 'Takes a threshold and its alert states out of the catalogue. For the owner.';

CREATE OR REPLACE FUNCTION tally_internal._store_enabled(threshold_id int, enabled boolean, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    UPDATE tally.thresholds x SET enabled = enabled, updated_at = now() WHERE x.id = threshold_id AND x.enabled <> enabled
        AND tally_internal._has_rights(caller, x.owner);
END $$;
COMMENT ON FUNCTION tally_internal._store_enabled(int, boolean, bigint) IS 'Writes whether a threshold is evaluated. For the owner.';
