-- Owns: the types of this kernel. Sketches are rows of plain types, because only a superuser can make base types. No field is ever NULL, so that
-- IS NULL of a sketch means what it says. Rows compare by their fields, so GROUP BY, DISTINCT and EXCEPT work.

CREATE DOMAIN tally.role AS regrole;
COMMENT ON DOMAIN tally.role IS 'A role by its number, which a rename does not change, written by its name.';

CREATE TYPE tally.tdigest AS (compression int, means float8[], weights float8[], least float8, greatest float8, total float8, whole boolean, q float8);
COMMENT ON TYPE tally.tdigest IS
'Percentiles of a set of numbers, mergeable: the values themselves, sorted and without weights, up to 253; beyond, centroids with their weights.';
COMMENT ON COLUMN tally.tdigest.compression IS 'The greatest number of centroids.';
COMMENT ON COLUMN tally.tdigest.means IS 'The values, or the means of the centroids.';
COMMENT ON COLUMN tally.tdigest.weights IS 'How many values each centroid stands for; empty where these are the values themselves.';
COMMENT ON COLUMN tally.tdigest.least IS 'The least value.';
COMMENT ON COLUMN tally.tdigest.greatest IS 'The greatest value.';
COMMENT ON COLUMN tally.tdigest.total IS 'The sum.';
COMMENT ON COLUMN tally.tdigest.whole IS 'Whether all values are integers.';
COMMENT ON COLUMN tally.tdigest.q IS 'The share that tally.approx_percentile was asked for; -1 in other sketches.';

CREATE TYPE tally.hll AS ("precision" int, hashes bigint[], registers bytea, key int);
COMMENT ON TYPE tally.hll IS 'Distinct count of a set of values, mergeable: their hashes, sorted, up to 4,096; beyond, the registers of a HyperLogLog.';
COMMENT ON COLUMN tally.hll."precision" IS 'There are 2^precision registers.';
COMMENT ON COLUMN tally.hll.hashes IS 'The hashes, while they are few.';
COMMENT ON COLUMN tally.hll.registers IS 'The registers, a byte each, where they are many.';
COMMENT ON COLUMN tally.hll.key IS 'The number of the identity key that the hashes are under; 0: of none.';

CREATE TYPE tally.stats AS (pairs boolean, n bigint, parts float8[]);
COMMENT ON TYPE tally.stats IS 'Count, mean and central moments of one variable, or of two with their covariance; mergeable.';
COMMENT ON COLUMN tally.stats.pairs IS 'Whether there are two variables.';
COMMENT ON COLUMN tally.stats.n IS 'How many rows.';
COMMENT ON COLUMN tally.stats.parts IS
'Mean and sums of the second to fourth powers of deviations of y; for pairs also mean and squares of x, and the products.';

CREATE TYPE tally.moments AS (n bigint, means float8[], products float8[]);
COMMENT ON TYPE tally.moments IS 'Count, means and covariances of one to four variables; mergeable.';
COMMENT ON COLUMN tally.moments.n IS 'How many rows.';
COMMENT ON COLUMN tally.moments.means IS 'The means.';
COMMENT ON COLUMN tally.moments.products IS 'Sums of the products of deviations, row by row.';

CREATE TYPE tally.totals AS (n bigint, ignored bigint, sums jsonb);
COMMENT ON TYPE tally.totals IS 'Sums of the numeric leaves of JSON objects by key (nested keys joined by dots), mergeable.';
COMMENT ON COLUMN tally.totals.n IS 'How many values were added.';
COMMENT ON COLUMN tally.totals.ignored IS 'How many leaves were no numbers.';
COMMENT ON COLUMN tally.totals.sums IS 'The sums.';

CREATE TYPE tally.topk AS (k int, n bigint, lost bigint, counts jsonb);
COMMENT ON TYPE tally.topk IS 'Counts of the heaviest items of a set of texts, mergeable: exact while they are few, with an error bound beyond.';
COMMENT ON COLUMN tally.topk.k IS 'How many items are asked for.';
COMMENT ON COLUMN tally.topk.n IS 'Weight of all items seen.';
COMMENT ON COLUMN tally.topk.lost IS 'The most that an item which is not kept can weigh.';
COMMENT ON COLUMN tally.topk.counts IS 'The counts by item.';

