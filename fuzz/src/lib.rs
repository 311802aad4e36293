//! Owns what the fuzz targets do. Each function takes any bytes: it must neither panic nor read beyond them, whatever it
//! accepts must come back from its own bytes and text unchanged, and every reader must answer for it.

use tally_core::{alert, calendar, funnel, hex, retention, sketch};

use sketch::Grow;
use sketch::stored::{self, Stored};
use std::str::from_utf8;

/// Repeats a step until the words are enough.
fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
    while let Err(Grow(needed)) = step(words) {
        assert!(needed > words.len(), "asks for {needed} words and has {}", words.len());
        words.resize(needed, 0);
    }
}

/// What every type owes (`Stored`): its first byte says which one, the others are bytes and text at once.
pub fn every_type(data: &[u8]) {
    const NAMES: [&str; 13] = [
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
        "funnel_events" => stored_answers::<funnel::events::Gathered>(data),
        "retention_counts" => stored_answers::<retention::counts::Counts>(data),
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

fn tdigest_answers(sketch: &sketch::tdigest::Sketch) {
    use sketch::tdigest::{codec, text, working};
    let count = sketch.count();
    let (mut last, q) = (None, [0.0, 1e-3, 0.25, 0.5, 0.75, 0.95, 0.999, 1.0]);
    for q in q {
        let value = sketch.percentile(q);
        assert_eq!(value.is_none(), count == 0);
        if let (Some(before), Some(now)) = (last, value) {
            let ordered = now.is_nan() || before <= now;
            assert!(ordered, "percentiles fall from {before} to {now} at {q}");
        }
        last = value;
        if let Some(rank) = value.and_then(|v| sketch.percentile_rank(v)) {
            assert!((0.0..=1.0).contains(&rank), "rank {rank}");
        }
    }
    let _ = (
        sketch.mean(),
        sketch.sum(),
        sketch.min(),
        sketch.max(),
        sketch.trimmed_mean(0.1, 0.9),
    );
    let counted: i64 = sketch.histogram(&[-1.0, 0.0, 1e9]).iter().sum();
    assert!(count > 1 << 53 || counted as u64 == count, "{counted} of {count}");
    let bytes = codec::encode(sketch);
    let again = codec::decode(&bytes).expect("its own bytes");
    assert_eq!(codec::encode(&again), bytes);
    let read = text::read(&text::write(sketch)).expect("its own text");
    // NaN has many bit patterns and one text.
    assert_eq!(text::write(&read), text::write(sketch));
    if count < 1 << 60 {
        let mut words = working::from_sketch(sketch);
        let mut merged = words.clone();
        until(&mut merged, |words| {
            working::merge_bytes(words, &bytes).expect("its own bytes")
        });
        assert_eq!(working::finish(&merged).count(), 2 * count);
        until(&mut words, |words| working::push(words, 1.0));
        assert_eq!(working::finish(&words).count(), count + 1);
    }
}

/// Bytes, text, and a life of pushes and merges of a t-digest.
pub fn tdigest(data: &[u8]) {
    use sketch::tdigest::{codec, text, working};
    if let Ok(sketch) = codec::decode(data) {
        tdigest_answers(&sketch);
    }
    if let Some(sketch) = from_utf8(data).ok().and_then(|text| text::read(text).ok()) {
        tdigest_answers(&sketch);
    }
    let Some((&[compression, part], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let mut words = vec![0; working::FIRST_WORDS];
    working::init(&mut words, u16::from(compression) + 20);
    let mut pushed = 0u64;
    for chunk in rest.chunks(usize::from(part).max(1) * 9) {
        let mut other = vec![0; working::FIRST_WORDS];
        working::init(&mut other, 20 + u16::from(part));
        for one in chunk.chunks_exact(9) {
            let value = f64::from_le_bytes(*one.first_chunk().expect("8 of 9"));
            let weight = 1 + u64::from(one[8]);
            until(&mut other, |words| working::push_weighted(words, value, weight));
            pushed += weight;
        }
        let part = codec::encode(&working::finish(&other));
        until(&mut words, |words| {
            working::merge_bytes(words, &part).expect("its own bytes")
        });
    }
    let sketch = working::finish(&words);
    assert_eq!(sketch.count(), pushed);
    tdigest_answers(&sketch);
}

fn hll_answers(sketch: &sketch::hll::Sketch) {
    use sketch::hll::{codec, text, working};
    assert!(sketch.distinct() >= 0.0 && sketch.relative_error() < 1.0);
    let bytes = codec::encode(sketch);
    assert_eq!(&codec::decode(&bytes).expect("its own bytes"), sketch);
    assert_eq!(&text::read(&text::write(sketch)).expect("its own text"), sketch);
    let mut words = working::from_sketch(sketch);
    until(&mut words, |words| {
        working::merge_bytes(words, &bytes).expect("its own bytes")
    });
    assert_eq!(
        codec::encode(&working::finish(&words)),
        bytes,
        "merging with itself changes nothing"
    );
}

/// Bytes, text, and a life of pushes and merges of a HyperLogLog.
pub fn hll(data: &[u8]) {
    use sketch::hll::{codec, text, working};
    if let Ok(sketch) = codec::decode(data) {
        hll_answers(&sketch);
    }
    if let Some(sketch) = from_utf8(data).ok().and_then(|text| text::read(text).ok()) {
        hll_answers(&sketch);
    }
    let Some((&[precision, part], rest)) = data.split_first_chunk::<2>() else {
        return;
    };
    let fresh = |precision: u8| {
        let mut words = vec![0; working::FIRST_WORDS];
        working::init(&mut words, 4 + precision % 8, 1);
        words
    };
    let (mut all, mut merged) = (fresh(precision), fresh(precision));
    for chunk in rest.chunks(usize::from(part).max(1) * 2) {
        let mut other = fresh(precision);
        for one in chunk.chunks_exact(2) {
            let hash = sketch::hll::hash::bytes(one);
            until(&mut all, |words| working::push(words, hash));
            until(&mut other, |words| working::push(words, hash));
        }
        let part = codec::encode(&working::finish(&other));
        until(&mut merged, |words| {
            working::merge_bytes(words, &part).expect("its own bytes")
        });
    }
    let all = working::finish(&all);
    assert_eq!(codec::encode(&all), codec::encode(&working::finish(&merged)));
    hll_answers(&all);
}

/// Bytes and text of moments, and their readers.
pub fn stats(data: &[u8]) {
    use sketch::stats::{Stats, text};
    let text = from_utf8(data).ok().and_then(|text| text::read(text).ok());
    for s in Stats::decode(data).ok().into_iter().chain(text) {
        let _ = (
            s.mean(),
            s.sum(),
            s.variance(),
            s.skewness(),
            s.kurtosis(),
            s.intercept(),
        );
        let _ = (s.mean_x(), s.variance_x(), s.covariance(), s.correlation(), s.slope());
        let bytes = s.encode();
        assert_eq!(Stats::decode(&bytes).expect("its own bytes").encode(), bytes);
        let read = text::read(&text::write(&s)).expect("its own text");
        assert_eq!(text::write(&read), text::write(&s));
        let mut twice = s;
        twice.merge(&s);
        assert_eq!(twice.n, s.n * 2);
    }
}

/// Bytes and text of heavy items.
pub fn topk(data: &[u8]) {
    use sketch::topk::{TopK, text, working};
    let text = from_utf8(data).ok().and_then(|text| text::read(text).ok());
    for t in TopK::decode(data).ok().into_iter().chain(text) {
        assert_eq!(TopK::decode(&t.encode()).expect("its own bytes"), t);
        assert_eq!(text::read(&text::write(&t)).expect("its own text"), t);
        let top = t.top(5);
        assert!(top.is_sorted_by(|a, b| (b.1, a.0) <= (a.1, b.0)));
        let mut more = working::from_topk(&t);
        until(&mut more, |words| working::merge(words, &t));
        until(&mut more, |words| working::push(words, "item", 3));
        assert!(TopK::decode(&working::finish(&more).encode()).is_ok());
    }
}

/// Bytes and text of sums by key, and JSON to be summed.
pub fn totals(data: &[u8]) {
    use sketch::totals::{Totals, text, working};
    let text = from_utf8(data).ok().and_then(|text| text::read(text).ok());
    for t in Totals::decode(data).ok().into_iter().chain(text) {
        assert_eq!(Totals::decode(&t.encode()).expect("its own bytes").encode(), t.encode());
        assert_eq!(
            text::write(&text::read(&text::write(&t)).expect("its own text")),
            text::write(&t)
        );
        let _ = t.json();
        let mut more = working::from_totals(&t);
        until(&mut more, |words| working::merge(words, &t));
        assert!(Totals::decode(&working::finish(&more).encode()).is_ok());
    }
}

/// The state of a funnel, its options, and every search over what it holds.
pub fn funnel_events(data: &[u8]) {
    use funnel::{events, spec};
    if let Ok(words) = events::from_payload(data) {
        let (funnel, sorted) = (events::funnel(&words), events::sorted(&words).expect("memory"));
        funnel_answers(&funnel, &sorted);
        let mut more = words.clone();
        until(&mut more, |more| events::merge(more, &words).expect("one funnel"));
        assert_eq!(events::sorted(&more).expect("memory").len(), 2 * sorted.len());
    }
    let Some((&[conditions, window, length], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let (options, rest) = rest.split_at(rest.len().min(length.into()));
    let Ok(options) = from_utf8(options) else { return };
    let Ok(funnel) = spec::Funnel::new(window.into(), conditions.into(), options) else {
        return;
    };
    let mut words = vec![0; events::first_words(&funnel)];
    events::init(&mut words, &funnel);
    let mut time = 0i64;
    let all = u32::MAX >> (32 - u32::from(conditions));
    for event in rest.chunks_exact(3).take(60) {
        time += i64::from(event[0] as i8);
        let mask = u32::from(event[1]) | u32::from(event[2]) << 8;
        until(&mut words, |words| {
            events::push(words, funnel::Event { time, mask: mask & all })
        });
    }
    let bytes: Vec<u8> = words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect();
    assert!(events::from_payload(&bytes).is_ok());
    funnel_answers(&events::funnel(&words), &events::sorted(&words).expect("memory"));
}

fn funnel_answers(funnel: &funnel::spec::Funnel, events: &[funnel::Event]) {
    let (level, path) = (funnel::level(funnel, events), funnel::path(funnel, events));
    assert_eq!(level, path.len());
    assert!(level <= funnel.steps);
    for pattern in ["(?1)", ".", "(?1)(?t<=60)(?1)", "(?1).*(?1)", "(?1)(?t>1)(?t<9).(?1)"] {
        let pattern = funnel::sequence::Pattern::parse(pattern, funnel.conditions()).expect("a pattern");
        let times = pattern.times(events).expect("memory");
        assert_eq!(pattern.matches(events).expect("memory"), !times.is_empty());
        assert!(times.is_sorted() && pattern.count(events).expect("memory") <= events.len() as u64);
    }
}

/// Bytes of the counts of a funnel, its notes and its digests.
pub fn funnel_counts(data: &[u8]) {
    use funnel::counts::{Counts, note_level, note_path};
    if let Ok(mut counts) = Counts::decode(data) {
        assert_eq!(
            counts.encode(),
            Counts::decode(&counts.encode()).expect("its own bytes").encode()
        );
        (0..33).for_each(|step| drop(counts.seconds(step).map(|d| d.and_then(|d| d.percentile(0.5)))));
        let same = counts.clone();
        if counts.merge(&same).is_ok() {
            assert!(Counts::decode(&counts.encode()).is_ok());
        }
    }
    let words: Vec<u64> = data.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)).collect();
    let _ = Counts::default().count(&words);
    let times: Vec<i64> = words.iter().take(funnel::MAX_CONDITIONS).map(|w| *w as i64).collect();
    if !times.is_empty() {
        let mut counts = Counts::default();
        counts
            .count(&[note_path(&times), note_level(times.len())].concat())
            .expect("its own notes");
        assert_eq!(counts.steps.len(), times.len());
        assert!(Counts::decode(&counts.encode()).is_ok());
    }
}

/// Bytes of retention counts; returns of an actor.
pub fn retention(data: &[u8]) {
    use retention::counts;
    use retention::returns::{Moment, Unit, retained};
    if let Ok(words) = counts::from_payload(data) {
        let mut more = words.clone();
        counts::merge(&mut more, &words);
        assert_eq!(counts::rows(&more).count(), counts::periods(&words));
    }
    let Some((&[unit, mode, as_of], rest)) = data.split_first_chunk::<3>() else {
        return;
    };
    let unit = match unit % 3 {
        0 => Unit::Elapsed(i64::from(unit) + 1),
        1 => Unit::Days(i64::from(unit)),
        _ => Unit::Months(i64::from(unit)),
    };
    let moments: Vec<Moment> = rest
        .as_chunks::<8>()
        .0
        .iter()
        .map(|w| i64::from_le_bytes(*w))
        .map(|time| Moment { time, local: time })
        .collect();
    let now = i64::from(as_of) << 50;
    let answer = retained(
        unit,
        5,
        mode > 127,
        Moment { time: now, local: now },
        &moments[..moments.len() / 2],
        &moments,
    );
    assert!(answer.is_empty() || answer.len() == 6);
}

/// Texts that people write: conditions, schedules, samples and rules of the state machine, hexadecimal.
pub fn texts(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(condition) = alert::parse::parse(text) {
        let _ = (condition.windows(), condition.limit());
        let json = serde_json::to_string(&condition).expect("JSON");
        let back: alert::condition::Condition = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(serde_json::to_string(&back).expect("JSON"), json);
    }
    if let Ok(schedule) = alert::schedule::parse(text) {
        let now = 1_772_366_850;
        let (last, before) = (schedule.before(now, 1), schedule.before(now, 2));
        assert!(
            last.is_some_and(|last| last <= now) && before < last,
            "{last:?} after {before:?}"
        );
    }
    if let (Ok(sample), Ok(rule)) = (
        serde_json::from_str::<alert::judge::Sample>(text),
        serde_json::from_str::<alert::step::Rule>(
            r#"{"condition": {"kind": "compare", "op": ">", "limit": 1, "decimals": 0}, "recovery": {"kind": "absent"}}"#,
        ),
    ) {
        let at = chrono::DateTime::UNIX_EPOCH;
        let step = alert::step::step(&alert::step::State::default(), &sample, &rule, at);
        let json = serde_json::to_string(&step).expect("JSON");
        let state: alert::step::State = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(state, step.state);
    }
    if let Some(bytes) = hex::decode(text) {
        assert_eq!(hex::encode(&bytes), text.to_ascii_lowercase());
    }
}

/// A clock that is changed once, by a day at most: what no real zone exceeds.
struct Clock {
    before: i64,
    change: calendar::zone::Change,
}

impl calendar::zone::Zone for Clock {
    fn offset(&self, instant: i64) -> i64 {
        if instant < self.change.at {
            self.before
        } else {
            self.change.after
        }
    }

    fn next_change(&self, instant: i64) -> (i64, Option<calendar::zone::Change>) {
        (self.offset(instant), (instant < self.change.at).then_some(self.change))
    }
}

/// Rules of buckets as text, and what holds for every rule, clock and time.
pub fn buckets(data: &[u8]) {
    use calendar::rule::Rule;
    use calendar::{END, FIRST, INFINITY, MINUS_INFINITY};
    let Some((&numbers, text)) = data.split_first_chunk::<28>() else {
        return;
    };
    let number = |at: usize| i64::from_le_bytes(*numbers[at..].first_chunk().expect("eight bytes"));
    let minutes = |at: usize| i64::from(i16::from_le_bytes([numbers[at], numbers[at + 1]]) % 840) * 60_000_000;
    let (n, shift) = (number(16) >> (numbers[16] % 64), number(8) >> (numbers[8] % 64));
    let made = match text.first() {
        Some(0) => format!("fixed {n} {shift}"),
        Some(1) => format!("fixed {n}"),
        Some(2) => format!("calendar {n}days@{shift} Made"),
        Some(3) => format!("calendar {n}months@{shift} Made"),
        Some(unit @ 4..9) => format!(
            "calendar {} Made",
            ["day", "week", "month", "quarter", "year"][usize::from(*unit) - 4]
        ),
        _ => String::from_utf8_lossy(text).into_owned(),
    };
    let Ok(rule) = Rule::parse(&made) else { return };
    assert_eq!(Rule::parse(&rule.to_string()).expect("its own text"), rule);
    let (time, at) = (number(0), number(8));
    let before = minutes(24);
    let after = (before + minutes(26)).clamp(-900 * 60_000_000, 900 * 60_000_000);
    let zone = Clock {
        before,
        change: calendar::zone::Change { at, after },
    };
    let (width, length) = (rule.width(), rule.lengths());
    assert!(
        width.is_positive() && length.0 <= length.1,
        "{rule}: {width:?} {length:?}"
    );
    for time in [time, at, at.saturating_sub(1), FIRST, END - 1, INFINITY, MINUS_INFINITY] {
        let bucket = rule.bucket(&zone, time);
        assert_eq!(rule.shifted(&zone, time, 0), bucket.start, "{rule} at {time}");
        assert_eq!(rule.shifted(&zone, time, 1), rule.end(&zone, time), "{rule} at {time}");
        if !(FIRST..END).contains(&time) {
            continue;
        }
        assert!(
            bucket.from <= time && time < bucket.until,
            "{rule} at {time}: {bucket:?}"
        );
        for other in [bucket.from, bucket.until - 1] {
            if (FIRST..END).contains(&other) {
                assert_eq!(
                    rule.bucket(&zone, other).start,
                    bucket.start,
                    "{rule} at {time} and {other}"
                );
            }
        }
        let next = rule.at_or_after(&zone, time);
        assert!(next >= time, "{rule} at {time}: {next}");
        let edge = rule.edge(&zone, time);
        assert!(edge.from <= edge.past, "{rule} at {time}: {edge:?}");
        let starts = rule.between(&zone, time, time.saturating_add(number(16).saturating_abs()), 50);
        assert!(
            starts.is_sorted_by(|a, b| a < b) && starts.len() <= 50,
            "{rule} from {time}: {starts:?}"
        );
        assert!(
            starts.iter().all(|start| *start >= time),
            "{rule} from {time}: {starts:?}"
        );
        assert!(rule.reached(&zone, time, 5).len() <= 5);
    }
}
