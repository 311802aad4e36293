-- Owns: the taxonomy of events as data, the report of what does not keep to it, and the trigger that refuses it where the owner says so.
-- The rule stands once, in analytics_taxonomy_problems(), over the counts of one type: the report asks it for those of a rollup's days, the
-- trigger for those of the one row at hand. The taxonomy is read when asked, so a change of it is at once true of all history.

-- step: table analytics_event_types
CREATE TABLE IF NOT EXISTS analytics_event_types (
    event_type       text PRIMARY KEY,
    area             text NOT NULL,
    needs_user       boolean NOT NULL DEFAULT false,
    needs_assignment boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE analytics_event_types IS 'The taxonomy: types of events. INSERT, UPDATE and DELETE as you like.';
COMMENT ON COLUMN analytics_event_types.event_type IS 'The type, a short stable name in snake_case.';
COMMENT ON COLUMN analytics_event_types.area IS 'What part of the product it belongs to.';
COMMENT ON COLUMN analytics_event_types.needs_user IS 'Whether an event without user_id is a problem.';
COMMENT ON COLUMN analytics_event_types.needs_assignment IS 'Whether an event without assignment_id is a problem.';

-- step: table analytics_event_keys
CREATE TABLE IF NOT EXISTS analytics_event_keys (
    event_type text NOT NULL,
    key        text NOT NULL,
    required   boolean NOT NULL DEFAULT false,
    kind       text NOT NULL CHECK (kind IN ('string', 'number', 'boolean', 'object', 'array')),
    allowed    text[],
    PRIMARY KEY (event_type, key)
);
COMMENT ON TABLE analytics_event_keys IS 'The taxonomy: keys that meta may hold. INSERT, UPDATE and DELETE as you like.';
COMMENT ON COLUMN analytics_event_keys.event_type IS 'The type, or * for all; a type''s own row comes before that of all.';
COMMENT ON COLUMN analytics_event_keys.key IS 'The key in meta.';
COMMENT ON COLUMN analytics_event_keys.required IS 'Whether an event without it is a problem; JSON null is none.';
COMMENT ON COLUMN analytics_event_keys.kind IS 'JSON type of the value.';
COMMENT ON COLUMN analytics_event_keys.allowed IS 'The words that a string may be (letters and underscores, up to 40); null for any string.';

-- step: rows analytics_event_types
INSERT INTO analytics_event_types VALUES
    ('auth_login', 'account', true, false), ('preferences_update', 'account', true, false), ('telegram_link_success', 'account', true, false),
    ('notifications_pause', 'account', true, false), ('notifications_resume', 'account', true, false),
    ('assignment_list_view', 'discovery', false, false), ('assignment_view', 'discovery', false, true), ('assignment_save', 'discovery', true, true),
    ('assignment_unsave', 'discovery', true, true), ('assignment_hide', 'discovery', true, true),
    ('assignment_apply_click', 'application', false, true), ('assignment_apply_submit', 'application', true, true),
        ('assignment_reply_received', 'application', true, true),
    ('assignment_no_reply', 'application', true, true), ('assignment_filled_report', 'application', false, true),
        ('assignment_scam_report', 'application', false, true),
    ('notify_sent', 'delivery', true, false), ('notify_click', 'delivery', true, false)
ON CONFLICT DO NOTHING;

-- step: rows analytics_event_keys
-- Required is what the document lists without "optional", "if known" or "if applicable", save the cursor of a first page and the place
-- of an assignment that was opened by a link.
INSERT INTO analytics_event_keys VALUES
    ('*', 'surface', false, 'string', '{website,telegram_dm,telegram_channel,backend}'), ('*', 'client', false, 'string', '{web,backend,aggregator}'),
        ('*', 'version', false, 'string', NULL),
    ('*', 'filters', false, 'object', NULL), ('*', 'list_position', false, 'number', NULL), ('*', 'experiment', false, 'object', NULL),
    ('auth_login', 'surface', true, 'string', '{website}'), ('preferences_update', 'changed', true, 'array', NULL),
        ('telegram_link_success', 'surface', true, 'string', '{website,bot}'),
    ('notifications_pause', 'reason', true, 'string', NULL), ('notifications_pause', 'duration_hours', false, 'number', NULL),
    ('notifications_resume', 'reason', true, 'string', NULL), ('notifications_resume', 'duration_hours', false, 'number', NULL),
    ('assignment_list_view', 'surface', true, 'string', '{website}'), ('assignment_list_view', 'filters', true, 'object', NULL),
        ('assignment_list_view', 'sort', true, 'string', NULL),
    ('assignment_list_view', 'cursor', false, 'string', NULL),
    ('assignment_view', 'surface', true, 'string', '{website}'), ('assignment_view', 'list_position', false, 'number', NULL),
        ('assignment_view', 'filters_hash', false, 'string', NULL),
    ('assignment_hide', 'reason', true, 'string', '{too_far,rate_low,not_interested,duplicate,other}'),
    ('assignment_apply_click', 'surface', true, 'string', '{website,telegram}'), ('assignment_apply_click', 'method', true, 'string', '{external,one_click}'),
    ('assignment_apply_submit', 'method', true, 'string', '{one_click}'), ('assignment_apply_submit', 'answers_count', true, 'number', NULL),
    ('assignment_reply_received', 'reply_time_minutes', false, 'number', NULL), ('assignment_no_reply', 'days_waited', true, 'number', NULL),
    ('assignment_filled_report', 'source', true, 'string', '{tutor,agency,inferred}'), ('assignment_scam_report', 'category', true, 'string', NULL),
        ('assignment_scam_report', 'notes', false, 'string', NULL),
    ('notify_sent', 'surface', true, 'string', '{telegram_dm,email,web_push}'), ('notify_sent', 'batch_id', true, 'string', NULL),
        ('notify_sent', 'match_score', true, 'number', NULL),
    ('notify_click', 'surface', true, 'string', '{telegram_dm,telegram_channel,website}'), ('notify_click', 'link_type', true, 'string', '{assignment}')
ON CONFLICT DO NOTHING;

-- step: rollup pa_meta_daily
SELECT tally.create_rollup('pa_meta_daily', source => 'analytics_events', time_column => 'event_time', bucket => '1 day',
    expand => $e$jsonb_each(CASE jsonb_typeof(meta) WHEN 'object' THEN meta ELSE '{}' END) AS item$e$,
    dimensions => jsonb_build_array(jsonb_build_object('event_type', 'left(event_type, 500)'), jsonb_build_object('key', 'left(item.key, 100)'),
                                    jsonb_build_object('value',
                                        'CASE WHEN jsonb_typeof(item.value) <> ''string'' THEN ''<'' || jsonb_typeof(item.value) || ''>'' WHEN '
                                        'octet_length(item.value #>> ''{}'') BETWEEN 1 AND 40 AND ltrim(item.value #>> ''{}'', '
                                        '''abcdefghijklmnopqrstuvwxyz_'') = '''' AND NOT starts_with(item.value #>> ''{}'', ''_'') THEN item.value '
                                        '#>> ''{}'' ELSE ''<string>'' END'::text)),
                                        measures => '{"events": "count(*)", "last_seen": "max(event_time)"}',
    schedule => '*/15 * * * *', zone => current_setting('TimeZone'),
        description => 'Keys of meta and what they hold, by type of event: what the taxonomy is checked against.');

-- step: function analytics_taxonomy_problems(analytics_event_types, analytics_event_keys[], bigint, bigint, bigint, timestamptz, jsonb)
CREATE OR REPLACE FUNCTION analytics_taxonomy_problems(taxonomy analytics_event_types, keys analytics_event_keys[], total bigint, no_user bigint,
    no_assignment bigint, latest timestamptz, items jsonb) RETURNS TABLE (problem text, key text, value text, events bigint, last_seen timestamptz)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    -- A type's own row of a key comes before the row of all types.
    WITH rule AS (SELECT DISTINCT ON (k.key) k.key, k.required, k.kind, k.allowed FROM unnest(keys) k ORDER BY k.key, k.event_type = '*'),
        item AS (SELECT i.key, i.value, i.events, i.last_seen, CASE WHEN i.value LIKE '<%' THEN btrim(i.value, '<>') ELSE 'string' END AS kind
                   FROM jsonb_to_recordset(items) AS i(key text, value text, events bigint, last_seen timestamptz))
    SELECT 'unknown type', NULL::text, NULL::text, total, latest WHERE taxonomy.event_type IS NULL AND total > 0
    UNION ALL SELECT 'no user', NULL, NULL, no_user, latest WHERE taxonomy.needs_user AND no_user > 0
    UNION ALL SELECT 'no assignment', NULL, NULL, no_assignment, latest WHERE taxonomy.needs_assignment AND no_assignment > 0
    UNION ALL SELECT 'missing key', r.key, NULL, total - coalesce(h.events, 0), latest
      FROM rule r LEFT JOIN (SELECT i.key, sum(i.events)::bigint AS events FROM item i WHERE i.value <> '<null>' GROUP BY 1) h ON h.key = r.key
     WHERE taxonomy.event_type IS NOT NULL AND r.required AND total > coalesce(h.events, 0)
    UNION ALL SELECT CASE WHEN r.key IS NULL THEN 'unknown key' WHEN i.kind <> r.kind THEN 'wrong kind' ELSE 'value not allowed' END,
           i.key, i.value, i.events, i.last_seen
      FROM item i LEFT JOIN rule r ON r.key = i.key
     WHERE taxonomy.event_type IS NOT NULL AND (r.key IS NULL OR i.value <> '<null>' AND (i.kind <> r.kind OR i.value <> ALL (r.allowed)))
$f$;
COMMENT ON FUNCTION analytics_taxonomy_problems(analytics_event_types, analytics_event_keys[], bigint, bigint, bigint, timestamptz, jsonb) IS
'What does not keep to the taxonomy in the events of one type: the rule of product_event_problems and of the trigger taxonomy. taxonomy is the row of the type '
'(null where there is none), keys are the rows of its keys and of *, total, no_user and no_assignment count its events, latest is the last one''s time, and '
'items are the keys of meta as [{"key", "value", "events", "last_seen"}].';

-- step: view product_event_problems
CREATE OR REPLACE VIEW product_event_problems AS
    WITH seen AS (SELECT r.event_type, sum(r.events)::bigint AS events, sum(r.without_user)::bigint AS without_user,
        sum(r.without_assignment)::bigint AS without_assignment, max(r.last_seen) AS last_seen FROM pa_events_daily r GROUP BY 1),
        item AS (SELECT i.event_type, jsonb_agg(to_jsonb(i) - 'event_type') AS items
                   FROM (SELECT r.event_type, r.key, r.value, sum(r.events)::bigint AS events, max(r.last_seen) AS last_seen
                           FROM pa_meta_daily r GROUP BY 1, 2, 3) i GROUP BY 1)
    SELECT event_type, p.problem, p.key, p.value, p.events, p.last_seen
      FROM seen s FULL JOIN item i USING (event_type) LEFT JOIN analytics_event_types t USING (event_type)
     CROSS JOIN LATERAL analytics_taxonomy_problems(t, ARRAY(SELECT k FROM analytics_event_keys k WHERE k.event_type IN (s.event_type, i.event_type, '*')),
         s.events, s.without_user, s.without_assignment, s.last_seen, i.items) p;
COMMENT ON VIEW product_event_problems IS
'Validation report: events that do not keep to the taxonomy (analytics_event_types, analytics_event_keys), over all time, as of the last refresh; changes of '
'the taxonomy show at once.';
COMMENT ON COLUMN product_event_problems.event_type IS 'Type of the events.';
COMMENT ON COLUMN product_event_problems.problem IS 'unknown type, no user, no assignment, missing key, unknown key, wrong kind or value not allowed.';
COMMENT ON COLUMN product_event_problems.key IS 'The key that it is about.';
COMMENT ON COLUMN product_event_problems.value IS 'The value where it is a short word, else its JSON type in angle brackets.';
COMMENT ON COLUMN product_event_problems.events IS 'How many events.';
COMMENT ON COLUMN product_event_problems.last_seen IS 'When such an event was last seen; of missing things, when the type was.';

-- step: function analytics_events_keep_to_taxonomy()
CREATE OR REPLACE FUNCTION analytics_events_keep_to_taxonomy() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
DECLARE
    wrong text;
BEGIN
    SELECT string_agg(concat_ws(' ', p.problem, p.key, p.value), ', ' ORDER BY p.problem, p.key) INTO wrong
      FROM analytics_taxonomy_problems((SELECT t FROM analytics_event_types t WHERE t.event_type = NEW.event_type),
          ARRAY(SELECT k FROM analytics_event_keys k WHERE k.event_type IN (NEW.event_type, '*')), 1, (NEW.user_id IS NULL)::int,
          (NEW.assignment_id IS NULL)::int, NEW.event_time,
          (SELECT jsonb_agg(jsonb_build_object('events', 1, 'key', item.key, 'value',
                      CASE WHEN jsonb_typeof(item.value) <> 'string' THEN '<' || jsonb_typeof(item.value) || '>'
                           WHEN octet_length(item.value #>> '{}') BETWEEN 1 AND 40 AND ltrim(item.value #>> '{}', 'abcdefghijklmnopqrstuvwxyz_') = ''
                               AND NOT starts_with(item.value #>> '{}', '_') THEN item.value #>> '{}' ELSE '<string>' END))
             FROM jsonb_each(CASE jsonb_typeof(NEW.meta) WHEN 'object' THEN NEW.meta ELSE '{}' END) item)) p;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'check_violation', MESSAGE = format('event of type %L does not keep to the taxonomy: %s', NEW.event_type, wrong),
            DETAIL = format('Its meta is %s.', coalesce(NEW.meta::text, 'NULL')),
            HINT = format('SELECT * FROM analytics_event_keys WHERE event_type IN (%L, ''*'');', NEW.event_type);
    END IF;
    RETURN NEW;
END $f$;
COMMENT ON FUNCTION analytics_events_keep_to_taxonomy() IS
'Trigger: refuses an event that does not keep to the taxonomy. Switched on by ALTER TABLE analytics_events ENABLE TRIGGER taxonomy.';

-- step: trigger taxonomy ON analytics_events
DO $do$
BEGIN
    -- Off until its owner says otherwise, and as it is when the pack is installed again. Only the owner of a table can switch it.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = 'analytics_events'::regclass AND tgname = 'taxonomy')
       AND pg_catalog.pg_has_role((SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'analytics_events'::regclass), 'USAGE') THEN
        CREATE OR REPLACE TRIGGER taxonomy BEFORE INSERT OR UPDATE OF event_type, user_id, assignment_id,
            meta ON analytics_events FOR EACH ROW EXECUTE FUNCTION analytics_events_keep_to_taxonomy();
        COMMENT ON TRIGGER taxonomy ON analytics_events IS 'Refuses events that do not keep to the taxonomy. Off until: ALTER TABLE analytics_events ENABLE '
    'TRIGGER taxonomy;';
        ALTER TABLE analytics_events DISABLE TRIGGER taxonomy;
    END IF;
END $do$;
