//! Owns the one ordered list of SQL files that make up the extension.
//!
//! The order is the arrow of the data (`sql/s10_…` to `sql/s90_…`); every file names its predecessor, so nothing is
//! left to the order in which a linker finds things.

use pgrx::extension_sql_file;

/// Chains SQL files: each one requires the one before it.
macro_rules! sql_files {
    ($first:literal as $first_name:literal; $($rest:tt)*) => {
        extension_sql_file!($first, name = $first_name, bootstrap);
        sql_files!(@after $first_name; $($rest)*);
    };
    (@after $prev:literal;) => {};
    (@after $prev:literal; $file:literal as $name:literal; $($rest:tt)*) => {
        extension_sql_file!($file, name = $name, requires = [$prev]);
        sql_files!(@after $name; $($rest)*);
    };
}

sql_files! {
    "../sql/s10_kernel/types.sql" as "kernel_types";
    "../sql/s10_kernel/alert.sql" as "kernel_alert";
    "../sql/s20_catalog/rollups.sql" as "catalog_rollups";
}
