-- Owns: awf_kpi_thresholds and awf_incidents: the engine's thresholds and incidents under the reference document's names,
-- and writing thresholds through the first. People are role names here, not rows of auth.users.

-- step: view awf_kpi_thresholds
CREATE OR REPLACE VIEW awf_kpi_thresholds AS
SELECT md5('tally threshold ' || t.id)::uuid AS id,
       s.scope,
       CASE WHEN jsonb_typeof(t.filter -> s.scope) = 'string' THEN t.filter ->> s.scope ELSE (t.filter -> s.scope)::text END AS scope_ref,
       regexp_replace(m.name, '(_adventure|_variation)?_5m$', '') AS kpi_name,
       c.part[2]::numeric AS threshold_value,
       replace(c.part[1], '<>', '!=') AS threshold_operator,
       t.severity, t.enabled, t.suggested_actions,
       t.owner::text AS created_by, t.created_at, t.updated_at,
       t.name
  FROM tally.thresholds t
  JOIN tally.metrics m ON m.id = t.metric_id
  JOIN tally.rollups r ON r.id = m.rollup_id AND r.name IN (SELECT p.name FROM tally.pack_steps p WHERE p.pack = 'awf' AND p.kind = 'rollup')
  -- Those of this copy of the pack.
  JOIN pg_catalog.pg_class o ON o.oid = r.relation AND o.relnamespace = (SELECT h.relnamespace FROM pg_catalog.pg_class h WHERE h.oid = 'awf_hourly'::regclass)
 CROSS JOIN LATERAL regexp_match(t.condition, '^\s*(>=|<=|<>|!=|=|>|<)\s*(-?\d+\.?\d*)\s*$') c(part)
 CROSS JOIN LATERAL (SELECT CASE WHEN t.filter ? 'variation' OR 'variation' = ANY (t.per) THEN 'variation' WHEN t.filter ? 'adventure'
                     OR 'adventure' = ANY (t.per) THEN 'adventure'
                                 WHEN t.filter ? 'world' OR 'world' = ANY (t.per) THEN 'world' ELSE 'global' END AS scope) s
 WHERE c.part IS NOT NULL
   -- In the hosted edition this view and tally.thresholds have one owner, whom the table's row security does not bind.
   AND tally_internal._has_rights_of(t.owner);
COMMENT ON VIEW awf_kpi_thresholds IS
'Thresholds of the pack''s metrics that compare with a number. INSERT, UPDATE and DELETE make, change and drop the threshold, with the rights of the role '
'that does.';
COMMENT ON COLUMN awf_kpi_thresholds.id IS 'Made of the threshold''s number.';
COMMENT ON COLUMN awf_kpi_thresholds.scope IS 'global, world, adventure or variation.';
COMMENT ON COLUMN awf_kpi_thresholds.scope_ref IS 'The world, adventure or variation; null under such a scope: each of them by itself.';
COMMENT ON COLUMN awf_kpi_thresholds.kpi_name IS 'The metric; judged on finished five minutes where there is one of that grain, else on finished hours.';
COMMENT ON COLUMN awf_kpi_thresholds.threshold_value IS 'The number compared with.';
COMMENT ON COLUMN awf_kpi_thresholds.threshold_operator IS '>, <, >=, <=, = or !=: the breach.';
COMMENT ON COLUMN awf_kpi_thresholds.severity IS 'info, warning or critical.';
COMMENT ON COLUMN awf_kpi_thresholds.enabled IS 'Whether it is evaluated.';
COMMENT ON COLUMN awf_kpi_thresholds.suggested_actions IS 'Levers that go onto the incident.';
COMMENT ON COLUMN awf_kpi_thresholds.created_by IS 'Role that owns the threshold.';
COMMENT ON COLUMN awf_kpi_thresholds.created_at IS 'When it was made.';
COMMENT ON COLUMN awf_kpi_thresholds.updated_at IS 'When it last changed.';
COMMENT ON COLUMN awf_kpi_thresholds.name IS 'Name of the threshold in tally.thresholds; null in an INSERT: one is made of the KPI, scope and severity.';

-- step: function awf_kpi_thresholds_write() CASCADE
CREATE OR REPLACE FUNCTION awf_kpi_thresholds_write() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
DECLARE
    t      tally.thresholds;
    metric text;
    named  text;
