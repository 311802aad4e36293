-- Owns: the state of 0.1.0 brought to that of 0.2.0, before the functions of 0.2.0 are there.
-- FILE x stands for sql/x, TEMPLATE x for sql/s10_kernel/x.template.

-- What is internal moves into a schema of its own. An object keeps its number, so what depends on it follows.
-- FILE s10_kernel/state/schemas.sql
DO $$
DECLARE
    item text;
BEGIN
    FOR item IN SELECT format('ALTER ROUTINE %s SET SCHEMA tally_internal', p.oid::regprocedure) FROM pg_proc p
                  JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                 WHERE p.pronamespace = 'tally'::regnamespace AND starts_with(p.proname, '_') LOOP
        EXECUTE item;
    END LOOP;
END $$;

-- Nobody writes the catalogue by hand any more, so the policies and grants for that go.
DO $$
DECLARE
    item text;
BEGIN
    FOR item IN SELECT format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass) FROM pg_policy p
                  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = p.polrelid AND d.deptype = 'e'
                  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                 WHERE p.polname IN ('anyone_sees', 'installer_adds', 'maker_defines', 'owner', 'owner_changes', 'owner_defines', 'owner_drops', 'owner_marks',
                                     'owner_sees') LOOP
        EXECUTE item;
    END LOOP;
END $$;
REVOKE INSERT, UPDATE, DELETE ON tally.behaviours, tally.dimensions, tally.dirty_ranges, tally.installed_packs, tally.measures, tally.metric_views,
    tally.metrics, tally.probes, tally.rollups, tally.source_retentions, tally.tasks, tally.thresholds FROM PUBLIC;
REVOKE USAGE ON SEQUENCE tally.dirty_ranges_id_seq, tally.metrics_id_seq, tally.probes_id_seq, tally.rollups_id_seq, tally.tasks_id_seq,
    tally.thresholds_id_seq FROM PUBLIC;
-- PostgreSQL asks for it of whoever adds a partition, to which it clones the trigger.
GRANT EXECUTE ON FUNCTION tally.capture() TO PUBLIC;
-- They refuse whoever may not, in words.
GRANT EXECUTE ON FUNCTION tally.start(text, boolean), tally.stop(), tally.run_tasks(text, timestamptz), tally.evaluate(timestamptz, text),
    tally.sample_probes(timestamptz), tally.deliver(timestamptz, int), tally.maintain(interval) TO PUBLIC;
GRANT EXECUTE ON PROCEDURE tally.refresh_scheduled(text), tally.evaluate_scheduled(), tally.expire(regclass, bigint, timestamptz) TO PUBLIC;

-- Functions whose results or arguments' names are others cannot be replaced. So internal functions that nothing stands on go at once.
DO $$
DECLARE
    item text;
BEGIN
    FOR i IN 1 .. 3 LOOP
        FOR item IN SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
                      JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                     WHERE p.pronamespace = 'tally_internal'::regnamespace
                       AND NOT EXISTS (SELECT FROM pg_depend u WHERE u.refclassid = 'pg_proc'::regclass AND u.refobjid = p.oid) LOOP
            EXECUTE format('DROP ROUTINE %s', item);
        END LOOP;
    END LOOP;
END $$;
DROP FUNCTION tally.error_budget(text, timestamptz), tally.incident_timeline(bigint), tally.top(tally.topk), tally.top(tally.topk, int);

-- Sketches compare.
-- TEMPLATE sketch_order
-- name: tdigest
-- TEMPLATE sketch_order
-- name: funnel_events
-- TEMPLATE sketch_order
-- name: hll
-- TEMPLATE sketch_order
-- name: funnel_counts
-- TEMPLATE sketch_order
-- name: retention_counts
-- TEMPLATE sketch_order
-- name: stats
-- TEMPLATE sketch_order
-- name: totals
-- TEMPLATE sketch_order
-- name: topk

