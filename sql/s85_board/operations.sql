-- Owns: pages of what is on: incidents, one incident with its timeline and evidence, limits, experiments, the state of the system. Each is drawn as a
-- board is, with the rights of who looks.

CREATE OR REPLACE FUNCTION tally_internal._pages(current text, theme text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_object('address', format('%s?theme=%s', p.name, theme), 'title', p.title, 'current', p.name IS NOT DISTINCT FROM current)
                     ORDER BY p.n)
      FROM (VALUES (1, 'page_incidents', 'Incidents'), (2, 'page_thresholds', 'Limits'), (3, 'page_experiments', 'All experiments'),
                   (4, 'page_boards', 'All boards'), (5, 'page_status', 'Status'))
           p(n, name, title)
$$;
COMMENT ON FUNCTION tally_internal._pages(text, text) IS 'The pages beside the boards, as links; current: the one that is shown.';

CREATE OR REPLACE FUNCTION tally_internal._operations_model(page text, title text, description text, panels jsonb, theme text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
BEGIN
    IF theme IS NULL OR theme NOT IN ('auto', 'light', 'dark') THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('theme must be auto, light or dark, got %s', COALESCE(quote_literal(theme), 'NULL')),
                                       NULL, 'SELECT tally.page_status(theme => ''dark'');');
    END IF;
    PERFORM tally_internal._page_headers();
    RETURN jsonb_build_object('name', '', 'title', title, 'description', description, 'as_of', to_char(now(), 'YYYY-MM-DD HH24:MI:SS "UTC"'),
        'since_text', '', 'until_text', '', 'since', '', 'until', NULL, 'refresh', 60, 'refreshing', false, 'theme', theme, 'bare', true, 'ranges',
            '[]'::jsonb,
        'boards', COALESCE((SELECT jsonb_agg(jsonb_build_object('name', tally_internal._called(b), 'title', b.title) ORDER BY b.place, b.name, b.schema)
                              FROM tally.boards b), '[]'),
        'pages', tally_internal._pages(page, theme), 'views', '[]'::jsonb, 'variables', '[]'::jsonb, 'panels', panels);
END $$;
COMMENT ON FUNCTION tally_internal._operations_model(text, text, text, jsonb, text) IS 'A page that is no board, as the kernel draws it.';

CREATE OR REPLACE FUNCTION tally_internal._table_panel(title text, description text, columns text[], rows jsonb, note text DEFAULT NULL) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('title', title, 'picture', 'table', 'width', 12, 'description', description, 'columns', columns, 'rows', COALESCE(rows, '[]'),
                              'note', note, 'nothing', 'Nothing here.')
$$;
COMMENT ON FUNCTION tally_internal._table_panel(text, text, text[], jsonb, text) IS 'A table over the whole width of a page.';

CREATE OR REPLACE FUNCTION tally_internal._field(name text, label text, kind text DEFAULT 'text', value text DEFAULT '', choices text[] DEFAULT '{}',
                                                 required boolean DEFAULT false) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('name', name, 'label', label, 'kind', kind, 'value', COALESCE(value, ''), 'choices', choices, 'required', required)
$$;
COMMENT ON FUNCTION tally_internal._field(text, text, text, text, text[], boolean) IS 'A field of a form: text, choice or hidden.';

