-- Owns: making notifications: NOTIFY and outbox rows, in the transaction of the incident's change.

CREATE OR REPLACE FUNCTION tally_internal._payload(i tally.incidents, event text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT jsonb_build_object('incident', i.id, 'event', event, 'at', at, 'status', i.status, 'severity', i.severity, 'threshold', i.threshold, 'kind', i.kind,
        'labels', i.labels, 'area', i.area, 'impact', i.impact, 'metric', i.metric, 'value', i.last_value, 'unit', i.unit, 'condition', i.condition,
        'owner', i.responsible, 'runbook', i.runbook, 'link', i.link, 'suggested_actions', i.suggested_actions, 'escalation_level', i.escalation_level,
        'opened_at', i.opened_at, 'recovered_at', i.recovered_at, 'previous', i.previous_id)
        || CASE WHEN i.suppressed_by IS NOT NULL THEN jsonb_build_object('suppressed_by', i.suppressed_by) ELSE '{}' END);
END $$;
COMMENT ON FUNCTION tally_internal._payload(tally.incidents, text, timestamptz) IS 'What a message of the outbox says about an incident, as one JSON object.';

CREATE OR REPLACE FUNCTION tally_internal._notify(incident_id bigint, event text, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i        tally.incidents;
    c        tally.channels;
    payload  jsonb;
    identity jsonb;
    kept     record;
    audience int[];
    governed int[];
    chosen   int[];
BEGIN
    SELECT * INTO i FROM tally.incidents x WHERE x.id = incident_id;
    SELECT * INTO kept FROM tally_internal._suppression(i, at);
    IF event = 'recovered' AND kept.reason IS NULL AND i.suppressed_by IS NOT NULL THEN
        -- If nobody heard that it began, nobody need hear that it is over.
        kept.reason := i.suppressed_by;
        kept.until := i.suppressed_until;
    END IF;
    IF event IN ('opened', 'refired', 'reopened', 'unsilenced', 'recovered') AND i.suppressed_by IS DISTINCT FROM kept.reason THEN
        UPDATE tally.incidents x SET suppressed_by = kept.reason, suppressed_until = kept.until, silence_id = kept.silence_id,
            inhibitor_id = kept.inhibitor_id WHERE x.id = i.id;
        i.suppressed_by := kept.reason;
        IF kept.reason IS NOT NULL THEN PERFORM tally_internal._note(i.id, at, 'silenced', 'pg_tally', kept.reason); END IF;
    END IF;
    IF event IN ('opened', 'refired', 'reopened') THEN PERFORM tally_internal._inhibit(i); END IF;
    IF event IN ('recovered', 'resolved') THEN PERFORM tally_internal._inhibit_no_more(i.id); END IF;
    -- Any login role may LISTEN, so it says which incident and what became of it; who may see the incident reads the rest.
    PERFORM pg_notify('tally_incident', jsonb_build_object('incident', i.id, 'event', event)::text);
    payload := tally_internal._payload(i, event, at);
    identity := tally_internal._identity(i);
    -- Rights come first, asked once for each owner. Otherwise matchers and trees of everybody would be computed for each incident.
    audience := ARRAY(SELECT x.id FROM tally.channels x WHERE x.enabled AND x.owner::oid = ANY (ARRAY(
        SELECT o.o FROM (SELECT DISTINCT k.owner::oid AS o FROM tally.channels k OFFSET 0) o
         WHERE tally_internal._has_rights(o.o::regrole, i.owner))));
    SELECT array_agg(u.id), array_agg(u.id) FILTER (WHERE u.id = ANY (t.ids)) INTO governed, chosen
      FROM (SELECT x.tree, x.channels FROM tally.routes x WHERE x.enabled AND x.channels && audience OFFSET 0) r
     CROSS JOIN LATERAL (SELECT tally_internal._routed(r.tree, identity) AS ids OFFSET 0) t CROSS JOIN unnest(r.channels) u(id);
    FOR c IN SELECT x.* FROM tally.channels x
              WHERE x.id = ANY (audience) AND (x.id = ANY (chosen) OR (x.id = ANY (governed)) IS NOT TRUE)
                AND tally_internal._matches(x.matchers, identity) ORDER BY x.id LOOP
        PERFORM tally_internal._tell(c, i, event, payload, at, kept.reason IS NOT NULL);
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._notify(bigint, text, timestamptz) IS
'Tells of a change of an incident: NOTIFY tally_incident with the commit, and an outbox row per channel that matches and that routes allow, unless a silence '
    'or inhibition keeps it back.';

CREATE OR REPLACE FUNCTION tally_internal._keep_back(channel_id int, at timestamptz, most int) RETURNS void
-- In the order of the index of what is due. Sorted first, every message that waits would be read for each that is handed out.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_sort = off SET enable_seqscan = off SET enable_bitmapscan = off
    SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    c      tally.channels;
    n      tally.notifications;
    i      tally.incidents;
    told   bigint;
    kept   record;
    events jsonb;
    ready  int := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM tally.silence_anchors a WHERE a.ends_at > at) THEN RETURN; END IF;
    SELECT * INTO c FROM tally.channels x WHERE x.id = channel_id;
    -- What nobody has been handed yet. A message that was tried before may have arrived. They come in the order in which they are handed out, and
    -- what is not handed out now need not be looked at now.
    FOR n IN SELECT x.* FROM tally.notifications x
              WHERE x.channel_id = channel_id AND x.status = 'pending' AND x.attempts = 0 AND x.not_before <= at
                AND (c.quiet IS NULL OR NOT tally_internal._is_held(c, x.group_key, at))
              ORDER BY x.not_before, x.id FOR UPDATE SKIP LOCKED LOOP
        EXIT WHEN ready = most;
        events := n.events;
        -- One at a time by its key, whatever is known of the table: joined without statistics, each message read all open incidents.
        FOR told IN SELECT DISTINCT (e ->> 'incident')::bigint FROM jsonb_array_elements(n.events) e ORDER BY 1 LOOP
            SELECT x.* INTO i FROM tally.incidents x WHERE x.id = told AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL
                AND x.suppressed_by IS NULL FOR NO KEY UPDATE SKIP LOCKED;
            CONTINUE WHEN NOT FOUND;
            SELECT * INTO kept FROM tally_internal._suppression(i, at);
            -- An inhibitor that fires in the same tick came too late.
            CONTINUE WHEN kept.silence_id IS NULL;
            SELECT COALESCE(jsonb_agg(e.e ORDER BY e.n), '[]') INTO events FROM jsonb_array_elements(events) WITH ORDINALITY e(e, n)
                WHERE (e.e ->> 'incident')::bigint <> i.id;
            UPDATE tally.incidents x SET suppressed_by = kept.reason, suppressed_until = kept.until, silence_id = kept.silence_id,
                inhibitor_id = NULL WHERE x.id = i.id;
            PERFORM tally_internal._note(i.id, at, 'silenced', 'pg_tally', kept.reason);
        END LOOP;
        IF events = '[]' THEN
            DELETE FROM tally.notifications x WHERE x.id = n.id;
            CONTINUE;
        ELSIF events <> n.events THEN
            UPDATE tally.notifications x SET events = events WHERE x.id = n.id;
        END IF;
        ready := ready + 1;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._keep_back(int, timestamptz, int) IS
