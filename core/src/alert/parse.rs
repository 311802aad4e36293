//! Owns how a condition is read from text.
//!
//! The grammar is small on purpose: every form reads as the sentence an operator would say.

use super::condition::{Condition, MOST_PAIRS, Op};
use super::words::{decimals, interval, positive, read_number, read_op, read_percent, tokens, weeks};

/// The forms a condition may take, for error messages and documentation.
pub const FORMS: &str = "\"> 2500\" (also >=, <, <=, =, !=), \"> 1.5 x baseline of 7 days\", \"< -20% vs 7 days\", \
\"> 5 per 1 hour\", \"z > 4 over 8 weeks\", \"poisson < 0.001 over 8 weeks\", \"absent\", \"burn rate 99.9% over 30 days\"";

/// Reads a condition; the error says what was wrong, in the words "expected …, got …".
pub fn parse(text: &str) -> Result<Condition, String> {
    let words: Vec<String> = tokens(text);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => Err("expected a condition, got an empty text".to_owned()),
        ["absent"] => Ok(Condition::Absent),
        ["burn", "rate", rest @ ..] => burn(rest),
        ["z", op, limit, rest @ ..] => {
            if read_op(op)? != Op::Gt {
                return Err(format!("expected \"z > number\" (it looks both ways), got \"z {op}\""));
            }
            Ok(Condition::RobustZ {
                limit: positive(limit)?,
                weeks: weeks(rest)?,
            })
        }
        ["poisson", op, limit, rest @ ..] => {
            let p = positive(limit)?;
            if read_op(op)? != Op::Lt || p >= 1.0 {
                return Err(format!(
                    "expected \"poisson < probability\" below 1, got \"poisson {op} {limit}\""
                ));
            }
            Ok(Condition::Poisson { p, weeks: weeks(rest)? })
        }
        ["week", "over", "week", op, percent] => Ok(Condition::Change {
            op: read_op(op)?,
            percent: read_percent(percent)?,
            vs: "7 days".to_owned(),
        }),
        [op, number, rest @ ..] => comparison(read_op(op)?, number, rest),
        [other] => Err(format!("expected an operator and a number, got \"{other}\"")),
    }
}

/// The forms that begin with an operator and a number.
fn comparison(op: Op, number: &str, rest: &[&str]) -> Result<Condition, String> {
    match rest {
        [] => {
            let limit = read_number(number)?;
            Ok(Condition::Compare {
                op,
                limit,
                decimals: decimals(number),
            })
        }
        ["x", "baseline"] => Ok(Condition::Baseline {
            op,
            factor: positive(number)?,
            of: "7 days".to_owned(),
        }),
        ["x", "baseline", "of", length @ ..] => {
            interval(length)?;
            Ok(Condition::Baseline {
                op,
                factor: positive(number)?,
                of: length.join(" "),
            })
        }
        ["vs", length @ ..] => {
            interval(length)?;
            Ok(Condition::Change {
                op,
                percent: read_percent(number)?,
                vs: length.join(" "),
            })
        }
        ["per", length @ ..] => Ok(Condition::Rate {
            op,
            limit: read_number(number)?,
            per: interval(length)?,
        }),
        other => Err(format!(
            "expected nothing, \"x baseline\", \"vs\" or \"per\" after the number, got \"{}\"",
            other.join(" ")
        )),
    }
}

/// `99.9% [over 30 days] [min 10 bad] [2% in 1 hour and 5 minutes …]`.
fn burn(words: &[&str]) -> Result<Condition, String> {
    let (objective, rest) = words
        .split_first()
        .ok_or_else(|| "expected an objective after \"burn rate\", got nothing".to_owned())?;
    let share = match objective.strip_suffix('%') {
        // By shifting the point in the text: 99.9 / 100 is not the double nearest to 0.999.
        Some(percent) => read_number(&format!("{percent}e-2"))?,
        None => read_number(objective)?,
    };
    if !(share > 0.0 && share < 1.0) {
        return Err(format!(
            "expected an objective between 0% and 100%, got \"{objective}\""
        ));
    }
    let mut burn = (30.0, 0.0);
    let mut pairs = Vec::new();
    let mut rest = rest;
    while !rest.is_empty() {
        match rest {
            ["over", number, unit, more @ ..] => {
                burn.0 = interval(&[number, unit])? / 86_400.0;
                rest = more;
            }
            ["min", number, "bad", more @ ..] => {
                burn.1 = read_number(number)?;
                if burn.1 < 0.0 {
                    return Err(format!(
                        "expected a number of bad events of 0 or more, got \"{number}\""
                    ));
                }
                rest = more;
            }
            [share, "in", long, long_unit, "and", short, short_unit, more @ ..] => {
                pairs.push(pair(share, &[long, long_unit], &[short, short_unit])?);
                rest = more;
            }
            other => {
                return Err(format!(
                    "expected \"over 30 days\", \"min 10 bad\" or \"2% in 1 hour and 5 minutes\" after the objective, got \"{}\"",
                    other.join(" ")
                ));
            }
        }
    }
    if pairs.len() > MOST_PAIRS {
        return Err(format!(
            "expected {MOST_PAIRS} pairs of windows at most, got {}",
            pairs.len()
        ));
    }
    if let Some((_, long, _)) = pairs.iter().find(|(_, long, _)| f64::from(*long) > burn.0 * 86_400.0) {
        return Err(format!(
            "expected windows no longer than the period, got one of {long} seconds"
        ));
    }
    Ok(Condition::Burn {
        objective: share,
        days: burn.0,
        min_bad: burn.1,
        pairs,
    })
}