CREATE OR REPLACE FUNCTION tally_internal._form(title text, action text, fields jsonb, VARIADIC buttons text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('title', title, 'action', action, 'fields', fields, 'buttons', (
        SELECT jsonb_agg(jsonb_build_object('value', split_part(b, '=', 1), 'label', split_part(b, '=', 2)) ORDER BY n) FROM unnest(buttons) WITH ORDINALITY
            u(b, n)))
$$;
COMMENT ON FUNCTION tally_internal._form(text, text, jsonb, text[]) IS
    'A form that sends its fields by POST; buttons, each given as value=label, say what is done.';

CREATE OR REPLACE FUNCTION tally_internal._fault_panel(message text, detail text, hint text) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object('title', 'This was not done', 'picture', 'table', 'width', 12, 'error',
                              jsonb_build_object('message', message, 'detail', detail, 'hint', hint))
$$;
COMMENT ON FUNCTION tally_internal._fault_panel(text, text, text) IS 'What an action was refused with, on top of the page.';

CREATE OR REPLACE FUNCTION tally.page_incidents(
    status text DEFAULT 'open',
    area   text DEFAULT NULL,
    theme  text DEFAULT 'auto',
    before bigint DEFAULT NULL
) RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_variable
DECLARE
    most  CONSTANT int := 200;
    kept  jsonb := jsonb_build_array(tally_internal._field('theme', '', 'hidden', theme));
    made  jsonb;
    last  bigint;
    n     bigint;
BEGIN
    SELECT jsonb_agg(jsonb_build_array(jsonb_build_object('text', '#' || x.id, 'address', format('page_incident?id=%s&theme=%s', x.id, theme)),
               tally_internal._cell(x.opened_at), x.severity, tally_internal._shown_status(x.status, x.recovered_at), x.area, x.impact,
               x.responsible, tally_internal._cell(x.respond_by)) ORDER BY x.id DESC) FILTER (WHERE x.place <= most),
           min(x.id) FILTER (WHERE x.place <= most), count(*) INTO made, last, n
      FROM (SELECT i.*, row_number() OVER (ORDER BY i.id DESC) AS place FROM tally.list_incidents(status, area, before, most + 1) i) x;
    RETURN tally_internal._page_html(tally_internal._operations_model('page_incidents', 'Incidents',
        'What is wrong or was, newest first. Open one for its timeline, its evidence and what you may do.', jsonb_build_array(
        tally_internal._table_panel(CASE status WHEN 'open' THEN 'Open incidents' WHEN 'all' THEN 'All incidents' ELSE initcap(status) || ' incidents' END
            || COALESCE(' before #' || before, ''),
            'As far as you may see them.', '{incident,opened,severity,status,area,impact,who,respond by}', made,
            CASE WHEN n > most THEN format('There are more, before #%s.', last) END)
        || jsonb_build_object('forms', jsonb_build_array(jsonb_build_object('title', 'Choose', 'action', 'page_incidents', 'get', true, 'fields',
            jsonb_build_array(
            tally_internal._field('status', 'Status', 'choice', status, tally_internal._incident_lists()),
            tally_internal._field('area', 'Area', 'text', area)) || kept, 'buttons', '[{"value": "", "label": "Show"}]'::jsonb))
            || CASE WHEN n > most THEN jsonb_build_array(jsonb_build_object('title', 'Older', 'action', 'page_incidents', 'get', true, 'fields',
                jsonb_build_array(tally_internal._field('status', '', 'hidden', status), tally_internal._field('area', '', 'hidden', area),
                    tally_internal._field('before', '', 'hidden', last::text)) || kept, 'buttons', '[{"value": "", "label": "Older"}]'::jsonb))
               ELSE '[]' END)), theme));
END $$;
COMMENT ON FUNCTION tally.page_incidents(text, text, text, bigint) IS
'Incidents as a page: those of a status (open, new, acknowledged, recovered, resolved, reviewed, all) and an area, newest first, 200 at a time, as far as the '
    'reader sees them. before: the last number of the page before; a button leads to the next one.';

CREATE OR REPLACE FUNCTION tally_internal._incident_forms(i tally.incidents, theme text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hidden jsonb := jsonb_build_array(tally_internal._field('id', '', 'hidden', i.id::text), tally_internal._field('theme', '', 'hidden', theme));
    person jsonb := jsonb_build_array(tally_internal._field('person', 'Your name'));
    note   jsonb := jsonb_build_array(tally_internal._field('note', 'Note'));
    result jsonb := '[]';
BEGIN
    IF i.status IN ('new', 'acknowledged') THEN
        result := result || jsonb_build_array(
            tally_internal._form('Take it on', 'page_incident_do', hidden || note || person, 'acknowledge=Acknowledge'),
            tally_internal._form('Close it', 'page_incident_do', hidden || jsonb_build_array(
                tally_internal._field('root_cause', 'Why it happened', required => true), tally_internal._field('mitigation', 'What was done', required =>
                    true),
                tally_internal._field('prevention', 'What keeps it from coming back', required => true)) || person, 'resolve=Resolve'),
            tally_internal._form('Keep it quiet', 'page_incident_do', hidden || jsonb_build_array(tally_internal._field('note', 'Reason', required => true),
                tally_internal._field('hours', 'Hours', 'choice', '2', '{1,2,4,8,24}')) || person, 'silence=Silence'));
    ELSIF i.status = 'resolved' THEN
        result := result || tally_internal._form('Look back', 'page_incident_do', hidden || note || person, 'review=Mark as reviewed');
    END IF;
    RETURN result || jsonb_build_array(
        tally_internal._form('Say something', 'page_incident_do', hidden || jsonb_build_array(tally_internal._field('note', 'Note', required => true)) ||
            person,
                             'comment=Add the note'),
        tally_internal._form('Tie it to a ticket', 'page_incident_do', hidden || jsonb_build_array(tally_internal._field('note', 'Address', required =>
            true)) || person,
                             'link=Link'));
END $$;
COMMENT ON FUNCTION tally_internal._incident_forms(tally.incidents, text) IS 'What can be done with an incident in its status, as forms.';

CREATE OR REPLACE FUNCTION tally_internal._incident_facts(i tally.incidents) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(jsonb_build_array(f.name, f.value) ORDER BY f.n) FROM (VALUES
        (1, 'status', to_jsonb(tally_internal._shown_status(i.status, i.recovered_at))),
        (2, 'severity', to_jsonb(i.severity)), (3, 'what is wrong', to_jsonb(i.impact)), (4, 'where', to_jsonb((SELECT string_agg(format('%s %s', l.key,
            l.value),
            ', ' ORDER BY l.key) FROM jsonb_each_text(i.labels) l))), (5, 'area', to_jsonb(i.area)), (6, 'limit', to_jsonb(i.threshold)),
        (7, 'metric', to_jsonb(i.metric)), (8, 'value when it fired', to_jsonb(tally_internal._finite(i.value))), (9, 'value at the last change',
            to_jsonb(tally_internal._finite(i.last_value))), (10, 'condition', to_jsonb(i.condition)), (11, 'unit', to_jsonb(i.unit)),
        (12, 'began', tally_internal._cell(i.began_at)), (13, 'fired', tally_internal._cell(i.opened_at)),
        (14, 'answer by', tally_internal._cell(i.respond_by)), (15, 'who answers', to_jsonb(i.responsible)),
        (16, 'acknowledged', tally_internal._cell(i.acknowledged_at)), (17, 'acknowledged by', to_jsonb(COALESCE(i.acknowledged_person, i.acknowledged_by))),
        (18, 'recovered', tally_internal._cell(i.recovered_at)), (19, 'resolved', tally_internal._cell(i.resolved_at)),
        (20, 'why it happened', to_jsonb(i.root_cause)), (21, 'what was done', to_jsonb(i.mitigation)), (22, 'what keeps it from coming back',
            to_jsonb(i.prevention)), (23, 'reopened', CASE WHEN i.reopened > 0 THEN to_jsonb(i.reopened) END), (24, 'kept back by',
                to_jsonb(i.suppressed_by)),
        (25, 'runbook', to_jsonb(i.runbook)), (26, 'link', to_jsonb(i.link)),
        (27, 'the time before', CASE WHEN i.previous_id IS NOT NULL THEN jsonb_build_object('text', '#' || i.previous_id,
            'address', 'page_incident?id=' || i.previous_id) END)) f(n, name, value)
     WHERE f.value IS NOT NULL AND f.value <> 'null'
$$;
COMMENT ON FUNCTION tally_internal._incident_facts(tally.incidents) IS 'What is known of an incident, as rows of a name and a value.';

CREATE OR REPLACE FUNCTION tally_internal._incident_picture(i tally.incidents) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._panel_isolated(NULL, jsonb_build_object('title', tally_internal._called(m) || ' around it', 'picture', 'line', 'width', 12,
               'metrics', jsonb_build_array(tally_internal._called(m)), 'metric_ids', jsonb_build_array(m.id), 'where', i.labels), '{}',
               (i.began_at - interval '24 hours')::text, LEAST(COALESCE(i.recovered_at, now()) + interval '6 hours', now())::text, now())
      FROM tally.thresholds t JOIN tally.metrics m ON m.id = t.metric_id
     WHERE t.id = i.threshold_id
$$;
COMMENT ON FUNCTION tally_internal._incident_picture(tally.incidents) IS
'The metric of an incident with its own labels, from a day before it began to some hours after it was over; null where its threshold is a query or is gone.';

CREATE OR REPLACE FUNCTION tally_internal._incident_page(id bigint, theme text, said jsonb) RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
#variable_conflict use_variable
DECLARE
    i      tally.incidents;
    panels jsonb;
BEGIN
    SELECT * INTO i FROM tally.incidents x WHERE x.id = id;
    IF i.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('incident %s does not exist, or belongs to another role', COALESCE(id::text, 'NULL')), NULL,
                                       'SELECT id, impact FROM tally.incidents ORDER BY id DESC LIMIT 20;');
    END IF;
    panels := COALESCE(said, '[]') || tally_internal._table_panel('What is known', NULL, '{what,value}', tally_internal._incident_facts(i))
        || COALESCE(tally_internal._incident_picture(i), '[]')
        || CASE WHEN i.suggested_actions <> '[]' THEN tally_internal._table_panel('What to try', 'In the order given by the limit.', '{step,what}',
               (SELECT jsonb_agg(jsonb_build_array(n, a) ORDER BY n) FROM jsonb_array_elements_text(i.suggested_actions) WITH ORDINALITY u(a, n))) ELSE '[]'
                   END
        || tally_internal._table_panel('Evidence', 'As it was when it fired.', '{what,value}', (SELECT jsonb_agg(jsonb_build_array(e.key,
               tally_internal._cell(e.value)) ORDER BY e.key) FROM jsonb_each(CASE jsonb_typeof(i.evidence) WHEN 'object' THEN i.evidence ELSE '{}' END) e))
        || tally_internal._table_panel('Timeline', 'What happened, in order.', '{at,event,by,note}', (SELECT jsonb_agg(jsonb_build_array(
               tally_internal._cell(l.at), l.event, COALESCE(l.person, l.author), l.note) ORDER BY l.o)
                 FROM tally.incident_timeline(i.id) WITH ORDINALITY l(at, event, author, note, detail, person, o)))
        || jsonb_build_object('title', 'What you may do', 'picture', 'forms', 'width', 12, 'description', 'With your own rights; each step is written to the '
               'timeline.', 'forms', tally_internal._incident_forms(i, theme));
    RETURN tally_internal._page_html(tally_internal._operations_model(NULL, format('Incident #%s', i.id), i.impact, panels, theme));
END $$;
COMMENT ON FUNCTION tally_internal._incident_page(bigint, text, jsonb) IS
    'The page of an incident; said: panels before the others, such as why an action was refused.';

CREATE OR REPLACE FUNCTION tally.page_incident(id bigint, theme text DEFAULT 'auto') RETURNS tally."text/html"
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._incident_page(id, theme, NULL) $$;
COMMENT ON FUNCTION tally.page_incident(bigint, text) IS
'An incident as a page: what is known, its metric around that time, what to try, evidence, timeline, and forms for what can be done in its status.';

CREATE OR REPLACE FUNCTION tally.page_experiments(theme text DEFAULT 'auto') RETURNS tally."text/html"
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._page_html(tally_internal._operations_model('page_experiments', 'Experiments', 'What each arm changes, and how sure that is.',
        jsonb_build_array(jsonb_build_object('title', 'All experiments', 'picture', 'table', 'width', 12, 'description',
            'Newest first; a row for each metric and arm.')
            || tally_internal._panel_experiments('{"experiments": true, "limit": 200}', '{}', now())), theme))
$$;
COMMENT ON FUNCTION tally.page_experiments(text) IS 'Experiments as a page, newest first: every metric and arm with its verdict.';

CREATE OR REPLACE FUNCTION tally.page_status(theme text DEFAULT 'auto') RETURNS tally."text/html"
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT tally_internal._page_html(tally_internal._operations_model('page_status', 'Status', 'Is everything counted and watched?', jsonb_build_array(
        tally_internal._table_panel('What the system watches about itself', 'Each line that is not ok has the statement to run next.',
            '{check,status,value,unit,what it means,run this}', (SELECT jsonb_agg(jsonb_build_array(h."check", h.status,
                CASE WHEN tally_internal._finite(h.value::float8) IS NOT NULL THEN to_jsonb(h.value) END, h.unit, h.detail, h.hint) ORDER BY h.o)
                FROM tally.health(now()) WITH ORDINALITY h("check", status, value, unit, detail, hint, o))),
        tally_internal._table_panel('Rollups', 'How fresh each is. Numbers that are read live are exact in any state.',
            '{rollup,state,dirty buckets,last run,reason}',
            (SELECT jsonb_agg(jsonb_build_array(s.rollup, s.state, s.dirty_buckets, tally_internal._cell(s.last_run), s.reason) ORDER BY s.rollup)
               FROM (SELECT * FROM tally.status x ORDER BY x.rollup LIMIT 500) s))), theme))
$$;
COMMENT ON FUNCTION tally.page_status(text) IS 'The state of the system as a page: health, and how fresh each rollup is.';
