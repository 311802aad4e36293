-- Owns: what the engine does with an incident: fires it, fires it again, reopens it, marks it as recovered, escalates it. Each is one
-- transaction with its timeline entry and its notifications.
--
-- What a threshold files or closes at a tick is written by a few statements for all of it, because ten thousand label sets may fire in one tick. What is
-- called once per incident is PL/pgSQL, because PL/pgSQL keeps its plans. An SQL function is planned anew at every call.

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
    RETURN CASE WHEN value IN ('NaN', 'Infinity', '-Infinity') THEN value::text
                WHEN abs(value) >= 1000 OR value = 0 THEN round(value::numeric)::text
                ELSE trim_scale(round(value::numeric, 3 - floor(log(abs(value)))::int))::text END;
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

CREATE OR REPLACE FUNCTION tally_internal._recall(t tally.thresholds, kind text, fired jsonb[], tick timestamptz, OUT ids bigint[], OUT events text[],
                                                  OUT previous bigint[])
-- By keys, whatever is known of the table.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    numbers regclass := pg_get_serial_sequence('tally.incidents', 'id');
BEGIN
    SELECT array_agg(k.id ORDER BY k.n), array_agg(k.event ORDER BY k.n), array_agg(CASE WHEN k.event = 'opened' THEN k.last END ORDER BY k.n)
      INTO ids, events, previous
      FROM (SELECT f.n, o.last, CASE WHEN o.again IS NULL THEN 'opened' WHEN o.again = o.open THEN 'refired' ELSE 'reopened' END AS event,
                   COALESCE(o.again, nextval(numbers)) AS id
              FROM unnest(fired) WITH ORDINALITY f(change, n)
             CROSS JOIN LATERAL (SELECT max(i.id) AS last, max(i.id) FILTER (WHERE i.is_open) AS open,
                                        max(i.id) FILTER (WHERE i.is_open OR (t.reopen_within > '0' AND i.resolved_at > tick - t.reopen_within)) AS again
                                   FROM (SELECT x.id, x.resolved_at, x.status IN ('new', 'acknowledged') AS is_open FROM tally.incidents x
                                          WHERE x.threshold_id = t.id AND x.kind = kind AND x.labels = f.change -> 'labels' OFFSET 0) i) o) k;
END $$;
COMMENT ON FUNCTION tally_internal._recall(tally.thresholds, text, jsonb[], timestamptz) IS
'Which incidents label sets that fired belong to, and what becomes of them: refired where one is open still, reopened where one was closed less than '
    'reopen_within ago, else opened, under a new number and with the previous one of the same labels.';

CREATE OR REPLACE FUNCTION tally_internal._fire_again(t tally.thresholds, ids bigint[], events text[], readings float8[], lines text[], tick timestamptz)
RETURNS void
-- Joined as a whole, and the incidents by their key, whatever is known of the table.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    again bigint[] := ARRAY(SELECT u.id FROM unnest(ids, events) u(id, event) WHERE u.event = 'reopened');
BEGIN
    UPDATE tally.incidents x SET recovered_at = NULL, recovery = NULL, last_value = u.reading, impact = u.line,
           -- Nobody had to respond while it was over.
           respond_by = CASE WHEN x.status = 'new' AND x.respond_by < tick + t.response_target THEN tick + t.response_target ELSE x.respond_by END
      FROM unnest(ids, events, readings, lines) u(id, event, reading, line) WHERE x.id = ANY (ids) AND x.id = u.id AND u.event <> 'opened';
    -- A new life begins. The timeline keeps what was said in the last one.
    UPDATE tally.incidents x SET status = 'new', reopened = x.reopened + 1, life_since = tick, respond_by = tick + t.response_target,
           escalation_level = 0,
           (acknowledged_at, acknowledged_by, acknowledged_person) = (NULL, NULL, NULL),
           (resolved_at, resolved_by, resolved_person, closed_bucket) = (NULL, NULL, NULL, NULL),
           (root_cause, mitigation, prevention) = (NULL, NULL, NULL), (reviewed_at, reviewed_by, reviewed_person) = (NULL, NULL, NULL)
     WHERE x.id = ANY (again);
END $$;
COMMENT ON FUNCTION tally_internal._fire_again(tally.thresholds, bigint[], text[], float8[], text[], timestamptz) IS
'Brings the incidents that refire and reopen up to date: they have not recovered, and those that reopen begin a new life.';

