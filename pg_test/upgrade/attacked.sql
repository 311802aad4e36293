-- Owns what an attacker has laid into a database of 0.1.0 before a superuser brings it up to date: PostgreSQL reads constants when a view or an expression
-- is made anew, and reading one runs the checks of a domain; it computes what is constant in an index when a table is read.
-- As it was (commit 108f9a1) his function ran as the superuser four times: by a view of his on tally.rollups, by a dimension, by a distinct count.

CREATE SCHEMA evil AUTHORIZATION analyst;
GRANT USAGE ON SCHEMA evil TO PUBLIC;
SET SESSION AUTHORIZATION analyst;
-- A sequence keeps what a statement that fails has done.
CREATE SEQUENCE evil.seen;
GRANT ALL ON evil.seen TO PUBLIC;
CREATE FUNCTION evil.runs(int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    IF current_user <> 'analyst' THEN PERFORM nextval('evil.seen'); END IF;
    RETURN true;
END $$;
CREATE DOMAIN evil.d AS int CHECK (evil.runs(VALUE));
CREATE TABLE evil.source (at timestamptz NOT NULL, k text, n int);
CREATE INDEX ON evil.source (at);
INSERT INTO evil.source VALUES ('2026-03-01 10:00+00', 'a', 1);
CREATE VIEW evil.whose WITH (security_barrier = true) AS SELECT name, owner, ('{1}'::evil.d[])[1] + 1 AS two FROM tally.rollups;
SELECT tally.create_rollup('evil.bait', 'evil.source', 'at', bucket => '1 day', zone => 'America/Havana',
    dimensions => $$[{"k": "k || ('{1}'::evil.d[])[1]"}]$$,
    measures => $${"n": "sum(n * ('{1}'::evil.d[])[1])", "h": "tally.hll(n + ('{1}'::evil.d[])[1])"}$$, "where" => $$n >= ('{1}'::evil.d[])[1]$$);
SELECT tally.create_metric('bait_n', 'bait', $$n * ('{1}'::evil.d[])[1]$$);
CREATE INDEX ON evil.bait (bucket) WHERE evil.runs(1);
