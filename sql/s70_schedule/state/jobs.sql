-- Owns: tally.jobs, the jobs that tally.start() has scheduled.

CREATE TABLE tally.jobs (
    name     text PRIMARY KEY,
    schedule text NOT NULL,
    command  text NOT NULL,
    outside  boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE tally.jobs IS 'Jobs that tally.start() has scheduled; empty while stopped.';
COMMENT ON COLUMN tally.jobs.name IS 'Name of the job: what it does.';
COMMENT ON COLUMN tally.jobs.schedule IS 'Cron schedule.';
COMMENT ON COLUMN tally.jobs.command IS 'The one statement it runs.';
COMMENT ON COLUMN tally.jobs.outside IS 'Whether a crontab outside of the database is to run it, for want of pg_cron.';
