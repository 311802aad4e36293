-- Owns: demo, stage 10: a report of an experiment for a product manager.

\echo '━━ 10. An experiment ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo 'How many companions should a party have? Sessions were in one of three arms. Which arm they were in, and how they went, is in analytics_events:'
\echo '   SELECT awf_experiment(''party-cap'', ''{"control": {"weight": 1, "party_cap": 5}, "cap-4": {…}, "cap-6": {…}}'');'
-- The arms are counted first: a table that a query reads cannot get triggers.
SELECT json_object_agg(a.variation, json_build_object('weight', 1, 'party_cap', CASE a.variation WHEN 'control' THEN 5
    ELSE substr(a.variation, 5)::int END) ORDER BY a.variation <> 'control', a.variation) AS arms
  FROM (SELECT DISTINCT variation FROM analytics_events WHERE experiment = 'party-cap') a \gset
SELECT awf_experiment('party-cap', :'arms', ends => (now() - interval '2 days')::date) \gset
-- What it has to say of the other rollups belongs to the stages before.
SET client_min_messages = error;
SELECT count(*) AS computed FROM tally.refresh() \gset
RESET client_min_messages;
\echo '   SELECT metric, arm, units, value, change, picture, verdict FROM tally.experiment_summary(''party-cap'');'
\echo
SELECT metric, arm, units, value, change, picture, verdict FROM tally.experiment_summary('party-cap');
\echo 'Each line is an arm against the control: by how much it differs, the interval that holds the true difference 95 times in 100, and what that'
\echo 'comes to. The bar in the middle of the picture is no change; all pictures have one scale, up to the end of the widest interval.'
\echo 'For retries and tokens less is better. What the metrics count:'
SELECT m.name AS metric, m.description FROM tally.experiment_metrics m WHERE m.name LIKE 'awf %' ORDER BY m.id;
\echo 'The arms in the order of the cap, to see what it does to one of them:'
\echo '   SELECT setting AS party_cap, arm, round(value::numeric, 1) AS turns, badge FROM tally.experiment_overlay(''party-cap'', ''party_cap'') …;'
\echo
SELECT o.setting AS party_cap, o.arm, round(o.value::numeric, 1) AS turns, o.badge FROM tally.experiment_overlay('party-cap', 'party_cap') o
 WHERE o.metric = 'awf turns';
\echo '   SELECT "check", state, message FROM tally.experiment_health(''party-cap'');   -- may it be believed?'
\echo
SELECT "check", state, message FROM tally.experiment_health('party-cap') WHERE state <> 'no_data';
