//! Owns the tests of aggregate states: changed where they lie inside an aggregate, and never outside.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::aggregate::State;
    use crate::pg::tests::frame::{Frame, failure, one, placed, raw, whole};
    use pgrx::pg_sys::{Datum, NodeTag};
    use pgrx::{IntoDatum, pg_test};

    /// Transition and final function of an aggregate, the arguments after the state, and the query of the same with plain values.
    struct Kind {
        transition: &'static str,
        last: Option<&'static str>,
        merge: &'static str,
        values: fn(i64) -> Vec<Option<Datum>>,
        plain: &'static str,
    }

    fn number(i: i64) -> Option<Datum> {
        Some(Datum::from((i as f64).to_bits()))
    }

    const KINDS: [Kind; 4] = [
        Kind {
            transition: "tally_internal._stats_trans(tally.stats, float8)",
            last: None,
            merge: "tally_internal._stats_merge(tally.stats, tally.stats)",
            values: |i| vec![number(i)],
            plain: "SELECT tally.stats(i) FROM generate_series(1, 3000) AS i",
        },
        Kind {
            transition: "tally_internal._tdigest_trans(tally.tdigest, float8)",
            last: Some("tally_internal._tdigest_final(tally.tdigest)"),
            merge: "tally_internal._tdigest_merge(tally.tdigest, tally.tdigest)",
            values: |i| vec![number(i)],
            plain: "SELECT tally.tdigest(i) FROM generate_series(1, 3000) AS i",
        },
        Kind {
            transition: "tally_internal._topk_trans(tally.topk, text)",
            last: Some("tally_internal._topk_final(tally.topk)"),
            merge: "tally_internal._topk_merge(tally.topk, tally.topk)",
            values: |i| vec![format!("item {}", i % 40).into_datum()],
            plain: "SELECT tally.topk('item ' || i % 40) FROM generate_series(1, 3000) AS i",
        },
        Kind {
            transition: "tally_internal._totals_trans(tally.totals, jsonb)",
            last: Some("tally_internal._totals_final(tally.totals)"),
            merge: "tally_internal._totals_merge(tally.totals, tally.totals)",
            values: |i| {
                vec![Some(
                    Frame::of(&[])
                        .call()
                        .return_jsonb(&format!(r#"{{"k{}": {i}}}"#, i % 40)),
                )]
            },
            plain: "SELECT tally.jsonb_totals(jsonb_build_object('k' || i % 40, i)) FROM generate_series(1, 3000) AS i",
        },
    ];

    fn call(function: &str, state: Option<Datum>, more: &[Option<Datum>], tag: Option<NodeTag>) -> Option<Datum> {
        let frame = Frame::function(function, &[&[state], more].concat());
        tag.map_or(frame, |tag| frame.within(tag)).answer()
    }

    /// The stored form of a state.
    fn stored(kind: &Kind, state: Option<Datum>) -> Vec<u8> {
        let answer = kind
            .last
            .map_or(state, |last| call(last, state, &[], Some(NodeTag::T_AggState)));
        Frame::of(&[answer]).call().bytes(0).to_vec()
    }

    #[pg_test]
    fn a_state_is_changed_in_place_and_grows_into_a_copy() {
        for kind in &KINDS {
            for tag in [NodeTag::T_AggState, NodeTag::T_WindowAggState] {
                let (mut state, mut moved) = (None, 0);
                for i in 1..=3000 {
                    let before = state.map(|old| (old, whole(old).to_vec()));
                    let next = call(kind.transition, state, &(kind.values)(i), Some(tag));
                    if let Some((old, bytes)) = before
                        && Some(old) != next
                    {
                        moved += 1;
                        // The executor copies the new one and frees the old one; until then nothing may have touched its length.
                        assert_eq!(whole(old).len(), bytes.len(), "{}", kind.transition);
                    }
                    state = next;
                }
                assert!(moved < 40, "{}: {moved} copies for 3000 values", kind.transition);
                let plain = raw(kind.plain);
                assert_eq!(
                    stored(kind, state),
                    Frame::of(&[Some(plain)]).call().bytes(0),
                    "{}",
                    kind.transition
                );
            }
        }
    }

    #[pg_test]
    fn outside_an_aggregate_the_argument_stays_as_it_is() {
        for kind in &KINDS {
            let given = raw(kind.plain);
            let before = whole(given).to_vec();
            let answer = call(kind.transition, Some(given), &(kind.values)(7), None).unwrap();
            assert!(answer != given, "{}", kind.transition);
            assert_eq!(
                whole(given),
                before,
                "{}: the argument may lie in a shared buffer",
                kind.transition
            );
            let merged = call(kind.merge, Some(given), &[Some(given)], None).unwrap();
            assert!(merged != given && whole(given) == before, "{}", kind.merge);
        }
    }

    #[pg_test]
    fn a_final_function_leaves_the_state_to_be_read_and_changed_again() {
        for kind in KINDS.iter().filter(|kind| kind.last.is_some()) {
            let aggregate = Some(NodeTag::T_WindowAggState);
            let mut state = None;
            for i in 1..=700 {
                state = call(kind.transition, state, &(kind.values)(i), aggregate);
            }
            let first = stored(kind, state);
            assert_eq!(stored(kind, state), first, "{}", kind.transition);
            let later = call(kind.transition, state, &(kind.values)(701), aggregate);
            assert!(stored(kind, later) != first, "{}", kind.transition);
        }
    }

    #[pg_test]
    fn a_null_changes_nothing_and_starts_nothing() {
        for kind in &KINDS {
            let nulls: Vec<_> = (kind.values)(1).iter().map(|_| None).collect();
            for tag in [None, Some(NodeTag::T_AggState)] {
                assert_eq!(call(kind.transition, None, &nulls, tag), None, "{}", kind.transition);
                assert_eq!(call(kind.merge, None, &[None], tag), None, "{}", kind.merge);
                let state = Some(raw(kind.plain));
                assert_eq!(call(kind.transition, state, &nulls, tag), state, "{}", kind.transition);
                assert_eq!(call(kind.merge, state, &[None], tag), state, "{}", kind.merge);
            }
        }
    }

    /// What partial aggregation does: each worker's state goes to the leader as bytes and is combined there.
    #[pg_test]
    fn partial_states_combine_from_the_bytes_of_both_forms() {
        for kind in &KINDS {
            let aggregate = Some(NodeTag::T_AggState);
            let part = |from: i64, until: i64| {
                (from..until).fold(None, |state, i| {
                    call(kind.transition, state, &(kind.values)(i), aggregate)
                })
            };
            let once = call(kind.merge, None, &[part(1, 1501)], aggregate);
            let both = call(kind.merge, once, &[part(1501, 3001)], aggregate);
            let from_stored = call(
                kind.merge,
                None,
                &[Some(placed(&stored(kind, part(1, 1501)), 4))],
                aggregate,
            );
            let of_stored = call(
                kind.merge,
                from_stored,
                &[Some(placed(&stored(kind, part(1501, 3001)), 3))],
                aggregate,
            );
            let count = |state| {
                let name = kind
                    .merge
                    .trim_start_matches("tally_internal._")
                    .split('_')
                    .next()
                    .unwrap();
                let bytes = stored(kind, state);
                let datum = call(
                    &format!("tally.count(tally.{name})"),
                    Some(placed(&bytes, 0)),
                    &[],
                    None,
                );
                Frame::of(&[datum]).call().i64(0)
            };
            assert_eq!((count(both), count(of_stored)), (3000, 3000), "{}", kind.merge);
        }
    }

    #[pg_test]
    fn only_aligned_whole_words_are_changed_in_place() {
        let within = |datum| Frame::of(&[Some(datum)]).within(NodeTag::T_AggState);
        let plain = State::new(4).datum();
        assert!(State::in_place(&within(plain).call(), 0).is_some());
        assert!(
            State::in_place(&Frame::of(&[Some(plain)]).call(), 0).is_none(),
            "no aggregate calls"
        );
        assert!(
            State::in_place(&within(placed(&[0; 28], 4)).call(), 0).is_none(),
            "not aligned"
        );
        assert!(
            State::in_place(&within(placed(&[0; 27], 0)).call(), 0).is_none(),
            "no whole words"
        );
        assert!(
            State::in_place(&within(raw("SELECT repeat('x', 27)::bytea")).call(), 0).is_none(),
            "an odd size"
        );
    }

    #[pg_test]
    fn a_larger_copy_keeps_the_words_and_has_its_own_length() {
        let mut state = State::new(3);
        state.words()[1..].copy_from_slice(&[7, 8]);
        state.words()[0] |= 9 << 32;
        let mut bigger = state.grown(6);
        assert_eq!(whole(bigger.datum()).len(), 48);
        assert_eq!(
            (bigger.words()[0] >> 32, &bigger.words()[1..]),
            (9, &[7, 8, 0, 0, 0][..])
        );
    }

    #[pg_test]
    fn a_window_function_without_over_is_an_error() {
        // PostgreSQL's parser refuses it; a call by hand must not read a window that is not there.
        let error = failure(|| {
            call(
                "tally.sessionize(timestamptz, interval)",
                Some(Datum::from(0)),
                &[Some(Datum::from(0))],
                None,
            )
        });
        assert!(!error.message.is_empty());
        let frames: String = one(
            "SELECT string_agg(tally.count(s) || '', ',' ORDER BY i) FROM (
                 SELECT i, tally.stats(i) OVER (ORDER BY i ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) AS s FROM generate_series(1, 5) AS i) AS w",
        );
        assert_eq!(frames, "1,2,3,3,3");
    }
}
