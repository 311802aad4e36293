//! Owns the laws of sketches that go by time: rows in any order, states and parts merged in any tree, give the same bytes; the answers
//! are those of a plain walk over the sorted rows; parts that overlap are refused; bytes and text come back.

use super::{Point, log};
use crate::error::TallyError;
use crate::sketch::ohlc::Ohlc;
use crate::sketch::readings::{self, KINDS, Kind, Readings};
use crate::sketch::state_time::{self, StateTime};
use crate::sketch::stored::{self, Stored};
use crate::sketch::timed::{self, Held, Timed, Which};
use crate::sketch::{Grow, hll};
use proptest::prelude::*;

fn state(kind: u8, rows: &[(i64, Vec<u8>)]) -> Vec<u8> {
    let mut words = vec![0; log::FIRST_WORDS];
    log::init(&mut words, kind);
    for (time, value) in rows {
        while let Err(Grow(needed)) = log::push(&mut words, *time, value).unwrap() {
            words.resize(needed, 0);
        }
    }
    bytes_of(&words)
}

fn bytes_of(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
}

/// A state with all of these values, stored or states.
fn merged(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let mut words = log::from_bytes("test", kind, parts[0]).unwrap();
    for part in &parts[1..] {
        while let Err(Grow(needed)) = log::merge("test", &mut words, part).unwrap() {
            words.resize(needed, 0);
        }
    }
    bytes_of(&words)
}

fn readings_of(kind: Kind, bytes: &[u8]) -> Result<Vec<u8>, TallyError> {
    let finished = readings::finish(bytes)?;
    assert_eq!(finished.kind, kind);
    Ok(finished.encode())
}

fn shuffled<T: Clone>(rows: &[T], seed: u32) -> Vec<T> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_by_key(|i| hll::hash::mix(u64::from(seed) << 32 | *i as u64));
    order.into_iter().map(|i| rows[i].clone()).collect()
}

/// Sorted rows cut in three, where a cut does not divide rows of one instant.
fn cut<T: Clone>(rows: &[(i64, T)], a: usize, b: usize) -> [Vec<(i64, T)>; 3] {
    let place = |at: usize| rows.partition_point(|row| row.0 < rows[at % rows.len()].0);
    let (a, b) = (place(a).min(place(b)), place(a).max(place(b)));
    [rows[..a].to_vec(), rows[a..b].to_vec(), rows[b..].to_vec()]
}

