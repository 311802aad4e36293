-- Owns: what evaluation locks, and what it answers.

CREATE TABLE tally.evaluators ();
COMMENT ON TABLE tally.evaluators IS 'Always empty. The session that evaluates holds a lock on it. It is a table because anybody can take an advisory lock.';

-- A type of its own, because PL/pgSQL does not let an argument and a result column both be named threshold.
CREATE TYPE tally.evaluated AS (threshold text, tick timestamptz, series int, breaches int, opened int, recovered int, error text);
COMMENT ON TYPE tally.evaluated IS
'What one evaluation of a threshold did: label sets judged, those in breach, alerts that fired, alerts that recovered, the error if it failed.';
