-- Owns: making notifications: NOTIFY and outbox rows, in the transaction of the incident's change.

CREATE FUNCTION tally._payload(i tally.incidents, event text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT jsonb_build_object('incident', i.id, 'event', event, 'at', at, 'status', i.status, 'severity', i.severity, 'threshold', i.threshold, 'kind', i.kind,
        'labels', i.labels, 'area', i.area, 'impact', i.impact, 'metric', i.metric, 'value', i.last_value, 'unit', i.unit, 'condition', i.condition,
        'owner', i.responsible, 'runbook', i.runbook, 'link', i.link, 'suggested_actions', i.suggested_actions, 'escalation_level', i.escalation_level,
        'opened_at', i.opened_at, 'recovered_at', i.recovered_at)
        || CASE WHEN i.suppressed_by IS NOT NULL THEN jsonb_build_object('suppressed_by', i.suppressed_by) ELSE '{}' END);
END $$;
COMMENT ON FUNCTION tally._payload(tally.incidents, text, timestamptz) IS 'What a notification says about an incident, as one JSON object.';

CREATE FUNCTION tally._notify(incident_id bigint, event text, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i       tally.incidents;
    c       tally.channels;
    payload jsonb;
    kept    text;
BEGIN
    SELECT * INTO i FROM tally.incidents x WHERE x.id = incident_id;
    kept := tally._suppressed_by(i, at);
    -- A recovery that nobody was told the beginning of is not news either.
    kept := COALESCE(kept, CASE WHEN event = 'recovered' THEN i.suppressed_by END);
    IF event IN ('opened', 'refired', 'reopened', 'unsilenced', 'recovered') AND i.suppressed_by IS DISTINCT FROM kept THEN
        UPDATE tally.incidents x SET suppressed_by = kept WHERE x.id = i.id;
        i.suppressed_by := kept;
        IF kept IS NOT NULL THEN PERFORM tally._note(i.id, at, 'silenced', 'pg_tally', kept); END IF;
    END IF;
    payload := tally._payload(i, event, at);
    -- NOTIFY takes less than 8000 bytes; what is too long for it can be read from the incident.
    PERFORM pg_notify('tally_incident', (CASE WHEN octet_length(payload::text) < 7900 THEN payload
        ELSE payload - ARRAY['labels', 'suggested_actions', 'impact', 'area', 'runbook', 'link', 'owner', 'suppressed_by'] || '{"truncated": true}' END)::text);
    IF kept IS NOT NULL THEN RETURN; END IF;
    FOR c IN SELECT x.* FROM tally.channels x
              WHERE x.enabled AND event = ANY (x.events) AND tally._matches(x.matchers, tally._identity(i)) AND pg_has_role(x.owner::oid, i.owner::oid, 'USAGE') ORDER BY x.id LOOP
        PERFORM tally._enqueue(c, i, payload, at);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._notify(bigint, text, timestamptz) IS
'Tells of a change of an incident: NOTIFY tally_incident with the commit, and an outbox row per channel that matches, unless a silence or inhibition keeps it back.';

CREATE FUNCTION tally._enqueue(c tally.channels, i tally.incidents, payload jsonb, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key  jsonb := CASE WHEN c.group_by IS NULL THEN jsonb_build_object('incident', i.id)
                       ELSE (SELECT COALESCE(jsonb_object_agg(g, tally._identity(i) -> g), '{}') FROM unnest(c.group_by) g) END;
    last timestamptz;
BEGIN
    IF c.group_by IS NOT NULL THEN
        -- A message of the group that nobody has begun to deliver takes the change along.
        UPDATE tally.notifications n SET events = n.events || payload
         WHERE n.id = (SELECT x.id FROM tally.notifications x WHERE x.channel_id = c.id AND x.group_key = key AND x.status = 'pending' AND x.attempts = 0 ORDER BY x.id DESC LIMIT 1);
        IF FOUND THEN RETURN; END IF;
        SELECT max(x.not_before) INTO last FROM tally.notifications x WHERE x.channel_id = c.id AND x.group_key = key;
    END IF;
    INSERT INTO tally.notifications (channel_id, group_key, events, created_at, not_before)
    VALUES (c.id, key, jsonb_build_array(payload), at, CASE WHEN last IS NULL OR last + c.group_interval < at THEN at + c.group_wait ELSE last + c.group_interval END);
END $$;
COMMENT ON FUNCTION tally._enqueue(tally.channels, tally.incidents, jsonb, timestamptz) IS
'Puts a change into the outbox: into the waiting message of its group, else a new one after group_wait, or group_interval after the group''s last.';

CREATE FUNCTION tally._release(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i tally.incidents;
BEGIN
    FOR i IN SELECT x.* FROM tally.incidents x
              WHERE x.suppressed_by IS NOT NULL AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL ORDER BY x.id LOOP
        IF tally._suppressed_by(i, as_of) IS NULL THEN
            PERFORM tally._note(i.id, as_of, 'unsilenced', 'pg_tally', format('%s is over and it still fires', i.suppressed_by));
            PERFORM tally._notify(i.id, 'unsilenced', as_of);
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._release(timestamptz) IS 'Tells of incidents that still fire when what kept their notification back is over.';

CREATE FUNCTION tally._repeat(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c tally.channels;
    i tally.incidents;
BEGIN
    FOR c IN SELECT x.* FROM tally.channels x WHERE x.enabled AND x.repeat_interval IS NOT NULL AND 'repeated' = ANY (x.events) ORDER BY x.id LOOP
        FOR i IN SELECT x.* FROM tally.incidents x
                  WHERE x.status = 'new' AND x.recovered_at IS NULL AND x.suppressed_by IS NULL AND x.opened_at <= as_of - c.repeat_interval
                    AND tally._matches(c.matchers, tally._identity(x)) AND pg_has_role(c.owner::oid, x.owner::oid, 'USAGE')
                    AND NOT EXISTS (SELECT FROM tally.notifications n WHERE n.channel_id = c.id AND n.created_at > as_of - c.repeat_interval
                                       AND n.events @> jsonb_build_array(jsonb_build_object('incident', x.id))) ORDER BY x.id LOOP
            PERFORM tally._enqueue(c, i, tally._payload(i, 'repeated', as_of), as_of);
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally._repeat(timestamptz) IS 'Tells again of incidents that fire unacknowledged since a channel''s repeat_interval.';
