-- Owns: routes. A route is a tree that decides which channels an incident goes to, by matchers, the first match first. A channel that a route names gets what
-- the route sends to it, and no more. Other channels go by their own matchers alone.

CREATE OR REPLACE FUNCTION tally_internal._route_problem(tree jsonb, depth int DEFAULT 1) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child   jsonb;
    problem text;
BEGIN
    IF jsonb_typeof(tree) IS DISTINCT FROM 'object' OR tree - '{channel,matchers,continue,routes}'::text[] <> '{}' THEN
        RETURN format('a node must be an object of channel, matchers, continue and routes, got %s', COALESCE(left(tree::text, 200), 'NULL'));
    ELSIF depth = 1 AND (NOT tree ? 'channel' OR tree ?| '{matchers,continue}') THEN
        RETURN 'the first node must name a channel, for what nothing else takes, and have neither matchers nor continue';
    ELSIF depth > 20 OR octet_length(tree::text) > 100000 THEN
        RETURN 'a tree has 20 levels and 100000 bytes at most';
    ELSIF tree ? 'channel' AND jsonb_typeof(tree -> 'channel') <> 'string' THEN
        RETURN format('channel must be a name, got %s', left((tree -> 'channel')::text, 200));
    ELSIF depth > 1 AND NOT tree ? 'matchers' THEN
        RETURN format('each node but the first needs matchers, got %s', left(tree::text, 200));
    ELSIF jsonb_typeof(COALESCE(tree -> 'continue', 'false')) <> 'boolean' THEN
        RETURN format('continue must be true or false, got %s', left((tree -> 'continue')::text, 200));
    ELSIF jsonb_typeof(COALESCE(tree -> 'routes', '[]')) <> 'array' THEN
        RETURN format('routes must be a list, got %s', left((tree -> 'routes')::text, 200));
    END IF;
    FOR child IN SELECT x FROM jsonb_array_elements(COALESCE(tree -> 'routes', '[]')) x LOOP
        problem := tally_internal._route_problem(child, depth + 1);
        IF problem IS NOT NULL THEN RETURN problem; END IF;
    END LOOP;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._route_problem(jsonb, int) IS 'What is wrong with a tree of routes, in words; null where nothing is.';

