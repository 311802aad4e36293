-- Owns: the beat of groups and their members: when a change is told, what is not told at all, what is repeated.
--
-- A group sends on a fixed beat: group_wait after its first change, then every group_interval. When nothing in a group fires any more, the
-- group ends with the beat that says so, and the next change begins another group.

CREATE OR REPLACE FUNCTION tally_internal._clamp(length interval, most interval) RETURNS interval
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- A value that was stored past every check must not stop the messages of others.
    SELECT LEAST(GREATEST(length, interval '0'), most)
$$;
COMMENT ON FUNCTION tally_internal._clamp(interval, interval) IS 'A length of time brought into bounds: from nothing to most.';

CREATE OR REPLACE FUNCTION tally_internal._beat(first timestamptz, every interval, at timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    step numeric := extract(epoch FROM every);
BEGIN
    IF at <= first THEN RETURN first; END IF;
    IF step <= 0 THEN RETURN at; END IF;
    RETURN first + make_interval(secs => (ceil(extract(epoch FROM at - first) / step) * step)::float8);
END $$;
COMMENT ON FUNCTION tally_internal._beat(timestamptz, interval, timestamptz) IS 'The first beat at or after a moment, of a beat that begins at first.';

CREATE OR REPLACE FUNCTION tally_internal._group_key(c tally.channels, incident_id bigint, identity jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE WHEN c.group_by IS NULL THEN jsonb_build_object('incident', incident_id)
                ELSE (SELECT COALESCE(jsonb_object_agg(g, identity -> g), '{}') FROM unnest(c.group_by) g WHERE g IS NOT NULL) END
        -- What may wait in quiet hours never shares a message with what may not.
        || CASE WHEN tally_internal._may_wait(c, identity) THEN '{"quiet hours": true}'::jsonb ELSE '{}' END;
END $$;
COMMENT ON FUNCTION tally_internal._group_key(tally.channels, bigint, jsonb) IS 'What the incidents of one message of a channel have in common.';

CREATE OR REPLACE FUNCTION tally_internal._enqueue(c tally.channels, ids bigint[], identities jsonb[], payloads jsonb[], at timestamptz, alone boolean)
RETURNS TABLE (id bigint, group_hash text, message bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    numbers regclass := pg_get_serial_sequence('tally.notifications', 'id');
    wait    interval := tally_internal._clamp(c.group_wait, '366 days');
    loud    timestamptz := tally_internal._loud_after(c.quiet, $5 + wait);
    beat    timestamptz;
    g       record;
BEGIN
    IF alone THEN
        -- Goes out with the message that waits for the group's next beat, and locks neither that nor the group.
        SELECT max(n.flush_at) INTO beat FROM tally.notifications n
         WHERE n.channel_id = c.id AND n.group_hash = md5(tally_internal._group_key(c, ids[1], identities[1])::text) AND n.status = 'pending'
           AND n.attempts = 0 AND n.flush_at >= $5;
    END IF;
    IF alone OR c.group_by IS NULL THEN
        RETURN QUERY
        WITH told AS MATERIALIZED (
                 SELECT u.n, u.id, u.payload, k.key, COALESCE(beat, CASE WHEN k.waits THEN loud ELSE $5 + wait END) AS flush,
                        CASE WHEN u.payload ->> 'event' = ANY (c.events) THEN nextval(numbers) END AS message
                   FROM unnest(ids, identities, payloads) WITH ORDINALITY u(id, identity, payload, n)
                  CROSS JOIN LATERAL (SELECT tally_internal._group_key(c, u.id, u.identity) AS key, tally_internal._may_wait(c, u.identity) AS waits
                                      OFFSET 0) k),
             made AS (INSERT INTO tally.notifications (id, channel_id, group_key, group_hash, events, created_at, flush_at, not_before)
                      SELECT t.message, c.id, t.key, md5(t.key::text), jsonb_build_array(t.payload), $5, t.flush, t.flush FROM told t
                       WHERE t.message IS NOT NULL ORDER BY t.n)
        SELECT t.id, md5(t.key::text), t.message FROM told t ORDER BY t.n;
        RETURN;
    END IF;
    FOR g IN SELECT k.key, bool_or(k.waits) AS waits, array_agg(u.id ORDER BY u.n) AS ids, array_agg(u.payload ORDER BY u.n) AS payloads
               FROM unnest(ids, identities, payloads) WITH ORDINALITY u(id, identity, payload, n)
              CROSS JOIN LATERAL (SELECT tally_internal._group_key(c, u.id, u.identity) AS key, tally_internal._may_wait(c, u.identity) AS waits OFFSET 0) k
              GROUP BY k.key ORDER BY min(u.n) LOOP
        RETURN QUERY SELECT e.id, md5(g.key::text), e.message FROM tally_internal._enqueue_group(c, g.key, g.waits, g.ids, g.payloads, $5) e;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._enqueue(tally.channels, bigint[], jsonb[], jsonb[], timestamptz, boolean) IS
'Puts changes into the outbox: into the messages of their groups that wait for the next beat, else into new ones. Returns each incident with its group and its '
    'message (null: the channel is not told of such a change). alone: one change, into a message of its own, for what a person does in a transaction that '
    'may stay open.';

CREATE OR REPLACE FUNCTION tally_internal._enqueue_group(c tally.channels, key jsonb, waits boolean, ids bigint[], payloads jsonb[], at timestamptz)
RETURNS TABLE (id bigint, message bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    -- Each change writes the whole message anew, so a long one is full. Another goes out with the same beat.
    most     CONSTANT int := 100;
    hash     text := md5(key::text);
    step     interval := tally_internal._clamp(c.group_interval, '366 days');
    quiet    jsonb := CASE WHEN waits THEN c.quiet END;
    flush    timestamptz := tally_internal._loud_after(quiet, at + tally_internal._clamp(c.group_wait, '366 days'));
    g        tally.notification_groups;
    waiting  record;
    told     bigint[];
    changes  jsonb[];
    done     int := 0;
BEGIN
    SELECT array_agg(u.id ORDER BY u.n), array_agg(u.payload ORDER BY u.n) INTO told, changes
      FROM unnest(ids, payloads) WITH ORDINALITY u(id, payload, n) WHERE u.payload ->> 'event' = ANY (c.events);
    RETURN QUERY SELECT u.id, NULL::bigint FROM unnest(ids, payloads) u(id, payload) WHERE (u.payload ->> 'event' = ANY (c.events)) IS NOT TRUE;
    IF told IS NULL THEN RETURN; END IF;
    -- If a session holds the row, it is delivering the message. Then a new message is begun, without waiting.
    SELECT n.id, n.flush_at, GREATEST(most - jsonb_array_length(n.events), 0) AS room INTO waiting FROM tally.notifications n
     WHERE n.channel_id = c.id AND n.group_hash = hash AND n.status = 'pending' AND n.attempts = 0 AND n.flush_at >= at
     ORDER BY n.id DESC LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF waiting.id IS NOT NULL THEN
        flush := waiting.flush_at;
        IF waiting.room > 0 THEN
            UPDATE tally.notifications n SET events = n.events || to_jsonb(changes[1 : waiting.room]) WHERE n.id = waiting.id;
            RETURN QUERY SELECT u.id, waiting.id FROM unnest(told[1 : waiting.room]) u(id);
            done := waiting.room;
        END IF;
    ELSE
        SELECT * INTO g FROM tally.notification_groups x WHERE x.channel_id = c.id AND x.group_hash = hash;
        IF g.channel_id IS NULL OR (at > g.last_flush + step
                AND NOT EXISTS (SELECT FROM tally.notification_members m WHERE m.channel_id = c.id AND m.group_hash = hash AND m.incident_id <> told[1])) THEN
            g.first_flush := flush;
        ELSE
            flush := tally_internal._loud_after(quiet, tally_internal._beat(g.first_flush, step, at));
            -- The message of this beat is on its way already.
            IF flush <= g.last_flush AND step > '0' THEN flush := tally_internal._loud_after(quiet, g.last_flush + step); END IF;
        END IF;
        INSERT INTO tally.notification_groups AS x (channel_id, group_hash, first_flush, last_flush) VALUES (c.id, hash, g.first_flush, flush)
        ON CONFLICT ON CONSTRAINT notification_groups_pkey DO UPDATE SET first_flush = EXCLUDED.first_flush, last_flush = EXCLUDED.last_flush;
    END IF;
    WHILE done < cardinality(told) LOOP
        INSERT INTO tally.notifications AS n (channel_id, group_key, group_hash, events, created_at, flush_at, not_before)
        VALUES (c.id, key, hash, to_jsonb(changes[done + 1 : done + most]), at, flush, flush) RETURNING n.id INTO waiting.id;
        RETURN QUERY SELECT u.id, waiting.id FROM unnest(told[done + 1 : done + most]) u(id);
        done := done + most;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._enqueue_group(tally.channels, jsonb, boolean, bigint[], jsonb[], timestamptz) IS
'Puts changes of one group into the outbox, as many into each message as it has room for. waits: whether quiet hours hold for the group.';

CREATE OR REPLACE FUNCTION tally_internal._untell(c tally.channels, incident_id bigint, at timestamptz, by_hand boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    m     tally.notification_members;
    n     tally.notifications;
    began int;
BEGIN
    DELETE FROM tally.notification_members x WHERE x.channel_id = c.id AND x.incident_id = incident_id RETURNING * INTO m;
    IF m.waiting_id IS NULL THEN RETURN false; END IF;
    -- Whoever closes an incident may keep his transaction open, and what waits for the beat speaks of the incidents of others too.
    IF by_hand AND EXISTS (SELECT FROM tally.notifications x, jsonb_array_elements(x.events) e WHERE x.id = m.waiting_id
                              AND (e ->> 'incident')::bigint <> incident_id) THEN
        RETURN false;
    END IF;
    SELECT * INTO n FROM tally.notifications x WHERE x.id = m.waiting_id AND x.status = 'pending' AND x.attempts = 0
        AND x.flush_at >= at FOR UPDATE SKIP LOCKED;
    SELECT max(e.n) INTO began FROM jsonb_array_elements(n.events) WITH ORDINALITY e(e, n)
     WHERE (e.e ->> 'incident')::bigint = incident_id AND e.e ->> 'event' IN ('opened', 'refired', 'reopened', 'unsilenced');
    IF began IS NULL THEN RETURN false; END IF;
    SELECT jsonb_agg(e.e ORDER BY e.n) INTO n.events FROM jsonb_array_elements(n.events) WITH ORDINALITY e(e, n)
     WHERE e.n < began OR (e.e ->> 'incident')::bigint <> incident_id;
    IF n.events IS NULL THEN
        DELETE FROM tally.notifications x WHERE x.id = n.id;
    ELSE
        UPDATE tally.notifications x SET events = n.events WHERE x.id = n.id;
    END IF;
    RETURN true;
END $$;
COMMENT ON FUNCTION tally_internal._untell(tally.channels, bigint, timestamptz, boolean) IS
'An incident does not fire any more, so it leaves its group. What waits for the beat since it began is dropped. True where something was: then nobody has '
    'heard that it began, and nobody need hear that it is over.';

CREATE OR REPLACE FUNCTION tally_internal._tell(c tally.channels, ids bigint[], identities jsonb[], payloads jsonb[], at timestamptz, kept bigint[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
#variable_conflict use_variable
DECLARE
    event   text := payloads[1] ->> 'event';
    by_hand boolean := event IN ('acknowledged', 'resolved');
    told    record;
BEGIN
    IF event IN ('recovered', 'resolved') THEN
        IF cardinality(ids) = 1 THEN
            IF tally_internal._untell(c, ids[1], at, by_hand) THEN RETURN; END IF;
        ELSIF EXISTS (SELECT FROM tally.notification_members m WHERE m.channel_id = c.id AND m.incident_id = ANY (ids) AND m.waiting_id IS NOT NULL) THEN
            -- What is dropped out of a message decides where the next change goes.
            FOR n IN 1 .. cardinality(ids) LOOP
                PERFORM tally_internal._tell(c, ids[n : n], identities[n : n], payloads[n : n], at, kept);
            END LOOP;
            RETURN;
        ELSE
            DELETE FROM tally.notification_members m WHERE m.channel_id = c.id AND m.incident_id = ANY (ids);
        END IF;
    END IF;
    IF kept IS NOT NULL THEN
        SELECT array_agg(u.id ORDER BY u.n) AS ids, array_agg(u.identity ORDER BY u.n) AS identities, array_agg(u.payload ORDER BY u.n) AS payloads
          INTO told FROM unnest(ids, identities, payloads) WITH ORDINALITY u(id, identity, payload, n)
         WHERE (u.id IN (SELECT unnest(kept))) IS NOT TRUE;
        IF told.ids IS NULL THEN RETURN; END IF;
        ids := told.ids;
        identities := told.identities;
        payloads := told.payloads;
    END IF;
    IF event IN ('opened', 'refired', 'reopened', 'unsilenced') THEN
        INSERT INTO tally.notification_members AS m (channel_id, incident_id, group_hash, waiting_id, told_at)
        SELECT c.id, e.id, e.group_hash, e.message, at FROM tally_internal._enqueue(c, ids, identities, payloads, at, false) e
        ON CONFLICT ON CONSTRAINT notification_members_pkey DO UPDATE SET waiting_id = COALESCE(EXCLUDED.waiting_id, m.waiting_id);
    ELSE
        FOR told IN SELECT * FROM tally_internal._enqueue(c, ids, identities, payloads, at, by_hand) e WHERE e.message IS NOT NULL LOOP
            UPDATE tally.notification_members m SET waiting_id = told.message WHERE m.channel_id = c.id AND m.incident_id = told.id;
        END LOOP;
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._tell(tally.channels, bigint[], jsonb[], jsonb[], timestamptz, bigint[]) IS
'What changes of incidents mean for one channel: messages, members of a group that come or go. kept: those whose messages a silence or inhibition keeps back. '
    'The changes are all beginnings, or all ends, or one alone.';

CREATE OR REPLACE FUNCTION tally_internal._told(n tally.notifications, at timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Whoever is closing an incident has its row locked, and it goes.
    UPDATE tally.notification_members m SET told_at = at, waiting_id = NULLIF(m.waiting_id, n.id)
     WHERE m.channel_id = n.channel_id AND m.incident_id = ANY (ARRAY(
         SELECT x.incident_id FROM tally.notification_members x WHERE x.channel_id = n.channel_id
            AND x.incident_id = ANY (ARRAY(SELECT DISTINCT (e ->> 'incident')::bigint FROM jsonb_array_elements(n.events) e))
            FOR NO KEY UPDATE SKIP LOCKED));
END $$;
COMMENT ON FUNCTION tally_internal._told(tally.notifications, timestamptz) IS
'A message was sent or given up. repeat_interval counts from now for its incidents.';

CREATE OR REPLACE FUNCTION tally_internal._repeat(as_of timestamptz) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    c       tally.channels;
    i       tally.incidents;
    message bigint;
BEGIN
    FOR c IN SELECT x.* FROM tally.channels x WHERE x.enabled AND x.repeat_interval IS NOT NULL AND 'repeated' = ANY (x.events)
              -- Channels that have told of nothing cost nothing.
              AND x.id IN (SELECT m.channel_id FROM tally.notification_members m) ORDER BY x.id LOOP
        FOR i IN SELECT x.* FROM tally.notification_members m JOIN tally.incidents x ON x.id = m.incident_id
                  WHERE m.channel_id = c.id AND m.waiting_id IS NULL AND m.told_at <= as_of - GREATEST(tally_internal._clamp(c.repeat_interval, '366 days'),
                          interval '1 second')
                    AND x.status = 'new' AND x.recovered_at IS NULL AND x.suppressed_by IS NULL AND tally_internal._has_rights(c.owner, x.owner)
                        ORDER BY x.id FOR NO KEY UPDATE SKIP LOCKED LOOP
            SELECT e.message INTO message FROM tally_internal._enqueue(c, ARRAY[i.id], ARRAY[tally_internal._identity(i)],
                                                                       ARRAY[tally_internal._payload(i, 'repeated', as_of)], as_of, false) e;
            UPDATE tally.notification_members m SET waiting_id = message WHERE m.channel_id = c.id AND m.incident_id = i.id;
        END LOOP;
    END LOOP;
END $$;
COMMENT ON FUNCTION tally_internal._repeat(timestamptz) IS
'Tells again of incidents that fire unacknowledged when a channel''s repeat_interval has passed since the last message that told of them was sent.';
REVOKE ALL ON FUNCTION tally_internal._enqueue(tally.channels, bigint[], jsonb[], jsonb[], timestamptz, boolean),
    tally_internal._enqueue_group(tally.channels, jsonb, boolean, bigint[], jsonb[], timestamptz),
    tally_internal._untell(tally.channels, bigint, timestamptz, boolean),
    tally_internal._tell(tally.channels, bigint[], jsonb[], jsonb[], timestamptz, bigint[]), tally_internal._told(tally.notifications, timestamptz),
    tally_internal._repeat(timestamptz) FROM PUBLIC;
