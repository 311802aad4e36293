//! Owns the lives of sketches: what is stored of them read, written, pushed to and merged.

use super::until;
use std::str::from_utf8;
use tally_core::sketch;

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
    // A state goes on from where another process left it.
    if let Ok(mut words) = working::from_bytes(data) {
        for i in 0..300 {
            until(&mut words, |words| working::push(words, f64::from(i)));
            until(&mut words, |words| working::push_weighted(words, f64::from(-i), 2));
        }
        let whole = codec::encode(&working::finish(&words));
        if !working::overflowed(&words) && codec::decode(&whole).expect("its own bytes").count() < 1 << 60 {
            until(&mut words, |words| {
                working::merge_bytes(words, &whole).expect("its own bytes")
            });
            tdigest_answers(&working::finish(&words));
        }
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
    if let Ok(mut words) = working::from_bytes(data) {
        for i in 0..500u32 {
            let hash = sketch::hll::hash::bytes(&i.to_le_bytes());
            until(&mut words, |words| working::push(words, hash));
        }
        let whole = codec::encode(&working::finish(&words));
        until(&mut words, |words| {
            working::merge_bytes(words, &whole).expect("its own bytes")
        });
        hll_answers(&working::finish(&words));
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
    // What is read where it lies.
    let (total, entropy) = (Totals::total_of(data, "a.b"), sketch::totals::entropy::of_stored(data));
    assert_eq!(
        (total.is_ok(), entropy.is_ok()),
        (Totals::decode(data).is_ok(), Totals::decode(data).is_ok())
    );
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