fn comes_back<S: Stored>(bytes: &[u8]) {
    assert_eq!(stored::canonical::<S>(bytes).unwrap(), bytes);
    let text = stored::output::<S>(bytes).unwrap();
    assert_eq!(stored::input::<S>(&text).unwrap(), bytes, "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn readings_go_by_time(
        rows in prop::collection::vec((0..400i64, -9..90i32), 1..60),
        a in 0..60usize, b in 0..60usize, seed: u32, which in 0..4usize,
    ) {
        let (kind, code, _) = KINDS[which];
        let mut rows = rows;
        rows.sort_unstable();
        // An oracle in whole numbers; halves of readings are exact in float8.
        let (mut lost, mut held, mut line, mut changes, mut resets) = (0i64, 0i64, 0i64, 0, 0);
        for pair in rows.windows(2) {
            let ((t, v), (next_t, next)) = (pair[0], pair[1]);
            let (v, next, span) = (i64::from(v), i64::from(next), next_t - t);
            changes += u64::from(v != next);
            if next < v {
                lost += v;
                resets += 1;
            }
            held += v * span;
            line += (v + next) * span;
        }
        let (first, last) = (rows[0], rows[rows.len() - 1]);
        let values: Vec<(i64, Vec<u8>)> =
            rows.iter().map(|(t, v)| (*t, (f64::from(*v) / 2.0).to_le_bytes().to_vec())).collect();
        let whole = readings_of(kind, &state(code, &shuffled(&values, seed))).unwrap();
        let part = Readings::decode(&whole).unwrap().whole().unwrap();
        prop_assert_eq!((part.count, part.changes, part.resets), (rows.len() as u64, changes, resets));
        prop_assert_eq!((part.first.time, part.last.time), (first.0, last.0));
        let gone = f64::from(last.1) - f64::from(first.1);
        match kind {
            Kind::Counter => prop_assert_eq!(part.difference(), Some((gone + lost as f64) / 2.0)),
            Kind::Gauge => prop_assert_eq!(part.difference(), Some(gone / 2.0)),
            Kind::Locf => prop_assert_eq!(part.sum.value(), held as f64 / 2.0),
            Kind::Linear => prop_assert_eq!(part.sum.value(), line as f64 / 2.0),
        }
        comes_back::<Readings>(&whole);

        // Any states of the rows, and stored parts of stretches of time, in any tree.
        let (x, y) = values.split_at(a % values.len());
        prop_assert_eq!(&readings_of(kind, &merged(code, &[&state(code, y), &state(code, x)])).unwrap(), &whole);
        let stretches: Vec<Vec<u8>> = cut(&values, a, b).iter().filter(|rows| !rows.is_empty())
            .map(|rows| readings_of(kind, &state(code, rows)).unwrap()).collect();
        let refs: Vec<&[u8]> = stretches.iter().map(Vec::as_slice).collect();
        let backwards: Vec<&[u8]> = refs.iter().rev().copied().collect();
        prop_assert_eq!(&readings_of(kind, &merged(code, &backwards)).unwrap(), &whole);
        let inner = readings_of(kind, &merged(code, &refs[refs.len() / 2..])).unwrap();
        let tree: Vec<&[u8]> = refs[..refs.len() / 2].iter().copied().chain([inner.as_slice()]).collect();
        prop_assert_eq!(&readings_of(kind, &merged(code, &tree)).unwrap(), &whole);
        // A state on its way to another server.
        if !x.is_empty() {
            let sent = stored::output::<Readings>(&state(code, x)).unwrap();
            let got = stored::input::<Readings>(&sent).unwrap();
            prop_assert_eq!(&readings_of(kind, &merged(code, &[&got, &state(code, y)])).unwrap(), &whole);
        }
        // The whole twice overlaps itself, unless it is one instant.
        let twice = readings_of(kind, &merged(code, &[&whole, &whole]));
        prop_assert_eq!(twice.is_err(), part.first < part.last);
    }

    #[test]
    fn states_go_by_time(
        rows in prop::collection::vec((0..400i64, 0..4u8), 1..60), a in 0..60usize, b in 0..60usize, seed: u32,
    ) {
        let mut rows = rows;
        rows.sort_unstable();
        let name = |state: u8| format!("state {state}");
        let mut times = std::collections::BTreeMap::new();
        for pair in rows.windows(2) {
            *times.entry(name(pair[0].1)).or_insert(0u64) += (pair[1].0 - pair[0].0) as u64;
        }
        times.retain(|_, micros| *micros > 0);
        let values: Vec<(i64, Vec<u8>)> = rows.iter().map(|(t, s)| (*t, name(*s).into_bytes())).collect();
        let of = |bytes: &[u8]| state_time::finish(bytes).map(|finished| finished.encode());
        let whole = of(&state(1, &shuffled(&values, seed))).unwrap();
        let part = StateTime::decode(&whole).unwrap().whole().unwrap();
        prop_assert_eq!(&part.times, &times);
        prop_assert_eq!(part.changes, rows.windows(2).filter(|pair| pair[0].1 != pair[1].1).count() as u64);
        comes_back::<StateTime>(&whole);
        let stretches: Vec<Vec<u8>> = cut(&values, a, b).iter().filter(|rows| !rows.is_empty())
            .map(|rows| of(&state(1, rows)).unwrap()).collect();
        let backwards: Vec<&[u8]> = stretches.iter().rev().map(Vec::as_slice).collect();
        prop_assert_eq!(&of(&merged(1, &backwards)).unwrap(), &whole);
        let (x, y) = values.split_at(a % values.len());
        prop_assert_eq!(&of(&merged(1, &[&state(1, y), &state(1, x)])).unwrap(), &whole);
        prop_assert_eq!(of(&merged(1, &[&whole, &whole])).is_err(), part.first < part.last);
    }

    #[test]
    fn ends_have_no_order_and_no_tree(rows in prop::collection::vec((0..40i64, -9..9i32), 1..40), cut in 0..40usize, seed: u32) {
        let mut sorted = rows.clone();
        sorted.sort_unstable();
        let of = |rows: &[(i64, i32)]| {
            let mut points = rows.iter().map(|(t, v)| Ohlc::of(Point::new(*t, f64::from(*v))));
            let first = points.next().unwrap();
            points.fold(first, |mut all, one| { all.merge(&one); all })
        };
        let whole = of(&shuffled(&rows, seed));
        let (x, y) = rows.split_at(cut % rows.len());
        if !x.is_empty() {
            let mut both = of(y);
            both.merge(&of(x));
            prop_assert_eq!(both, whole);
        }
        let (low, high) = (rows.iter().map(|r| r.1).min().unwrap(), rows.iter().map(|r| r.1).max().unwrap());
        let at = |value: i32| sorted.iter().find(|r| r.1 == value).unwrap().0;
        let last = sorted[sorted.len() - 1];
        prop_assert_eq!((whole.open.time, whole.open.value), (sorted[0].0, f64::from(sorted[0].1)));
        prop_assert_eq!((whole.close.time, whole.close.value), (last.0, f64::from(last.1)));
        prop_assert_eq!((whole.low.time, whole.low.value), (at(low), f64::from(low)));
        prop_assert_eq!((whole.high.time, whole.high.value), (at(high), f64::from(high)));
        comes_back::<Ohlc>(&whole.encode());

        // The first and last texts of other lengths, in place and grown.
        for which in [Which::First, Which::Last] {
            let value = |v: i32| Held::Text("é".repeat((v + 9) as usize));
            let mut texts: Vec<(i64, String)> = rows.iter().map(|(t, v)| (*t, "é".repeat((*v + 9) as usize))).collect();
            texts.sort();
            let truth = if which == Which::First { &texts[0] } else { &texts[texts.len() - 1] };
            let made = |rows: &[(i64, i32)]| {
                let mut words = Timed { which, time: rows[0].0, value: value(rows[0].1) }.words();
                for (time, v) in &rows[1..] {
                    let timed = Timed { which, time: *time, value: value(*v) };
                    while let Err(Grow(needed)) = timed::push(&mut words, &timed).unwrap() {
                        words.resize(needed, 0);
                    }
                }
                stored::canonical::<Timed>(&bytes_of(&words)).unwrap()
            };
            let timed = made(&shuffled(&rows, seed));
            prop_assert_eq!(Timed::decode(&timed).unwrap(), Timed { which, time: truth.0, value: Held::Text(truth.1.clone()) });
            comes_back::<Timed>(&timed);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..120), kind in 0..20u8) {
        for bytes in [bytes.clone(), [&[1, kind, 0, 0], &bytes[..]].concat(), [&[1, kind, 3, 0], &bytes[..]].concat()] {
            let _ = (Readings::decode(&bytes), StateTime::decode(&bytes), Ohlc::decode(&bytes), Timed::decode(&bytes));
            let _ = (readings::finish(&bytes).is_ok(), state_time::finish(&bytes).is_ok());
        }
    }
}

