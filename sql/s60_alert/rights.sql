-- Owns: who sees thresholds, incidents, channels and what belongs to them, and the triggers that keep the records of them.

ALTER TABLE tally.thresholds ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.thresholds;
CREATE POLICY owner_sees ON tally.thresholds FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.thresholds TO PUBLIC;
ALTER TABLE tally.audit ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.audit;
CREATE POLICY owner_sees ON tally.audit FOR SELECT USING (tally_internal._has_rights_of(owner));
GRANT SELECT ON tally.audit TO PUBLIC;

ALTER TABLE tally.incidents ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.incidents;
CREATE POLICY owner_sees ON tally.incidents FOR SELECT
    USING (tally_internal._has_rights_of(owner) OR tally_internal._handles(tally_internal._current_role(), owner,
                                                                                      tally_internal._threshold_schema(threshold_id)));
ALTER TABLE tally.access ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS both_see ON tally.access;
CREATE POLICY both_see ON tally.access FOR SELECT USING (tally_internal._has_rights_of(owner) OR tally_internal._has_rights_of(grantee));
GRANT SELECT ON tally.access TO PUBLIC;
ALTER TABLE tally.incident_events ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.incident_events;
CREATE POLICY owner_sees ON tally.incident_events FOR SELECT USING (EXISTS (SELECT FROM tally.incidents i WHERE i.id = incident_id));
ALTER TABLE tally.threshold_states ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.threshold_states;
CREATE POLICY owner_sees ON tally.threshold_states FOR SELECT USING (EXISTS (SELECT FROM tally.thresholds t WHERE t.id = threshold_id));
ALTER TABLE tally.evaluations ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.evaluations;
CREATE POLICY owner_sees ON tally.evaluations FOR SELECT USING (EXISTS (SELECT FROM tally.thresholds t WHERE t.id = threshold_id));
GRANT SELECT ON tally.incidents, tally.incident_events, tally.threshold_states, tally.evaluations TO PUBLIC;

ALTER TABLE tally.channels ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.channels;
CREATE POLICY owner_sees ON tally.channels FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.silences ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.silences;
CREATE POLICY owner_sees ON tally.silences FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.inhibitions ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.inhibitions;
CREATE POLICY owner_sees ON tally.inhibitions FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.routes ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.routes;
CREATE POLICY owner_sees ON tally.routes FOR SELECT USING (tally_internal._has_rights_of(owner));
ALTER TABLE tally.notifications ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS owner_sees ON tally.notifications;
CREATE POLICY owner_sees ON tally.notifications FOR SELECT USING (EXISTS (SELECT FROM tally.channels c WHERE c.id = channel_id));
GRANT SELECT (id, name, owner, kind, template, matchers, events, group_by, group_wait, group_interval, repeat_interval, max_attempts,
              enabled, schema, quiet) ON tally.channels TO PUBLIC;
GRANT SELECT ON tally.silences, tally.inhibitions, tally.routes, tally.notifications TO PUBLIC;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tally.incident_events
    FOR EACH STATEMENT EXECUTE FUNCTION tally_internal._append_only();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.access FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
-- Of a rollup, what a refresh writes down is no act of a person.
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OF owner, schedule OR DELETE ON tally.rollups FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.limits FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.channels FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.silences FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.inhibitions FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.routes FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.experiments FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.experiment_metrics FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.identity_keys FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
CREATE OR REPLACE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON tally.stored_settings FOR EACH ROW EXECUTE FUNCTION tally_internal._audit();
