//! Owns how a path of keys is named. Inside, keys are joined by NUL, which no JSON key holds; so the key "a.b" and the key "b" within "a"
//! never meet. Sums of pg_tally 0.1, which joined keys by dots, begin with 0x01: either of the two.

/// What joins the keys of a path.
pub const JOINT: char = '\0';
/// What a path of 0.1 begins with.
pub const EITHER: char = '\u{1}';

/// The plain name: keys joined by dots.
pub fn plain(path: &str) -> String {
    path.trim_start_matches(EITHER).replace(JOINT, ".")
}

/// The name that no other path has: dots and backslashes within a key are written `\.` and `\\`.
pub fn exact(path: &str) -> String {
    let keys = path
        .split(JOINT)
        .map(|key| key.replace('\\', r"\\").replace('.', r"\."));
    keys.collect::<Vec<_>>().join(".")
}

/// The path of an exact name.
pub fn from_exact(name: &str) -> String {
    let mut out = String::new();
    let mut chars = name.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.extend(chars.next()),
            '.' => out.push(JOINT),
            c => out.push(c),
        }
    }
    out
}

/// The path of a name of 0.1: without a dot there is but one.
pub fn of_old(name: &str) -> String {
    if name.contains('.') {
        format!("{EITHER}{name}")
    } else {
        name.to_owned()
    }
}
