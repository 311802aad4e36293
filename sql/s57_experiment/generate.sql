-- Owns: tables of an experiment whose truth is known: to learn with, to test with and to measure with. The same seed gives the same rows.

CREATE OR REPLACE FUNCTION tally_internal._uniform(seed bigint, number bigint) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    -- PostgreSQL's own hashes of numbers in order are not even enough: the split of 4,000 units was off by three standard errors and more.
    SELECT ((('x' || left(encode(sha256(int8send(seed) || int8send(number)), 'hex'), 13))::bit(52)::bigint) + 0.5) / 4503599627370496
$$;
COMMENT ON FUNCTION tally_internal._uniform(bigint, bigint) IS 'A number between 0 and 1 that looks random. The same seed and place give the same number.';

CREATE OR REPLACE FUNCTION tally_internal._gauss(seed bigint, number bigint) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sqrt(-2 * ln(tally_internal._uniform(seed, number))) * cos(2 * pi() * tally_internal._uniform(seed + 7919, number))
$$;
COMMENT ON FUNCTION tally_internal._gauss(bigint,
    bigint) IS 'A number of the standard normal distribution (Box and Muller), by a seed and a place in its sequence.';

CREATE OR REPLACE FUNCTION tally.generate_experiment(
    prefix      text,
    units       int DEFAULT 2000,
    effect      float8 DEFAULT 0.05,
    spread      float8 DEFAULT 0.3,
    correlation float8 DEFAULT 0.7,
    twice       float8 DEFAULT 0,
    missing     float8 DEFAULT 0,
    late        float8 DEFAULT 0,
    since       timestamptz DEFAULT '2026-01-05 00:00+00',
    seed        bigint DEFAULT 1,
    search_path text DEFAULT pg_catalog.current_setting('search_path')
) RETURNS jsonb
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place text;
BEGIN
    PERFORM set_config('search_path', search_path, true);
    place := current_schema();
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    IF units NOT BETWEEN 2 AND 10000000 OR NOT (abs(correlation) <= 1 AND spread >= 0 AND spread < 10 AND abs(effect) < 10)
       OR NOT (twice BETWEEN 0 AND 1 AND missing BETWEEN 0 AND 1 AND late BETWEEN 0 AND 1) OR place IS NULL THEN
        PERFORM tally_internal._refuse('invalid_parameter_value',
            format('experiment %L needs 2 to 10000000 units, a correlation of -1 to 1, and shares of 0 to 1', prefix),
            format('Got %s units, effect %s, spread %s, correlation %s, twice %s, missing %s, late %s.', units, effect, spread, correlation, twice, missing,
                late),
            format('SELECT tally.generate_experiment(%L, units => 2000, effect => 0.05);', prefix));
    END IF;
    EXECUTE format('CREATE TABLE %1$I.%2$I (unit int, arm text, at timestamptz, country text); CREATE TABLE %1$I.%3$I (unit int, at timestamptz, amount '
        'float8); '
                   'CREATE TABLE %1$I.%4$I (LIKE %1$I.%3$I)', place, prefix || '_exposures', prefix || '_events', prefix || '_late');
    -- Units that the fault of a split would lose are those of the new arm.
    EXECUTE format('INSERT INTO %I.%I SELECT i, CASE WHEN new THEN ''new'' ELSE ''control'' END, at + j * interval ''30 hours'', '
                   '(ARRAY[''DE'', ''FR'', ''PL''])[1 + floor(3 * tally_internal._uniform($1 + 4, i))::int] '
                   'FROM (SELECT i, j, (tally_internal._uniform($1, i) < 0.5) <> (j = 1) AS new, tally_internal._uniform($1, i) < 0.5 AS first_new, '
                   '$2 + floor(14 * 24 * tally_internal._uniform($1 + 1, i)) * interval ''1 hour'' AS at '
                   'FROM generate_series(1, $3) i, generate_series(0, 1) j WHERE j = 0 OR tally_internal._uniform($1 + 2, i) < $4) x '
                   'WHERE NOT first_new OR tally_internal._uniform($1 + 3, i) >= $5', place, prefix || '_exposures') USING seed, since, units, twice, missing;
    -- Of each unit one event before its exposure and one after it, so that its sums are these two numbers.
    EXECUTE format('WITH e AS (SELECT i AS unit, j, $2 + floor(14 * 24 * tally_internal._uniform($1 + 1, i)) * interval ''1 hour'' '
                   '+ CASE j WHEN 0 THEN -1 ELSE 1 END * (1 + floor(140 * tally_internal._uniform($1 + 5 + j, i))) * interval ''1 hour'' AS at, '
                   '10 * (1 + $4 * CASE j WHEN 0 THEN x ELSE $5 * x + sqrt(1 - $5 * $5) * z END + CASE WHEN j = 1 AND tally_internal._uniform($1, i) < 0.5 '
                       'THEN $6 ELSE 0 END) AS amount, '
                   'tally_internal._uniform($1 + 8, 2 * i + j) < $7 AS late FROM generate_series(1, $3) i, generate_series(0, 1) j, '
                   'LATERAL (SELECT tally_internal._gauss($1 + 11, i) AS x, tally_internal._gauss($1 + 13, i) AS z) g), '
                   'tardy AS (INSERT INTO %1$I.%2$I SELECT unit, at, amount FROM e WHERE late) INSERT INTO %1$I.%3$I SELECT unit, at, amount FROM e WHERE '
                       'NOT late',
                   place, prefix || '_late', prefix || '_events') USING seed, since, units, spread, correlation, effect, late;
    EXECUTE format('CREATE INDEX ON %1$I.%2$I (unit); CREATE INDEX ON %1$I.%3$I (unit)', place, prefix || '_exposures', prefix || '_events');
    RETURN jsonb_build_object('lift', effect, 'mean', 10, 'variance', 100 * spread * spread, 'correlation', correlation, 'variance_left',
        1 - correlation * correlation,
                              'twice', twice, 'missing', missing, 'late', late);
END $$;
COMMENT ON FUNCTION tally.generate_experiment(text, int, float8, float8, float8, float8, float8, float8, timestamptz, bigint, text) IS
'Makes the tables <prefix>_exposures, <prefix>_events and <prefix>_late in the current schema: an experiment whose truth it returns. Units are exposed to '
    'the arms '
    'control and new within 14 days of since; the mean amount per unit is 10, in the new arm by effect more (0: an A/A test), with a standard deviation of '
        '10 spread '
    'and this correlation with the amount before exposure; twice is the share of units that see both arms, missing that of the new arm''s units that are '
        'lost (a '
    'wrong split), late that of events which wait in <prefix>_late to be inserted later.';
