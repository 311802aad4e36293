-- Owns: create_channel and drop_channel.

CREATE OR REPLACE FUNCTION tally_internal._channel(caller regrole, name text) RETURNS tally.channels
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    c tally.channels;
BEGIN
    SELECT * INTO c FROM tally.channels x WHERE x.id = (
        SELECT tally_internal._choose('channel', name, array_agg(y.id), array_agg(y.schema), array_agg(y.name)) FROM tally.channels y
         WHERE tally_internal._has_rights(caller, y.owner) AND y.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF c.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('channel %L does not exist, or belongs to another role than %s', name, caller), NULL,
                              'SELECT name, kind FROM tally.channels ORDER BY name;');
    END IF;
    RETURN c;
END $$;
COMMENT ON FUNCTION tally_internal._channel(regrole, text) IS 'The channel of a name that the calling role has rights on, or an error.';
REVOKE ALL ON FUNCTION tally_internal._channel(regrole, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._channel_problem(c tally.channels) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE
        WHEN c.kind IS NULL OR c.kind NOT IN ('webhook', 'table') THEN format('kind must be webhook or table, got %s', COALESCE(quote_literal(c.kind), 'NULL'))
        WHEN c.template IS NULL OR c.template NOT IN ('generic', 'slack', 'pagerduty', 'email') THEN
            format('template must be generic, slack, pagerduty or email, got %s', COALESCE(quote_literal(c.template), 'NULL'))
        WHEN c.kind = 'webhook' AND (c.url IS NULL OR c.url !~ '^https?://') THEN 'a webhook needs a url that begins with http:// or https://'
        WHEN c.template = 'pagerduty' AND (c.secret IS NULL OR c.group_by IS NOT NULL) THEN 'pagerduty needs its routing key as secret, and groups by itself'
        WHEN jsonb_typeof(c.headers) IS DISTINCT FROM 'object' THEN 'headers must be an object'
        WHEN EXISTS (SELECT FROM jsonb_each(c.headers) h WHERE jsonb_typeof(h.value) <> 'string') THEN 'headers must be texts'
        -- A line break would begin another header of the post.
        WHEN EXISTS (SELECT FROM jsonb_each_text(c.headers) h WHERE h.key !~ '^[A-Za-z0-9_.-]+$' OR h.value ~ '[[:cntrl:]]')
            OR c.secret ~ '[[:cntrl:]]' OR c.url ~ '[[:cntrl:][:space:]]' THEN
            'names of headers are letters, digits, -, _ and .; no header, secret or url has a line break or another control character'
        WHEN c.max_attempts NOT BETWEEN 1 AND 100 THEN format('max_attempts must be from 1 to 100, got %s', c.max_attempts)
        WHEN tally_internal._no_length(c.group_wait, '0', '366 days', false) THEN
            format('group_wait must be from 0 to 366 days, without months, got %s', c.group_wait)
        WHEN tally_internal._no_length(c.group_interval, '0', '366 days', false) THEN
            format('group_interval must be from 0 to 366 days, without months, got %s', c.group_interval)
        WHEN c.repeat_interval IS NOT NULL AND tally_internal._no_length(c.repeat_interval, '1 second', '366 days', false) THEN
            format('repeat_interval must be from 1 second to 366 days, without months, got %s', c.repeat_interval)
        WHEN tally_internal._quiet_problem(c.quiet) IS NOT NULL THEN tally_internal._quiet_problem(c.quiet)
        WHEN cardinality(c.group_by) > 20 OR array_position(c.group_by, NULL) IS NOT NULL THEN 'group_by must name up to 20 labels'
        WHEN octet_length(c.url) > 2000 OR octet_length(c.secret) > 10000
            OR octet_length(c.headers::text) > 10000 THEN
            'url takes 2000 bytes, secret and headers 10000 at most'
        WHEN NOT c.events <@ '{opened,refired,reopened,recovered,escalated,repeated,unsilenced,acknowledged,resolved}' THEN
            format('events must be of opened, refired, reopened, recovered, escalated, repeated, unsilenced, acknowledged, resolved, got %s', c.events)
        END;
END $$;
COMMENT ON FUNCTION tally_internal._channel_problem(tally.channels) IS 'What is wrong with a channel in the making, in words; null where it may be stored.';

CREATE OR REPLACE FUNCTION tally_internal._put_channel(c tally.channels) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    old tally.channels;
    put int;
BEGIN
    SELECT * INTO old FROM tally.channels x WHERE x.schema = c.schema AND x.name = c.name;
    IF old.id IS NULL THEN
        PERFORM tally_internal._check_quota('channels', c.owner::regrole, count(*), format('SELECT tally.drop_channel(%L);', min(x.schema || '.' || x.name)))
           FROM tally.channels x WHERE x.owner::oid = c.owner::oid;
    END IF;
    INSERT INTO tally.channels AS x (schema, name, owner, kind, template, url, headers, secret, matchers, events, group_by, group_wait, group_interval,
                                     repeat_interval, max_attempts, enabled, quiet)
    VALUES (c.schema, c.name, c.owner, c.kind, c.template, c.url, c.headers, c.secret, c.matchers, c.events, c.group_by, c.group_wait, c.group_interval,
            c.repeat_interval, c.max_attempts, c.enabled, c.quiet)
    ON CONFLICT ON CONSTRAINT channels_schema_name_key DO UPDATE
       SET (kind, template, url, headers, secret, matchers, events, group_by, group_wait, group_interval, repeat_interval, max_attempts, enabled, quiet)
         = (EXCLUDED.kind, EXCLUDED.template, EXCLUDED.url, EXCLUDED.headers, EXCLUDED.secret, EXCLUDED.matchers, EXCLUDED.events, EXCLUDED.group_by,
            EXCLUDED.group_wait, EXCLUDED.group_interval, EXCLUDED.repeat_interval, EXCLUDED.max_attempts, EXCLUDED.enabled, EXCLUDED.quiet)
     WHERE tally_internal._has_rights(c.owner::regrole, x.owner) RETURNING x.id INTO put;
    IF put IS NOT NULL AND (old.group_by, old.group_wait, old.group_interval, old.quiet)
        IS DISTINCT FROM (c.group_by, c.group_wait, c.group_interval, c.quiet) THEN
        -- The groups change. What fires goes into its new group, and the beats begin anew.
        DELETE FROM tally.notification_groups g WHERE g.channel_id = put;
        UPDATE tally.notification_members m SET group_hash = md5(tally_internal._group_key(x, i.id, tally_internal._identity(i))::text)
          FROM tally.channels x, tally.incidents i WHERE x.id = put AND m.channel_id = x.id AND i.id = m.incident_id;
    END IF;
    RETURN put;
END $$;
COMMENT ON FUNCTION tally_internal._put_channel(tally.channels) IS
'Writes a channel, new or changed, and gives its number; null where the name is another role''s. c.owner is who asks. For create_channel().';
REVOKE ALL ON FUNCTION tally_internal._put_channel(tally.channels) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.create_channel(
    name            text,
    kind            text DEFAULT 'webhook',
    url             text DEFAULT NULL,
    template        text DEFAULT 'generic',
    secret          text DEFAULT NULL,
    headers         jsonb DEFAULT '{}',
    matchers        jsonb DEFAULT '{}',
    events          text[] DEFAULT '{opened,refired,reopened,recovered,escalated,repeated,unsilenced}',
    group_by        text[] DEFAULT NULL,
    group_wait      interval DEFAULT '0',
    group_interval  interval DEFAULT '0',
    repeat_interval interval DEFAULT NULL,
    max_attempts    int DEFAULT 8,
    enabled         boolean DEFAULT true,
    quiet           jsonb DEFAULT NULL,
    search_path     text DEFAULT pg_catalog.current_setting('search_path'),
    who bigint DEFAULT tally_internal._me()
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller  regrole := tally_internal._caller(who);
    c       tally.channels;
    problem text;
BEGIN
    PERFORM tally_internal._check_name(name, 'channel'), tally_internal._check_matchers(matchers, 'matchers');
    c.schema := tally_internal._home(search_path, caller);
    c.name := name;
    c.owner := caller;
    c.kind := kind;
    c.template := template;
    c.url := url;
    c.headers := COALESCE(headers, '{}');
    c.secret := secret;
    c.matchers := matchers;
    c.events := COALESCE(events, '{opened,refired,reopened,recovered,escalated,repeated,unsilenced}');
    c.group_by := group_by;
    c.group_wait := COALESCE(group_wait, '0');
    c.group_interval := COALESCE(group_interval, '0');
    c.repeat_interval := repeat_interval;
    c.max_attempts := COALESCE(max_attempts, 8);
    c.enabled := COALESCE(enabled, true);
    c.quiet := quiet;
    problem := tally_internal._channel_problem(tally_internal._opened(c));
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('channel %L: %s', name, problem), 'docs/alerting.md lists every option.',
            format('SELECT tally.create_channel(%L, url => ''https://…'', template => ''slack''%s);', COALESCE(name, 'ops'), CASE
                   WHEN tally_internal._quiet_problem(quiet) IS NOT NULL
                       THEN ', quiet => ''{"zone": "UTC", "hours": [{"from": "22:00", "until": "07:00"}]}''' ELSE '' END));
    ELSIF quiet IS NOT NULL THEN
        PERFORM tally_internal._check_zone(COALESCE(quiet ->> 'zone', 'UTC')), tally_internal._check_matchers(COALESCE(quiet -> 'matchers', '{}'), 'matchers');
    END IF;
    IF tally_internal._put_channel(c) IS NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('channel %L belongs to another role', name), NULL,
                              format('SELECT tally.create_channel(%L, …);', name || '_2'));
    END IF;
    IF kind = 'webhook' AND tally_internal._net_post() IS NULL THEN
        RAISE NOTICE USING MESSAGE = 'pg_net is not in this database, so nothing here posts webhooks',
            DETAIL = 'Notifications wait in the outbox for whoever claims them.',
            HINT = format('CREATE EXTENSION pg_net; or poll: SELECT * FROM tally.claim_notifications(%L);', CASE WHEN EXISTS (
                SELECT FROM tally.channels x WHERE x.name = name AND x.schema <> c.schema AND tally_internal._has_rights(caller, x.owner))
                THEN tally_internal._with_schema(c.schema, name) ELSE name END);
    END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_channel(text, text, text, text, text, jsonb, jsonb, text[], text[], interval, interval, interval, int, boolean, jsonb,
                                         text, bigint) IS
'Defines where notifications go: webhook (url, template generic, slack, pagerduty or email, secret, headers) or table (for a poller); a url, secret or '
    'header vault:NAME is that secret of Vault; which incidents (matchers) and events; grouping and repeating; quiet hours, which put off what is not '
    'critical. If you define it again with changes, the new definition replaces the old one.';

CREATE OR REPLACE FUNCTION tally.drop_channel(name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    caller regrole := tally_internal._caller(who);
    c tally.channels := tally_internal._channel(caller, name);
BEGIN
    PERFORM tally_internal._refuse_routed(c);
    DELETE FROM tally.channels x WHERE x.id = c.id;
END $$;
COMMENT ON FUNCTION tally.drop_channel(text, bigint) IS 'Drops a channel and its notifications.';
