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

CREATE OR REPLACE FUNCTION tally_internal._mark_kept_back(ids bigint[], events text[], identities jsonb[], owner regrole, schema text,
                                                          targets tally.inhibitors[], at timestamptz) RETURNS bigint[]
-- Joined as a whole, and the incidents by their key, whatever is known of the table.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    kept bigint[];
BEGIN
    WITH suppressed AS MATERIALIZED (SELECT s.* FROM tally_internal._suppressions(ids, identities, owner, schema, targets, at) s),
         moved AS (UPDATE tally.incidents x SET suppressed_by = k.reason, suppressed_until = k.until, silence_id = k.silence_id, inhibitor_id = k.inhibitor_id
                     FROM (SELECT u.id AS of, s.* FROM unnest(ids, events) u(id, event) LEFT JOIN suppressed s ON s.id = u.id
                            -- If nobody heard that it began, nobody need hear that it is over.
                            WHERE u.event IN ('opened', 'refired', 'reopened', 'unsilenced') OR (u.event = 'recovered' AND s.id IS NOT NULL)) k
                    WHERE x.id = ANY (ids) AND x.id = k.of AND x.suppressed_by IS DISTINCT FROM k.reason RETURNING x.id, x.suppressed_by),
         noted AS (INSERT INTO tally.incident_events (incident_id, at, event, author, note)
                   SELECT m.id, at, 'silenced', 'pg_tally', m.suppressed_by FROM moved m WHERE m.suppressed_by IS NOT NULL)
    SELECT array_agg(s.id) INTO kept FROM suppressed s;
    IF 'recovered' = ANY (events) THEN
        kept := kept || ARRAY(SELECT x.id FROM tally.incidents x WHERE x.id = ANY (ids) AND x.suppressed_by IS NOT NULL);
    END IF;
    RETURN kept;
END $$;
COMMENT ON FUNCTION tally_internal._mark_kept_back(bigint[], text[], jsonb[], regrole, text, tally.inhibitors[], timestamptz) IS
'Writes down of incidents of an owner whether a silence or an inhibition keeps back what became of them, and returns those of which nothing is told.';

