-- Owns: what the engine does with an incident: fires it, fires it again, reopens it, marks it as recovered, escalates it. Each is one
-- transaction with its timeline entry and its notifications.
--
-- Functions that run once per incident are PL/pgSQL, because PL/pgSQL keeps its plans. An SQL function is planned anew at every call, and
-- ten thousand label sets may fire in one tick.

CREATE OR REPLACE FUNCTION tally_internal._fill(template text, labels jsonb, value float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text := replace(template, '{{value}}', COALESCE(tally_internal._format_number(value), 'no value'));
    label  record;
BEGIN
    IF strpos(result, '{{') > 0 THEN
        FOR label IN SELECT * FROM jsonb_each_text(labels) LOOP
            result := replace(result, '{{labels.' || label.key || '}}', COALESCE(label.value, ''));
        END LOOP;
        result := regexp_replace(result, '\{\{labels\.[^}]*\}\}', '(none)', 'g');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._fill(text, jsonb, float8) IS 'Fills {{value}} and {{labels.name}} into a text.';

CREATE OR REPLACE FUNCTION tally_internal._format_number(value float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Four significant digits are what a person reads.
    RETURN (
    SELECT CASE WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN value::text
                WHEN abs(value) >= 1000 OR value = 0 THEN round(value::numeric)::text
                ELSE trim_scale(round(value::numeric, 3 - floor(log(abs(value)))::int))::text END);
END $$;
COMMENT ON FUNCTION tally_internal._format_number(float8) IS 'A number for people, with four significant digits.';

CREATE OR REPLACE FUNCTION tally_internal._pick_actions(actions jsonb, labels jsonb, value float8) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT COALESCE(jsonb_agg(tally_internal._fill(COALESCE(a.a ->> 'do', a.a #>> '{}'), labels, value) ORDER BY a.n), '[]')
      FROM jsonb_array_elements(actions) WITH ORDINALITY a(a, n)
     WHERE jsonb_typeof(a.a) = 'string'
        OR (labels @> COALESCE(a.a -> 'where', '{}') AND COALESCE(value > (a.a ->> 'above')::float8, true)
            AND COALESCE(value < (a.a ->> 'below')::float8, true)));
END $$;
COMMENT ON FUNCTION tally_internal._pick_actions(jsonb, jsonb, float8) IS 'The levers that apply to a label set and value, as texts with values filled in.';

CREATE OR REPLACE FUNCTION tally_internal._note(incident_id bigint, at timestamptz, event text, author text, note text DEFAULT NULL, detail jsonb DEFAULT '{}',
                            person text DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO tally.incident_events (incident_id, at, event, author, person, note, detail) VALUES (incident_id, at, event, author, person, note, detail);
END $$;
COMMENT ON FUNCTION tally_internal._note(bigint, timestamptz, text, text, text, jsonb, text) IS 'Adds an entry to an incident''s timeline.';

CREATE OR REPLACE FUNCTION tally_internal._fire(t tally.thresholds, kind text, labels jsonb, sample jsonb, step jsonb, tick timestamptz,
                                                began_at timestamptz, why text,
                            with_evidence boolean) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i     tally.incidents;
    m     tally.metrics;
    value float8 := (sample ->> 'value')::float8;
    event text;
    line  text;
BEGIN
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    line := CASE WHEN kind = 'breach' THEN COALESCE(tally_internal._fill(t.impact, labels, value), tally_internal._impact_line(t, m, labels, value))
        ELSE format('%s: %s', t.name, why) END;
    SELECT * INTO i FROM tally.incidents x
     WHERE x.threshold_id = t.id AND x.kind = kind AND x.labels = labels
       AND (x.status IN ('new', 'acknowledged') OR (t.reopen_within > '0' AND x.resolved_at > tick - t.reopen_within))
     ORDER BY x.id DESC LIMIT 1;
    IF i.id IS NOT NULL THEN
        event := CASE WHEN i.status IN ('new', 'acknowledged') THEN 'refired' ELSE 'reopened' END;
        UPDATE tally.incidents x SET recovered_at = NULL, recovery = NULL, last_value = value, impact = line,
               -- Nobody had to respond while it was over.
               respond_by = CASE WHEN x.status = 'new' AND x.respond_by < tick + t.response_target THEN tick + t.response_target ELSE x.respond_by END
         WHERE x.id = i.id;
        IF event = 'reopened' THEN
            -- A new life begins. The timeline keeps what was said in the last one.
            UPDATE tally.incidents x SET status = 'new', reopened = x.reopened + 1, life_since = tick, respond_by = tick + t.response_target,
                escalation_level = 0,
                   (acknowledged_at, acknowledged_by, acknowledged_person) = (NULL, NULL, NULL),
                   (resolved_at, resolved_by, resolved_person, closed_bucket) = (NULL, NULL, NULL, NULL),
                   (root_cause, mitigation, prevention) = (NULL, NULL, NULL), (reviewed_at, reviewed_by, reviewed_person) = (NULL, NULL, NULL)
             WHERE x.id = i.id;
        END IF;
    ELSE
        event := 'opened';
        INSERT INTO tally.incidents (severity, threshold, kind, labels, area, impact, metric, value, condition, limit_value, unit, bucket, opened_at, began_at,
                life_since, last_value,
                responsible, runbook, suggested_actions, evidence, respond_by, threshold_id, owner, previous_id)
        VALUES (CASE kind WHEN 'breach' THEN t.severity ELSE 'warning' END, t.name, kind, labels,
                COALESCE(t.area, (SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(labels) l), t.name),
                line, m.name, value, t.condition, (tally.condition_limit(t.rule -> 'condition') #>> '{}')::float8, m.unit,
                    (sample ->> 'bucket')::timestamptz, tick, COALESCE(began_at, tick),
                tick, value,
                t.responsible, t.runbook, CASE kind WHEN 'breach' THEN tally_internal._pick_actions(t.suggested_actions, labels, value) ELSE '[]' END,
                CASE WHEN kind <> 'breach' THEN jsonb_build_object('reason', why)
                     -- Evidence takes queries, so when a whole fleet fires at once, only the first twenty incidents get it.
                     WHEN with_evidence THEN tally_internal._evidence(t, labels, sample, step, tick)
                     ELSE jsonb_build_object('omitted', 'more than 20 label sets fired in the same tick') END,
                tick + t.response_target, t.id, t.owner,
                (SELECT max(x.id) FROM tally.incidents x WHERE x.threshold_id = t.id AND x.labels = labels AND x.kind = kind))
        RETURNING * INTO i;
    END IF;
    PERFORM tally_internal._note(i.id, tick, event, 'pg_tally', why,
                        jsonb_strip_nulls(jsonb_build_object('value', sample -> 'value', 'samples', sample -> 'samples', 'observed', step -> 'observed',
                                                             'condition', t.condition, 'previous', CASE WHEN event = 'opened' THEN i.previous_id END)));
    PERFORM tally_internal._notify(i.id, event, tick);
    RETURN i.id;
END $$;
COMMENT ON FUNCTION tally_internal._fire(tally.thresholds, text, jsonb, jsonb, jsonb, timestamptz, timestamptz, text, boolean) IS
'Files an incident for a label set that fired. An incident that is still open fires again instead, and one closed less than reopen_within ago is reopened.';

CREATE OR REPLACE FUNCTION tally_internal._impact_line(t tally.thresholds, m tally.metrics, labels jsonb, value float8) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT concat_ws(' ', COALESCE(m.name, (SELECT p.name FROM tally.probes p WHERE p.id = t.probe_id), t.name), CASE
                     WHEN value IS NOT NULL THEN 'is ' || tally_internal._format_number(value) END, m.unit, format('(%s)', t.condition),
                     'in ' || (SELECT string_agg(format('%s %s', l.key, l.value), ', ' ORDER BY l.key) FROM jsonb_each_text(labels) l)));
END $$;
COMMENT ON FUNCTION tally_internal._impact_line(tally.thresholds, tally.metrics, jsonb, float8) IS
'The impact line of an incident whose threshold has none of its own.';

CREATE OR REPLACE FUNCTION tally_internal._recover(t tally.thresholds, kind text, labels jsonb, sample jsonb, reason text, why text, tick timestamptz)
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i tally.incidents;
BEGIN
    UPDATE tally.incidents x SET recovered_at = tick, recovery = reason, last_value = COALESCE((sample ->> 'value')::float8, x.last_value)
     WHERE x.threshold_id = t.id AND x.kind = kind AND x.labels = labels AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL
    RETURNING * INTO i;
    -- Closed by hand while it still fired: nothing is left to recover.
    IF i.id IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._note(i.id, tick, 'recovered', 'pg_tally', why,
                        jsonb_strip_nulls(jsonb_build_object('reason', reason, 'value', sample -> 'value')));
    PERFORM tally_internal._notify(i.id, 'recovered', tick);
    IF t.auto_resolve OR kind <> 'breach' THEN
        UPDATE tally.incidents x SET status = 'resolved', resolved_at = tick, resolved_by = 'pg_tally' WHERE x.id = i.id;
        PERFORM tally_internal._note(i.id, tick, 'resolved', 'pg_tally', 'closed itself after recovery (auto_resolve)');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._recover(tally.thresholds, text, jsonb, jsonb, text, text, timestamptz) IS
'Marks the open incident of a label set as recovered; with auto_resolve (and for meta-incidents) it also closes itself.';

CREATE OR REPLACE FUNCTION tally_internal._escalate(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i tally.incidents;
BEGIN
    -- Somebody is handling an incident whose row is locked. It waits, and the others do not.
    FOR i IN SELECT x.* FROM tally.incidents x WHERE x.status = 'new' AND x.recovered_at IS NULL AND x.respond_by <= as_of
                AND x.escalation_level < COALESCE((SELECT 1 + cardinality(t.escalation) FROM tally.thresholds t WHERE t.id = x.threshold_id), 3)
              ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LOOP
        UPDATE tally.incidents x
           SET escalation_level = x.escalation_level + 1,
               -- Each level waits as long as the first did, where the threshold does not say how long.
               respond_by = x.respond_by + COALESCE((SELECT COALESCE(t.escalation[x.escalation_level + 1], t.response_target) FROM tally.thresholds t
                                                      WHERE t.id = x.threshold_id), interval '1 hour')
         WHERE x.id = i.id RETURNING x.* INTO i;
        PERFORM tally_internal._note(i.id, as_of, 'escalated', 'pg_tally', format('not acknowledged in time; level %s', i.escalation_level));
        PERFORM tally_internal._notify(i.id, 'escalated', as_of);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._escalate(timestamptz) IS
'Escalates incidents that nobody acknowledged within the response target, once per level: the levels of the threshold, else three.';
