-- Owns: differences and sums of products that keep their digits where little is left of much. core/src/experiment/apart.rs does it by fused products,
-- which PostgreSQL does not have: so numbers are split into halves, whose products are exact (Dekker 1971).

CREATE FUNCTION tally_internal._within(VARIADIC x float8[]) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT COALESCE(bool_and(v = 0 OR abs(v) BETWEEN 1e-70 AND 1e70), true) FROM unnest(x) v
$$;
COMMENT ON FUNCTION tally_internal._within(float8[]) IS 'Whether products of the numbers, and what these lose by rounding, are in PostgreSQL''s range.';

CREATE FUNCTION tally_internal._product_lost(a float8, b float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    high_a CONSTANT float8 := a * 134217729 - (a * 134217729 - a);
    high_b CONSTANT float8 := b * 134217729 - (b * 134217729 - b);
BEGIN
    RETURN (high_a * high_b - a * b) + high_a * (b - high_b) + (a - high_a) * high_b + (a - high_a) * (b - high_b);
END $$;
COMMENT ON FUNCTION tally_internal._product_lost(float8, float8) IS 'What a times b loses by rounding.';

CREATE FUNCTION tally_internal._quotients_apart(a float8, b float8, c float8, d float8) RETURNS float8
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT tally_internal._within(a, b, c, d) THEN RETURN c / d - a / b; END IF;
    RETURN ((c * b - a * d) + (tally_internal._product_lost(c, b) - tally_internal._product_lost(a, d))) / b / d;
END $$;
COMMENT ON FUNCTION tally_internal._quotients_apart(float8, float8, float8, float8) IS
'c / d - a / b. Two quotients near each other, as of sums of 1e9, have lost most digits of their difference.';

CREATE FUNCTION tally_internal._bilinear(arm tally.moments, v float8[], w float8[], OUT sum float8, OUT size float8)
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    k       CONSTANT int := cardinality(v);
    usable  CONSTANT boolean := tally_internal._within(VARIADIC v || w || arm.products);
    lost    float8 := 0;
    inner_  float8;
    product float8;
    next    float8;
BEGIN
    sum := 0;
    size := 0;
    FOR i IN 1 .. k LOOP
        size := size + v[i] * w[i] * arm.products[(i - 1) * k + i];
        FOR j IN 1 .. k LOOP
            inner_ := w[j] * arm.products[(i - 1) * k + j];
            product := v[i] * inner_;
            next := sum + product;
            IF usable THEN
                -- What the sum loses (Knuth), and both products.
                lost := lost + ((sum - (next - (next - sum))) + (product - (next - sum)))
                    + (tally_internal._product_lost(v[i], inner_) + v[i] * tally_internal._product_lost(w[j], arm.products[(i - 1) * k + j]));
            END IF;
            sum := next;
        END LOOP;
    END LOOP;
    sum := sum + lost;
END $$;
COMMENT ON FUNCTION tally_internal._bilinear(tally.moments, float8[], float8[]) IS
'v'' Σ w, and its diagonal part. What explains a value nearly all leaves little of it, and would leave few of its digits.';
