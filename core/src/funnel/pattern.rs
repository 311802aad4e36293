//! Owns the text of a pattern over events. The grammar is ClickHouse's `sequenceMatch`.
//!
//! | in a pattern | what it takes |
//! |---|---|
//! | `(?2)` | one event that meets condition 2 |
//! | `.` | one event, whichever |
//! | `.*` | any number of events between two others |
//! | `(?t<=60)` | any events between two others that are so many seconds apart; `<`, `<=`, `>`, `>=`, `==`; several hold together |

use crate::error::{SqlState, TallyError};

/// Most elements of a pattern; what is kept grows with them.
const MAX_ELEMENTS: usize = 64;
pub(super) const SECOND: i64 = 1_000_000;

/// One event of a match, and what may lie before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Element {
    /// Conditions of which the event meets one; all bits for `.`.
    pub(super) mask: u32,
    /// Whether other events may lie between this one and the one before.
    pub(super) gap: bool,
    /// Least and most microseconds since the one before.
    pub(super) apart: (i64, i64),
}

/// A pattern that has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(pub(super) Vec<Element>);

fn refused(pattern: &str, at: usize, expected: &str) -> TallyError {
    let rest: String = pattern[at..].chars().take(20).collect();
    let got = if rest.is_empty() {
        "the end".to_owned()
    } else {
        format!("\"{rest}\"")
    };
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!("pattern: expected {expected}, got {got}"),
    )
    .detail("A pattern consists of (?1) for condition 1, . for one event, .* for any events between, and (?t<=60) for seconds between.")
    .hint("SELECT tally.sequence_match(tally.sequence_events(event_time, a, b), '(?1).*(?2)') FROM …")
}

/// The bounds in microseconds that `operator` with so many seconds sets; an empty range where nothing is so far apart.
fn bounds(operator: &str, seconds: i64) -> Option<(i64, i64)> {
    let micros = seconds.saturating_mul(SECOND);
    Some(match operator {
        "<=" => (0, micros),
        "<" => (0, micros - 1),
        ">=" => (micros, i64::MAX),
        ">" => (micros.saturating_add(1), i64::MAX),
        "==" => (micros, micros),
        _ => return None,
    })
}

impl Pattern {
    /// Reads a pattern over so many conditions.
    pub fn parse(pattern: &str, conditions: usize) -> Result<Pattern, TallyError> {
        let mut elements: Vec<Element> = Vec::new();
        let none = (false, (0, i64::MAX), false);
        // Whether there is a gap before the next element, how wide, and whether seconds were named.
        let mut before = none;
        let mut at = 0;
        while at < pattern.len() {
            let rest = &pattern[at..];
            if rest.starts_with(char::is_whitespace) {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
            if rest.starts_with(".*") {
                before.0 = true;
                at += 2;
                continue;
            }
            let (mask, length) = if rest.starts_with('.') {
                (u32::MAX, 1)
            } else if let Some(inside) = rest.strip_prefix("(?t") {
                let end = inside
                    .find(')')
                    .ok_or_else(|| refused(pattern, at, "(?t<=60) with its )"))?;
                let text = inside[..end].trim();
                let number = text.trim_start_matches(['<', '>', '=']);
                let operator = &text[..text.len() - number.len()];
                let seconds = number.trim().parse::<i64>().ok().filter(|seconds| *seconds >= 0);
                let (low, high) = seconds.and_then(|seconds| bounds(operator, seconds)).ok_or_else(|| {
                    refused(
                        pattern,
                        at,
                        "(?t and one of <, <=, >, >=, == with whole seconds of 0 or more",
                    )
                })?;
                if elements.is_empty() {
                    return Err(refused(pattern, at, "an event before seconds"));
                }
                before = (true, (before.1.0.max(low), before.1.1.min(high)), true);
                at += 4 + end;
                continue;
            } else if let Some(inside) = rest.strip_prefix("(?") {
                let end = inside
                    .find(')')
                    .ok_or_else(|| refused(pattern, at, "(?1) with its )"))?;
                let number = inside[..end].trim().parse::<usize>().ok();
                match number.filter(|number| (1..=conditions).contains(number)) {
                    Some(number) => (1 << (number - 1), 3 + end),
                    None => {
                        return Err(refused(
                            pattern,
                            at,
                            &format!("the number of a condition from 1 to {conditions}"),
                        ));
                    }
                }
            } else {
                return Err(refused(pattern, at, "(?1), (?t<=60), . or .*"));
            };
            if elements.len() == MAX_ELEMENTS {
                return Err(refused(pattern, at, &format!("{MAX_ELEMENTS} events at most")));
            }
            elements.push(Element {
                mask,
                gap: before.0,
                apart: before.1,
            });
            before = none;
            at += length;
        }
        if elements.is_empty() || before.2 {
            let expected = if before.2 { "an event after seconds" } else { "an event" };
            return Err(refused(pattern, pattern.len(), expected));
        }
        Ok(Pattern(elements))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            ".*",
            "(?0)",
            "(?5)",
            "(?t<1)(?1)",
            "(?1)(?t<1)",
            "(?1)(?t~1)(?2)",
            "(?1)(?t<-1)(?2)",
            "(?1",
            "x",
            "(?t",
            "(?1)(?t<=x)(?2)",
            "é",
        ] {
            assert!(Pattern::parse(text, 4).is_err(), "{text}");
        }
        assert!(Pattern::parse(&".".repeat(MAX_ELEMENTS), 1).is_ok());
        assert!(Pattern::parse(&".".repeat(MAX_ELEMENTS + 1), 1).is_err());
    }
}
