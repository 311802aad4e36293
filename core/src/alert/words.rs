//! Owns the words of a condition: operators, numbers, percentages, lengths of time.

use super::condition::Op;

/// Splits at blanks and after an operator, so that `>2500` reads as `> 2500`.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let split = word.find(|c: char| !"<>=!".contains(c)).unwrap_or(word.len());
        let (op, rest) = word.split_at(split);
        out.extend(
            [op, rest]
                .into_iter()
                .filter(|part| !part.is_empty())
                .map(str::to_lowercase),
        );
    }
    out
}

/// An operator.
pub(super) fn read_op(word: &str) -> Result<Op, String> {
    match word {
        ">" => Ok(Op::Gt),
        ">=" => Ok(Op::Ge),
        "<" => Ok(Op::Lt),
        "<=" => Ok(Op::Le),
        "=" => Ok(Op::Eq),
        "!=" | "<>" => Ok(Op::Ne),
        other => Err(format!("expected one of > >= < <= = !=, got \"{other}\"")),
    }
}

/// A finite number.
pub(super) fn read_number(word: &str) -> Result<f64, String> {
    word.parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
        .ok_or_else(|| format!("expected a finite number, got \"{word}\""))
}

/// A number above 0.
pub(super) fn positive(word: &str) -> Result<f64, String> {
    match read_number(word)? {
        number if number > 0.0 => Ok(number),
        _ => Err(format!("expected a number above 0, got \"{word}\"")),
    }
}

/// A percentage: -20 for `-20%`.
pub(super) fn read_percent(word: &str) -> Result<f64, String> {
    let number = word
        .strip_suffix('%')
        .ok_or_else(|| format!("expected a percentage such as -20%, got \"{word}\""))?;
    read_number(number)
}

/// Decimals a number was written with: 2 for `0.25`, 0 for `3` and for `1e3`.
pub(super) fn decimals(word: &str) -> u8 {
    word.split_once('.').map_or(0, |(_, fraction)| {
        fraction.chars().take_while(char::is_ascii_digit).count().min(15) as u8
    })
}

/// `[over] 8 weeks`; without it 8.
pub(super) fn weeks(words: &[&str]) -> Result<u32, String> {
    match words {
        [] => Ok(8),
        ["over", number, "week" | "weeks"] => number
            .parse::<u32>()
            .ok()
            .filter(|weeks| (2..=53).contains(weeks))
            .ok_or_else(|| format!("expected 2 to 53 weeks, got \"{number}\"")),
        other => Err(format!("expected \"over 8 weeks\", got \"{}\"", other.join(" "))),
    }
}

/// Longest stretch of time that a condition may look at, in seconds: ten years.
const LONGEST: f64 = 3_660.0 * 86_400.0;

/// `7 days`, `1 hour`: its length in seconds.
pub(super) fn interval(words: &[&str]) -> Result<f64, String> {
    let bad = || {
        format!(
            "expected a length of time from 1 second to 3660 days, such as \"7 days\", got \"{}\"",
            words.join(" ")
        )
    };
    let [number, unit] = words else { return Err(bad()) };
    let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
        "second" => 1.0,
        "minute" => 60.0,
        "hour" => 3_600.0,
        "day" => 86_400.0,
        "week" => 604_800.0,
        _ => return Err(bad()),
    };
    // The text becomes an interval of PostgreSQL's, which reads plain decimals alone.
    if !number.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Err(bad());
    }
    let length = positive(number).map_err(|_| bad())? * seconds;
    if (1.0..=LONGEST).contains(&length) {
        Ok(length)
    } else {
        Err(bad())
    }
}
