//! Owns the check of `docs/add-a-sketch.md`: every sketch type stands in every place that the recipe names.

use std::fs;
use std::path::{Path, PathBuf};

fn files(at: &Path, found: &mut Vec<PathBuf>) {
    if at.is_dir() {
        for entry in fs::read_dir(at).expect("a folder") {
            files(&entry.expect("an entry").path(), found);
        }
    } else {
        found.push(at.to_owned());
    }
}

/// Whether a file below `at` holds the text, or has it in its name.
fn stands(at: &Path, text: &str) -> bool {
    let mut found = Vec::new();
    assert!(at.exists(), "the recipe names {}, which is not there", at.display());
    files(at, &mut found);
    found.iter().any(|file| {
        file.to_string_lossy().contains(text) || fs::read_to_string(file).is_ok_and(|content| content.contains(text))
    })
}

#[test]
fn every_sketch_stands_where_the_recipe_says() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let recipe = fs::read_to_string(root.join("docs/add-a-sketch.md")).expect("the recipe");
    let code = |cell: &str| {
        cell.trim()
            .strip_prefix('`')
            .and_then(|cell| cell.strip_suffix('`'))
            .map(str::to_owned)
    };
    let places: Vec<(String, String)> = recipe
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix('|')?.split('|');
            Some((code(cells.next()?)?, code(cells.next()?)?))
        })
        .collect();
    assert!(places.len() >= 8, "the table of the recipe");

    let mut sql = Vec::new();
    files(&root.join("sql/s10_kernel"), &mut sql);
    let texts: Vec<String> = sql.iter().map(|file| fs::read_to_string(file).expect("SQL")).collect();
    let types: Vec<&str> = texts
        .iter()
        .flat_map(|text| text.split("-- TEMPLATE sketch_type\n-- name: ").skip(1))
        .map(|rest| rest.lines().next().unwrap_or(""))
        .collect();
    assert!(types.len() >= 8, "{types:?}");
    for name in types {
        for (place, what) in &places {
            let (place, what) = (place.replace("<name>", name), what.replace("<name>", name));
            assert!(
                stands(&root.join(&place), &what),
                "{name}: {what} expected in {place}, see docs/add-a-sketch.md"
            );
        }
    }
}
