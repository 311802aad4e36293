-- Owns: how a condition is read from text, in SQL. core/src/alert/parse.rs says what holds; the answers are the same.

CREATE FUNCTION tally_internal._condition_problem(problem text) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'TL002', MESSAGE = problem;
END $$;
COMMENT ON FUNCTION tally_internal._condition_problem(text) IS 'What is wrong with a condition, for parse_condition().';

CREATE FUNCTION tally_internal._condition_number(word text, above boolean DEFAULT false) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result float8;
BEGIN
    IF word ~ '^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d{1,4})?$' THEN
        BEGIN
            result := word::float8;
        EXCEPTION WHEN numeric_value_out_of_range THEN
            -- Too small is 0, too large is no number.
            result := CASE WHEN word ~ 'e-' THEN 0 END;
        END;
    END IF;
    IF result IS NULL THEN PERFORM tally_internal._condition_problem(format('expected a finite number, got "%s"', word)); END IF;
    IF above AND result <= 0 THEN PERFORM tally_internal._condition_problem(format('expected a number above 0, got "%s"', word)); END IF;
    RETURN result;
END $$;
COMMENT ON FUNCTION tally_internal._condition_number(text, boolean) IS 'A number in a condition; above: it must be more than 0.';

CREATE FUNCTION tally_internal._condition_operator(word text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF word IN ('>', '>=', '<', '<=', '=', '!=') THEN RETURN word; END IF;
    IF word = '<>' THEN RETURN '!='; END IF;
    PERFORM tally_internal._condition_problem(format('expected one of > >= < <= = !=, got "%s"', word));
END $$;
COMMENT ON FUNCTION tally_internal._condition_operator(text) IS 'An operator in a condition.';

CREATE FUNCTION tally_internal._condition_length(words text[]) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    unit float8 := CASE WHEN cardinality(words) = 2 THEN CASE regexp_replace(words[2], 's$', '') WHEN 'second' THEN 1 WHEN 'minute' THEN 60
                        WHEN 'hour' THEN 3600 WHEN 'day' THEN 86400 WHEN 'week' THEN 604800 END END;
BEGIN
    IF unit IS NULL OR words[1] !~ '^(\d+\.?\d*|\.\d+)$' OR length(words[1]) > 30
        OR words[1]::float8 * unit NOT BETWEEN 1 AND 3660 * 86400.0 THEN
        PERFORM tally_internal._condition_problem(format('expected a length of time from 1 second to 3660 days, such as "7 days", got "%s"',
                                                         array_to_string(words, ' ')));
    END IF;
    RETURN words[1]::float8 * unit;
END $$;
COMMENT ON FUNCTION tally_internal._condition_length(text[]) IS 'A length of time in a condition, in seconds.';

CREATE FUNCTION tally_internal._condition_percent(word text) RETURNS float8
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF word NOT LIKE '%\%' THEN
        PERFORM tally_internal._condition_problem(format('expected a percentage such as -20%%, got "%s"', word));
    END IF;
    RETURN tally_internal._condition_number(left(word, -1));
END $$;
COMMENT ON FUNCTION tally_internal._condition_percent(text) IS 'A percentage in a condition.';

CREATE FUNCTION tally_internal._condition_weeks(words text[]) RETURNS int
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF words = '{}' THEN RETURN 8; END IF;
    IF cardinality(words) <> 3 OR words[1] <> 'over' OR words[3] NOT IN ('week', 'weeks') THEN
        PERFORM tally_internal._condition_problem(format('expected "over 8 weeks", got "%s"', array_to_string(words, ' ')));
    ELSIF words[2] !~ '^\+?\d{1,3}$' OR words[2]::int NOT BETWEEN 2 AND 53 THEN
        PERFORM tally_internal._condition_problem(format('expected 2 to 53 weeks, got "%s"', words[2]));
    END IF;
    RETURN words[2]::int;
END $$;
COMMENT ON FUNCTION tally_internal._condition_weeks(text[]) IS 'How many weeks a condition looks back.';

CREATE FUNCTION tally_internal._condition_pair(words text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    budget float8;
    long_  float8;
    short_ float8;
BEGIN
    IF words[1] NOT LIKE '%\%' THEN
        PERFORM tally_internal._condition_problem(format('expected a percentage of the budget such as 2%%, got "%s"', words[1]));
    END IF;
    budget := tally_internal._condition_number(left(words[1], -1) || 'e-2');
    IF budget <= 0 OR budget > 1 THEN
        PERFORM tally_internal._condition_problem(format('expected a share of the budget above 0%% and up to 100%%, got "%s"', words[1]));
    END IF;
    long_ := tally_internal._condition_length(words[3:4]);
    short_ := tally_internal._condition_length(words[6:7]);
    IF long_ <> trunc(long_) OR short_ <> trunc(short_) OR short_ >= long_ THEN
        PERFORM tally_internal._condition_problem(format('expected a long and a shorter window of whole seconds, got %s and %s seconds', long_, short_));
    END IF;
    RETURN jsonb_build_array(budget, long_::int, short_::int);
END $$;
COMMENT ON FUNCTION tally_internal._condition_pair(text[]) IS 'A pair of windows of a burn rate: share of the budget, long and short window in seconds.';

CREATE FUNCTION tally_internal._condition_burn(words text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    share float8;
    days  float8 := 30;
    bad   float8 := 0;
    pairs jsonb := '[]';
    long_ text;
    rest  text[] := words[2:];
BEGIN
    IF words = '{}' THEN PERFORM tally_internal._condition_problem('expected an objective after "burn rate", got nothing'); END IF;
    -- By shifting the point in the text: 99.9 / 100 is not the double nearest to 0.999.
    share := CASE WHEN words[1] LIKE '%\%' THEN tally_internal._condition_number(left(words[1], -1) || 'e-2')
                  ELSE tally_internal._condition_number(words[1]) END;
    IF share <= 0 OR share >= 1 THEN
        PERFORM tally_internal._condition_problem(format('expected an objective between 0%% and 100%%, got "%s"', words[1]));
    END IF;
    WHILE rest <> '{}' LOOP
        IF rest[1] = 'over' AND cardinality(rest) >= 3 THEN
            days := tally_internal._condition_length(rest[2:3]) / 86400;
        ELSIF rest[1] = 'min' AND rest[3] = 'bad' THEN
            bad := tally_internal._condition_number(rest[2]);
            IF bad < 0 THEN
                PERFORM tally_internal._condition_problem(format('expected a number of bad events of 0 or more, got "%s"', rest[2]));
            END IF;
        ELSIF rest[2] = 'in' AND rest[5] = 'and' AND cardinality(rest) >= 7 THEN
            pairs := pairs || jsonb_build_array(tally_internal._condition_pair(rest[1:7]));
            rest := rest[5:];
        ELSE
            PERFORM tally_internal._condition_problem(format(
                'expected "over 30 days", "min 10 bad" or "2%% in 1 hour and 5 minutes" after the objective, got "%s"', array_to_string(rest, ' ')));
        END IF;
        rest := rest[4:];
    END LOOP;
    IF jsonb_array_length(pairs) > 8 THEN
        PERFORM tally_internal._condition_problem(format('expected 8 pairs of windows at most, got %s', jsonb_array_length(pairs)));
    END IF;
    SELECT p ->> 1 INTO long_ FROM jsonb_array_elements(pairs) WITH ORDINALITY x(p, n) WHERE (p ->> 1)::float8 > days * 86400 ORDER BY n LIMIT 1;
    IF long_ IS NOT NULL THEN
        PERFORM tally_internal._condition_problem(format('expected windows no longer than the period, got one of %s seconds', long_));
    END IF;
    RETURN jsonb_build_object('kind', 'burn', 'objective', share, 'days', days, 'min_bad', bad)
        || CASE WHEN pairs <> '[]' THEN jsonb_build_object('pairs', pairs) ELSE '{}' END;
END $$;
COMMENT ON FUNCTION tally_internal._condition_burn(text[]) IS 'What follows "burn rate" in a condition.';

CREATE OR REPLACE FUNCTION tally.parse_condition(condition text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1 AS $$
DECLARE
    forms CONSTANT text := '"> 2500" (also >=, <, <=, =, !=), "> 1.5 x baseline of 7 days", "< -20% vs 7 days", "> 5 per 1 hour", "z > 4 over 8 weeks", '
        '"poisson < 0.001 over 8 weeks", "absent", "burn rate 99.9% over 30 days"';
    words text[];
    op    text;
    p     float8;
BEGIN
    IF octet_length(condition) > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a condition has 1000 bytes at most, got %s', octet_length(condition)),
            DETAIL = format('A condition has one of the forms %s.', forms), HINT = 'SELECT tally.parse_condition(''> 2500'');';
    END IF;
    -- An operator stands by itself, so that >2500 reads as > 2500.
    words := ARRAY(SELECT x FROM regexp_split_to_table(condition, '\s+') WITH ORDINALITY w(word, n),
                   LATERAL (VALUES (1, substring(lower(word) FROM '^[<>=!]+')), (2, regexp_replace(lower(word), '^[<>=!]+', ''))) v(k, x)
                   WHERE x <> '' ORDER BY n, k);
    IF words = '{}' THEN
        PERFORM tally_internal._condition_problem('expected a condition, got an empty text');
    ELSIF words = '{absent}' THEN
        RETURN '{"kind": "absent"}';
    ELSIF words[1:2] = '{burn,rate}' THEN
        RETURN tally_internal._condition_burn(words[3:]);
    ELSIF words[1] = 'z' AND cardinality(words) >= 3 THEN
        IF tally_internal._condition_operator(words[2]) <> '>' THEN
            PERFORM tally_internal._condition_problem(format('expected "z > number" (it looks both ways), got "z %s"', words[2]));
        END IF;
        RETURN jsonb_build_object('kind', 'robust_z', 'limit', tally_internal._condition_number(words[3], true),
                                  'weeks', tally_internal._condition_weeks(words[4:]));
    ELSIF words[1] = 'poisson' AND cardinality(words) >= 3 THEN
        p := tally_internal._condition_number(words[3], true);
        IF tally_internal._condition_operator(words[2]) <> '<' OR p >= 1 THEN
            PERFORM tally_internal._condition_problem(format('expected "poisson < probability" below 1, got "poisson %s %s"', words[2], words[3]));
        END IF;
        RETURN jsonb_build_object('kind', 'poisson', 'p', p, 'weeks', tally_internal._condition_weeks(words[4:]));
    ELSIF words[1:3] = '{week,over,week}' AND cardinality(words) = 5 THEN
        RETURN jsonb_build_object('kind', 'change', 'op', tally_internal._condition_operator(words[4]),
                                  'percent', tally_internal._condition_percent(words[5]), 'vs', '7 days');
    ELSIF cardinality(words) = 1 THEN
        PERFORM tally_internal._condition_problem(format('expected an operator and a number, got "%s"', words[1]));
    END IF;
    op := tally_internal._condition_operator(words[1]);
    IF cardinality(words) = 2 THEN
        RETURN jsonb_build_object('kind', 'compare', 'op', op, 'limit', tally_internal._condition_number(words[2]),
                                  'decimals', least(COALESCE(length(substring(words[2] FROM '\.(\d*)')), 0), 15));
    ELSIF words[3:4] = '{x,baseline}' AND (cardinality(words) = 4 OR words[5] = 'of') THEN
        IF cardinality(words) > 4 THEN PERFORM tally_internal._condition_length(words[6:]); END IF;
        RETURN jsonb_build_object('kind', 'baseline', 'op', op, 'factor', tally_internal._condition_number(words[2], true),
                                  'of', CASE WHEN cardinality(words) > 4 THEN array_to_string(words[6:], ' ') ELSE '7 days' END);
    ELSIF words[3] = 'vs' THEN
        PERFORM tally_internal._condition_length(words[4:]);
        RETURN jsonb_build_object('kind', 'change', 'op', op, 'percent', tally_internal._condition_percent(words[2]), 'vs', array_to_string(words[4:], ' '));
    ELSIF words[3] = 'per' THEN
        RETURN jsonb_build_object('kind', 'rate', 'op', op, 'limit', tally_internal._condition_number(words[2]),
                                  'per', tally_internal._condition_length(words[4:]));
    END IF;
    PERFORM tally_internal._condition_problem(format('expected nothing, "x baseline", "vs" or "per" after the number, got "%s"',
                                                     array_to_string(words[3:], ' ')));
EXCEPTION WHEN SQLSTATE 'TL002' THEN
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('condition "%s" is not understood: %s', condition, SQLERRM),
        DETAIL = format('A condition has one of the forms %s.', forms), HINT = 'SELECT tally.parse_condition(''> 2500'');';
END $$;
