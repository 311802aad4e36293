//! Owns the walk through the rows and parts of a series in the order of time. Parts that overlap cannot be put in order: they are refused.

use super::moment;
use crate::cancel;
use crate::error::{SqlState, TallyError};

/// What is made of a series, from its beginning on.
pub trait Series: Sized {
    /// A row: its time and value, ordered by both.
    type Row: Ord + Copy;
    /// A stored part.
    type Part;

    /// The series of one row.
    fn begin(row: Self::Row) -> Self;
    /// The series of one part.
    fn resume(part: &Self::Part) -> Self;
    /// First row of a part.
    fn start(part: &Self::Part) -> Self::Row;
    /// Last row so far.
    fn end(&self) -> Self::Row;
    /// Goes on with the next row.
    fn row(&mut self, row: Self::Row);
    /// Goes on with the next part.
    fn part(&mut self, part: &Self::Part);
    /// The time of a row.
    fn time(row: Self::Row) -> i64;
}

/// The series of all rows and parts; none of nothing. `name` is the type's.
pub fn fold<S: Series>(name: &str, rows: &mut [S::Row], parts: &[S::Part]) -> Result<Option<S>, TallyError> {
    cancel::sort_by(rows, Ord::cmp);
    let mut order: Vec<&S::Part> = parts.iter().collect();
    order.sort_by_key(|part| S::start(part));
    let (mut rows, mut parts) = (rows.iter().copied().peekable(), order.into_iter().peekable());
    let mut series: Option<S> = None;
    let mut steps = 0u32;
    loop {
        steps = steps.wrapping_add(1);
        if steps.is_multiple_of(1 << 16) {
            cancel::look();
        }
        let row_is_next = match (rows.peek(), parts.peek()) {
            (Some(row), Some(part)) => *row <= S::start(part),
            (Some(_), None) => true,
            (None, Some(_)) => false,
            (None, None) => return Ok(series),
        };
        let start = match (row_is_next, rows.peek(), parts.peek()) {
            (true, Some(row), _) => *row,
            (_, _, Some(part)) => S::start(part),
            _ => return Ok(series),
        };
        if let Some(series) = series.as_ref().filter(|series| start < series.end()) {
            return Err(overlap(name, S::time(start), S::time(series.end())));
        }
        match (series.as_mut(), row_is_next) {
            (Some(series), true) => rows.next().into_iter().for_each(|row| series.row(row)),
            (Some(series), false) => parts.next().into_iter().for_each(|part| series.part(part)),
            (None, true) => series = rows.next().map(S::begin),
            (None, false) => series = parts.next().map(S::resume),
        }
    }
}

#[cold]
fn overlap(name: &str, start: i64, end: i64) -> TallyError {
    TallyError::new(
        SqlState::InvalidParameterValue,
        format!(
            "parts of one series after another expected, got one that begins at {} before another one ends at {}",
            moment::write(start),
            moment::write(end)
        ),
    )
    .detail("A part keeps its ends and not its rows, so two parts of the same time cannot be put in order. They may be of different series.")
    .hint(format!(
        "SELECT series, tally.rollup({name}) FROM … GROUP BY series keeps each series apart; sum what is read from them."
    ))
}
