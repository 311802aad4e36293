//! Tests of funnels whose answers are known: what ClickHouse documents, and what was once wrong.

use super::reference::{any_order_sets, check, strict_chains};
use super::spec::Funnel;
use super::{Event, level, path};

/// A refund after a finished conversion undid it: the second start, which went nowhere, took the actor out.
#[test]
fn remove_undoes_no_finished_conversion() {
    let level = |events: &[(i64, u32)]| {
        let events: Vec<Event> = events
            .iter()
            .map(|(time, mask)| Event {
                time: *time,
                mask: *mask,
            })
            .collect();
        level(&Funnel::new(100, 3, "exclude 1-2 remove").unwrap(), &events)
    };
    let (a, b, x) = (1, 2, 4);
    assert_eq!(level(&[(1, a), (2, b), (500, a), (504, x)]), 2, "converted before");
    assert_eq!(level(&[(1, a), (4, x), (500, a), (502, b)]), 2, "converted after");
    assert_eq!(
        level(&[(1, a), (4, x), (500, a)]),
        0,
        "no chain got further than the stopped one"
    );
    assert_eq!(level(&[(1, a), (4, x), (5, b)]), 0, "the conversion itself was stopped");
}

fn of(text: &str) -> Vec<Event> {
    // Letters are steps from a; a dot is a foreign event; one time unit each.
    let mask = |c: char| if c == '.' { 0 } else { 1 << (c as u32 - 'a' as u32) };
    text.chars()
        .zip(0..)
        .map(|(c, time)| Event { time, mask: mask(c) })
        .collect()
}

/// Examples from ClickHouse's documentation and tests (00632_aggregation_window_funnel).
#[test]
fn as_in_clickhouse() {
    let answer = |options: &str, text: &str| level(&Funnel::new(1000, 4, options).unwrap(), &of(text));
    assert_eq!(answer("strict_order", "ab.c"), 2);
    assert_eq!(answer("strict_order", "abc."), 3);
    assert_eq!(answer("strict_order", ".abcd"), 4);
    assert_eq!(answer("strict_order", "adbc"), 1);
    assert_eq!(answer("strict_order", "aabc"), 3);
    assert_eq!(answer("strict_deduplication", "abbcd"), 2);
    assert_eq!(answer("strict_deduplication", "abcdd"), 4);
    assert_eq!(answer("strict_deduplication", "aabc"), 3);
    assert_eq!(answer("strict_deduplication", "abab"), 2);
}

/// The chain that ClickHouse's strict_increase misses: a@0, a@1, b@1.
#[test]
fn increase_finds_the_earlier_start() {
    let events = [
        Event { time: 0, mask: 1 },
        Event { time: 1, mask: 1 },
        Event { time: 1, mask: 2 },
    ];
    assert_eq!(path(&Funnel::new(10, 2, "increase").unwrap(), &events), [0, 1]);
}

/// What the random search found first: ties at the end and at the start of the reported chain.
#[test]
fn ties_at_both_ends() {
    let events = |pairs: &[(i64, u32)]| {
        pairs
            .iter()
            .map(|(time, mask)| Event {
                time: *time,
                mask: *mask,
            })
            .collect::<Vec<_>>()
    };
    check(
        "any_order, reuse",
        8,
        3,
        &events(&[(0, 6), (5, 1), (5, 6)]),
        any_order_sets,
    );
    check(
        "any_order",
        8,
        3,
        &events(&[(3, 4), (3, 5), (4, 2), (4, 4)]),
        any_order_sets,
    );
    check("any_order", 8, 3, &events(&[(1, 3), (1, 5), (2, 6)]), any_order_sets);
    check(
        "strict",
        8,
        3,
        &events(&[(2, 1), (3, 3), (8, 6), (8, 6)]),
        strict_chains,
    );
}
