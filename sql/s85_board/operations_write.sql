-- Owns: what the forms of pages do. Each calls the function that anybody calls at the prompt, with the rights of who sent the form, and answers with the
-- page; what is refused is said on top of it, and nothing of it was done.

CREATE OR REPLACE FUNCTION tally.page_incident_do(
    id         bigint,
    action     text,
    note       text DEFAULT NULL,
    root_cause text DEFAULT NULL,
    mitigation text DEFAULT NULL,
    prevention text DEFAULT NULL,
    hours      int DEFAULT 2,
    person     text DEFAULT NULL,
    theme      text DEFAULT 'auto'
) RETURNS tally."text/html"
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    actions CONSTANT text[] := '{acknowledge,comment,resolve,review,link,silence}';
    i       tally.incidents;
    said    jsonb;
    detail  text;
    hint    text;
BEGIN
    PERFORM tally_internal._refuse_other_site(format('SELECT tally.page_incident(%s);', COALESCE(id, 0)));
    note := NULLIF(btrim(note), '');
    person := NULLIF(btrim(person), '');
    SELECT * INTO i FROM tally.incidents x WHERE x.id = id;
    BEGIN
        CASE action
            WHEN 'acknowledge' THEN PERFORM tally.acknowledge(id, note, by => person);
            WHEN 'comment' THEN PERFORM tally.comment_incident(id, note, by => person);
            WHEN 'resolve' THEN PERFORM tally.resolve(id, root_cause, mitigation, prevention, by => person);
            WHEN 'review' THEN PERFORM tally.review(id, note, by => person);
            WHEN 'link' THEN PERFORM tally.link_incident(id, note, by => person);
            WHEN 'silence' THEN
                PERFORM tally.silence(i.labels || jsonb_build_object('threshold', i.threshold), note, "for" => make_interval(hours => hours), author =>
                    person);
            ELSE
                PERFORM tally_internal._refuse('invalid_parameter_value', format('action must be one of %s, got %s', array_to_string(actions, ', '),
                    COALESCE(quote_literal(action), 'NULL')), NULL, format('SELECT tally.page_incident_do(%s, ''acknowledge'');', id));
        END CASE;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        said := jsonb_build_array(tally_internal._fault_panel(SQLERRM, detail, hint));
    END;
    RETURN tally_internal._incident_page(id, theme, said);
END $$;
COMMENT ON FUNCTION tally.page_incident_do(bigint, text, text, text, text, text, int, text, text) IS
'What the forms on the page of an incident send: action is acknowledge, comment, resolve, review, link or silence. Runs the function of that name with the '
    'caller''s rights and gives the page. If it is refused, the page says so on top.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_forms(theme text) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine    text[] := ARRAY(SELECT t.name FROM tally.thresholds t WHERE tally_internal._has_rights_of(t.owner) ORDER BY t.name LIMIT 500);
    metrics text[] := ARRAY(SELECT tally_internal._called(m) FROM tally.metrics m ORDER BY m.name LIMIT 500);
    hidden  jsonb := jsonb_build_array(tally_internal._field('theme', '', 'hidden', theme));
    result  jsonb := '[]';
BEGIN
    IF mine <> '{}' THEN
        result := result || jsonb_build_array(
            tally_internal._form('Turn one on or off', 'page_threshold_do', hidden || jsonb_build_array(
                tally_internal._field('name', 'Limit', 'choice', '', mine)), 'enable=Turn on', 'disable=Turn off'),
            tally_internal._form('Change one; try it on the last 7 days first', 'page_threshold_do', hidden || jsonb_build_array(
                tally_internal._field('name', 'Limit', 'choice', '', mine), tally_internal._field('condition', 'Condition, such as > 3000', required => true),
                tally_internal._field('hold', 'For how long, such as 10 minutes')), 'replay=Try', 'alter=Save'));
    END IF;
    IF metrics <> '{}' THEN
        result := result || tally_internal._form('Make one; try it on the last 7 days first', 'page_threshold_do', hidden || jsonb_build_array(
            tally_internal._field('name', 'Name', required => true), tally_internal._field('metric', 'Metric', 'choice', '', metrics),
            tally_internal._field('condition', 'Condition, such as > 3000', required => true),
            tally_internal._field('hold', 'For how long, such as 10 minutes'),
            tally_internal._field('severity', 'Severity', 'choice', 'warning', '{info,warning,critical}'), tally_internal._field('area', 'Area'),
            tally_internal._field('responsible', 'Who answers'), tally_internal._field('runbook', 'Runbook, an address')),
            'replay=Try', 'create=Make');
    END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._threshold_forms(text) IS
    'What the caller can do with limits, as forms: his own are listed, and his own metrics and others''.';

CREATE OR REPLACE FUNCTION tally_internal._thresholds_page(theme text, said jsonb) RETURNS tally."text/html"
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tally_internal._page_html(tally_internal._operations_model('page_thresholds', 'Limits', 'What is watched, and whether it is within its limit.',
        COALESCE(said, '[]') || (jsonb_build_object('title', 'Limits', 'picture', 'table', 'width', 12, 'description',
            'Those that fire come first, as far as you may '
            'see them.') || tally_internal._panel_slo('{"limit": 500}', '{}'))
        || jsonb_build_object('title', 'What you may do', 'picture', 'forms', 'width', 12, 'description', 'With your own rights. To try one files nothing.',
            'forms', tally_internal._threshold_forms(theme)), theme));