CREATE OR REPLACE FUNCTION tally_internal._notify(ids bigint[], events text[], at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    c          tally.channels;
    owners     oid[];
    owner      regrole;
    schema     text;
    identities jsonb[];
    payloads   jsonb[];
    sides      record;
    kept       bigint[];
    audience   int[];
    governed   int[];
    ways       record;
    told       record;
BEGIN
    SELECT array_agg(i.identity ORDER BY u.n), array_agg(DISTINCT i.owner), min(i.schema) INTO identities, owners, schema
      FROM unnest(ids) WITH ORDINALITY u(id, n)
     CROSS JOIN LATERAL (SELECT tally_internal._identity(x) AS identity, x.owner::oid AS owner,
                                CASE WHEN u.n = 1 THEN tally_internal._threshold_schema(x.threshold_id) END AS schema
                           FROM tally.incidents x WHERE x.id = u.id OFFSET 0) i;
    owner := owners[1];
    SELECT * INTO sides FROM tally_internal._inhibition_sides(ids, identities, owner);
    -- The first ones keep back those that come after them, and owners are asked for each alone.
    IF cardinality(ids) > 1 AND (cardinality(owners) > 1 OR EXISTS (
            SELECT FROM unnest(sides.sources) s WHERE s.inhibition_id IN (SELECT t.inhibition_id FROM unnest(sides.targets) t))) THEN
        FOR n IN 1 .. cardinality(ids) LOOP PERFORM tally_internal._notify(ids[n : n], events[n : n], at); END LOOP;
        RETURN;
    END IF;
    kept := tally_internal._mark_kept_back(ids, events, identities, owner, schema, sides.targets, at);
    IF events && '{opened,refired,reopened}' THEN PERFORM tally_internal._inhibit(sides.sources); END IF;
    IF events && '{recovered,resolved}' THEN PERFORM tally_internal._inhibit_no_more(ids); END IF;
    -- Any login role may LISTEN, so it says which incident and what became of it; who may see the incident reads the rest.
    PERFORM pg_notify('tally_incident', jsonb_build_object('incident', u.id, 'event', u.event)::text) FROM unnest(ids, events) u(id, event);
    -- Rights come first, asked once for each owner. Otherwise matchers and trees of everybody would be computed for each incident.
    audience := ARRAY(SELECT x.id FROM tally.channels x WHERE x.enabled AND x.owner::oid = ANY (ARRAY(
        SELECT o.o FROM (SELECT DISTINCT k.owner::oid AS o FROM tally.channels k OFFSET 0) o WHERE tally_internal._has_rights(o.o::regrole, owner))));
    IF audience = '{}' THEN RETURN; END IF;
    governed := ARRAY(SELECT DISTINCT u.id FROM tally.routes x, unnest(x.channels) u(id) WHERE x.enabled AND x.channels && audience);
    IF governed <> '{}' THEN
        SELECT array_agg(u.id) AS ids, array_agg(w.channel) AS channels INTO ways FROM unnest(ids, identities) u(id, identity)
         CROSS JOIN LATERAL (SELECT x.tree, x.channels FROM tally.routes x WHERE x.enabled AND x.channels && audience OFFSET 0) r
         CROSS JOIN LATERAL unnest(tally_internal._routed(r.tree, u.identity)) w(channel) WHERE w.channel = ANY (r.channels);
    END IF;
    payloads := ARRAY(SELECT i.payload FROM unnest(ids, events) WITH ORDINALITY u(id, event, n)
                       CROSS JOIN LATERAL (SELECT tally_internal._payload(x, u.event, at) AS payload FROM tally.incidents x WHERE x.id = u.id OFFSET 0) i
                       ORDER BY u.n);
    FOR c IN SELECT x.* FROM tally.channels x WHERE x.id = ANY (audience) ORDER BY x.id LOOP
        IF c.id <> ALL (governed) THEN
            SELECT array_agg(u.id ORDER BY u.n) AS ids, array_agg(u.identity ORDER BY u.n) AS identities, array_agg(u.payload ORDER BY u.n) AS payloads
              INTO told FROM unnest(ids, identities, payloads) WITH ORDINALITY u(id, identity, payload, n)
             WHERE tally_internal._matches(c.matchers, u.identity);
        ELSE
            SELECT array_agg(u.id ORDER BY u.n) AS ids, array_agg(u.identity ORDER BY u.n) AS identities, array_agg(u.payload ORDER BY u.n) AS payloads
              INTO told FROM unnest(ids, identities, payloads) WITH ORDINALITY u(id, identity, payload, n)
             WHERE (u.id IN (SELECT w.id FROM unnest(ways.ids, ways.channels) w(id, channel) WHERE w.channel = c.id)) IS TRUE
               AND tally_internal._matches(c.matchers, u.identity);
        END IF;
        PERFORM tally_internal._tell(c, told.ids, told.identities, told.payloads, at, kept) WHERE told.ids IS NOT NULL;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._notify(bigint[], text[], timestamptz) IS
'Tells what became of incidents of one threshold, in their order: NOTIFY tally_incident with the commit, and outbox rows for the channels that match and that '
    'routes allow, unless a silence or inhibition keeps them back. The changes are all beginnings, or all ends, or one alone.';

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
            PERFORM tally_internal._notify(ARRAY[i.id], '{unsilenced}', as_of);
        ELSE
            UPDATE tally.incidents x SET suppressed_by = kept.reason, suppressed_until = kept.until, silence_id = kept.silence_id,
                inhibitor_id = kept.inhibitor_id WHERE x.id = i.id;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._release(timestamptz) IS 'Tells of incidents that still fire when what kept their notification back is over.';
REVOKE ALL ON FUNCTION tally_internal._notify(bigint[], text[], timestamptz), tally_internal._keep_back(int, timestamptz, int),
    tally_internal._mark_kept_back(bigint[], text[], jsonb[], regrole, text, tally.inhibitors[], timestamptz),
    tally_internal._release(timestamptz) FROM PUBLIC;
