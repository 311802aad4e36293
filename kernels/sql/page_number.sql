-- Owns: numbers for people, in SQL: short, with their unit, never more digits than they need. core/src/page/number.rs says what holds.

CREATE FUNCTION tally_internal._exactly(value float8) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bits   bigint := ('x' || encode(float8send(abs(value)), 'hex'))::bit(64)::bigint;
    power_ int := (bits >> 52)::int - 1075;
    whole  numeric := bits & 4503599627370495 | CASE WHEN bits >> 52 > 0 THEN 4503599627370496 ELSE 0 END;
BEGIN
    IF power_ = -1075 THEN power_ := -1074; END IF;
    RETURN sign(value)::numeric * CASE WHEN power_ >= 0 THEN whole * 2::numeric ^ power_
                                          ELSE whole * trunc(5::numeric ^ -power_) * ('1e' || power_)::numeric END;
END $$;
COMMENT ON FUNCTION tally_internal._exactly(float8) IS 'A finite number with all its decimals.';

CREATE FUNCTION tally_internal._fixed(value float8, places int) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rough  float8 := CASE WHEN abs(value) < 1e9 AND places BETWEEN 0 AND 9 THEN abs(value) * power(10::float8, places) END;
    digits text;
    exact  numeric;
    whole  numeric;
BEGIN
    -- Away from halves, and where nothing is lost, the nearest whole number needs no exact one.
    IF rough < 1e9 AND abs(rough - floor(rough) - 0.5) > 1e-4 THEN
        digits := lpad(rough::bigint::text, greatest(places + 1, length(rough::bigint::text)), '0');
        RETURN CASE WHEN value < 0 THEN '-' ELSE '' END || left(digits, length(digits) - places)
            || CASE WHEN places > 0 THEN '.' || right(digits, places) ELSE '' END;
    END IF;
    exact := tally_internal._exactly(abs(value)) * ('1e' || places)::numeric;
    whole := trunc(exact);
    -- Half to even, of the number as it is and not as it is written.
    IF exact - whole > 0.5 OR exact - whole = 0.5 AND whole % 2 = 1 THEN whole := whole + 1; END IF;
    RETURN CASE WHEN value < 0 THEN '-' ELSE '' END || trunc(whole * ('1e-' || places)::numeric, places)::text;
END $$;
COMMENT ON FUNCTION tally_internal._fixed(float8, int) IS 'A number with so many decimals.';

