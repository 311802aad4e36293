-- Owns: which dashboard the tests open with a filter: the first board with a variable, and the most frequent value of that.
SELECT format('%s?%s=%s', tally_internal._grafana_uid(b.name), b.variables[1], v.value)
  FROM tally.boards b
 CROSS JOIN LATERAL (SELECT x AS value FROM unnest(tally_internal._board_values(b, b.variables[1], now() - interval '14 days', now())) x
                      WHERE x ~ '^[a-z0-9-]+$' LIMIT 1) v
 WHERE b.variables <> '{}' ORDER BY b.place, b.name LIMIT 1;
