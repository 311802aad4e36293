-- Owns: the types that hold sketches: how each is read, printed, sent, compared and hashed, and its cast to jsonb. Aggregates and readers
-- are in the files beside (sql/s10_kernel/<type>.sql); docs/add-a-sketch.md is the recipe.

-- TEMPLATE sketch_type
-- name: tdigest
-- about: Percentiles of a set of numbers, mergeable: the values themselves while they are few, a t-digest when they are many.
-- text: JSON
-- TEMPLATE sketch_order
-- name: tdigest
-- TEMPLATE sketch_jsonb
-- name: tdigest
-- jsonb: The sketch as JSON: values while exact, centroids beyond.

-- TEMPLATE sketch_type
-- name: funnel_events
-- about: Events of one actor with the funnel they are for: the state of tally.window_funnel, mergeable, shown in hexadecimal.
-- text: hexadecimal
-- TEMPLATE sketch_order
-- name: funnel_events

-- TEMPLATE sketch_type
-- name: hll
-- about: Distinct count of a set of values, mergeable: their hashes while they are few, a HyperLogLog when they are many.
-- text: JSON
-- TEMPLATE sketch_order
-- name: hll
-- TEMPLATE sketch_jsonb
-- name: hll
-- jsonb: The sketch as JSON: precision, distinct count, hashes or registers.

-- TEMPLATE sketch_type
-- name: funnel_counts
-- about: Actors per step of a funnel and how long each step took, mergeable; shown in hexadecimal, read by tally.funnel_steps.
-- text: hexadecimal
-- TEMPLATE sketch_order
-- name: funnel_counts

-- TEMPLATE sketch_type
-- name: retention_counts
-- about: Eligible and retained actors per period, mergeable; shown in hexadecimal, read by tally.retention_periods.
-- text: hexadecimal
-- TEMPLATE sketch_order
-- name: retention_counts

-- TEMPLATE sketch_type
-- name: stats
-- about: Count, mean and central moments of one variable, or of two with their covariance; mergeable.
-- text: JSON
-- TEMPLATE sketch_order
-- name: stats
-- TEMPLATE sketch_jsonb
-- name: stats
-- jsonb: The moments as JSON.

-- TEMPLATE sketch_type
-- name: totals
-- about: Sums of the numeric leaves of JSON objects by key (nested keys joined by dots), mergeable.
-- text: JSON
-- TEMPLATE sketch_order
-- name: totals
-- TEMPLATE sketch_jsonb
-- name: totals
-- jsonb: The sums as a JSON object.

-- TEMPLATE sketch_type
-- name: topk
-- about: Counts of the heaviest items of a set of texts, mergeable: exact while they are few, with an error bound beyond.
-- text: JSON
-- TEMPLATE sketch_order
-- name: topk
-- TEMPLATE sketch_jsonb
-- name: topk
-- jsonb: The estimates as JSON (counts), with the bounds: the true count lies between lower and counts.

-- TEMPLATE sketch_type
-- name: moments
-- about: Count, means and covariances of one to four variables; mergeable.
-- text: JSON
-- TEMPLATE sketch_order
-- name: moments
-- TEMPLATE sketch_jsonb
-- name: moments
-- jsonb: The moments as JSON.

-- TEMPLATE sketch_type
-- name: timed
-- about: The first or last value of a series with its time, mergeable in any order.
-- text: JSON
-- TEMPLATE sketch_order
-- name: timed
-- TEMPLATE sketch_jsonb
-- name: timed
-- jsonb: The value, its time, its type, and which one it is.

-- TEMPLATE sketch_type
-- name: ohlc
-- about: First, highest, lowest and last of a series with their times, mergeable in any order.
-- text: JSON
-- TEMPLATE sketch_order
-- name: ohlc
-- TEMPLATE sketch_jsonb
-- name: ohlc
-- jsonb: The four points, each with its time.

-- TEMPLATE sketch_type
-- name: readings
-- about: Readings of a counter, a gauge or a value weighted by time, whose parts merge in the order of time.
-- text: JSON
-- TEMPLATE sketch_order
-- name: readings
-- TEMPLATE sketch_jsonb
-- name: readings
-- jsonb: The kind and the ends, with what lies between them.

-- TEMPLATE sketch_type
-- name: state_time
-- about: How long something was in which state, with parts that merge in the order of time.
-- text: JSON
-- TEMPLATE sketch_order
-- name: state_time
-- TEMPLATE sketch_jsonb
-- name: state_time
-- jsonb: The first and last state, with microseconds by state.