BEGIN
    IF TG_OP <> 'INSERT' THEN
        SELECT * INTO t FROM tally.thresholds x WHERE md5('tally threshold ' || x.id)::uuid = OLD.id;
        IF t.id IS NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
                MESSAGE = format('threshold %L can only be changed by its owner %s, got %I', OLD.name, OLD.created_by, current_user),
                HINT = format('SET ROLE %s;', OLD.created_by);
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM tally.drop_threshold(format('%I.%I', t.schema, t.name));
        RETURN OLD;
    END IF;
    IF coalesce(NEW.scope, 'global') NOT IN ('global', 'world', 'adventure', 'variation')
        OR coalesce(NEW.threshold_operator, '') NOT IN ('>', '<', '>=', '<=', '=', '!=') THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation',
            MESSAGE = format('a threshold needs a scope of global, world, adventure or variation and an operator of >, <, >=, <=, = or !=, got %L and %L',
                             NEW.scope, NEW.threshold_operator),
            HINT = 'INSERT INTO awf_kpi_thresholds (scope, scope_ref, kpi_name, threshold_operator, threshold_value, severity) VALUES '
                '(''world'', ''emberfall'', ''fallback_rate'', ''>'', 0.2, ''warning'');';
    END IF;
    -- The rollups of five minutes know worlds, adventures or variations.
    metric := NEW.kpi_name || CASE WHEN NEW.scope IN ('adventure', 'variation') THEN '_' || NEW.scope ELSE '' END || '_5m';
    metric := CASE WHEN tally_internal._is_metric(TG_TABLE_SCHEMA, metric) THEN metric ELSE NEW.kpi_name END;
    -- It is a metric of this copy of the pack.
    metric := CASE WHEN tally_internal._is_metric(TG_TABLE_SCHEMA, metric) THEN format('%I.%I', TG_TABLE_SCHEMA, metric) ELSE metric END;
    named := coalesce(NEW.name, concat_ws(' ', 'awf', NEW.kpi_name, coalesce(NEW.scope, 'global'), NEW.scope_ref, NEW.severity));
    IF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM tally.thresholds x WHERE x.schema = TG_TABLE_SCHEMA AND x.name = named) THEN
            RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = format('threshold %L exists already', named),
                HINT = format('UPDATE awf_kpi_thresholds SET threshold_value = %s WHERE name = %L;', NEW.threshold_value, named);
        END IF;
        -- The document asks for no owner and no runbook; whoever writes a critical one here answers for it.
        t := jsonb_populate_record(NULL::tally.thresholds, jsonb_build_object('for_', '0', 'keep_firing_for', '0', 'no_data', 'ok', 'on_error', 'keep_last',
                'partial_ok', false,
            'every', '1 minute', 'auto_resolve', false, 'reopen_within', '0', 'area', 'awf', 'responsible', current_user, 'runbook', 'the suggested actions',
            'search_path', current_setting('search_path')));
    END IF;
    IF TG_OP = 'INSERT' OR (NEW.scope, NEW.scope_ref) IS DISTINCT FROM (OLD.scope, OLD.scope_ref) THEN
        t.per := CASE WHEN NEW.scope <> 'global' AND NEW.scope_ref IS NULL THEN ARRAY[NEW.scope] ELSE '{}' END;
        t.filter := CASE WHEN NEW.scope <> 'global' AND NEW.scope_ref IS NOT NULL THEN jsonb_build_object(NEW.scope, NEW.scope_ref) ELSE '{}' END;
    END IF;
    PERFORM tally.create_threshold(coalesce(t.name, named), metric => metric, condition => NEW.threshold_operator || ' ' || NEW.threshold_value,
        "for" => t.for_, per => t.per, "where" => t.filter, severity => coalesce(NEW.severity, 'warning'), owner => t.responsible, runbook => t.runbook,
        response_target => t.response_target, suggested_actions => coalesce(NEW.suggested_actions, '[]'), recovery_condition => t.recovery_condition,
        keep_firing_for => t.keep_firing_for, min_samples => t.min_samples, no_data => t.no_data, on_error => t.on_error, over => t.over,
            partial_ok => t.partial_ok,
        every => t.every, auto_resolve => t.auto_resolve, reopen_within => t.reopen_within, area => t.area, impact => t.impact,
        enabled => coalesce(NEW.enabled, true), description => t.description, search_path => t.search_path);
    SELECT md5('tally threshold ' || x.id)::uuid, x.name, x.owner::text, x.created_at, x.updated_at INTO NEW.id, NEW.name, NEW.created_by, NEW.created_at,
        NEW.updated_at
      FROM tally.thresholds x WHERE x.schema = TG_TABLE_SCHEMA AND x.name = coalesce(t.name, named);
    RETURN NEW;
END $f$;
COMMENT ON FUNCTION awf_kpi_thresholds_write() IS
    'Trigger of awf_kpi_thresholds: what is written there becomes a threshold, with everything else of it kept.';
CREATE OR REPLACE TRIGGER awf_kpi_thresholds_write INSTEAD OF INSERT OR UPDATE
    OR DELETE ON awf_kpi_thresholds FOR EACH ROW EXECUTE FUNCTION awf_kpi_thresholds_write();

