-- Owns: delivering notifications: through pg_net where it is there, or by a poller that claims, posts and reports.
-- A message goes out at least once, with the same idempotency key at every attempt. The receiver can make exactly once of that.

CREATE OR REPLACE FUNCTION tally_internal._slack(words text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp AS $$
    -- Labels are data. In Slack's text <!channel> calls everybody and <https://…|runbook> is a link, unless these three are written so.
    SELECT replace(replace(replace(words, '&', '&amp;'), '<', '&lt;'), '>', '&gt;')
$$;
COMMENT ON FUNCTION tally_internal._slack(text) IS 'A text as Slack shows it, with nothing in it that Slack would act on.';

CREATE OR REPLACE FUNCTION tally_internal._letter_line(e jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    -- An impact line of the owner's own need not say where it is.
    SELECT concat_ws(' ', e ->> 'impact', 'in ' || (SELECT string_agg(l.key || ' ' || l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(e -> 'labels') l
                                                    WHERE strpos(e ->> 'impact', l.value) = 0))
$$;
COMMENT ON FUNCTION tally_internal._letter_line(jsonb) IS 'What is wrong and where, of a change as notifications hold it, in one sentence for an e-mail.';

CREATE OR REPLACE FUNCTION tally_internal._letter_text(e jsonb) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT concat_ws(E'\n', format('%s: %s', upper(e ->> 'event'), tally_internal._letter_line(e)),
        format('Incident %s, %s, since %s.', e ->> 'incident', e ->> 'severity',
               to_char((e ->> 'opened_at')::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')),
        'Threshold: ' || (e ->> 'threshold'),
        'Value: ' || tally_internal._format_number((e ->> 'value')::float8) || COALESCE(' ' || (e ->> 'unit'), '') || format(' (%s)', e ->> 'condition'),
        'Owner: ' || (e ->> 'owner'), 'Runbook: ' || (e ->> 'runbook'), 'Link: ' || (e ->> 'link'),
        'To do: ' || NULLIF((SELECT string_agg(a, '; ') FROM jsonb_array_elements_text(e -> 'suggested_actions') a), ''),
        CASE WHEN e ->> 'status' = 'new' THEN format('Acknowledge: SELECT tally.acknowledge(%s);', e ->> 'incident') END)
$$;
COMMENT ON FUNCTION tally_internal._letter_text(jsonb) IS 'A change, as notifications hold it, as a paragraph of an e-mail.';

CREATE OR REPLACE FUNCTION tally_internal._letter(n tally.notifications) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e jsonb := n.events -> 0;
BEGIN
    RETURN jsonb_build_object('idempotency_key', n.idempotency_key,
        -- A subject is one line, whatever a label holds.
        'subject', left(regexp_replace(format('[%s] %s: %s%s', upper(e ->> 'severity'), e ->> 'event', tally_internal._letter_line(e),
            CASE WHEN jsonb_array_length(n.events) > 1 THEN format(' (and %s more)', jsonb_array_length(n.events) - 1) END), '[[:cntrl:]]+', ' ', 'g'), 200),
        'text', (SELECT string_agg(tally_internal._letter_text(x.e), E'\n\n' ORDER BY x.no) FROM jsonb_array_elements(n.events) WITH ORDINALITY x(e, no)));
END $$;
COMMENT ON FUNCTION tally_internal._letter(tally.notifications) IS 'A notification as an e-mail: subject and text.';

CREATE OR REPLACE FUNCTION tally_internal._body(c tally.channels, n tally.notifications) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    e jsonb := n.events -> -1;
BEGIN
    RETURN CASE c.template
        WHEN 'slack' THEN jsonb_build_object('text', (
            SELECT string_agg(format('%s *%s* %s%s%s', CASE WHEN x.e ->> 'event' = 'recovered' THEN ':white_check_mark:'
                                     WHEN x.e ->> 'severity' = 'critical' THEN ':rotating_light:' ELSE ':warning:' END,
                       upper(x.e ->> 'event'), tally_internal._slack(x.e ->> 'impact'), ' — incident ' || (x.e ->> 'incident'),
                       CASE WHEN x.e ->> 'event' <> 'recovered' THEN concat(E'\n> '
                               || NULLIF((SELECT string_agg(tally_internal._slack(a), '; ') FROM jsonb_array_elements_text(x.e -> 'suggested_actions') a), ''),
                           E'\n<' || replace(tally_internal._slack(x.e ->> 'runbook'), '|', '%7C') || '|runbook>') END), E'\n' ORDER BY x.no)
              FROM jsonb_array_elements(n.events) WITH ORDINALITY x(e, no)))
        WHEN 'email' THEN tally_internal._letter(n)
        -- PagerDuty Events API v2: one alert per incident, closed by the same dedup_key.
        WHEN 'pagerduty' THEN jsonb_strip_nulls(jsonb_build_object(
            'routing_key', c.secret,
            'event_action', CASE WHEN e ->> 'event' IN ('recovered', 'resolved') THEN 'resolve' WHEN e ->> 'event' = 'acknowledged' THEN 'acknowledge'
                ELSE 'trigger' END,
            'dedup_key', format('pg_tally-%s-%s', current_database(), e ->> 'incident'),
            'payload', jsonb_build_object('summary', left(e ->> 'impact', 1024), 'source', current_database(), 'severity', e ->> 'severity', 'timestamp',
                                          e ->> 'at',
                                          'component', e ->> 'area', 'group', e ->> 'threshold', 'class', e ->> 'metric', 'custom_details', e),
            'links', CASE WHEN e ->> 'runbook' IS NOT NULL THEN jsonb_build_array(jsonb_build_object('href', e ->> 'runbook', 'text', 'runbook')) END))
        ELSE jsonb_build_object('source', 'pg_tally', 'idempotency_key', n.idempotency_key, 'notification', n.id, 'group', n.group_key, 'events', n.events) END;
END $$;
COMMENT ON FUNCTION tally_internal._body(tally.channels, tally.notifications) IS 'The body of a notification in its channel''s template.';

CREATE OR REPLACE FUNCTION tally_internal._headers(c tally.channels, n tally.notifications) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('Content-Type', 'application/json', 'Idempotency-Key', n.idempotency_key)
        || CASE WHEN c.secret IS NOT NULL AND c.template <> 'pagerduty' THEN jsonb_build_object('Authorization', 'Bearer ' || c.secret)
            ELSE '{}' END || c.headers
$$;
COMMENT ON FUNCTION tally_internal._headers(tally.channels, tally.notifications) IS 'The headers of a notification''s post.';

CREATE OR REPLACE FUNCTION tally_internal._mask(message text, c tally.channels) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result text := message;
    hidden text;
BEGIN
    FOR hidden IN SELECT s FROM (SELECT c.secret AS s UNION ALL SELECT c.url UNION ALL SELECT h.value FROM jsonb_each_text(c.headers) h) x
        WHERE length(s) > 3 LOOP
        result := replace(result, hidden, '***');
    END LOOP;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._mask(text, tally.channels) IS 'A message without the secrets of a channel.';

CREATE OR REPLACE FUNCTION tally_internal._settle(notification_id bigint, ok boolean, problem text, at timestamptz) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    n tally.notifications;
BEGIN
    -- 30 seconds, then twice as long each time, an hour at most.
    UPDATE tally.notifications x
       SET status = CASE WHEN ok THEN 'sent' WHEN x.attempts >= c.max_attempts THEN 'dead' ELSE 'pending' END,
           sent_at = CASE WHEN ok THEN at END, leased_until = NULL, request_id = NULL, error = CASE
               WHEN NOT ok THEN left(tally_internal._mask(problem, tally_internal._opened_if_it_can(c)), 500) END,
           not_before = CASE WHEN ok THEN x.not_before ELSE at + LEAST(interval '30 seconds' * power(2, LEAST(x.attempts - 1, 10)), interval '1 hour') END
      FROM tally.channels c WHERE c.id = x.channel_id AND x.id = notification_id AND x.status = 'leased'
    RETURNING x.* INTO n;
    IF n.status IN ('sent', 'dead') THEN PERFORM tally_internal._told(n, at); END IF;
    RETURN n.status;
END $$;
COMMENT ON FUNCTION tally_internal._settle(bigint, boolean, text, timestamptz) IS 'Ends an attempt: sent, to be tried again later, or dead.';

-- Found by the extension that owns it, as in _relation_of(). Otherwise whoever may create a schema could make a net.http_post, and
-- would get the secrets of channels.
CREATE OR REPLACE FUNCTION tally_internal._net_post() RETURNS regproc
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.oid::regproc FROM pg_extension e JOIN pg_depend d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
        AND d.classid = 'pg_proc'::regclass
      JOIN pg_proc p ON p.oid = d.objid WHERE e.extname = 'pg_net' AND p.proname = 'http_post'
$$;
COMMENT ON FUNCTION tally_internal._net_post() IS 'The function of the extension pg_net that posts; null where that is not in this database.';

CREATE OR REPLACE FUNCTION tally_internal._deliver(as_of timestamptz, most int, who bigint DEFAULT tally_internal._me())
    RETURNS TABLE (sent int, failed int, posted int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    n        tally.notifications;
    c        tally.channels;
    code     int;
    late     boolean;
    problem  text;
    request  bigint;
    answered int;
    posting  regproc := tally_internal._net_post();
    answers  regclass := tally_internal._relation_of('pg_net', '_http_response');
BEGIN
    PERFORM tally_internal._check_operator(tally_internal._caller(who), 'tally.deliver(timestamptz, int)'::regprocedure);
    sent := 0; failed := 0; posted := 0;
    IF answers IS NOT NULL THEN
        FOR n IN SELECT x.* FROM tally.notifications x WHERE x.status = 'leased' AND x.request_id IS NOT NULL ORDER BY x.id FOR UPDATE SKIP LOCKED LOOP
            EXECUTE format('SELECT status_code, timed_out, error_msg FROM %s WHERE id = $1', answers) INTO code, late, problem USING n.request_id;
            GET DIAGNOSTICS answered = ROW_COUNT;
            IF code BETWEEN 200 AND 299 THEN
                PERFORM tally_internal._settle(n.id, true, NULL, as_of);
                sent := sent + 1;
            ELSIF answered > 0 THEN
                PERFORM tally_internal._settle(n.id, false, COALESCE(problem, CASE
                                                                     WHEN late THEN 'timed out' END, 'the receiver answered ' || code, 'no answer'),
                                      as_of);
                failed := failed + 1;
            END IF;
        END LOOP;
    END IF;
    -- A lease ran out: the worker died, or the answer is lost. The message is tried again under the same key.
    FOR n IN SELECT x.* FROM tally.notifications x WHERE x.status = 'leased' AND x.leased_until <= as_of ORDER BY x.id FOR UPDATE SKIP LOCKED LOOP
        PERFORM tally_internal._settle(n.id, false, 'no report before the lease ran out', as_of);
        failed := failed + 1;
    END LOOP;
    IF posting IS NOT NULL THEN
        PERFORM tally_internal._keep_back(k.id, as_of, most) FROM tally.channels k WHERE k.kind = 'webhook'
            AND k.id IN (SELECT x.channel_id FROM tally.notifications x WHERE x.status = 'pending');
        FOR n IN SELECT x.* FROM tally.notifications x JOIN tally.channels k ON k.id = x.channel_id AND k.kind = 'webhook'
                  WHERE x.status = 'pending' AND x.not_before <= as_of
                    AND (k.quiet IS NULL OR NOT tally_internal._is_held(k, x.group_key, as_of))
                  ORDER BY x.not_before, x.id LIMIT most FOR UPDATE OF x SKIP LOCKED LOOP
            SELECT * INTO c FROM tally.channels x WHERE x.id = n.channel_id;
            UPDATE tally.notifications x SET status = 'leased', attempts = x.attempts + 1, leased_until = as_of + interval '2 minutes' WHERE x.id = n.id;
            BEGIN
                c := tally_internal._ready(c);
                -- It posts with the rights of the channel's owner, so that a channel does not reach what its maker cannot.
                SELECT (x ->> 'id')::bigint INTO request FROM tally.run_as(c.owner, 'pg_catalog', format(
                    'SELECT %s(url => %L, body => %L::jsonb, params => ''{}''::jsonb, headers => %L::jsonb, timeout_milliseconds => 10000) AS id',
                    posting, c.url, tally_internal._body(c, n), tally_internal._headers(c, n))) x;
                UPDATE tally.notifications x SET request_id = request WHERE x.id = n.id;
                posted := posted + 1;
            EXCEPTION WHEN OTHERS THEN
                PERFORM tally_internal._settle(n.id, false, format('%s: %s', SQLSTATE, SQLERRM), as_of);
                failed := failed + 1;
            END;
        END LOOP;
    END IF;
    RETURN NEXT;
END $$;
COMMENT ON FUNCTION tally_internal._deliver(timestamptz, int, bigint) IS 'deliver(), with the engine''s rights, for who may call it.';

CREATE OR REPLACE FUNCTION tally.deliver(as_of timestamptz DEFAULT now(), most int DEFAULT 100) RETURNS TABLE (sent int, failed int, posted int)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT * FROM tally_internal._deliver(as_of, most);
END $$;
COMMENT ON FUNCTION tally.deliver(timestamptz, int) IS
'Delivers what is due: settles answers of earlier posts, takes back leases that ran out, and posts webhooks through pg_net where it is installed. evaluate() '
    'calls it. Returns how many were sent, failed and posted.';

CREATE OR REPLACE FUNCTION tally.claim_notifications(channel text, most int DEFAULT 10, lease interval DEFAULT '2 minutes', as_of timestamptz DEFAULT now(),
                                          who bigint DEFAULT tally_internal._me())
RETURNS TABLE (id bigint, idempotency_key text, attempt int, url text, headers jsonb, body jsonb)
-- In the order of the index of what is due, as in _keep_back().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' SET enable_sort = off SET enable_seqscan = off
    SET enable_bitmapscan = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    caller regrole := tally_internal._caller(who);
    c tally.channels := tally_internal._channel(caller, channel);
    o tally.channels := tally_internal._ready(c);
BEGIN
    IF tally_internal._no_length(lease, '1 second', '1 day', false) OR COALESCE(most, 0) NOT BETWEEN 1 AND 10000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('lease must be from 1 second to 1 day and most from 1 to 10000, got %s and %s', lease,
                                                                most), NULL,
            format('SELECT * FROM tally.claim_notifications(%L);', channel));
    END IF;
    PERFORM tally_internal._check_as_of(as_of, format('SELECT * FROM tally.claim_notifications(%L);', channel));
    PERFORM tally_internal._keep_back(c.id, as_of, most);
    RETURN QUERY
    WITH due AS (
        SELECT x.id FROM tally.notifications x
         WHERE x.channel_id = c.id AND ((x.status = 'pending' AND x.not_before <= as_of) OR (x.status = 'leased' AND x.leased_until <= as_of))
           AND (c.quiet IS NULL OR NOT tally_internal._is_held(c, x.group_key, as_of))
         ORDER BY x.not_before, x.id LIMIT most FOR UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE tally.notifications x SET status = 'leased', attempts = x.attempts + 1, leased_until = as_of + lease FROM due WHERE x.id = due.id RETURNING x.*
    )
    SELECT t.id, t.idempotency_key, t.attempts, o.url, tally_internal._headers(o, t::tally.notifications), tally_internal._body(o, t::tally.notifications)
        FROM taken t
        ORDER BY t.id;
END $$;
COMMENT ON FUNCTION tally.claim_notifications(text, int, interval, timestamptz, bigint) IS
'For a poller. It leases up to most due notifications of a channel and returns what is needed to post them. Report each with report_notification(). A '
'notification that is not reported before its lease ends is handed out again, under the same idempotency key.';

CREATE OR REPLACE FUNCTION tally.report_notification(id bigint, ok boolean, problem text DEFAULT NULL, as_of timestamptz DEFAULT now(),
                                          who bigint DEFAULT tally_internal._me()) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    outcome text;
BEGIN
    IF EXISTS (SELECT FROM tally.notifications n JOIN tally.channels c ON c.id = n.channel_id WHERE n.id = id
               AND tally_internal._has_rights(caller, c.owner)) THEN
        outcome := tally_internal._settle(id, ok, COALESCE(problem, 'not said'), as_of);
    END IF;
    IF outcome IS NULL THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('notification %s is not leased, or is not for role %s', id, caller), NULL,
                              'SELECT id, status FROM tally.notifications ORDER BY id DESC;');
    END IF;
    RETURN outcome;
END $$;
COMMENT ON FUNCTION tally.report_notification(bigint, boolean, text, timestamptz, bigint) IS
'For a poller. It reports whether the post of a claimed notification succeeded, and returns its status: sent, pending (it is tried again later) or dead.';

CREATE OR REPLACE FUNCTION tally.redeliver(id bigint, as_of timestamptz DEFAULT now(), who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
BEGIN
    UPDATE tally.notifications n SET status = 'pending', attempts = 0, not_before = as_of
      FROM tally.channels c WHERE c.id = n.channel_id AND n.id = id AND n.status = 'dead' AND tally_internal._has_rights(caller, c.owner);
    IF NOT FOUND THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('notification %s is not dead, or is not for role %s', id, caller), NULL,
            'SELECT id, error FROM tally.notifications WHERE status = ''dead'';');
    END IF;
END $$;
COMMENT ON FUNCTION tally.redeliver(bigint, timestamptz, bigint) IS 'Tries a dead notification anew.';

CREATE OR REPLACE FUNCTION tally.redeliver_dead(channel text DEFAULT NULL, as_of timestamptz DEFAULT now(), who bigint DEFAULT tally_internal._me())
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    chosen int := CASE WHEN channel IS NOT NULL THEN (tally_internal._channel(caller, channel)).id END;
    done   bigint;
BEGIN
    UPDATE tally.notifications n SET status = 'pending', attempts = 0, not_before = as_of
      FROM tally.channels c WHERE c.id = n.channel_id AND n.status = 'dead' AND (chosen IS NULL OR c.id = chosen)
          AND tally_internal._has_rights(caller, c.owner);
    GET DIAGNOSTICS done = ROW_COUNT;
    RETURN done;
END $$;
COMMENT ON FUNCTION tally.redeliver_dead(text, timestamptz, bigint) IS
'Tries all dead notifications of a channel again (null: those of every channel of the calling role), and returns how many there were.';
