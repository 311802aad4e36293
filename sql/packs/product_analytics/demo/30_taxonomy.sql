-- Owns: demo, the end: events that do not keep to the taxonomy, and the trigger that refuses them.

\echo '━━ 4. Which events are wrong? ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━'
\echo '   SELECT * FROM product_event_problems ORDER BY events DESC;'
\echo
SELECT event_type, problem, key, value, events, to_char(last_seen, 'MM-DD HH24:MI') AS "last seen" FROM product_event_problems ORDER BY events DESC LIMIT 6;
\echo 'The taxonomy is rows; what changes in it is at once true of all history:'
\echo '   UPDATE analytics_event_keys SET allowed = allowed || ''{app}'' WHERE event_type = ''assignment_view'' AND key = ''surface'';'
UPDATE analytics_event_keys SET allowed = allowed || '{app}' WHERE event_type = 'assignment_view' AND key = 'surface';
SELECT count(*) AS "problems with assignment_view surfaces" FROM product_event_problems WHERE event_type = 'assignment_view' AND key = 'surface'
    AND problem = 'value not allowed';
\echo 'And it can be enforced:'
\echo '   ALTER TABLE analytics_events ENABLE TRIGGER taxonomy;'
\echo '   INSERT INTO analytics_events (event_type, meta) VALUES (''assignment_hide'', ''{"reason": "Mondays"}'');'
ALTER TABLE analytics_events ENABLE TRIGGER taxonomy;
\set ON_ERROR_STOP off
\set VERBOSITY default
INSERT INTO analytics_events (event_type, meta) VALUES ('assignment_hide', '{"reason": "Mondays"}');
\set VERBOSITY terse
\set ON_ERROR_STOP on
\echo
\echo 'The server goes on running, and pg_cron with it:  psql -h' :HOST '-p' :PORT '-U' :USER :DBNAME