CREATE TYPE tally.funnel_events AS (span interval, steps int, options text, times timestamptz[], masks bigint[]);
COMMENT ON TYPE tally.funnel_events IS 'Events of one actor with the funnel they are for: the state of tally.window_funnel, mergeable.';
COMMENT ON COLUMN tally.funnel_events.span IS 'The window.';
COMMENT ON COLUMN tally.funnel_events.steps IS 'How many steps there are.';
COMMENT ON COLUMN tally.funnel_events.options IS 'The options.';
COMMENT ON COLUMN tally.funnel_events.times IS 'When each event was.';
COMMENT ON COLUMN tally.funnel_events.masks IS 'Which steps each event matches, as bits.';

CREATE TYPE tally_internal.session_state AS (at timestamptz, n bigint, absent boolean);
COMMENT ON TYPE tally_internal.session_state IS 'Where tally.sessionize() has come to in a partition.';
COMMENT ON COLUMN tally_internal.session_state.at IS 'The last time.';
COMMENT ON COLUMN tally_internal.session_state.n IS 'The number of its session.';
COMMENT ON COLUMN tally_internal.session_state.absent IS 'Whether the present row has no time, and so is in no session.';

CREATE TYPE tally_internal.funnel_chain AS (times timestamptz[]);
COMMENT ON TYPE tally_internal.funnel_chain IS 'Times of the steps that a search of a funnel has reached, for lists of them.';
COMMENT ON COLUMN tally_internal.funnel_chain.times IS 'A time for each step.';

CREATE TYPE tally_internal.funnel_event AS (at timestamptz, mask bigint);
COMMENT ON TYPE tally_internal.funnel_event IS 'An event of an actor, as the engine gathers them.';
COMMENT ON COLUMN tally_internal.funnel_event.at IS 'When it was.';
COMMENT ON COLUMN tally_internal.funnel_event.mask IS 'Which steps it matches, as bits.';

CREATE TYPE tally_internal.retained_periods AS (periods boolean[]);
COMMENT ON TYPE tally_internal.retained_periods IS 'In which periods an actor was seen again, for lists of them.';
COMMENT ON COLUMN tally_internal.retained_periods.periods IS 'Of each period from 0 whether he was; NULL where it is not wholly past.';

CREATE TYPE tally_internal.funnel_exclusion AS ("from" int, "to" int, remove boolean);
COMMENT ON TYPE tally_internal.funnel_exclusion IS 'An event that must not occur after one step of a funnel and before another.';
COMMENT ON COLUMN tally_internal.funnel_exclusion."from" IS 'The step after which it must not.';
COMMENT ON COLUMN tally_internal.funnel_exclusion."to" IS 'The step before which it must not.';
COMMENT ON COLUMN tally_internal.funnel_exclusion.remove IS 'Whether it removes the actor, where else it stops him.';

CREATE TYPE tally_internal.sequence_ends AS (at int[], before int[]);
COMMENT ON TYPE tally_internal.sequence_ends IS 'Where the occurrences of a part of a pattern end.';
COMMENT ON COLUMN tally_internal.sequence_ends.at IS 'Places among the events.';
COMMENT ON COLUMN tally_internal.sequence_ends.before IS 'For each its place among the ends of the part before.';

CREATE TYPE tally_internal.sum_row AS (cells int[], signs int[], exact boolean);
COMMENT ON TYPE tally_internal.sum_row IS 'A sum over cells of a table, or over variables.';
COMMENT ON COLUMN tally_internal.sum_row.cells IS 'Their numbers.';
COMMENT ON COLUMN tally_internal.sum_row.signs IS 'Of each whether it is added (1) or taken away (-1).';
COMMENT ON COLUMN tally_internal.sum_row.exact IS 'Whether the sum is exactly so much, where else it is at most that.';

CREATE TYPE tally.funnel_counts AS (reached bigint[], seconds tally.tdigest[]);
COMMENT ON TYPE tally.funnel_counts IS 'Actors per step of a funnel and how long each step took, mergeable; read by tally.funnel_steps.';
COMMENT ON COLUMN tally.funnel_counts.reached IS 'How many actors reached each step.';
COMMENT ON COLUMN tally.funnel_counts.seconds IS 'Digests of the seconds from the step before, from the second step on.';

CREATE TYPE tally.retention_counts AS (eligible bigint[], retained bigint[]);
COMMENT ON TYPE tally.retention_counts IS 'Eligible and retained actors per period, mergeable; read by tally.retention_periods.';
COMMENT ON COLUMN tally.retention_counts.eligible IS 'How many actors could have come back in each period.';
COMMENT ON COLUMN tally.retention_counts.retained IS 'How many did.';

