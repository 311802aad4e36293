//! pg_tally: the table of contents.
//!
//! Rust computes: types, aggregates and functions that read no tables. SQL (`sql/`) moves rows. The seam between the
//! two is written down in `docs/kernel.md`. The algorithms are in `core/`, which knows nothing of PostgreSQL; here is
//! what lends them to SQL: one file of glue for each file of `sql/s10_kernel/`, and `pg/`, which holds every `unsafe` line.

mod glue;
pub mod pg;

pgrx::pg_module_magic!(name, version);

// `cargo pgrx test` makes the extension's script from what it finds in the library: this, and the tests. So the real script comes by this
// road. `scripts/test/pg_test.sh` puts it beside the others. CREATE EXTENSION replaces the two marks in its own text alone, and would do
// so in this text, too; so they are written in two halves.
#[cfg(feature = "pg_test")]
pgrx::extension_sql!(
    r"
DO $do$
DECLARE
    script text := (SELECT pg_read_file(setting || '/extension/pg_tally.install') FROM pg_config WHERE name = 'SHAREDIR');
BEGIN
    script := regexp_replace(script, '^\\echo[^\n]*', '', 'n');
    EXECUTE replace(replace(script, 'MODULE_' || 'PATHNAME', '$libdir/pg_tally'), '@ext' || 'schema@', 'tally');
END $do$;
",
    name = "install_script",
    bootstrap
);

/// What pgrx's test framework asks of a crate.
#[cfg(all(test, feature = "pg_test"))]
pub mod pg_test {
    /// Called before each test.
    pub fn setup(_options: Vec<&str>) {}

    /// Settings of the tests' server.
    pub fn postgresql_conf_options() -> Vec<&'static str> {
        vec!["fsync = off", "timezone = 'UTC'"]
    }
}