'Takes out of a channel''s messages that are due what a silence keeps back that began since they were written, until as many as shall be handed out are '
    'left. What still fires when it is over is told then.';

CREATE OR REPLACE FUNCTION tally_internal._release(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    i    tally.incidents;
    kept record;
BEGIN
    FOR i IN SELECT x.* FROM tally.incidents x
              WHERE x.suppressed_by IS NOT NULL AND x.suppressed_until <= as_of AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL
                  -- Somebody is handling an incident whose row is locked. It waits, and the others do not.
                  ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LOOP
        SELECT * INTO kept FROM tally_internal._suppression(i, as_of);
        IF kept.reason IS NULL THEN
            PERFORM tally_internal._note(i.id, as_of, 'unsilenced', 'pg_tally', format('%s is over and it still fires', i.suppressed_by));
            PERFORM tally_internal._notify(i.id, 'unsilenced', as_of);
        ELSE
            UPDATE tally.incidents x SET suppressed_by = kept.reason, suppressed_until = kept.until, silence_id = kept.silence_id,
                inhibitor_id = kept.inhibitor_id WHERE x.id = i.id;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._release(timestamptz) IS 'Tells of incidents that still fire when what kept their notification back is over.';
REVOKE ALL ON FUNCTION tally_internal._notify(bigint, text, timestamptz), tally_internal._keep_back(int, timestamptz, int),
    tally_internal._release(timestamptz) FROM PUBLIC;
