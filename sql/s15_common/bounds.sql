-- Owns: the bounds of what definitions may hold: names and lengths of time. A definition out of bounds is refused in words, before it can
-- fail with an error of arithmetic when it runs.

CREATE OR REPLACE FUNCTION tally_internal._no_length(length interval, shortest interval, longest interval, months boolean DEFAULT true) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- Without a SET clause it becomes part of the expression that calls it. With one it was planned anew at each call, twice for each threshold of a tick.
RETURN length IS NULL OR length OPERATOR(pg_catalog.<) shortest OR length OPERATOR(pg_catalog.>) longest
    OR (NOT months AND (extract(year FROM length) OPERATOR(pg_catalog.<>) 0 OR extract(month FROM length) OPERATOR(pg_catalog.<>) 0));
COMMENT ON FUNCTION tally_internal._no_length(interval, interval, interval, boolean) IS
'Whether an interval is null, or not from shortest to longest. months: whether it may hold months, which have no fixed length.';

CREATE OR REPLACE FUNCTION tally_internal._check_name(name text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF COALESCE(btrim(name), '') = '' OR octet_length(name) > 200 THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('%s needs a name of 1 to 200 bytes, got %s', what,
                             COALESCE(CASE WHEN octet_length(name) > 200 THEN octet_length(name) || ' bytes' ELSE quote_literal(name) END, 'NULL')),
            COALESCE('It begins with ' || NULLIF(left(name, 60), '') || '.', 'People and other definitions speak of it by this name.'),
            format('Use a short name, such as %L.', COALESCE(NULLIF(btrim(left(name, 40)), ''), 'queue age')));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_name(text, text) IS 'An error where a name is empty or longer than 200 bytes; what says whose name it is.';

CREATE OR REPLACE FUNCTION tally_internal._check_size(definition text, what text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF octet_length(definition) > 1000000 THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('%s may have 1000000 bytes at most with all its texts, got %s', left(what, 200),
            octet_length(definition)), 'pg_tally reads the definitions of all roles together, so one long text slows the work for all.',
            'A long list belongs into a column of the source, which the expression then names; a long description belongs into a document.');
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_size(text, text) IS
'An error where a definition, written as text, is so long that it would hold up who reads those of all; what says whose it is.';

CREATE OR REPLACE FUNCTION tally_internal._tick(every interval, as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tally_internal._no_length(every, '1 second', '366 days', false) THEN RETURN NULL; END IF;
    RETURN date_bin(every, as_of, timestamptz '2000-01-01 00:00:00+00');
END $$;
COMMENT ON FUNCTION tally_internal._tick(interval, timestamptz) IS
'The last tick at or before a moment, where ticks are so far apart as every says; null where every is not from 1 second to 366 days.';

CREATE OR REPLACE FUNCTION tally_internal._check_as_of(as_of timestamptz, again text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF as_of IS NULL OR as_of NOT BETWEEN timestamptz '0001-01-02 00:00:00+00' AND timestamptz '9999-12-30 00:00:00+00' THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('as_of must be a moment in the years 1 to 9999, got %s', COALESCE(as_of::text, 'NULL')), NULL,
            again);
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_as_of(timestamptz, text) IS
'An error where alerts cannot be evaluated at as_of; again is the statement to run instead.';

CREATE OR REPLACE FUNCTION tally_internal._most_per_role() RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wanted text := tally_internal._setting_of_database('tally.most_per_role');
BEGIN
    RETURN CASE WHEN wanted ~ '^[0-9]{1,9}$' THEN wanted ELSE tally_internal._usual_setting('tally.most_per_role') END;
END $$;
COMMENT ON FUNCTION tally_internal._most_per_role() IS
'How many channels, routes, silences or inhibitions one role may have: the setting tally.most_per_role of the database, by default 1,000.';

CREATE OR REPLACE FUNCTION tally_internal._check_quota(what text, owner regrole, had bigint, one_less text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most int := tally_internal._most_per_role();
BEGIN
    IF had >= most THEN
        PERFORM tally_internal._refuse('program_limit_exceeded', format('role %s may have %s %s at most, and has %s', owner, most, what, had),
            'Each evaluation and delivery reads them, and the work of all others waits for it.',
            format('%s  -- or who installed pg_tally allows more: SELECT tally.set(''tally.most_per_role'', ''%s'');', one_less, 2 * GREATEST(most, 1)));
    END IF;
END $$;
COMMENT ON FUNCTION tally_internal._check_quota(text, regrole, bigint, text) IS
'An error where a role has as many of something as one role may have. one_less is the statement after which it has one less.';
