-- Owns: what is known of rollups that several servers hold together. State only.
--
-- At a node, a feed is the list of buckets of a rollup that have changed since the coordinator took them. At the coordinator, a cluster is a rollup on
-- copies of what the nodes hold.

CREATE TABLE tally.feeds (
    rollup_id int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE,
    token     uuid NOT NULL DEFAULT gen_random_uuid(),
    taken     bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE tally.feeds IS 'Rollups of this server that a coordinator pulls.';
COMMENT ON COLUMN tally.feeds.rollup_id IS 'The rollup.';
COMMENT ON COLUMN tally.feeds.token IS 'Tells this feed from one that was made anew: then nobody knows what the coordinator has of it.';
COMMENT ON COLUMN tally.feeds.taken IS 'Number of the last pull whose marks are deleted here, because the coordinator has committed it.';

CREATE TABLE tally.feed_marks (
    rollup_id int NOT NULL,
    bucket    timestamptz NOT NULL,
    xid       xid8 NOT NULL DEFAULT pg_current_xact_id()
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX feed_marks_rollup ON tally.feed_marks (rollup_id, bucket);
COMMENT ON TABLE tally.feed_marks IS 'Buckets of rollups with a feed whose stored rows have changed, until the coordinator has them.';
COMMENT ON COLUMN tally.feed_marks.rollup_id IS 'The rollup.';
COMMENT ON COLUMN tally.feed_marks.bucket IS 'Start of the bucket; -infinity: all of them.';
COMMENT ON COLUMN tally.feed_marks.xid IS 'The transaction that changed it: a pull deletes the marks of those that its snapshot saw, and no others.';

CREATE TABLE tally.clusters (
    rollup_id  int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE,
    parts      regclass NOT NULL UNIQUE,
    face       regclass NOT NULL UNIQUE,
    remote     text NOT NULL,
    arguments  jsonb NOT NULL,
    definition jsonb NOT NULL
);
COMMENT ON TABLE tally.clusters IS 'One row per cluster rollup: a rollup that merges what its nodes hold.';
COMMENT ON COLUMN tally.clusters.rollup_id IS 'The rollup here, with the merged rows as of the last pull; its live view reads the nodes now.';
COMMENT ON COLUMN tally.clusters.parts IS 'The table with the nodes'' rows as of the last pull, which the rollup stands on.';
COMMENT ON COLUMN tally.clusters.face IS 'The view that reads the nodes'' rows now.';
COMMENT ON COLUMN tally.clusters.remote IS 'Name of the rollup at the nodes, with its schema.';
COMMENT ON COLUMN tally.clusters.arguments IS 'What create_cluster_rollup() was given.';
COMMENT ON COLUMN tally.clusters.definition IS 'What the rollup must be at each node, as the nodes read it.';

CREATE TABLE tally.cluster_nodes (
    rollup_id    int NOT NULL REFERENCES tally.clusters ON DELETE CASCADE,
    node         text NOT NULL,
    live         regclass NOT NULL,
    identity     text,
    taken        bigint NOT NULL DEFAULT 0,
    snapshot     pg_snapshot,
    pulled_by    xid8,
    pulled_at    timestamptz,
    failed_since timestamptz,
    sqlstate     text,
    message      text,
    hint         text,
    PRIMARY KEY (rollup_id, node)
);
COMMENT ON TABLE tally.cluster_nodes IS 'The nodes of each cluster rollup: when each was pulled last, and what is wrong with it.';
COMMENT ON COLUMN tally.cluster_nodes.rollup_id IS 'The cluster rollup.';
COMMENT ON COLUMN tally.cluster_nodes.node IS 'The node: a foreign server of this database.';
COMMENT ON COLUMN tally.cluster_nodes.live IS 'The foreign table that reads the live view at the node.';
COMMENT ON COLUMN tally.cluster_nodes.identity IS 'Which feed of which server was pulled last: with another one, all is pulled.';
COMMENT ON COLUMN tally.cluster_nodes.taken IS 'Number of the last pull.';
COMMENT ON COLUMN tally.cluster_nodes.snapshot IS 'The snapshot at the node in which it was taken.';
COMMENT ON COLUMN tally.cluster_nodes.pulled_by IS 'The transaction that pulled: marks at the node are deleted only once it has committed.';
COMMENT ON COLUMN tally.cluster_nodes.pulled_at IS 'When the node was pulled last; null: never.';
COMMENT ON COLUMN tally.cluster_nodes.failed_since IS 'Since when pulls have failed; null: the last one did not.';
COMMENT ON COLUMN tally.cluster_nodes.sqlstate IS 'SQLSTATE of the last failure.';
COMMENT ON COLUMN tally.cluster_nodes.message IS 'Its message.';
COMMENT ON COLUMN tally.cluster_nodes.hint IS 'The statement to run next.';
