//! Owns what the fuzz targets do. Each function takes any bytes: it must neither panic nor read beyond them, whatever it
//! accepts must come back from its own bytes and text unchanged, and every reader must answer for it. Here is what all types owe;
//! each kind has a file of its own.

mod behaviour;
mod buckets;
mod sketches;
mod texts;

pub use behaviour::{funnel_counts, funnel_events, retention};
pub use buckets::buckets;
pub use sketches::{hll, stats, tdigest, topk, totals};
pub use texts::texts;

use sketch::Grow;
use sketch::stored::{self, Stored};
use std::str::from_utf8;
use tally_core::{funnel, sketch};

/// Repeats a step until the words are enough.
fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
    while let Err(Grow(needed)) = step(words) {
        assert!(needed > words.len(), "asks for {needed} words and has {}", words.len());
        words.resize(needed, 0);
    }
}

/// All types, as the first byte of `every_type` numbers them.
pub const NAMES: [&str; 13] = [
    "tdigest",
    "hll",
    "stats",
    "moments",
    "topk",
    "totals",
    "funnel_counts",
    "funnel_events",
    "retention_counts",
    "timed",
    "ohlc",
    "readings",
    "state_time",
];

/// What every type owes (`Stored`): its first byte says which one, the others are bytes and text at once.
pub fn every_type(data: &[u8]) {
    let Some((&which, data)) = data.split_first() else {
        return;
    };
    match NAMES[usize::from(which) % NAMES.len()] {
        "tdigest" => stored_answers::<sketch::tdigest::Sketch>(data),
        "hll" => stored_answers::<sketch::hll::Sketch>(data),
        "stats" => stored_answers::<sketch::stats::Stats>(data),
        "moments" => stored_answers::<sketch::moments::Moments>(data),
        "topk" => stored_answers::<sketch::topk::TopK>(data),
        "totals" => stored_answers::<sketch::totals::Totals>(data),
        "funnel_counts" => stored_answers::<funnel::counts::Counts>(data),
        "funnel_events" => stored_answers::<funnel::gathered::Gathered>(data),
        "retention_counts" => stored_answers::<tally_core::retention::counts::Counts>(data),
        "timed" => stored_answers::<sketch::timed::Timed>(data),
        "ohlc" => stored_answers::<sketch::ohlc::Ohlc>(data),
        "readings" => {
            stored_answers::<sketch::readings::Readings>(data);
            readings_answers(data);
        }
        "state_time" => {
            stored_answers::<sketch::state_time::StateTime>(data);
            state_time_answers(data);
        }
        name => unreachable!("{name}"),
    }
}

fn stored_answers<S: Stored>(data: &[u8]) {
    let text = from_utf8(data).ok().and_then(|text| stored::input::<S>(text).ok());
    for bytes in stored::receive::<S>(data).ok().into_iter().chain(text) {
        assert_eq!(stored::canonical::<S>(&bytes).expect("its own bytes"), bytes);
        assert_eq!(
            stored::input::<S>(&stored::output::<S>(&bytes).expect("a text")).expect("its own text"),
            bytes
        );
        assert!(stored::equal::<S>(&bytes, &bytes).expect("an answer"));
    }
    // An aggregate's state too: what it prints is read as what it finishes to.
    if let Ok(now) = stored::canonical::<S>(data) {
        assert_eq!(
            stored::input::<S>(&stored::output::<S>(data).expect("a text")).expect("its own text"),
            now
        );
        assert!(stored::equal::<S>(data, &now).expect("an answer"));
        assert_eq!(
            stored::hashed::<S>(data, 1).expect("a hash"),
            stored::hashed::<S>(&now, 1).expect("a hash")
        );
    }
}

/// Readers of readings, and of what the final function makes of a state.
fn readings_answers(data: &[u8]) {
    use sketch::readings::{self, Readings, read};
    let Ok(finished) = readings::finish(data) else { return };
    let part = finished.whole().expect("one part");
    assert_eq!(finished.parts.len(), 1);
    assert!(part.first <= part.last && part.changes < part.count.max(1) && part.resets <= part.changes);
    for answer in [
        part.difference(),
        part.rate(),
        part.average(finished.kind),
        part.extrapolated(part.first.time, part.last.time),
    ] {
        assert!(answer.is_none_or(f64::is_finite));
    }
    let ends = (part.first.time, part.last.time);
    let _ = read::average_over(Some(&finished), ends.0, ends.1, None, None);
    let decoded = Readings::decode(data).expect("what could be finished");
    assert_eq!(decoded.whole().expect("one part"), part);
}

fn state_time_answers(data: &[u8]) {
    use sketch::state_time;
    let Ok(finished) = state_time::finish(data) else { return };
    let part = finished.whole().expect("one part");
    let span = part.last.time.wrapping_sub(part.first.time) as u64;
    assert_eq!(part.times.values().sum::<u64>(), span);
    let _ = part.within(0, 1, None);
}