ALTER FUNCTION tally_internal._stats_jsonb(tally.stats) COST 10;
ALTER FUNCTION tally_internal._topk_jsonb(tally.topk) COST 10;
ALTER FUNCTION tally_internal._totals_jsonb(tally.totals) COST 10;

-- New types.
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
-- FILE s10_kernel/state/effect.sql
-- FILE s10_kernel/state/role.sql
-- FILE s80_report/state/metric_sample.sql

-- Owners are roles by number that may be gone. Defaults follow once their function is there (after.sql). PostgreSQL changes no column that a view
-- reads, so views of a person's (and of packs) stand empty for the moment: with their columns, grants and what stands on them. Each is made again as
-- its owner, because PostgreSQL runs the checks of domains when it reads constants.
DROP VIEW tally.packs;
DO $$
DECLARE
    item  record;
    views regclass[] := '{}';
    owners regrole[] := '{}';
    words text;
    texts text[] := '{}';
    casts text[] := '{}';
BEGIN
    FOR item IN SELECT DISTINCT w.ev_class::regclass AS view, c.relowner::regrole AS owner, n.nspname AS place, c.relname AS name,
                       pg_get_viewdef(w.ev_class) AS query,
                       coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', '') AS options,
                       (SELECT string_agg(format('NULL::%s AS %I', format_type(o.atttypid, o.atttypmod)
                                                 || CASE WHEN o.attcollation <> y.typcollation THEN ' COLLATE ' || o.attcollation::regcollation ELSE '' END,
                                                 o.attname), ', ' ORDER BY o.attnum)
                          FROM pg_attribute o JOIN pg_type y ON y.oid = o.atttypid WHERE o.attrelid = c.oid AND o.attnum > 0) AS nothing,
                       (SELECT string_agg(format('q.%I::%s', o.attname, format_type(o.atttypid, o.atttypmod)), ', ' ORDER BY o.attnum)
                          FROM pg_attribute o WHERE o.attrelid = c.oid AND o.attnum > 0) AS same
                  FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
                  JOIN pg_class c ON c.oid = w.ev_class AND c.relkind = 'v' JOIN pg_namespace n ON n.oid = c.relnamespace
                  JOIN pg_attribute a ON d.refclassid = 'pg_class'::regclass AND a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                  JOIN pg_depend m ON m.classid = 'pg_class'::regclass AND m.objid = a.attrelid AND m.deptype = 'e'
                  JOIN pg_extension e ON e.oid = m.refobjid AND e.extname = 'pg_tally'
                 WHERE a.atttypid = 'regrole'::regtype LOOP
        views := views || item.view;
        owners := owners || item.owner;
        texts := texts || format('CREATE OR REPLACE VIEW %I.%I%s AS %s', item.place, item.name, item.options, item.query);
        -- A view that shows the owner itself goes on showing a regrole.
        casts := casts || format('CREATE OR REPLACE VIEW %I.%I%s AS SELECT %s FROM (%s) q', item.place, item.name, item.options, item.same,
                                 rtrim(item.query, ';'));
        -- What an upgrade replaces must be the extension's.
        EXECUTE format('ALTER EXTENSION pg_tally ADD VIEW %s', item.view);
        EXECUTE format('CREATE OR REPLACE VIEW %I.%I%s AS SELECT %s', item.place, item.name, item.options, item.nothing);
    END LOOP;
    FOR item IN SELECT a.attrelid::regclass AS relation, a.attname AS name FROM pg_attribute a
                  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
                  JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
                  JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'pg_tally'
                 WHERE a.atttypid = 'regrole'::regtype AND a.attnum > 0 AND NOT a.attisdropped LOOP
        EXECUTE format('ALTER TABLE %1$s ALTER %2$I DROP DEFAULT, ALTER %2$I TYPE tally.role USING %2$I::oid::tally.role', item.relation, item.name);
    END LOOP;
    FOR i IN 1 .. cardinality(views) LOOP
        BEGIN
            BEGIN
                PERFORM tally.run_as(owners[i], 'tally', texts[i], 0);
            EXCEPTION WHEN invalid_table_definition THEN
                PERFORM tally.run_as(owners[i], 'tally', casts[i], 0);
            END;
        EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS words = MESSAGE_TEXT;
            RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = format('pg_tally cannot be upgraded: the view %s cannot be made again: %s', views[i], words),
                DETAIL = format('It reads columns of pg_tally that get another type, and is made again with the rights of its owner, %s. Nothing was changed.',
                                owners[i]),
                HINT = format('DROP VIEW %s;  -- and make it again after the upgrade: ALTER EXTENSION pg_tally UPDATE;', views[i]);
        END;
        EXECUTE format('ALTER EXTENSION pg_tally DROP VIEW %s', views[i]);
    END LOOP;
