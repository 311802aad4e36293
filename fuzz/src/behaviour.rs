//! Owns funnels and retention: the state of an aggregate, counts, and the searches over what they hold.

use super::until;
use std::str::from_utf8;
use tally_core::sketch::stored::Stored;
use tally_core::{funnel, retention};

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
