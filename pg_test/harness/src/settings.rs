//! Owns what a session may be set to: what clients, roles and databases set, none of which may change a stored or shown row.

use crate::rng::Rng;

/// One of each group is drawn for a session, or none.
const GROUPS: [&[&str]; 13] = [
    &[
        "America/New_York",
        "Asia/Kolkata",
        "Europe/Berlin",
        "Pacific/Apia",
        "America/St_Johns",
        "CST6CDT",
    ],
    &[
        "SQL, DMY",
        "SQL, MDY",
        "Postgres, DMY",
        "Postgres, MDY",
        "German",
        "ISO, DMY",
    ],
    &["sql_standard", "postgres_verbose", "iso_8601"],
    &["escape"],
    &["0", "-4", "3"],
    &["off"],
    &["on"],
    &["off"],
    &["off"],
    &["on"],
    &["document"],
    &["off"],
    &["read committed", "repeatable read", "serializable"],
];
const NAMES: [&str; 13] = [
    "timezone",
    "datestyle",
    "intervalstyle",
    "bytea_output",
    "extra_float_digits",
    "row_security",
    "transform_null_equals",
    "array_nulls",
    "standard_conforming_strings",
    "quote_all_identifiers",
    "xmloption",
    "check_function_bodies",
    "default_transaction_isolation",
];
/// What a locale decides: set to one of those that the server's machine has.
const LOCALES: [&str; 4] = ["lc_messages", "lc_monetary", "lc_numeric", "lc_time"];
/// What bends plans.
const PLANS: [&str; 6] = [
    "SET enable_hashagg = off",
    "SET enable_seqscan = off",
    "SET enable_nestloop = off",
    "SET enable_indexscan = off",
    "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0",
    "SET plan_cache_mode = force_generic_plan",
];

/// The statements that set a session to what chance gives it.
pub fn drawn(rng: &mut Rng) -> String {
    let mut result = String::from("SET work_mem = '4MB'");
    for (name, values) in NAMES.iter().zip(GROUPS) {
        if rng.percent(50) {
            let value = rng.one(values);
            result.push_str(&format!("; SET {name} = '{value}'"));
        }
    }
    for name in LOCALES {
        if rng.percent(30) {
            let there = "FROM pg_collation WHERE collprovider = 'c' AND collencoding IN (-1, 6)";
            result.push_str(&format!(
                "; SELECT set_config('{name}', (SELECT collcollate {there} ORDER BY 1 OFFSET {} % (SELECT count(*) {there}) LIMIT 1), false)",
                rng.below(1000)
            ));
        }
    }
    // As logical replication writes: ordinary triggers and rules are off.
    if rng.percent(25) {
        result.push_str("; SET session_replication_role = replica");
    }
    if rng.percent(30) {
        result.push_str("; ");
        result.push_str(rng.one::<&str>(&PLANS));
    }
    result
}