CREATE TYPE tally.timed AS (last boolean, kind text, value text, "time" timestamptz);
COMMENT ON TYPE tally.timed IS 'The first or last value of a series with its time, mergeable in any order.';
COMMENT ON COLUMN tally.timed.last IS 'Whether it is the last value.';
COMMENT ON COLUMN tally.timed.kind IS 'The type of the value: float8, bigint or text.';
COMMENT ON COLUMN tally.timed.value IS 'The value as text.';
COMMENT ON COLUMN tally.timed."time" IS 'Its time.';

CREATE TYPE tally.ohlc AS (open_time timestamptz, open float8, high_time timestamptz, high float8, low_time timestamptz, low float8, close_time timestamptz,
    close float8);
COMMENT ON TYPE tally.ohlc IS 'First, highest, lowest and last of a series with their times, mergeable in any order.';
COMMENT ON COLUMN tally.ohlc.open_time IS 'When the first value was.';
COMMENT ON COLUMN tally.ohlc.open IS 'The first value.';
COMMENT ON COLUMN tally.ohlc.high_time IS 'When the highest value was seen first.';
COMMENT ON COLUMN tally.ohlc.high IS 'The highest value.';
COMMENT ON COLUMN tally.ohlc.low_time IS 'When the lowest value was seen first.';
COMMENT ON COLUMN tally.ohlc.low IS 'The lowest value.';
COMMENT ON COLUMN tally.ohlc.close_time IS 'When the last value was.';
COMMENT ON COLUMN tally.ohlc.close IS 'The last value.';

CREATE TYPE tally_internal.readings_part AS (count bigint, first_time timestamptz, first_value float8, last_time timestamptz, last_value float8,
    changes bigint, resets bigint, odd boolean, sum numeric);
COMMENT ON TYPE tally_internal.readings_part IS 'Readings one after another, without those between the ends.';
COMMENT ON COLUMN tally_internal.readings_part.count IS 'How many.';
COMMENT ON COLUMN tally_internal.readings_part.first_time IS 'When the first one was.';
COMMENT ON COLUMN tally_internal.readings_part.first_value IS 'The first one.';
COMMENT ON COLUMN tally_internal.readings_part.last_time IS 'When the last one was.';
COMMENT ON COLUMN tally_internal.readings_part.last_value IS 'The last one.';
COMMENT ON COLUMN tally_internal.readings_part.changes IS 'How many differ from the one before.';
COMMENT ON COLUMN tally_internal.readings_part.resets IS 'How many are lower than the one before.';
COMMENT ON COLUMN tally_internal.readings_part.odd IS 'Whether one is NaN or infinite.';
COMMENT ON COLUMN tally_internal.readings_part.sum IS
'Of a counter: what it had reached at each reset. Of a weighted value: value times microseconds, twice that where it moves in a line.';

CREATE TYPE tally.readings AS (kind text, times timestamptz[], "values" float8[], parts tally_internal.readings_part[]);
COMMENT ON TYPE tally.readings IS 'Readings of a counter, a gauge or a value weighted by time, whose parts merge in the order of time.';
COMMENT ON COLUMN tally.readings.kind IS 'What they are of: counter, gauge, locf or linear.';
COMMENT ON COLUMN tally.readings.times IS 'Times of readings that are not yet in the order of time.';
COMMENT ON COLUMN tally.readings."values" IS 'Those readings.';
COMMENT ON COLUMN tally.readings.parts IS 'Parts; one when it is finished.';

CREATE TYPE tally_internal.states_part AS (count bigint, first_time timestamptz, first_state text, last_time timestamptz, last_state text,
    changes bigint, micros jsonb);
COMMENT ON TYPE tally_internal.states_part IS 'Rows of states one after another, without those between the ends.';
COMMENT ON COLUMN tally_internal.states_part.count IS 'How many.';
COMMENT ON COLUMN tally_internal.states_part.first_time IS 'When the first one was.';
COMMENT ON COLUMN tally_internal.states_part.first_state IS 'The first one.';
COMMENT ON COLUMN tally_internal.states_part.last_time IS 'When the last one was.';
COMMENT ON COLUMN tally_internal.states_part.last_state IS 'The last one.';
COMMENT ON COLUMN tally_internal.states_part.changes IS 'How many differ from the one before.';
COMMENT ON COLUMN tally_internal.states_part.micros IS 'Microseconds by state.';

CREATE TYPE tally.state_time AS (times timestamptz[], states text[], parts tally_internal.states_part[]);
COMMENT ON TYPE tally.state_time IS 'How long something was in which state, with parts that merge in the order of time.';
COMMENT ON COLUMN tally.state_time.times IS 'Times of rows that are not yet in the order of time.';
COMMENT ON COLUMN tally.state_time.states IS 'Their states.';
COMMENT ON COLUMN tally.state_time.parts IS 'Parts; one when it is finished.';
