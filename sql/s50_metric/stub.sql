CREATE FUNCTION tally._drop_metrics_of(rollup_id int) RETURNS void LANGUAGE sql AS '';
CREATE FUNCTION tally.evaluate() RETURNS void LANGUAGE sql AS '';