CREATE FUNCTION tally_internal._digits(value float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    size   float8 := abs(value);
    power_ int;
    text_  text;
    whole  text;
BEGIN
    IF value IN ('NaN', 'Infinity', '-Infinity') THEN RETURN CASE value WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 'inf' ELSE '-inf' END; END IF;
    IF size <> 0 AND size < 1e-4 OR size >= 1e18 THEN
        -- Three digits and an exponent: the exact number as digits, rounded half to even; 9.999 becomes 1.00 and one more.
        whole := trim_scale(tally_internal._exactly(size))::text;
        power_ := CASE WHEN size >= 1 THEN length(split_part(whole, '.', 1)) - 1 ELSE -1 - length(substring(whole FROM '\.(0*)')) END;
        whole := ltrim(replace(whole, '.', ''), '0') || '000';
        text_ := left(whole, 3);
        IF substr(whole, 4) ~ '^([6-9]|5\d*[1-9])' OR substr(whole, 4) ~ '^50*$' AND right(text_, 1) ~ '[13579]' THEN text_ := (text_::int + 1)::text; END IF;
        IF length(text_) > 3 THEN power_ := power_ + 1; END IF;
        RETURN format('%s%s.%se%s', CASE WHEN value < 0 THEN '-' END, left(text_, 1), substr(text_, 2, 2), power_);
    END IF;
    text_ := tally_internal._fixed(value, CASE WHEN size >= 99.95 THEN 0 WHEN size >= 9.995 THEN 1 WHEN size >= 0.9995 THEN 2 WHEN size >= 0.1 THEN 3
                                               WHEN size = 0 THEN 0 ELSE 2 - floor(log(size))::int END);
    IF text_ LIKE '%.%' THEN text_ := rtrim(rtrim(text_, '0'), '.'); END IF;
    whole := split_part(ltrim(text_, '-'), '.', 1);
    RETURN CASE WHEN text_ LIKE '-%' AND text_ ~ '[1-9]' THEN '−' ELSE '' END || reverse(regexp_replace(reverse(whole), '(\d{3})(?=\d)', '\1,', 'g'))
        || CASE WHEN text_ LIKE '%.%' THEN '.' || split_part(text_, '.', 2) ELSE '' END;
END $$;
COMMENT ON FUNCTION tally_internal._digits(float8) IS 'Three significant digits, or all before the point; groups of three with a comma.';

CREATE FUNCTION tally_internal._compact_number(value float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN abs(value) >= 1e15 THEN tally_internal._digits(value / 1e15) || ' P'
                WHEN abs(value) >= 1e12 THEN tally_internal._digits(value / 1e12) || ' T'
                WHEN abs(value) >= 1e9 THEN tally_internal._digits(value / 1e9) || ' G'
                WHEN abs(value) >= 1e6 THEN tally_internal._digits(value / 1e6) || ' M'
                WHEN abs(value) >= 1e4 THEN tally_internal._digits(value / 1e3) || ' k' ELSE tally_internal._digits(value) END
$$;
COMMENT ON FUNCTION tally_internal._compact_number(float8) IS 'A number of any size in at most five characters and a letter.';

CREATE FUNCTION tally_internal._span_words(seconds float8) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN abs(seconds) >= 172800 THEN tally_internal._digits(seconds * (1::float8 / 86400)) || ' d'
                WHEN abs(seconds) >= 7200 THEN tally_internal._digits(seconds * (1::float8 / 3600)) || ' h'
                WHEN abs(seconds) >= 120 THEN tally_internal._digits(seconds * (1::float8 / 60)) || ' min'
                WHEN abs(seconds) >= 1 OR seconds = 0 THEN tally_internal._digits(seconds) || ' s'
                ELSE tally_internal._digits(seconds * 1000) || ' ms' END
$$;
COMMENT ON FUNCTION tally_internal._span_words(float8) IS 'A length of time with the unit that fits it.';

CREATE FUNCTION tally_internal._times(value float8, factor float8) RETURNS float8
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN abs(value) >= 1.7976931348623157e308 / factor AND value <> 'NaN' THEN CASE WHEN value > 0 THEN 'Infinity' ELSE '-Infinity' END::float8
                ELSE value * factor END
$$;
COMMENT ON FUNCTION tally_internal._times(float8, float8) IS 'A product with a factor of 1 or more; past the greatest number it is infinity.';

CREATE FUNCTION tally_internal._short_number(value float8, unit text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN unit IN ('ratio', 'share') THEN tally_internal._digits(tally_internal._times(value, 100)) || ' %'
                WHEN unit = '%' THEN tally_internal._digits(value) || ' %'
                WHEN unit = 'ms' AND abs(value) >= 10000 THEN tally_internal._span_words(value / 1000)
                WHEN unit = 'ms' THEN tally_internal._digits(value) || ' ms'
                WHEN unit IN ('s', 'seconds') THEN tally_internal._span_words(value)
                WHEN unit = 'minutes' THEN tally_internal._span_words(tally_internal._times(value, 60))
                WHEN unit = 'hours' THEN tally_internal._span_words(tally_internal._times(value, 3600))
                ELSE tally_internal._compact_number(value) END
$$;
COMMENT ON FUNCTION tally_internal._short_number(float8, text) IS 'A number with its unit, as it stands on an axis or in a tile.';

CREATE FUNCTION tally_internal._change_words(value float8, before float8) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    change float8;
BEGIN
    IF before = 0 THEN RETURN NULL; END IF;
    change := (value - before) / abs(before) * 100;
    IF abs(change) < 0.05 THEN RETURN 'unchanged'; END IF;
    RETURN CASE WHEN change > 0 THEN '+' ELSE '' END || tally_internal._digits(change) || ' %';
EXCEPTION WHEN numeric_value_out_of_range THEN
    RETURN NULL;
END $$;
COMMENT ON FUNCTION tally_internal._change_words(float8, float8) IS 'How much a number has changed since another, in percent; NULL where that says nothing.';