END $$;
COMMENT ON FUNCTION tally_internal._thresholds_page(text, jsonb) IS 'The page of limits; said: panels before the others, such as what a trial found.';

CREATE OR REPLACE FUNCTION tally.page_thresholds(theme text DEFAULT 'auto') RETURNS tally."text/html"
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT tally_internal._thresholds_page(theme, NULL) $$;
COMMENT ON FUNCTION tally.page_thresholds(text) IS
'Thresholds and objectives as a page: their states, and forms to make one, change it, turn it on or off, and try it on past data first.';

CREATE OR REPLACE FUNCTION tally_internal._threshold_trial(name text, changes jsonb, search_path text) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET datestyle = 'ISO, YMD' AS $$
    SELECT tally_internal._table_panel(format('%s would have said this', $1), format('Over the last 7 days, with %s. Nothing was stored.', (SELECT
        string_agg(format('%s %s',
               c.key, c.value), ', ' ORDER BY c.key) FROM jsonb_each_text(changes) c)), '{at,where,what,value,why}',
               jsonb_agg(jsonb_build_array(tally_internal._cell(r.tick), (SELECT string_agg(l.value, ', ' ORDER BY l.key) FROM jsonb_each_text(r.labels) l),
                   r.transition, tally_internal._finite(r.value), r.reason) ORDER BY r.o) FILTER (WHERE r.o <= 100),
               CASE WHEN count(*) > 100 THEN format('The first 100 of %s; it fires %s times.', count(*), count(*) FILTER (WHERE r.transition = 'fired'))
                    ELSE format('It fires %s times.', count(*) FILTER (WHERE r.transition = 'fired')) END)
      -- In a page somebody waits: a tick every ten minutes tells enough.
      FROM tally.replay($1, '7 days', every => interval '10 minutes', changes => changes, search_path => $3) WITH ORDINALITY
           r(tick, labels, transition, state, value, samples, reason, o)
$$;
COMMENT ON FUNCTION tally_internal._threshold_trial(text, jsonb, text) IS
    'When a limit with changes would have changed its state in the last 7 days, as a panel.';

CREATE OR REPLACE FUNCTION tally.page_threshold_do(
    name      text,
    action    text,
    metric    text DEFAULT NULL,
    condition text DEFAULT NULL,
    hold      text DEFAULT NULL,
    severity  text DEFAULT NULL,
    area      text DEFAULT NULL,
    responsible text DEFAULT NULL,
    runbook   text DEFAULT NULL,
    theme     text DEFAULT 'auto',
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS tally."text/html"
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    actions CONSTANT text[] := '{enable,disable,replay,alter,create}';
    -- An empty field is one that was not filled in.
    changes jsonb := jsonb_strip_nulls(jsonb_build_object('metric', NULLIF(btrim(metric), ''), 'condition', NULLIF(btrim(condition), ''),
                        'for', NULLIF(btrim(hold), ''), 'severity', NULLIF(btrim(severity), ''), 'area', NULLIF(btrim(area), ''),
                        'owner', NULLIF(btrim(responsible), ''), 'runbook', NULLIF(btrim(runbook), '')));
    said    jsonb;
    detail  text;
    hint    text;
BEGIN
    PERFORM tally_internal._refuse_other_site('SELECT tally.page_thresholds();');
    BEGIN
        CASE action
            WHEN 'enable', 'disable' THEN PERFORM tally.alter_threshold(name, jsonb_build_object('enabled', action = 'enable'));
            WHEN 'alter' THEN PERFORM tally.alter_threshold(name, changes);
            WHEN 'create' THEN
                PERFORM tally.create_threshold(name, changes ->> 'metric', changes ->> 'condition', COALESCE((changes ->> 'for')::interval, '0'),
                    severity => COALESCE(changes ->> 'severity', 'warning'), area => changes ->> 'area', owner => changes ->> 'owner',
                    runbook => changes ->> 'runbook', search_path => search_path);
            WHEN 'replay' THEN said := jsonb_build_array(tally_internal._threshold_trial(name, changes, search_path));
            ELSE
                PERFORM tally_internal._refuse('invalid_parameter_value', format('action must be one of %s, got %s', array_to_string(actions, ', '),
                    COALESCE(quote_literal(action), 'NULL')), NULL, format('SELECT tally.page_threshold_do(%L, ''enable'');', name));
        END CASE;
    EXCEPTION WHEN OTHERS THEN
        GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
        said := jsonb_build_array(tally_internal._fault_panel(SQLERRM, detail, hint));
    END;
    RETURN tally_internal._thresholds_page(theme, said);
END $$;
COMMENT ON FUNCTION tally.page_threshold_do(text, text, text, text, text, text, text, text, text, text, text) IS
'What the forms on the page of limits send: action is enable, disable, alter, create or replay; hold is for how long the condition must hold. Runs '
    'alter_threshold(), create_threshold() or replay() with the caller''s rights and gives the page. If it is refused, the page says so on top.';