CREATE OR REPLACE FUNCTION tally_internal._fire(t tally.thresholds, kind text, fired jsonb[], whys text[], tick timestamptz, proofs int, INOUT proved jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_variable
DECLARE
    m        tally.metrics;
    ratio    tally.ratios := tally_internal._watched_ratio(t);
    known    record;
    subject  text;
    readings float8[];
    lines    text[];
    evidence jsonb[];
    most     float8 := (tally.condition_limit(t.rule -> 'condition') #>> '{}')::float8;
BEGIN
    SELECT * INTO m FROM tally.metrics x WHERE x.id = t.metric_id;
    SELECT * INTO known FROM tally_internal._recall(t, kind, fired, tick);
    subject := COALESCE(m.name, (SELECT p.name FROM tally.probes p WHERE p.id = t.probe_id), ratio.name, t.name);
    SELECT array_agg(f.reading ORDER BY f.n),
           array_agg(CASE WHEN kind <> 'breach' THEN format('%s: %s', t.name, f.why)
                          WHEN t.impact IS NOT NULL THEN tally_internal._fill(t.impact, f.labels, f.reading)
                          ELSE concat_ws(' ', subject, CASE WHEN f.reading IS NOT NULL THEN 'is ' || tally_internal._format_number(f.reading) END,
                                         COALESCE(m.unit, ratio.unit), format('(%s)', t.condition),
                                         'in ' || (SELECT string_agg(format('%s %s', l.key, l.value), ', ' ORDER BY l.key) FROM jsonb_each_text(f.labels) l))
                          END ORDER BY f.n)
      INTO readings, lines
      FROM (SELECT f.n, f.why, f.change -> 'labels' AS labels, (f.change #>> '{sample,value}')::float8 AS reading
              FROM unnest(fired, whys) WITH ORDINALITY f(change, why, n)) f;
    IF kind = 'breach' THEN
        -- Evidence takes queries, so when a whole fleet fires at once, only the first twenty incidents get it.
        proved := tally_internal._prove(t, ARRAY(SELECT f.change -> 'labels' FROM unnest(fired, known.events) WITH ORDINALITY f(change, event, n)
                                                  WHERE f.n <= proofs AND f.event = 'opened' ORDER BY f.n), tick, proved);
        evidence := ARRAY(SELECT jsonb_strip_nulls(jsonb_build_object('observed', f.change #> '{step,observed}', 'samples', f.change #> '{sample,samples}',
                                                                      'history', NULLIF(f.change #> '{sample,history}', '[]')))
                                 || COALESCE(proved -> (f.change ->> 'labels'), '{}')
                            FROM unnest(fired) WITH ORDINALITY f(change, n) WHERE f.n <= proofs ORDER BY f.n);
    END IF;
    IF known.events && '{refired,reopened}' THEN
        PERFORM tally_internal._fire_again(t, known.ids, known.events, readings, lines, tick);
    END IF;
    INSERT INTO tally.incidents (id, severity, threshold, kind, labels, area, impact, metric, value, condition, limit_value, unit, bucket, opened_at,
            began_at, life_since, last_value, responsible, runbook, suggested_actions, evidence, respond_by, threshold_id, owner, previous_id)
    SELECT f.id, CASE kind WHEN 'breach' THEN t.severity ELSE 'warning' END, t.name, kind, f.change -> 'labels',
           COALESCE(t.area, (SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(f.change -> 'labels') l), t.name),
           f.line, COALESCE(m.name, ratio.name), f.reading, t.condition, most, COALESCE(m.unit, ratio.unit),
           (f.change #>> '{sample,bucket}')::timestamptz, tick,
           COALESCE((f.change #>> '{step,active_at}')::timestamptz, (f.change #>> '{was,active_at}')::timestamptz, tick), tick, f.reading,
           t.responsible, t.runbook,
           CASE WHEN kind = 'breach' AND t.suggested_actions <> '[]' THEN tally_internal._pick_actions(t.suggested_actions, f.change -> 'labels', f.reading)
                ELSE '[]' END,
           CASE WHEN kind <> 'breach' THEN jsonb_build_object('reason', f.why)
                ELSE COALESCE(f.evidence, jsonb_build_object('omitted', 'more than 20 label sets fired in the same tick')) END,
           tick + t.response_target, t.id, t.owner, f.previous
      FROM unnest(fired, whys, known.ids, known.events, known.previous, readings, lines, evidence)
           WITH ORDINALITY f(change, why, id, event, previous, reading, line, evidence, n)
     WHERE f.event = 'opened' ORDER BY f.n;
    INSERT INTO tally.incident_events (incident_id, at, event, author, note, detail)
    SELECT f.id, tick, f.event, 'pg_tally', f.why,
           jsonb_strip_nulls(jsonb_build_object('value', f.change #> '{sample,value}', 'samples', f.change #> '{sample,samples}',
                                                'observed', f.change #> '{step,observed}', 'condition', t.condition, 'previous', f.previous))
      FROM unnest(fired, whys, known.ids, known.events, known.previous) WITH ORDINALITY f(change, why, id, event, previous, n) ORDER BY f.n;
    PERFORM tally_internal._notify(known.ids, known.events, tick);
END $$;
COMMENT ON FUNCTION tally_internal._fire(tally.thresholds, text, jsonb[], text[], timestamptz, int, jsonb) IS
'Files incidents for label sets that fired ({"labels", "sample", "was", "step"} of each, and why). An incident that is still open fires again instead, and '
    'one closed less than reopen_within ago is reopened. proofs: how many of the first get evidence. proved: what a threshold that reads the same has proved '
    '(by label set), and what is proved now.';

CREATE OR REPLACE FUNCTION tally_internal._recover(t tally.thresholds, kind text, gone jsonb[], whys text[], tick timestamptz) RETURNS void
-- Joined as a whole, and the incidents by keys, whatever is known of the table.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    -- Closed by hand while it still fired: nothing is left to recover.
    found_ bigint[] := ARRAY(SELECT i.id FROM unnest(gone) WITH ORDINALITY g(change, n)
                               LEFT JOIN LATERAL (SELECT x.id FROM tally.incidents x WHERE x.threshold_id = t.id AND x.kind = kind
                                                     AND x.labels = g.change -> 'labels' AND x.status IN ('new', 'acknowledged') OFFSET 0) i ON true
                              ORDER BY g.n);
    ids    bigint[];
BEGIN
    WITH over AS (UPDATE tally.incidents x SET recovered_at = tick, recovery = g.change #>> '{step,transition}',
                         last_value = COALESCE((g.change #>> '{sample,value}')::float8, x.last_value)
                    FROM unnest(gone, whys, found_) WITH ORDINALITY g(change, why, id, n)
                   WHERE x.id = ANY (found_) AND x.id = g.id AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL
                  RETURNING x.id, g.n, g.change, g.why),
         noted AS (INSERT INTO tally.incident_events (incident_id, at, event, author, note, detail)
                   SELECT o.id, tick, 'recovered', 'pg_tally', o.why,
                          jsonb_strip_nulls(jsonb_build_object('reason', o.change #> '{step,transition}', 'value', o.change #> '{sample,value}'))
                     FROM over o ORDER BY o.n)
    SELECT array_agg(o.id ORDER BY o.n) INTO ids FROM over o;
    IF ids IS NULL THEN RETURN; END IF;
    PERFORM tally_internal._notify(ids, array_fill('recovered'::text, ARRAY[cardinality(ids)]), tick);
    IF t.auto_resolve OR kind <> 'breach' THEN
        UPDATE tally.incidents x SET status = 'resolved', resolved_at = tick, resolved_by = 'pg_tally' WHERE x.id = ANY (ids);
        INSERT INTO tally.incident_events (incident_id, at, event, author, note)
        SELECT u.id, tick, 'resolved', 'pg_tally', 'closed itself after recovery (auto_resolve)' FROM unnest(ids) u(id);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._recover(tally.thresholds, text, jsonb[], text[], timestamptz) IS
'Marks the open incidents of label sets as recovered ({"labels", "sample", "was", "step"} of each, and why). With auto_resolve (and for meta-incidents) they '
    'also close themselves.';

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
        PERFORM tally_internal._notify(ARRAY[i.id], '{escalated}', as_of);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._escalate(timestamptz) IS
'Escalates incidents that nobody acknowledged within the response target, once per level: the levels of the threshold, else three.';
