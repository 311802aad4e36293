-- Owns: what a page and the web server in front of it say to each other. PostgREST hands the headers of a request over as settings, and takes those of the
-- answer from one. In a session without such settings nothing of this happens.

CREATE OR REPLACE FUNCTION tally_internal._is_served() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT COALESCE(current_setting('request.method', true), '') <> '' $$;
COMMENT ON FUNCTION tally_internal._is_served() IS 'Whether a web server asks, which can take a form too.';

CREATE OR REPLACE FUNCTION tally_internal._page_headers() RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- No other site may show a page in a frame of its own, where people press a button that they do not see. A page holds what one person may see, so no
    -- cache between may keep it. The page's own policy cannot say either of this.
    ours CONSTANT jsonb := '[{"Content-Security-Policy": "frame-ancestors ''self''"}, {"Cache-Control": "no-store"}, {"X-Content-Type-Options": "nosniff"}]';
    said jsonb;
BEGIN
    IF NOT tally_internal._is_served() THEN RETURN; END IF;
    said := COALESCE(NULLIF(current_setting('response.headers', true), ''), '[]')::jsonb;
    IF NOT said @> ours THEN PERFORM set_config('response.headers', (said || ours)::text, true); END IF;
END $$;
COMMENT ON FUNCTION tally_internal._page_headers() IS 'Gives the answer that is a page the headers that protect it, where PostgREST serves it.';

CREATE OR REPLACE FUNCTION tally_internal._refuse_other_site(hint text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    headers jsonb := COALESCE(NULLIF(current_setting('request.headers', true), ''), '{}')::jsonb;
    -- Every browser says this of a request to an https address, and no page can change it.
    site    text := headers ->> 'sec-fetch-site';
    -- To an http address it says where the form was. A form cannot set the header of the gateway.
    origin  text := headers ->> 'origin';
BEGIN
    IF (CASE WHEN site IS NOT NULL THEN site IN ('same-origin', 'none')
            ELSE origin IS NULL OR regexp_replace(origin, '^https?://', '', 'i') IN (COALESCE(headers ->> 'host', ''), COALESCE(headers ->>
                'x-forwarded-host', '')) END) THEN
        RETURN;
    END IF;
    PERFORM tally_internal._refuse('insufficient_privilege', format('a form must come from the site of its own page, got one from %s',
        COALESCE(NULLIF(origin, 'null'), 'another site')),
        'A browser that is logged in sends the forms of other sites as that person too. Nothing was done.', hint);
END $$;
COMMENT ON FUNCTION tally_internal._refuse_other_site(text) IS
'An error where a browser sends a form that another site has written; hint: the statement that gives the right page. A caller that is no browser sends no '
    'such header.';
