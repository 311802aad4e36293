-- The five questions of the document, each with its limit in milliseconds.
50 SELECT failed FROM operator_transcodes WHERE range = 'today' AND environment = 'prod';
50 SELECT oldest_queued_minutes FROM operator_queue WHERE environment = 'prod';
50 SELECT bool_or(alive) FROM operator_workers WHERE range = '1h' AND environment = 'prod';
50 SELECT failure_rate FROM operator_playback WHERE range = '24h' AND environment = 'prod';
50 SELECT service, cause FROM operator_failure_causes WHERE range = '1h' AND environment = 'prod' AND place = 1;