/// `2% in 1 hour and 5 minutes`: share of the budget, long and short window in seconds.
fn pair(share: &str, long: &[&str], short: &[&str]) -> Result<(f64, u32, u32), String> {
    let percent = share
        .strip_suffix('%')
        .ok_or_else(|| format!("expected a percentage of the budget such as 2%, got \"{share}\""))?;
    let budget = read_number(&format!("{percent}e-2"))?;
    if !(budget > 0.0 && budget <= 1.0) {
        return Err(format!(
            "expected a share of the budget above 0% and up to 100%, got \"{share}\""
        ));
    }
    let (long, short) = (interval(long)?, interval(short)?);
    if long.fract() != 0.0 || short.fract() != 0.0 || short >= long {
        return Err(format!(
            "expected a long and a shorter window of whole seconds, got {long} and {short} seconds"
        ));
    }
    Ok((budget, long as u32, short as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let compare = |op, limit, decimals| Ok(Condition::Compare { op, limit, decimals });
        assert_eq!(parse("> 2500"), compare(Op::Gt, 2500.0, 0));
        assert_eq!(parse(" >=0.25 "), compare(Op::Ge, 0.25, 2));
        assert_eq!(parse("!= -1"), compare(Op::Ne, -1.0, 0));
        assert_eq!(
            parse("> 1.5 x baseline of 7 days"),
            Ok(Condition::Baseline {
                op: Op::Gt,
                factor: 1.5,
                of: "7 days".into()
            })
        );
        assert_eq!(
            parse("< -20% vs 1 week"),
            Ok(Condition::Change {
                op: Op::Lt,
                percent: -20.0,
                vs: "1 week".into()
            })
        );
        assert_eq!(parse("week over week < -20%"), parse("< -20% vs 7 days"));
        assert_eq!(
            parse("> 5 per 1 hour"),
            Ok(Condition::Rate {
                op: Op::Gt,
                limit: 5.0,
                per: 3600.0
            })
        );
        assert_eq!(parse("z > 4"), Ok(Condition::RobustZ { limit: 4.0, weeks: 8 }));
        assert_eq!(
            parse("poisson < 0.001 over 4 weeks"),
            Ok(Condition::Poisson { p: 0.001, weeks: 4 })
        );
        assert_eq!(parse("Absent"), Ok(Condition::Absent));
        assert_eq!(
            parse("burn rate 99.9% over 28 days min 10 bad"),
            Ok(Condition::Burn {
                objective: 0.999,
                days: 28.0,
                min_bad: 10.0,
                pairs: vec![]
            })
        );
        assert_eq!(
            parse("burn rate 99% 5% in 2 hours and 10 minutes over 7 days 100% in 7 days and 1 hour"),
            Ok(Condition::Burn {
                objective: 0.99,
                days: 7.0,
                min_bad: 0.0,
                pairs: vec![(0.05, 7200, 600), (1.0, 604_800, 3600)]
            })
        );
    }

    #[test]
    fn what_is_no_condition_is_refused_in_words() {
        for bad in [
            "",
            "2500",
            ">",
            "> x",
            "> nan",
            "> inf",
            "=> 3",
            "> 3 4",
            "z < 4",
            "z > 4 over 1 weeks",
            "poisson < 2",
            "poisson > 0.1",
            "> 0 x baseline",
            "> 5 per fortnight",
            "< 20 vs 7 days",
            "burn rate",
            "burn rate 100%",
            "burn rate 99% sometimes",
            "> 1 x baseline of 0 days",
            "> 1 x baseline of 1e3 days",
            "> 1 x baseline of 4000 days",
            "> 1 x baseline of 7 dayss",
            "< -20% vs 0.1 seconds",
            "burn rate 99% over 300000000 days",
            "burn rate 99% min -1 bad",
            "burn rate 99% 2 in 1 hour and 5 minutes",
            "burn rate 99% 0% in 1 hour and 5 minutes",
            "burn rate 99% 101% in 1 hour and 5 minutes",
            "burn rate 99% 2% in 5 minutes and 5 minutes",
            "burn rate 99% 2% in 1 hour and 1.5 seconds",
            "burn rate 99% 2% in 1 hour",
            "burn rate 99% over 1 hour 2% in 2 hours and 5 minutes",
            "absent now",
        ] {
            let error = parse(bad).expect_err(bad);
            assert!(error.contains("expected") && error.contains("got"), "{bad}: {error}");
        }
    }
}
