-- Owns: what people do with incidents: acknowledge, comment, link, resolve, review. It takes the rights of the threshold's owner. Each act
-- is an entry of the timeline.

CREATE OR REPLACE FUNCTION tally_internal._handled(caller regrole, id bigint, what text, allowed text[]) RETURNS tally.incidents
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    i tally.incidents;
BEGIN
    SELECT * INTO i FROM tally.incidents x WHERE x.id = id FOR UPDATE;
    -- An incident that does not exist and one that is hidden give the same answer, so that trying numbers tells nothing.
    IF i.id IS NULL OR NOT tally_internal._handles(caller, i.owner, tally_internal._threshold_schema(i.threshold_id)) THEN
        PERFORM tally_internal._refuse('undefined_object', format('incident %s does not exist, or is not for role %s', COALESCE(id::text, 'NULL'), caller),
            'Incidents are handled by roles that have the rights of the threshold''s owner.',
                'SELECT id, status, severity, impact FROM tally.incidents ORDER BY id DESC LIMIT 20;');
    ELSIF i.status <> ALL (allowed) THEN
        PERFORM tally_internal._refuse('object_not_in_prerequisite_state', format('incident %s can be %s while it is %s, got %s', id, what,
                array_to_string(allowed, ' or '), i.status),
            format('It is %s since %s.', i.status, COALESCE(i.reviewed_at, i.resolved_at, i.acknowledged_at, i.opened_at)),
                format('SELECT * FROM tally.incident_timeline(%s);', id));
    END IF;
    RETURN i;
END $$;
COMMENT ON FUNCTION tally_internal._handled(regrole, bigint, text, text[]) IS
'Locks an incident that the calling role may handle; an error where it may not, or where its status does not allow what is wanted.';

CREATE OR REPLACE FUNCTION tally_internal._check_person(by text, again text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF by IS NOT NULL AND (btrim(by) = '' OR octet_length(by) > 200) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('by must name a person in 1 to 200 bytes, got %L', left(by, 60)),
            'It is recorded beside the role that acts.', again);
    END IF;
    RETURN by;
END $$;
COMMENT ON FUNCTION tally_internal._check_person(text, text) IS 'The person that a role acts for, as it says; an error where that is no name.';

