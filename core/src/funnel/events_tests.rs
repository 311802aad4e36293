//! Owns the tests of the packed events.

use super::events::*;
use super::spec::Funnel;
use super::{Event, path};

fn state(funnel: &Funnel, events: &[Event]) -> Vec<u64> {
    let mut words = vec![0; first_words(funnel)];
    init(&mut words, funnel);
    for event in events {
        while let Err(Grow(needed)) = push(&mut words, *event) {
            assert!(needed > words.len());
            words.resize(needed, 0);
        }
    }
    words
}

fn payload(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|w| w.to_le_bytes()).skip(4).collect()
}

#[test]
fn narrow_and_wide_events_come_back() {
    let funnel = Funnel::new(5, 3, "increase, exclude 1-2 remove").unwrap();
    for times in [[3, -7, 1 << 50, 3, 0, 9], [3, -7, i64::MAX, i64::MIN, 0, 9]] {
        let events: Vec<Event> = times.iter().map(|t| Event { time: *t, mask: 3 }).collect();
        let words = state(&funnel, &events);
        let mut expected = events.clone();
        expected.sort();
        assert_eq!(sorted(&words).unwrap(), expected);
        assert_eq!(super::events::funnel(&words), funnel);
        assert_eq!(sorted(&from_payload(&payload(&words)).unwrap()).unwrap(), expected);
        let mut both = words.clone();
        let half = state(&funnel, &events[..2]);
        while let Err(Grow(needed)) = merge(&mut both, &half).unwrap() {
            both.resize(needed, 0);
        }
        expected.extend(&events[..2]);
        expected.sort();
        assert_eq!(sorted(&both).unwrap(), expected);
        let mut other = half;
        while let Err(Grow(needed)) = merge(&mut other, &words).unwrap() {
            other.resize(needed, 0);
        }
        assert_eq!(sorted(&other).unwrap(), expected);
    }
}

#[test]
fn other_funnels_do_not_merge() {
    let a = state(&Funnel::new(5, 3, "").unwrap(), &[]);
    for other in [
        Funnel::new(6, 3, ""),
        Funnel::new(5, 2, ""),
        Funnel::new(5, 3, "strict"),
    ] {
        assert!(merge(&mut a.clone(), &state(&other.unwrap(), &[])).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        if let Ok(words) = from_payload(&bytes) {
            path(&super::events::funnel(&words), &sorted(&words).unwrap());
        }
    }

    #[test]
    fn no_changed_state_panics(at in 0usize..68, value: u8) {
        let funnel = Funnel::new(5, 5, "exclude 1-2, exclude 2-3 remove").unwrap();
        let events: Vec<Event> = (0..4).map(|i| Event { time: i, mask: 1 << (i % 2) }).collect();
        let mut bytes = payload(&state(&funnel, &events));
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        if let Ok(words) = from_payload(&bytes) {
            path(&super::events::funnel(&words), &sorted(&words).unwrap());
        }
    }

    /// Rows come in any order and are gathered by any number of workers: one state's events, so one answer.
    #[test]
    fn order_of_rows_and_workers_does_not_matter(
        mut events in proptest::collection::vec((0..40i64, 0..8u32), 0..60),
        cut in 0..60usize,
        options in proptest::sample::select(vec!["", "reuse", "increase", "strict", "strict_order", "any_order", "strict_deduplication"]),
    ) {
        let funnel = Funnel::new(12, 3, options).unwrap();
        let gathered = |events: &[(i64, u32)]| state(&funnel, &events.iter().map(|&(time, mask)| Event { time, mask }).collect::<Vec<_>>());
        let (a, b) = events.split_at(cut.min(events.len()));
        let (mut merged, other) = (gathered(b), gathered(a));
        while let Err(Grow(needed)) = merge(&mut merged, &other).unwrap() {
            merged.resize(needed, 0);
        }
        events.sort_unstable();
        let whole = sorted(&gathered(&events)).unwrap();
        let parts = sorted(&merged).unwrap();
        proptest::prop_assert_eq!(path(&funnel, &parts), path(&funnel, &whole));
        proptest::prop_assert_eq!(super::level(&funnel, &parts), path(&funnel, &whole).len());
    }
}
