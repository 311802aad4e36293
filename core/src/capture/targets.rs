//! Owns the text that names a trigger's targets: which rollups it marks, each by its bucket rule.
//!
//! PostgreSQL keeps a trigger's condition as text and reads it anew for each statement, a constant byte by byte as numbers. So a single
//! INSERT pays for each byte, and the text has a short form beside the plain one. Parts are separated by `; `:
//!
//! - `<rollup> <bucket rule>`: one rollup
//! - `<rollup>:<word> <word> …`: rollups that follow each other by number. A word is `<n>` and `s`, `m`, `h`, `d` or `w` for a fixed width,
//!   `<unit>` for `calendar <unit> UTC`, `<unit>,<zone>` for `calendar <unit> <zone>`

use crate::calendar::SECOND;
use crate::error::{SqlState, TallyError};

/// A rollup's number and the text of its bucket rule.
pub type Target = (i32, String);

/// Reads what a text names.
pub fn read(text: &str) -> Result<Vec<Target>, TallyError> {
    let mut targets = Vec::new();
    for part in text.split("; ") {
        match part.split_once(|c: char| !c.is_ascii_digit()) {
            Some((first, words)) if part[first.len()..].starts_with(':') => {
                let first: i32 = number(first)?;
                for (rollup, word) in (i64::from(first)..).zip(words.split(' ')) {
                    targets.push((number(&rollup.to_string())?, rule(word)?));
                }
            }
            _ => {
                let (rollup, rule) = part.split_once(' ').ok_or_else(|| bad(&format!("\"{part}\"")))?;
                targets.push((number(rollup)?, rule.to_owned()));
            }
        }
    }
    Ok(targets)
}

/// An error about a text of targets, which says what it has that no such text can have.
pub fn bad(got: &str) -> TallyError {
    TallyError::new(SqlState::InvalidParameterValue, format!("targets of capture: got {got}"))
        .detail("Expected \"<rollup> <rule>; …\" or \"<rollup>:<word> <word> …\", as tally_internal._attach_capture() writes it.")
        .hint("SELECT tally_internal._attach_capture('<source>');")
}

fn number(text: &str) -> Result<i32, TallyError> {
    text.parse().map_err(|_| bad(&format!("rollup \"{text}\"")))
}

/// The bucket rule that a word stands for.
fn rule(word: &str) -> Result<String, TallyError> {
    if let Some((unit, zone)) = word.split_once(',') {
        return Ok(format!("calendar {unit} {zone}"));
    }
    let digits = word.bytes().take_while(u8::is_ascii_digit).count();
    let seconds: Option<i64> = match &word[digits..] {
        _ if digits == 0 => None,
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        "w" => Some(604_800),
        _ => None,
    };
    match seconds {
        None => Ok(format!("calendar {word} UTC")),
        Some(seconds) => word[..digits]
            .parse()
            .ok()
            .and_then(|many: i64| many.checked_mul(seconds * SECOND))
            .map(|width| format!("fixed {width}"))
            .ok_or_else(|| bad(&format!("\"{word}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Vec<(i32, String)> {
        read(text).unwrap()
    }

    #[test]
    fn both_forms_name_the_same() {
        let plain = "41 fixed 3600000000; 42 fixed 86400000000; 43 fixed 900000000; 44 fixed 604800000000; 45 calendar month UTC";
        assert_eq!(named(plain).len(), 5);
        assert_eq!(named("41:1h 1d 15m 1w month"), named(plain));
        assert_eq!(named("41:60m 24h 900s 7d month"), named(plain));
    }

    #[test]
    fn parts_of_both_forms_may_stand_together() {
        assert_eq!(
            named("7:1h day,Asia/Tokyo; 9 fixed 5; 11 calendar day <+05>-5:30; 12:2days@3,EST5EDT,M3.2.0,M11.1.0"),
            [
                (7, "fixed 3600000000"),
                (8, "calendar day Asia/Tokyo"),
                (9, "fixed 5"),
                (11, "calendar day <+05>-5:30"),
                (12, "calendar 2days@3 EST5EDT,M3.2.0,M11.1.0"),
            ]
            .map(|(rollup, rule)| (rollup, rule.to_owned()))
        );
    }

    #[test]
    fn what_is_no_text_of_targets_is_an_error_and_no_number_overflows() {
        for text in [
            "",
            "1",
            "1;2",
            ":1h",
            "x:1h",
            "99999999999:1h",
            "2147483647:1h 1h",
            "1:9999999999999999w",
            "1:99999999999999999999h",
        ] {
            assert_eq!(
                read(text).unwrap_err().sqlstate,
                SqlState::InvalidParameterValue,
                "{text}"
            );
        }
        // The rule itself is read by whoever needs it.
        for (text, rule) in [
            ("1:", "calendar  UTC"),
            ("1:h", "calendar h UTC"),
            ("1:1x", "calendar 1x UTC"),
            ("1 ", ""),
        ] {
            assert_eq!(named(text), [(1, rule.to_owned())]);
        }
    }
}
