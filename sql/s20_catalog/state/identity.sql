-- Owns: the secret keys under which distinct counts hash people, and which rollups count so. State only.

CREATE TABLE tally.identity_keys (
    id         text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{4}$' AND id NOT LIKE '00%'),
    secret     bytea NOT NULL UNIQUE CHECK (octet_length(secret) = 16),
    made_at    timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz
);
CREATE UNIQUE INDEX identity_keys_present ON tally.identity_keys ((true)) WHERE retired_at IS NULL;
COMMENT ON TABLE tally.identity_keys IS
'Secret keys under which the distinct counts of keyed rollups hash people. Who has one can test whether a person is in a sketch, so no role is granted it.';
COMMENT ON COLUMN tally.identity_keys.id IS 'Number of the key, four hexadecimal digits. It is no secret: each sketch bears it.';
COMMENT ON COLUMN tally.identity_keys.secret IS 'The key itself, 16 bytes.';
COMMENT ON COLUMN tally.identity_keys.made_at IS 'When it was made.';
COMMENT ON COLUMN tally.identity_keys.retired_at IS 'When another key took its place; null: it is the key of now.';

CREATE TABLE tally.keyed_rollups (
    rollup_id    int PRIMARY KEY REFERENCES tally.rollups ON DELETE CASCADE,
    key          text NOT NULL REFERENCES tally.identity_keys,
    since        timestamptz NOT NULL DEFAULT now(),
    older_before timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE tally.keyed_rollups IS 'Rollups whose distinct counts are keyed: who has not the key cannot test a guessed person against their sketches.';
COMMENT ON COLUMN tally.keyed_rollups.rollup_id IS 'The rollup.';
COMMENT ON COLUMN tally.keyed_rollups.key IS 'Number of the key.';
COMMENT ON COLUMN tally.keyed_rollups.since IS 'When it took that key.';
COMMENT ON COLUMN tally.keyed_rollups.older_before IS
'Buckets before this were frozen then, so their sketches are of an older key or of none; -infinity: there are no such buckets.';
