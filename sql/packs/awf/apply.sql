-- Owns: what a change of awf_settings does: new schedules, the token budget in the metrics, the channels of webhook and e-mail.

-- step: function awf_token_overrun()
CREATE OR REPLACE FUNCTION awf_token_overrun() RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $f$
    -- Tokens are whole numbers, so no turn lies on the edge, and the share is exact while a digest keeps its values.
    SELECT format('1 - tally.percentile_rank(tokens, %s.5)', awf_setting('TOKEN_BUDGET'))
$f$;
COMMENT ON FUNCTION awf_token_overrun() IS 'The expression of the metrics of token budget overruns: the share of turns that cost more than TOKEN_BUDGET.';

-- step: function awf_settings_apply() CASCADE
CREATE OR REPLACE FUNCTION awf_settings_apply() RETURNS trigger
LANGUAGE plpgsql SET search_path FROM CURRENT AS $f$
DECLARE
    channel text := CASE WHEN NEW.name LIKE '%EMAIL%' THEN 'awf email' ELSE 'awf webhook' END;
    item    record;
BEGIN
    IF NEW.name = 'TOKEN_BUDGET' THEN
        -- The digest of tokens knows every budget, so the whole history follows without being computed anew.
        FOR item IN SELECT m.*, format('%I.%I', TG_TABLE_SCHEMA, r.name) AS rollup FROM tally.metrics m JOIN tally.rollups r ON r.id = m.rollup_id
                      JOIN pg_catalog.pg_class c ON c.oid = r.relation AND c.relnamespace = TG_TABLE_SCHEMA::regnamespace
                     WHERE m.expression LIKE '1 - tally.percentile\_rank(tokens, %' AND m.name LIKE 'token\_overrun\_rate%' LOOP
            PERFORM tally.create_metric(item.name, item.rollup, awf_token_overrun(), unit => item.unit, description => item.description,
                                        direction => item.direction, samples => item.samples);
        END LOOP;
    ELSIF NEW.name LIKE 'METRICS\_%\_CRON' OR NEW.name = 'METRICS_DASHBOARDS_ENABLED' THEN
        -- A rollup follows the setting that its step names.
        FOR item IN SELECT format('%I.%I', TG_TABLE_SCHEMA, r.name) AS name, s.schedule FROM tally.pack_steps p JOIN tally.rollups r ON r.name = p.name
                      JOIN pg_catalog.pg_class c ON c.oid = r.relation AND c.relnamespace = TG_TABLE_SCHEMA::regnamespace
                     CROSS JOIN LATERAL (SELECT awf_schedule(substring(p.statement FROM 'awf_schedule\(''(\w+)''\)')) AS schedule) s
                     WHERE p.pack = 'awf' AND p.kind = 'rollup' AND p.statement ~ 'awf_schedule' AND r.schedule IS DISTINCT FROM s.schedule
                     ORDER BY p.ordinal LOOP
            PERFORM tally.alter_rollup(item.name, schedule => coalesce(item.schedule, ''));
        END LOOP;
        IF NEW.name = 'METRICS_ALERTS_CRON' AND awf_schedule(NEW.name) IS NOT NULL THEN
            PERFORM tally.start(evaluate => NEW.value);
        END IF;
    END IF;
    IF NEW.name IN ('METRICS_DASHBOARDS_ENABLED', 'METRICS_KANON_MIN', 'METRICS_MAX_RANGE_DAYS', 'EXPORT_MAX_ROWS') THEN
        -- From the first change on, these four bind every reader of this schema.
        PERFORM tally.set_limits(TG_TABLE_SCHEMA, max_range => awf_setting('METRICS_MAX_RANGE_DAYS')::int * interval '1 day',
                    max_rows => awf_setting('EXPORT_MAX_ROWS')::int, min_people => NULLIF(awf_setting('METRICS_KANON_MIN')::int, 1),
                    per_minute => (SELECT l.per_minute FROM tally.limits l WHERE l.owner::oid = o.owner::oid AND l.schema = TG_TABLE_SCHEMA),
                    enabled => awf_setting('METRICS_DASHBOARDS_ENABLED')::boolean, owner => o.owner)
           FROM (SELECT DISTINCT r.owner::regrole AS owner FROM tally.rollups r JOIN pg_catalog.pg_class c ON c.oid = r.relation
                  WHERE c.relnamespace = TG_TABLE_SCHEMA::regnamespace AND r.source = 'analytics_events'::regclass) o;
    ELSIF NEW.name = 'ALERTS_WEBHOOK_URL' AND NEW.value <> '' THEN
        PERFORM tally.create_channel(channel, url => NEW.value, matchers => '{"area": "awf"}');
    ELSIF NEW.name LIKE 'ALERTS\_EMAIL\_%' AND awf_setting('ALERTS_EMAIL_FROM') <> '' AND awf_setting('ALERTS_EMAIL_TO') <> '' THEN
        -- scripts/mail_alerts.pl takes them from here.
        PERFORM tally.create_channel(channel, kind => 'table', template => 'email', matchers => '{"area": "awf"}',
            headers => jsonb_build_object('From', awf_setting('ALERTS_EMAIL_FROM'), 'To', awf_setting('ALERTS_EMAIL_TO')));
    ELSIF NEW.name LIKE 'ALERTS\_%' THEN
        PERFORM tally.drop_channel(format('%I.%I', c.schema, c.name))
           FROM (SELECT x.schema, x.name FROM tally.channels x WHERE x.schema = TG_TABLE_SCHEMA AND x.name = channel OFFSET 0) c;
    END IF;
    RETURN NULL;
END $f$;
COMMENT ON FUNCTION awf_settings_apply() IS
'Trigger of awf_settings: what changes there takes effect, with the rights of the role that changes it. The channels are "awf webhook" '
    'and "awf email".';

-- step: trigger awf_settings_apply ON awf_settings
CREATE OR REPLACE TRIGGER awf_settings_apply AFTER UPDATE ON awf_settings FOR EACH ROW WHEN (OLD.value IS DISTINCT FROM NEW.value)
    EXECUTE FUNCTION awf_settings_apply();