END $$;

-- Rollups.
ALTER TABLE tally.rollups ADD COLUMN emptied text NOT NULL DEFAULT 'follow' CHECK (emptied IN ('follow', 'keep')), ADD COLUMN emptied_at timestamptz,
    ADD COLUMN live_by_index boolean;
CREATE TABLE tally.reads (
    rollup_id int NOT NULL REFERENCES tally.rollups ON DELETE CASCADE,
    name      text NOT NULL,
    place     int NOT NULL,
    PRIMARY KEY (rollup_id, name)
);
CREATE TABLE tally.enums (
    type   text PRIMARY KEY,
    labels text[] NOT NULL
);
CREATE TABLE tally.key_marks (
    key        text[] NOT NULL,
    marked_at  timestamptz NOT NULL DEFAULT now(),
    sqlstate   text,
    message    text,
    source_row text,
    computable boolean
);
-- FILE s20_catalog/state/broken.sql
-- FILE s50_metric/state/broken_metrics.sql
-- FILE s20_catalog/state/beside.sql
-- FILE s20_catalog/state/functions.sql
-- FILE s20_catalog/state/refresh_locks.sql
ALTER TABLE tally.members ADD COLUMN generated text;
INSERT INTO tally.refresh_locks (rollup_id) SELECT id FROM tally.rollups;
DO $$
DECLARE
    marks text;
BEGIN
    FOR marks IN SELECT format('tally.%I', c.relname) FROM tally.rollups r JOIN pg_class c ON c.relname = 'dirty_keys_' || r.id
                    AND c.relnamespace = 'tally'::regnamespace WHERE r.key IS NOT NULL LOOP
        EXECUTE format('ALTER TABLE %s ADD COLUMN sqlstate text, ADD COLUMN message text, ADD COLUMN source_row text, ADD COLUMN computable boolean', marks);
        EXECUTE format('ALTER TABLE %s INHERIT tally.key_marks', marks);
    END LOOP;
END $$;

-- Alerts.
ALTER TABLE tally.evaluations ADD COLUMN bucket timestamptz;
ALTER TABLE tally.incident_events ADD COLUMN person text;
ALTER TABLE tally.incidents ADD COLUMN life_since timestamptz, ADD COLUMN acknowledged_person text, ADD COLUMN resolved_person text,
    ADD COLUMN reviewed_person text, ADD COLUMN closed_bucket timestamptz, ADD COLUMN suppressed_until timestamptz, ADD COLUMN silence_id int,
    ADD COLUMN inhibitor_id bigint, ADD COLUMN previous_id bigint;
UPDATE tally.incidents i
   SET life_since = coalesce((SELECT max(e.at) FROM tally.incident_events e WHERE e.incident_id = i.id AND e.event = 'reopened'), i.opened_at),
       -- Only a newer bucket than the one that was on the table when a person closed it pages again.
       closed_bucket = CASE WHEN i.resolved_by <> 'pg_tally' THEN i.bucket END,
       -- What kept a notification back was a text; the next tick looks for it anew.
       suppressed_until = CASE WHEN i.suppressed_by IS NOT NULL THEN '-infinity'::timestamptz END;
