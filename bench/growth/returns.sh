# shellcheck shell=bash
# Owns: retention_every over many starts and returns: time, and the most memory that the backend had.
for n in 50000 100000 200000; do
    statement="SELECT count(r) FROM (SELECT array_agg(timestamptz '2026-01-01Z' + g * interval '1 second') AS t FROM generate_series(1, $n) g) s,
        LATERAL tally.retention_every(t, t, '1 day', 30, '2027-01-01Z', NULL) r"
    TRIES=1 timed "retention_every of $n starts and returns, 30 days" 'linear' "$statement"
    TRIES=1 timed "retention_every of $n starts and returns, 1,000 seconds" 'linear' "${statement/\'1 day\', 30/\'1 second\', 1000}"
    sql -c "${statement/\'1 day\', 30/\'1 second\', 1000}" \
        -c "SELECT 'most memory of the backend: ' || (regexp_match(pg_read_file('/proc/' || pg_backend_pid() || '/status'), 'VmHWM:\s+(\d+)'))[1]::int / 1024
        || ' MB'" | tail -1
done