CREATE OR REPLACE FUNCTION tally_internal._route_resolved(caller regrole, tree jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tree ? 'matchers' THEN PERFORM tally_internal._check_matchers(tree -> 'matchers', 'matchers'); END IF;
    RETURN tree
        || CASE WHEN tree ? 'channel' THEN jsonb_build_object('channel', (tally_internal._channel(caller, tree ->> 'channel')).id) ELSE '{}' END
        || CASE WHEN tree ? 'routes' THEN jsonb_build_object('routes', (
               SELECT COALESCE(jsonb_agg(tally_internal._route_resolved(caller, x) ORDER BY n), '[]')
                 FROM jsonb_array_elements(tree -> 'routes') WITH ORDINALITY r(x, n))) ELSE '{}' END;
END $$;
COMMENT ON FUNCTION tally_internal._route_resolved(regrole, jsonb) IS
'A tree with numbers of channels in the place of their names; an error where the role has no such channel.';
REVOKE ALL ON FUNCTION tally_internal._route_resolved(regrole, jsonb) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally_internal._route_named(tree jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN tree
        || CASE WHEN tree ? 'channel' THEN jsonb_build_object('channel', (
               SELECT tally_internal._called_by(c.schema, c.name, EXISTS (SELECT FROM tally.channels x WHERE x.name = c.name AND x.id <> c.id))
                 FROM tally.channels c WHERE c.id = (tree ->> 'channel')::int)) ELSE '{}' END
        || CASE WHEN tree ? 'routes' THEN jsonb_build_object('routes', (
               SELECT COALESCE(jsonb_agg(tally_internal._route_named(x) ORDER BY n), '[]')
                 FROM jsonb_array_elements(tree -> 'routes') WITH ORDINALITY r(x, n))) ELSE '{}' END;
END $$;
COMMENT ON FUNCTION tally_internal._route_named(jsonb) IS 'A tree with names of channels in the place of their numbers.';

CREATE OR REPLACE FUNCTION tally_internal._route_channels(tree jsonb) RETURNS int[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(array_agg(DISTINCT c::int), '{}') FROM jsonb_path_query(tree, '$.**.channel') c WHERE jsonb_typeof(c) = 'number'
$$;
COMMENT ON FUNCTION tally_internal._route_channels(jsonb) IS 'Numbers of the channels that a tree names.';

CREATE OR REPLACE FUNCTION tally_internal._routed(tree jsonb, identity jsonb, inherited int DEFAULT NULL) RETURNS int[]
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own    int := COALESCE((tree ->> 'channel')::int, inherited);
    child  jsonb;
    below  int[];
    result int[] := '{}';
BEGIN
    IF NOT tally_internal._matches(COALESCE(tree -> 'matchers', '{}'), identity) THEN RETURN '{}'; END IF;
    FOR child IN SELECT x FROM jsonb_array_elements(COALESCE(tree -> 'routes', '[]')) WITH ORDINALITY r(x, n) ORDER BY n LOOP
        below := tally_internal._routed(child, identity, own);
        result := result || below;
        EXIT WHEN below <> '{}' AND NOT COALESCE((child ->> 'continue')::boolean, false);
    END LOOP;
    -- What none of its nodes takes stays with the node.
    RETURN CASE WHEN result = '{}' THEN ARRAY[own] ELSE result END;
END $$;
COMMENT ON FUNCTION tally_internal._routed(jsonb, jsonb, int) IS
'Numbers of the channels to which a tree sends an incident of an identity; none where the node does not match.';

CREATE OR REPLACE FUNCTION tally.create_route(
    name        text,
    tree        jsonb,
    enabled     boolean DEFAULT true,
    search_path text DEFAULT pg_catalog.current_setting('search_path'),
    who         bigint DEFAULT tally_internal._me()
) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
#variable_conflict use_variable
DECLARE
    caller  regrole := tally_internal._caller(who);
    again   text := format('SELECT tally.create_route(%L, ''{"channel": "ops", "routes": [{"matchers": {"severity": "critical"}, "channel": "pager"}]}'');',
                           COALESCE(name, 'main'));
    problem text := tally_internal._route_problem(tree);
    home    text := tally_internal._home(search_path, caller);
    put     int;
BEGIN
    PERFORM tally_internal._check_name(name, 'route');
    IF problem IS NOT NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value', format('route %L: %s', name, problem),
            'A node sends what matches it to the first of its routes that matches (and on to the next where that says continue), else to its channel.', again);
    END IF;
    tree := tally_internal._route_resolved(caller, tree);
    IF NOT EXISTS (SELECT FROM tally.routes x WHERE x.schema = home AND x.name = name) THEN
        PERFORM tally_internal._check_quota('routes', caller, count(*), format('SELECT tally.drop_route(%L);', min(x.schema || '.' || x.name)))
           FROM tally.routes x WHERE x.owner::oid = caller::oid;
    END IF;
    INSERT INTO tally.routes AS r (schema, name, owner, tree, channels, enabled)
    VALUES (home, name, caller, tree, tally_internal._route_channels(tree), COALESCE(enabled, true))
    ON CONFLICT ON CONSTRAINT routes_schema_name_key DO UPDATE SET tree = EXCLUDED.tree, channels = EXCLUDED.channels, enabled = EXCLUDED.enabled
     WHERE tally_internal._has_rights(caller, r.owner) RETURNING r.id INTO put;
    IF put IS NULL THEN
        PERFORM tally_internal._refuse('insufficient_privilege', format('route %L belongs to another role', name), NULL,
            format('SELECT tally.create_route(%L, …);', name || '_2'));
    END IF;
    RETURN name;
END $$;
COMMENT ON FUNCTION tally.create_route(text, jsonb, boolean, text, bigint) IS
'Defines by a tree which channels an incident goes to: {"channel": "ops", "routes": [{"matchers": {"severity": "critical"}, "channel": "pager", "continue": '
    'true, "routes": […]}]}. The first node of routes that matches takes it, and with continue the next ones may take it too. What none takes goes to the '
    'node''s own channel; without one, to that of the node above. Channels of a tree get nothing else. If you define it again with changes, the new tree '
    'replaces the old one.';

CREATE OR REPLACE FUNCTION tally_internal._route(caller regrole, name text) RETURNS tally.routes
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r tally.routes;
BEGIN
    SELECT * INTO r FROM tally.routes x WHERE x.id = (
        SELECT tally_internal._choose('route', name, array_agg(y.id), array_agg(y.schema), array_agg(y.name)) FROM tally.routes y
         WHERE tally_internal._has_rights(caller, y.owner) AND y.name IN (SELECT w.name FROM tally_internal._readings(name) w));
    IF r.id IS NULL THEN
        PERFORM tally_internal._refuse('undefined_object', format('route %L does not exist, or belongs to another role than %s', name, caller), NULL,
            'SELECT name FROM tally.routes ORDER BY name;');
    END IF;
    RETURN r;
END $$;
COMMENT ON FUNCTION tally_internal._route(regrole, text) IS 'The route of a name that the calling role has rights on, or an error.';
REVOKE ALL ON FUNCTION tally_internal._route(regrole, text) FROM PUBLIC;

CREATE OR REPLACE FUNCTION tally.drop_route(name text, who bigint DEFAULT tally_internal._me()) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r tally.routes := tally_internal._route(tally_internal._caller(who), name);
BEGIN
    DELETE FROM tally.routes x WHERE x.id = r.id;
END $$;
COMMENT ON FUNCTION tally.drop_route(text, bigint) IS 'Drops a route. Its channels go by their own matchers again.';

CREATE OR REPLACE FUNCTION tally.test_route(name text, labels jsonb, who bigint DEFAULT tally_internal._me()) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET tally.actor = '' AS $$
DECLARE
    r tally.routes := tally_internal._route(tally_internal._caller(who), name);
BEGIN
    PERFORM tally_internal._check_matchers(labels, 'labels');
    RETURN ARRAY(SELECT c.name FROM unnest(tally_internal._routed(r.tree, labels)) WITH ORDINALITY x(id, n) JOIN tally.channels c ON c.id = x.id
                  GROUP BY c.id, c.name ORDER BY min(x.n));
END $$;
COMMENT ON FUNCTION tally.test_route(text, jsonb, bigint) IS
'The channels to which a route would send an incident with these labels, severity, threshold, area and kind, in the order of the tree. Sends nothing.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_routed(c tally.channels) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    r tally.routes;
BEGIN
    SELECT * INTO r FROM tally.routes x WHERE c.id = ANY (x.channels) ORDER BY x.id LIMIT 1;
    IF r.id IS NOT NULL THEN
        PERFORM tally_internal._refuse('dependent_objects_still_exist', format('channel %L cannot be dropped: route %L sends to it', c.name, r.name),
            'What it sends there would be lost.', format('SELECT tally.drop_route(%L);  -- or create it again without the channel', r.name));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._refuse_routed(tally.channels) IS 'An error where a route sends to a channel.';
REVOKE ALL ON FUNCTION tally_internal._refuse_routed(tally.channels) FROM PUBLIC;
