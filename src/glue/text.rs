//! Owns the SQL-callable functions of text pictures and of comparing. Declared in `sql/s10_kernel/small.sql`.

use crate::pg::float;
use crate::pg::fmgr::Call;
use crate::pg_fn;
use tally_core::alert::condition::Op;
use tally_core::error::{SqlState, TallyError};
use tally_core::text::trim_numbers;

/// Widest bar: more than any terminal has.
const WIDEST: i32 = 1000;

fn width(call: &Call, i: usize) -> Result<usize, TallyError> {
    let given = call.i32(i);
    if (0..=WIDEST).contains(&given) {
        return Ok(given as usize);
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        format!("width of a bar expected in 0 to {WIDEST}, got {given}"),
    )
    .hint("SELECT tally.bar(0.5, 40)"))
}

fn operator(text: &str) -> Result<Op, TallyError> {
    Ok(match text.trim() {
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "<" => Op::Lt,
        "<=" => Op::Le,
        "=" => Op::Eq,
        "!=" | "<>" => Op::Ne,
        other => {
            return Err(TallyError::new(
                SqlState::InvalidParameterValue,
                format!("operator expected to be one of >, >=, <, <=, =, !=, got \"{other}\""),
            )
            .hint("SELECT tally.breaches(value, '>', 2500)"));
        }
    })
}

/// Decimals of a number's shortest decimal form.
fn decimals(number: f64) -> u8 {
    let text = format!("{number}");
    text.split_once('.')
        .map_or(0, |(_, fraction)| u8::try_from(fraction.len()).unwrap_or(u8::MAX))
}

pg_fn! {
    /// `sparkline(float8[])`.
    tally_sparkline(call)? {
        Ok(call.return_str(&tally_core::text::sparkline(&call.f64s(0)?)))
    }

    /// `bar(share float8, width int)`.
    tally_bar_share(call)? {
        let width = width(&call, 1)?;
        Ok(if call.f64(0).is_nan() { call.return_null() } else { call.return_str(&tally_core::text::bar(call.f64(0), width)) })
    }

    /// `bar(value float8, max float8, width int)`.
    tally_bar(call)? {
        let width = width(&call, 2)?;
        let share = call.f64(0) / call.f64(1);
        Ok(if share.is_nan() { call.return_null() } else { call.return_str(&tally_core::text::bar(share, width)) })
    }

    /// `_add_size(sum float8, value float8)`: step of `_sizes`; past the largest float it is infinity, and no error.
    tally_add_size(call)? {
        Ok(call.return_f64(call.f64(0) + call.f64(1).abs()))
    }

    /// `breaches(value float8, operator text, threshold float8)`: NaN is no number to hold against anything.
    tally_breaches(call)? {
        let operator = operator(call.str(1)?)?;
        let (value, threshold) = (call.f64(0), call.f64(2));
        Ok(if value.is_nan() || threshold.is_nan() {
            call.return_null()
        } else {
            call.return_bool(operator.holds(value, threshold, decimals(threshold)))
        })
    }

    /// `_float_text(float8) → text`.
    tally_float8_text(call)? {
        Ok(call.return_str(&float::float8(call.f64(0))))
    }

    /// `_float_text(float4) → text`.
    tally_float4_text(call)? {
        Ok(call.return_str(&float::float4(f32::from_bits(call.datum(0).value() as u32))))
    }

    /// `_jsonb_text(jsonb) → text`.
    tally_jsonb_text(call)? {
        Ok(call.return_str(&trim_numbers(&call.jsonb_text(0).unwrap_or_default())))
    }
}