CREATE OR REPLACE FUNCTION tally.acknowledge(id bigint, note text DEFAULT NULL, as_of timestamptz DEFAULT now(), by text DEFAULT NULL,
                                  who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    i tally.incidents := tally_internal._handled(caller, id, 'acknowledged', '{new,acknowledged}');
BEGIN
    PERFORM tally_internal._check_person(by, format('SELECT tally.acknowledge(%s, by => ''ann'');', id));
    UPDATE tally.incidents x
       SET status = 'acknowledged', acknowledged_at = COALESCE(x.acknowledged_at, as_of), acknowledged_by = COALESCE(x.acknowledged_by, caller::text),
           acknowledged_person = CASE WHEN x.acknowledged_at IS NULL THEN by ELSE x.acknowledged_person END
     WHERE x.id = i.id;
    PERFORM tally_internal._note(i.id, as_of, 'acknowledged', caller::text, note, person => by);
    PERFORM tally_internal._notify(ARRAY[i.id], '{acknowledged}', as_of);
END $$;
COMMENT ON FUNCTION tally.acknowledge(bigint, text, timestamptz, text, bigint) IS
'Notes that somebody works on an incident. The incident escalates no further. by names the person if the role is an application''s; the name is recorded '
    'beside the role.';

CREATE OR REPLACE FUNCTION tally.comment_incident(id bigint, note text, as_of timestamptz DEFAULT now(), by text DEFAULT NULL,
                                       who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    i tally.incidents := tally_internal._handled(caller, id, 'commented on', '{new,acknowledged,resolved,reviewed}');
BEGIN
    PERFORM tally_internal._note(i.id, as_of, 'comment', caller::text, note,
                                 person => tally_internal._check_person(by, format('SELECT tally.comment_incident(%s, …);', id)));
END $$;
COMMENT ON FUNCTION tally.comment_incident(bigint, text, timestamptz, text, bigint) IS 'Adds a note to an incident''s timeline.';

CREATE OR REPLACE FUNCTION tally.link_incident(id bigint, link text, as_of timestamptz DEFAULT now(), by text DEFAULT NULL,
                                    who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    i tally.incidents := tally_internal._handled(caller, id, 'linked', '{new,acknowledged,resolved,reviewed}');
BEGIN
    UPDATE tally.incidents x SET link = link WHERE x.id = i.id;
    PERFORM tally_internal._note(i.id, as_of, 'linked', caller::text, link,
                                 person => tally_internal._check_person(by, format('SELECT tally.link_incident(%s, …);', id)));
END $$;
COMMENT ON FUNCTION tally.link_incident(bigint, text, timestamptz, text, bigint) IS 'Ties an incident to a ticket or another page.';

CREATE OR REPLACE FUNCTION tally.resolve(id bigint, root_cause text DEFAULT NULL, mitigation text DEFAULT NULL, prevention text DEFAULT NULL,
                              as_of timestamptz DEFAULT now(),
                              by text DEFAULT NULL, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    i       tally.incidents := tally_internal._handled(caller, id, 'resolved', '{new,acknowledged}');
    missing text := concat_ws(', ', CASE WHEN COALESCE(btrim(root_cause), '') = '' THEN 'root_cause' END, CASE
                              WHEN COALESCE(btrim(mitigation), '') = '' THEN 'mitigation' END,
                                    CASE WHEN COALESCE(btrim(prevention), '') = '' THEN 'prevention' END);
BEGIN
    IF missing <> '' THEN
        PERFORM tally_internal._refuse('null_value_not_allowed', format('incident %s cannot be closed without notes: missing %s', i.id, missing),
            'The next person reads why it happened, what was done, and what will keep it from happening again.',
            format('SELECT tally.resolve(%s, root_cause => %L, mitigation => %L, prevention => %L);', i.id, COALESCE(NULLIF(btrim(root_cause), ''), '…'),
                   COALESCE(NULLIF(btrim(mitigation), ''), '…'), COALESCE(NULLIF(btrim(prevention), ''), '…')));
    END IF;
    PERFORM tally_internal._check_person(by, format('SELECT tally.resolve(%s, …, by => ''ann'');', id));
    UPDATE tally.incidents x
       SET status = 'resolved', resolved_at = as_of, resolved_by = caller::text, resolved_person = by, root_cause = root_cause, mitigation = mitigation,
           prevention = prevention, acknowledged_at = COALESCE(x.acknowledged_at, as_of), acknowledged_by = COALESCE(x.acknowledged_by, caller::text),
           acknowledged_person = CASE WHEN x.acknowledged_at IS NULL THEN by ELSE x.acknowledged_person END,
           -- The person has seen what was judged so far.
           closed_bucket = GREATEST(x.bucket, (SELECT e.bucket FROM tally.evaluations e WHERE e.threshold_id = x.threshold_id AND e.bucket IS NOT NULL
                                               ORDER BY e.tick DESC LIMIT 1))
     WHERE x.id = i.id;
    -- Closed while it still fires: the alert starts over, and fires anew if a newer bucket breaches.
    DELETE FROM tally.threshold_states k WHERE k.threshold_id = i.threshold_id AND k.kind = i.kind AND k.labels = i.labels;
    PERFORM tally_internal._note(i.id, as_of, 'resolved', caller::text, NULL,
                        jsonb_build_object('root_cause', root_cause, 'mitigation', mitigation, 'prevention', prevention), by);
    PERFORM tally_internal._notify(ARRAY[i.id], '{resolved}', as_of);
END $$;
COMMENT ON FUNCTION tally.resolve(bigint, text, text, text, timestamptz, text, bigint) IS
'Closes an incident with its three notes: root_cause, mitigation, prevention. If the breach goes on in a newer bucket, it fires anew. by names the '
'person if the role is an application''s.';

CREATE OR REPLACE FUNCTION tally.review(id bigint, note text DEFAULT NULL, as_of timestamptz DEFAULT now(), by text DEFAULT NULL,
                             who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller regrole := tally_internal._caller(who);
    i tally.incidents := tally_internal._handled(caller, id, 'reviewed', '{resolved}');
BEGIN
    PERFORM tally_internal._check_person(by, format('SELECT tally.review(%s, by => ''ann'');', id));
    UPDATE tally.incidents x SET status = 'reviewed', reviewed_at = as_of, reviewed_by = caller::text, reviewed_person = by WHERE x.id = i.id;
    PERFORM tally_internal._note(i.id, as_of, 'reviewed', caller::text, note, person => by);
END $$;
COMMENT ON FUNCTION tally.review(bigint, text, timestamptz, text, bigint) IS 'Marks a closed incident as reviewed.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_dropped() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[];
BEGIN
    WITH over AS (UPDATE tally.incidents x SET recovered_at = now(), recovery = 'threshold_dropped'
                   WHERE x.threshold_id = OLD.id AND x.status IN ('new', 'acknowledged') AND x.recovered_at IS NULL RETURNING x.id),
         noted AS (INSERT INTO tally.incident_events (incident_id, at, event, author, note, detail)
                   SELECT o.id, now(), 'recovered', 'pg_tally', 'its threshold was dropped', '{"reason": "threshold_dropped"}' FROM over o)
    SELECT array_agg(o.id ORDER BY o.id) INTO ids FROM over o;
    IF ids IS NOT NULL THEN PERFORM tally_internal._notify(ids, array_fill('recovered'::text, ARRAY[cardinality(ids)]), now()); END IF;
    RETURN OLD;
END $$;
COMMENT ON FUNCTION tally_internal._threshold_dropped() IS
'BEFORE DELETE trigger: the alerts of a dropped threshold do not fire any more, and its incidents wait to be closed.';
-- If somebody else could make a trigger of it, that would mark incidents as recovered that go on.
REVOKE ALL ON FUNCTION tally_internal._threshold_dropped() FROM PUBLIC;
CREATE OR REPLACE TRIGGER dropped BEFORE DELETE ON tally.thresholds FOR EACH ROW EXECUTE FUNCTION tally_internal._threshold_dropped();

CREATE OR REPLACE FUNCTION tally.incident_timeline(id bigint) RETURNS TABLE (at timestamptz, event text, author text, note text, detail jsonb, person text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.at, e.event, e.author, e.note, e.detail, e.person FROM tally.incident_events e WHERE e.incident_id = $1 ORDER BY e.id
$$;
COMMENT ON FUNCTION tally.incident_timeline(bigint) IS 'What happened to an incident, in order.';

CREATE OR REPLACE VIEW tally.incident_lives WITH (security_invoker = true) AS
SELECT l.incident_id AS incident, l.life, min(l.at) AS began_at,
       min(l.at) FILTER (WHERE l.event IN ('acknowledged', 'resolved') AND l.author <> 'pg_tally') AS acknowledged_at,
       max(l.at) FILTER (WHERE l.event = 'recovered') AS recovered_at,
       max(l.at) FILTER (WHERE l.event = 'resolved') AS resolved_at
  FROM (SELECT e.*, count(*) FILTER (WHERE e.event IN ('opened', 'reopened')) OVER (PARTITION BY e.incident_id ORDER BY e.id) AS life
        FROM tally.incident_events e) l
 GROUP BY l.incident_id, l.life;
COMMENT ON VIEW tally.incident_lives IS
'The lives of incidents, by their timelines: one from opening to closing, and one more for each time it was reopened. Response times are of a life.';
COMMENT ON COLUMN tally.incident_lives.incident IS 'Number of the incident.';
COMMENT ON COLUMN tally.incident_lives.life IS 'Number of the life, from 1.';
COMMENT ON COLUMN tally.incident_lives.began_at IS 'When it fired or was reopened.';
COMMENT ON COLUMN tally.incident_lives.acknowledged_at IS 'When somebody first took it on; closing it does.';
COMMENT ON COLUMN tally.incident_lives.recovered_at IS 'When the alert was last over.';
COMMENT ON COLUMN tally.incident_lives.resolved_at IS 'When it was closed.';
GRANT SELECT ON tally.incident_lives TO PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._shown_status(status text, recovered_at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN status OPERATOR(pg_catalog.=) ANY ('{new,acknowledged}'::text[]) AND recovered_at IS NOT NULL THEN 'recovered' ELSE status END;
COMMENT ON FUNCTION tally_internal._shown_status(text, timestamptz) IS
'The status of an incident as people read it: recovered where the alert is over and nobody has closed it.';

CREATE OR REPLACE FUNCTION tally_internal._incident_lists() RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{open,new,acknowledged,recovered,resolved,reviewed,all}'::text[];
COMMENT ON FUNCTION tally_internal._incident_lists() IS 'The lists of incidents that can be asked for: open and all, and each status as it is shown.';

CREATE OR REPLACE FUNCTION tally.list_incidents(
    status text DEFAULT 'open',
    area   text DEFAULT NULL,
    before bigint DEFAULT NULL,
    most   int DEFAULT 50
) RETURNS SETOF tally.incidents
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    IF status IS NULL OR status <> ALL (tally_internal._incident_lists()) THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('status must be one of %s, got %s',
            array_to_string(tally_internal._incident_lists(), ', '), COALESCE(quote_literal(status), 'NULL')), NULL,
            'SELECT * FROM tally.list_incidents(''open'');');
    ELSIF most IS NULL OR most NOT BETWEEN 1 AND 10000 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('most must be 1 to 10000 incidents, got %s', COALESCE(most::text, 'NULL')),
            'The next ones are on the next page: before is the last number of this one.', 'SELECT * FROM tally.list_incidents(before => 1000, most => 50);');
    END IF;
    IF status IN ('open', 'new', 'acknowledged', 'recovered') THEN
        -- Said by itself, so that the index of open incidents serves where few of many are open.
        RETURN QUERY SELECT i.* FROM tally.incidents i
         WHERE i.status IN ('new', 'acknowledged') AND i.id < COALESCE(before, 9223372036854775807) AND (COALESCE(area, '') = '' OR i.area = area)
           AND status IN ('open', tally_internal._shown_status(i.status, i.recovered_at))
         ORDER BY i.id DESC LIMIT most;
    ELSE
        RETURN QUERY SELECT i.* FROM tally.incidents i
         WHERE i.id < COALESCE(before, 9223372036854775807) AND (COALESCE(area, '') = '' OR i.area = area) AND status IN ('all', i.status)
         ORDER BY i.id DESC LIMIT most;
    END IF;
END $$;
COMMENT ON FUNCTION tally.list_incidents(text, text, bigint, int) IS
'A page of incidents, newest first, as far as the caller sees them: of a status (open, new, acknowledged, recovered, resolved, reviewed, all) and an area. '
    'before: the last number of the page before. Incidents that are filed between two pages move none.';

CREATE OR REPLACE VIEW tally.incident_feed WITH (security_invoker = true) AS
SELECT i.opened_at AS at, i.area, i.severity,
       tally_internal._shown_status(i.status, i.recovered_at) AS status,
       i.impact, COALESCE(i.link, i.runbook) AS link, i.id AS incident, i.responsible AS owner
  FROM tally.incidents i ORDER BY i.opened_at DESC, i.id DESC LIMIT 20;
COMMENT ON VIEW tally.incident_feed IS 'The last 20 incidents, newest first.';
COMMENT ON COLUMN tally.incident_feed.at IS 'When it fired.';
COMMENT ON COLUMN tally.incident_feed.area IS 'Service area.';
COMMENT ON COLUMN tally.incident_feed.severity IS 'info, warning or critical.';
COMMENT ON COLUMN tally.incident_feed.status IS 'new, acknowledged, recovered (over, but not closed), resolved or reviewed.';
COMMENT ON COLUMN tally.incident_feed.impact IS 'One line on what is wrong.';
COMMENT ON COLUMN tally.incident_feed.link IS 'Ticket, else runbook.';
COMMENT ON COLUMN tally.incident_feed.incident IS 'Number of the incident.';
COMMENT ON COLUMN tally.incident_feed.owner IS 'Who answers.';
GRANT SELECT ON tally.incident_feed TO PUBLIC;
