//! Owns how a path of keys is named. Inside, keys are joined by NUL, which no JSON key holds; so the key "a.b" and the key "b" within "a"
//! never meet. Sums of pg_tally 0.1, which joined keys by dots, begin with 0x01: either of the two. A path of today that looks like one of these
//! has [`OWN`] in front.

/// What joins the keys of a path.
pub const JOINT: char = '\0';
/// What a path of 0.1 begins with.
pub const EITHER: char = '\u{1}';
/// What stands before a path that would be taken for one of 0.1.
pub const OWN: &str = "\u{1}\0";

/// Whether a path is one of 0.1: a name with a dot, which may join two keys or be of one.
pub fn is_either(path: &str) -> bool {
    path.starts_with(EITHER) && path.contains('.') && !path.contains(JOINT)
}

/// What stands before the joined keys of a path: nothing, but for those that would be taken for another path.
pub fn before(keys: &str) -> &'static str {
    let taken = is_either(keys) || keys.strip_prefix(OWN).is_some_and(|rest| !before(rest).is_empty());
    if taken { OWN } else { "" }
}

/// The keys of a path, joined.
fn keys(path: &str) -> &str {
    let own = path.strip_prefix(OWN).filter(|keys| !before(keys).is_empty());
    own.unwrap_or(path)
}

/// Whether a path leads into an object within the outermost one. The mark before a path is no key.
pub fn is_nested(path: &str) -> bool {
    keys(path).contains(JOINT)
}

/// The plain name: keys joined by dots.
pub fn plain(path: &str) -> String {
    if is_either(path) {
        path[EITHER.len_utf8()..].to_owned()
    } else {
        keys(path).replace(JOINT, ".")
    }
}

/// The name that no other path has: dots and backslashes within a key are written `\.` and `\\`.
pub fn exact(path: &str) -> String {
    let keys = keys(path)
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
    format!("{}{out}", before(&out))
}

/// The path of a name of 0.1: without a dot there is but one.
pub fn of_old(name: &str) -> String {
    let either = format!("{EITHER}{name}");
    if is_either(&either) { either } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::decimal::Decimal;
    use super::super::{Totals, text, working};
    use super::*;

    #[test]
    fn keys_that_begin_with_the_mark_of_0_1_stay_apart() {
        // They were taken for sums of 0.1: the mark was cut off, and the key "x.y" was one with it, as was "x" and then "y".
        let paths = [
            "x.y",
            "x\0y",
            "\u{1}x.y",
            "\u{1}x\0y",
            "\u{1}\u{1}x.y",
            "\u{1}",
            "\u{1}\0x.y",
            "\u{1}\0\u{1}x.y",
        ];
        let keys = |path: &str| path.split('\0').map(str::to_owned).collect::<Vec<_>>();
        let numbered = paths
            .iter()
            .zip(1..)
            .map(|(path, n)| (before(path).to_owned() + path, Decimal::parse(&format!("{n}")).unwrap()));
        let totals = Totals {
            sums: numbered.collect(),
            ..Totals::default()
        };
        assert_eq!(totals.sums.len(), paths.len());
        for path in paths {
            assert_eq!(
                is_nested(&(before(path).to_owned() + path)),
                path.contains('\0'),
                "{path:?}"
            );
        }
        assert_eq!(totals.named().len(), paths.len());
        for (path, number) in paths.iter().zip(1..) {
            let exact = keys(path)
                .iter()
                .map(|key| key.replace('.', r"\."))
                .collect::<Vec<_>>()
                .join(".");
            assert_eq!(totals.total(&exact).expect(path).text(), number.to_string(), "{path:?}");
        }
        assert_eq!(text::read(&text::write(&totals)).unwrap(), totals);
        assert_eq!(Totals::decode(&totals.encode()).unwrap(), totals);
        let merged = working::finish(&working::from_totals(&totals));
        assert_eq!(merged, totals);
    }
}