ALTER TABLE tally.incidents ALTER life_since SET NOT NULL;
CREATE INDEX incidents_closed ON tally.incidents (threshold_id, closed_bucket) WHERE closed_bucket IS NOT NULL;
CREATE INDEX incidents_suppressed ON tally.incidents (suppressed_until) WHERE suppressed_by IS NOT NULL AND status IN ('new', 'acknowledged');
CREATE INDEX incidents_inhibited ON tally.incidents (inhibitor_id) WHERE inhibitor_id IS NOT NULL;
CREATE INDEX incidents_escalate ON tally.incidents (respond_by) WHERE status = 'new';
CREATE TABLE tally.evaluators ();
ALTER TABLE tally.silences ADD COLUMN lasts interval;
CREATE TABLE tally.silence_anchors (
    anchor     text NOT NULL,
    ends_at    timestamptz NOT NULL,
    silence_id int NOT NULL REFERENCES tally.silences ON DELETE CASCADE,
    PRIMARY KEY (anchor, ends_at, silence_id)
);
CREATE INDEX silence_anchors_silence ON tally.silence_anchors (silence_id);
-- FILE s60_alert/anchors.sql
ALTER TABLE tally.inhibitions ADD COLUMN source_anchors text[] GENERATED ALWAYS AS (tally_internal._anchors(source)) STORED,
    ADD COLUMN target_anchors text[] GENERATED ALWAYS AS (tally_internal._anchors(target)) STORED;
CREATE INDEX inhibitions_source ON tally.inhibitions USING gin (source_anchors);
CREATE INDEX inhibitions_target ON tally.inhibitions USING gin (target_anchors);
CREATE TABLE tally.inhibitors (
    inhibition_id int NOT NULL REFERENCES tally.inhibitions ON DELETE CASCADE,
    incident_id   bigint NOT NULL REFERENCES tally.incidents ON DELETE CASCADE,
    equals        text NOT NULL,
    PRIMARY KEY (inhibition_id, incident_id)
);
CREATE INDEX inhibitors_equals ON tally.inhibitors (inhibition_id, equals);
CREATE INDEX inhibitors_incident ON tally.inhibitors (incident_id);
ALTER TABLE tally.notifications ADD COLUMN group_hash text, ADD COLUMN flush_at timestamptz;
UPDATE tally.notifications SET group_hash = md5(group_key::text), flush_at = CASE WHEN attempts = 0 THEN not_before ELSE created_at END;
ALTER TABLE tally.notifications ALTER group_hash SET NOT NULL, ALTER flush_at SET NOT NULL;
DROP INDEX tally.notifications_group;
CREATE INDEX notifications_waiting ON tally.notifications (channel_id, group_hash, id) WHERE status = 'pending' AND attempts = 0;
CREATE INDEX notifications_dead ON tally.notifications (id) WHERE status = 'dead';
CREATE INDEX notifications_leased ON tally.notifications (leased_until) WHERE status = 'leased';
CREATE TABLE tally.notification_groups (
    channel_id  int NOT NULL REFERENCES tally.channels ON DELETE CASCADE,
    group_hash  text NOT NULL,
    first_flush timestamptz NOT NULL,
    last_flush  timestamptz NOT NULL,
    PRIMARY KEY (channel_id, group_hash)
);
CREATE TABLE tally.notification_members (
    channel_id  int NOT NULL REFERENCES tally.channels ON DELETE CASCADE,
    incident_id bigint NOT NULL REFERENCES tally.incidents ON DELETE CASCADE,
    group_hash  text NOT NULL,
    waiting_id  bigint,
    told_at     timestamptz NOT NULL,
    PRIMARY KEY (channel_id, incident_id)
);
CREATE INDEX notification_members_group ON tally.notification_members (channel_id, group_hash);
CREATE INDEX notification_members_told ON tally.notification_members (channel_id, told_at) WHERE waiting_id IS NULL;

