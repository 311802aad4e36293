-- Owns: the casts of sketches that are more than a type's own (its cast to jsonb is made with it): from texts, and of counts to jsonb.

CREATE CAST (text AS tally.hll) WITH FUNCTION tally_internal._hll_from_text(text);
CREATE CAST (varchar AS tally.hll) WITH FUNCTION tally_internal._hll_from_text(text);
CREATE CAST (bpchar AS tally.hll) WITH FUNCTION tally_internal._hll_from_bpchar(bpchar);
CREATE CAST (name AS tally.hll) WITH FUNCTION tally_internal._hll_from_name(name);
COMMENT ON CAST (text AS tally.hll) IS 'Reads a sketch from its text.';
COMMENT ON CAST (varchar AS tally.hll) IS 'Reads a sketch from its text.';
COMMENT ON CAST (bpchar AS tally.hll) IS 'Reads a sketch from its text.';
COMMENT ON CAST (name AS tally.hll) IS 'Reads a sketch from its text.';

CREATE CAST (text AS tally.topk) WITH FUNCTION tally_internal._topk_from_text(text);
COMMENT ON CAST (text AS tally.topk) IS 'Reads heavy items from their text.';
CREATE CAST (varchar AS tally.topk) WITH FUNCTION tally_internal._topk_from_text(text);
COMMENT ON CAST (varchar AS tally.topk) IS 'Reads heavy items from their text.';
CREATE CAST (bpchar AS tally.topk) WITH FUNCTION tally_internal._topk_from_bpchar(bpchar);
COMMENT ON CAST (bpchar AS tally.topk) IS 'Reads heavy items from their text.';

CREATE CAST (tally.funnel_counts AS jsonb) WITH FUNCTION tally_internal._funnel_counts_jsonb(tally.funnel_counts);
COMMENT ON CAST (tally.funnel_counts AS jsonb) IS 'An array of the steps, as tally.funnel_steps gives them.';
CREATE CAST (tally.retention_counts AS jsonb) WITH FUNCTION tally_internal._retention_counts_jsonb(tally.retention_counts);
COMMENT ON CAST (tally.retention_counts AS jsonb) IS 'An array of the periods, as tally.retention_periods gives them.';
