-- What writers do at a node: each transaction moves an amount between two rows, mostly of two buckets, and so leaves the sum of v as it was;
-- or it adds and removes rows of v = 0.
CREATE PROCEDURE churn(for_seconds float8) LANGUAGE plpgsql AS $$
DECLARE
    until timestamptz := clock_timestamp() + for_seconds * interval '1 second';
    a int; b int; d int;
BEGIN
    WHILE clock_timestamp() < until LOOP
        a := 1 + (random() * 199)::int;
        b := 1 + (a + (random() * 198)::int) % 200;
        d := (random() * 100)::int;
        CASE (random() * 6)::int
            WHEN 0 THEN INSERT INTO events SELECT timestamptz '2026-01-01Z' + random() * interval '9 days', 'x' || (random() * 3)::int, 0, 1000
                FROM generate_series(1, d);
            WHEN 1 THEN DELETE FROM events WHERE id = 1000 AND random() < 0.1;
            WHEN 2 THEN UPDATE events SET at = at + (random() - 0.5) * interval '2 days', kind = 'k' || (random() * 4)::int WHERE id = a;
            ELSE
                UPDATE events SET v = v - d WHERE id = LEAST(a, b);
                UPDATE events SET v = v + d WHERE id = GREATEST(a, b);
        END CASE;
        IF random() < 0.1 THEN ROLLBACK; ELSE COMMIT; END IF;
        IF random() < 0.05 THEN PERFORM tally.refresh('by_hour'); COMMIT; END IF;
    END LOOP;
END $$;