#[test]
fn parts_of_two_series_are_refused() {
    let row = |time: i64, value: f64| (time, value.to_le_bytes().to_vec());
    let a = readings::finish(&state(1, &[row(0, 1.0), row(10, 2.0)]))
        .unwrap()
        .encode();
    let b = readings::finish(&state(1, &[row(5, 7.0), row(15, 8.0)]))
        .unwrap()
        .encode();
    let error = readings::finish(&merged(1, &[&a, &b])).unwrap_err();
    assert_eq!(
        error.message,
        "parts of one series after another expected, got one that begins at 2000-01-01T00:00:00.000005Z before another one ends at \
         2000-01-01T00:00:00.00001Z"
    );
    let gauge = readings::finish(&state(2, &[row(20, 1.0)])).unwrap().encode();
    assert!(
        readings::finish(&merged(1, &[&a, &gauge])).is_err(),
        "a gauge is no counter"
    );
}

/// From the first instant that PostgreSQL has to the last it is more than 63 bits of microseconds.
#[test]
fn all_of_time() {
    use crate::calendar::{END, FIRST};
    for (kind, code, _) in KINDS {
        let rows = [
            (FIRST, 1f64.to_le_bytes().to_vec()),
            (END - 1, 2f64.to_le_bytes().to_vec()),
        ];
        let whole = readings_of(kind, &state(code, &rows)).unwrap();
        comes_back::<Readings>(&whole);
        let part = Readings::decode(&whole).unwrap().whole().unwrap();
        assert!(part.rate().is_some_and(|rate| rate > 0.0));
        assert_eq!(part.extrapolated(FIRST, END - 1), part.difference());
    }
    let rows = [(FIRST, b"a".to_vec()), (END - 1, b"b".to_vec())];
    let whole = state_time::finish(&state(1, &rows)).unwrap();
    assert_eq!(whole.parts[0].micros("a"), 9_435_184_819_199_999_999);
    comes_back::<StateTime>(&whole.encode());
}

/// Prometheus's rule by hand: readings 10, 20, 30 at 10, 20 and 30 s of a minute. Up to the start it is 10 s, less than 1.1 × 10 s; up to the
/// end 30 s, so half of 10 s. 20 × (20 + 10 + 5) / 20 = 35. A counter of 1 at its first reading was 0 only 1 s before: 20 × 26 / 20 = 26.
#[test]
fn extrapolation_by_hand() {
    let part = |first: f64| {
        let rows: Vec<_> = (1..=3i64)
            .map(|i| (i * 10_000_000, (first + (i - 1) as f64 * 10.0).to_le_bytes().to_vec()))
            .collect();
        readings::finish(&state(1, &rows)).unwrap().whole().unwrap()
    };
    assert_eq!(part(10.0).extrapolated(0, 60_000_000), Some(35.0));
    assert_eq!(part(1.0).extrapolated(0, 60_000_000), Some(26.0));
    assert_eq!(
        part(1.0).extrapolated(20_000_000, 60_000_000),
        None,
        "a reading is outside"
    );
    assert_eq!(part(1.0).extrapolated(i64::MIN, 60_000_000), None);
}
