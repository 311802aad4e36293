-- Owns: the outbox, first form: NOTIFY in the transaction of the change.

CREATE FUNCTION tally._payload(i tally.incidents, event text, at timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('incident', i.id, 'event', event, 'at', at, 'status', i.status, 'severity', i.severity, 'threshold', i.threshold, 'kind', i.kind,
        'labels', i.labels, 'area', i.area, 'impact', i.impact, 'metric', i.metric, 'value', i.last_value, 'unit', i.unit, 'condition', i.condition,
        'owner', i.responsible, 'runbook', i.runbook, 'link', i.link, 'suggested_actions', i.suggested_actions, 'escalation_level', i.escalation_level,
        'opened_at', i.opened_at, 'recovered_at', i.recovered_at)
$$;
COMMENT ON FUNCTION tally._payload(tally.incidents, text, timestamptz) IS 'What a notification says about an incident, as one JSON object.';

CREATE FUNCTION tally._notify(incident_id bigint, event text, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i       tally.incidents;
    payload jsonb;
BEGIN
    SELECT * INTO i FROM tally.incidents x WHERE x.id = incident_id;
    payload := tally._payload(i, event, at);
    -- NOTIFY takes less than 8000 bytes; what is too long for it can be read from the incident.
    IF octet_length(payload::text) >= 7900 THEN
        payload := (payload - ARRAY['labels', 'suggested_actions', 'impact', 'area', 'runbook', 'link', 'owner']) || '{"truncated": true}';
    END IF;
    PERFORM pg_notify('tally_incident', payload::text);
END $$;
COMMENT ON FUNCTION tally._notify(bigint, text, timestamptz) IS 'Sends NOTIFY tally_incident with the change''s commit.';