-- Sessions are a third kind of behaviour.
ALTER TABLE tally.behaviours DROP CONSTRAINT behaviours_kind_check;
ALTER TABLE tally.behaviours ADD CONSTRAINT behaviours_kind_check CHECK (kind IN ('funnel', 'retention', 'sessions'));

-- Experiments, releases and boards are new. The default of their owner calls a function of caller.sql.
-- FILE s10_kernel/caller.sql
-- FILE s20_catalog/state/faces.sql
-- FILE s72_cluster/state/tables.sql
-- FILE s57_experiment/state/tables.sql
-- FILE s10_kernel/state/k_total.sql
-- FILE s75_release/state/releases.sql
-- FILE s60_alert/state/access.sql
-- FILE s85_board/state/tables.sql

-- Packs are files with steps, and there are registered ones. What they are made of comes anew; views of packs read some columns of it.
DELETE FROM tally.pack_steps;
DELETE FROM tally.pack_columns;
ALTER TABLE tally.pack_columns DROP CONSTRAINT pack_columns_pack_relation_fkey, DROP COLUMN constraints, DROP COLUMN description;
DROP TABLE tally.pack_tables;
DELETE FROM tally.pack_list;
ALTER TABLE tally.pack_list ADD COLUMN owner tally.role, ADD CHECK (name <> '');
ALTER TABLE tally.pack_columns ADD FOREIGN KEY (pack) REFERENCES tally.pack_list ON DELETE CASCADE;
ALTER TABLE tally.pack_steps ADD COLUMN file text NOT NULL, DROP CONSTRAINT pack_steps_pack_fkey, DROP CONSTRAINT pack_steps_kind_check;
ALTER TABLE tally.pack_steps ADD FOREIGN KEY (pack) REFERENCES tally.pack_list ON DELETE CASCADE,
    ADD CHECK (kind IN ('source', 'index', 'table', 'rows', 'rollup', 'metric', 'probe', 'threshold', 'task', 'board', 'view', 'function', 'trigger'));
ALTER TABLE tally.installed_packs ADD COLUMN zone text, ADD COLUMN fingerprint text, ADD COLUMN made jsonb, DROP CONSTRAINT installed_packs_pkey;
ALTER TABLE tally.installed_packs ADD PRIMARY KEY (pack, target_schema);
DROP FUNCTION tally.install_pack(text, text), tally.drop_pack(text);

ALTER TABLE tally.jobs ADD COLUMN outside boolean NOT NULL DEFAULT false;

ALTER TABLE tally.channels DROP CONSTRAINT channels_template_check;
ALTER TABLE tally.channels ADD CONSTRAINT channels_template_check CHECK (template IN ('generic', 'slack', 'pagerduty', 'email'));
-- FILE s60_alert/state/routes.sql

ALTER TABLE tally.audit DROP CONSTRAINT audit_action_check;
ALTER TABLE tally.audit ADD CONSTRAINT audit_action_check CHECK (action IN ('create', 'change', 'drop', 'export'));

-- What slow definitions take of a run.
-- FILE s20_catalog/state/put_off.sql
ALTER TABLE tally.probes ADD COLUMN last_ms float8;

-- Identity keys.
-- FILE s20_catalog/state/identity.sql
-- FILE s20_catalog/state/pseudonyms.sql

-- Limits of readers.
-- FILE s50_metric/state/limits.sql

-- Settings that are stored.
-- FILE s15_common/state/stored_settings.sql

-- Metrics made of two others.
-- FILE s50_metric/state/ratios.sql

ALTER TABLE tally.odd_rows RENAME COLUMN ever TO too_early;
ALTER TABLE tally.odd_rows RENAME COLUMN never TO too_late;
-- PostgreSQL 18 has a constraint for each NOT NULL, with the name that the column had.
DO $$
DECLARE
    was text;
    now text;