-- step: function awf_incident_rows(bigint, regclass)
-- Incidents are shown by row level security to those who have the rights of their owner. Whoever may read awf_incidents sees those
-- of the pack's owner as well: that is what granting SELECT on it says.
CREATE OR REPLACE FUNCTION awf_incident_rows(who bigint DEFAULT tally_internal._me(), home regclass DEFAULT 'awf_hourly'::regclass)
RETURNS TABLE (incident tally.incidents, labels jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $f$
    -- The default of home is read when the function is made, so it knows the schema of this copy of the pack.
    -- Redeemed once; the function has the rights of the pack's owner.
    WITH me AS MATERIALIZED (SELECT tally_internal._redeem(who) AS caller),
         here AS MATERIALIZED (SELECT n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                                WHERE c.oid = home)
    SELECT i, coalesce(t.filter, '{}') || i.labels
      FROM here
      JOIN tally.incidents i ON i.metric IN (SELECT m.name FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
                                              WHERE tally_internal._schema_of(r.relation) = here.nspname
                                                AND r.name IN (SELECT p.name FROM tally.pack_steps p WHERE p.pack = 'awf' AND p.kind = 'rollup'))
      LEFT JOIN tally.thresholds t ON t.id = i.threshold_id
     WHERE coalesce(t.schema, here.nspname) = here.nspname
       AND (pg_has_role((SELECT me.caller::oid FROM me), i.owner::oid, 'USAGE')
            OR EXISTS (SELECT FROM tally.installed_packs p WHERE p.pack = 'awf' AND p.target_schema = here.nspname AND i.owner = p.owner
                          AND has_table_privilege((SELECT me.caller::oid FROM me), format('%I.awf_incidents', here.nspname), 'SELECT')))
$f$;
COMMENT ON FUNCTION awf_incident_rows(bigint, regclass) IS
'Incidents of the pack''s metrics with the labels of their scope, for those who may read awf_incidents; nothing for others.';

-- step: view awf_incidents
CREATE OR REPLACE VIEW awf_incidents AS
SELECT md5('tally incident ' || i.id)::uuid AS id,
       md5('tally threshold ' || i.threshold_id)::uuid AS threshold_id,
       i.severity,
       regexp_replace(i.metric, '(_adventure|_variation)?_5m$', '') AS kpi_name,
       round(coalesce(i.last_value, i.value)::numeric, 4) AS current_value,
       round(i.limit_value::numeric, 4) AS threshold_value,
       s.scope, s.labels ->> s.scope AS scope_ref,
       i.suggested_actions,
       CASE i.status WHEN 'reviewed' THEN 'resolved' ELSE i.status END AS status,
       i.acknowledged_by, i.acknowledged_at, i.resolved_by, i.resolved_at,
       nullif(concat_ws(E'\n', 'Root cause: ' || i.root_cause, 'Mitigation: ' || i.mitigation, 'Prevention: ' || i.prevention), '') AS resolution_notes,
       i.opened_at AS created_at,
       i.id AS incident
  FROM awf_incident_rows() f
 CROSS JOIN LATERAL (SELECT (f.incident).*) i
 CROSS JOIN LATERAL (SELECT f.labels, CASE WHEN f.labels ? 'variation' THEN 'variation' WHEN f.labels ? 'adventure' THEN 'adventure'
                                           WHEN f.labels ? 'world' THEN 'world' ELSE 'global' END AS scope) s;
COMMENT ON VIEW awf_incidents IS
'Incidents of the pack''s thresholds. They are handled with tally.acknowledge(incident) and tally.resolve(incident, root_cause, mitigation, prevention).';
COMMENT ON COLUMN awf_incidents.id IS 'Made of the incident''s number.';
COMMENT ON COLUMN awf_incidents.threshold_id IS 'id of awf_kpi_thresholds; null when the threshold was dropped.';
COMMENT ON COLUMN awf_incidents.severity IS 'Severity of the threshold when it fired.';
COMMENT ON COLUMN awf_incidents.kpi_name IS 'The metric.';
COMMENT ON COLUMN awf_incidents.current_value IS 'The latest value seen when the alert changed.';
COMMENT ON COLUMN awf_incidents.threshold_value IS 'The number it was held against.';
COMMENT ON COLUMN awf_incidents.scope IS 'global, world, adventure or variation.';
COMMENT ON COLUMN awf_incidents.scope_ref IS 'The world, adventure or variation that breached.';
COMMENT ON COLUMN awf_incidents.suggested_actions IS 'Levers of the threshold that apply.';
COMMENT ON COLUMN awf_incidents.status IS 'new, acknowledged or resolved.';
COMMENT ON COLUMN awf_incidents.acknowledged_by IS 'Role that acknowledged it.';
COMMENT ON COLUMN awf_incidents.acknowledged_at IS 'When.';
COMMENT ON COLUMN awf_incidents.resolved_by IS 'Role that closed it.';
COMMENT ON COLUMN awf_incidents.resolved_at IS 'When.';
COMMENT ON COLUMN awf_incidents.resolution_notes IS 'Root cause, mitigation and prevention.';
COMMENT ON COLUMN awf_incidents.created_at IS 'Tick at which it fired.';
COMMENT ON COLUMN awf_incidents.incident IS 'Number of the incident in tally.incidents.';
