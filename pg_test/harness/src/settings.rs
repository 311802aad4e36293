//! Owns what a session may be set to: what clients, roles and databases set, none of which may change a stored or shown row.

use crate::rng::Rng;

/// One of each group is drawn for a session, or none.
const GROUPS: [&[&str]; 12] = [
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
];
const NAMES: [&str; 12] = [
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
];
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
    if rng.percent(30) {
        result.push_str("; ");
        result.push_str(rng.one::<&str>(&PLANS));
    }
    result
}
