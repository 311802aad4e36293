-- Owns: tally.k_total, the state of tally.k_anonymous().

CREATE TYPE tally.k_total AS (people tally.hll, total numeric, k int);
COMMENT ON TYPE tally.k_total IS 'A sum, a sketch of the people behind it, and how many there must be for it to be shown.';
COMMENT ON COLUMN tally.k_total.people IS 'The people.';
COMMENT ON COLUMN tally.k_total.total IS 'The sum.';
COMMENT ON COLUMN tally.k_total.k IS 'How many people there must be.';