BEGIN
    FOR was, now IN SELECT k.conname, pg_catalog.format('odd_rows_%s_not_null', a.attname) FROM pg_catalog.pg_constraint k
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
        WHERE k.conrelid = 'tally.odd_rows'::pg_catalog.regclass AND k.contype = 'n' AND a.attname IN ('too_early', 'too_late')
    LOOP
        EXECUTE pg_catalog.format('ALTER TABLE tally.odd_rows RENAME CONSTRAINT %I TO %I', was, now);
    END LOOP;
END $$;

-- A name is unique within a schema.
ALTER TABLE tally.rollups DROP CONSTRAINT rollups_name_key;
CREATE INDEX rollups_name ON tally.rollups (name);
ALTER TABLE tally.metrics DROP CONSTRAINT metrics_name_key;
ALTER TABLE tally.metrics ADD UNIQUE (rollup_id, name);
CREATE INDEX metrics_name ON tally.metrics (name);
ALTER TABLE tally.behaviours DROP CONSTRAINT behaviours_pkey, DROP CONSTRAINT behaviours_counts_key;
ALTER TABLE tally.behaviours ADD PRIMARY KEY (counts);
CREATE INDEX behaviours_name ON tally.behaviours (name);
ALTER TABLE tally.probes ADD COLUMN schema text, DROP CONSTRAINT probes_name_key;
ALTER TABLE tally.tasks ADD COLUMN schema text, DROP CONSTRAINT tasks_name_key;
ALTER TABLE tally.thresholds ADD COLUMN schema text, DROP CONSTRAINT thresholds_name_key;
ALTER TABLE tally.channels ADD COLUMN schema text, DROP CONSTRAINT channels_name_key;
ALTER TABLE tally.inhibitions ADD COLUMN schema text, DROP CONSTRAINT inhibitions_name_key;
DO $$
DECLARE
    item text;
BEGIN
    -- No change of a person's, so no entry in the audit.
    FOREACH item IN ARRAY '{probes,tasks,thresholds}'::text[] LOOP
        EXECUTE format('ALTER TABLE tally.%I DISABLE TRIGGER USER', item);
        EXECUTE format($q$UPDATE tally.%I x SET schema = COALESCE((
            SELECT n.nspname FROM regexp_split_to_table(x.search_path, '\s*,\s*') WITH ORDINALITY p(s, o)
              JOIN pg_namespace n ON n.nspname = CASE p.s WHEN '"$user"' THEN (SELECT r.rolname FROM pg_roles r WHERE r.oid = x.owner::oid)
                                                     ELSE btrim(p.s, '"') END
             WHERE n.nspname <> 'pg_catalog' ORDER BY p.o LIMIT 1), 'public')$q$, item);
    END LOOP;
    UPDATE tally.thresholds t SET schema = n.nspname FROM tally.metrics m, tally.rollups r, pg_class c, pg_namespace n
     WHERE m.id = t.metric_id AND r.id = m.rollup_id AND c.oid = r.relation AND n.oid = c.relnamespace;
    UPDATE tally.thresholds t SET schema = p.schema FROM tally.probes p WHERE p.id = t.probe_id;
    -- Nobody knows the search_path of their makers.
    FOREACH item IN ARRAY '{channels,inhibitions}'::text[] LOOP
        EXECUTE format('ALTER TABLE tally.%I DISABLE TRIGGER USER', item);
        EXECUTE format('UPDATE tally.%I SET schema = ''public''', item);
    END LOOP;
    FOREACH item IN ARRAY '{channels,inhibitions,probes,tasks,thresholds}'::text[] LOOP
        EXECUTE format('ALTER TABLE tally.%I ENABLE TRIGGER USER', item);
        EXECUTE format('ALTER TABLE tally.%I ALTER COLUMN schema SET NOT NULL, ADD UNIQUE (schema, name)', item);
    END LOOP;
END $$;

-- Quiet hours of channels, levels of escalation.
ALTER TABLE tally.channels ADD COLUMN quiet jsonb;
ALTER TABLE tally.thresholds ADD COLUMN escalation interval[];
