//! Owns the SQL-callable functions of `tally.funnel_counts`. Declared in `sql/s10_kernel/funnel_counts.sql`.

use crate::pg::aggregate::State;
use crate::pg::fmgr::{Answer, Call};
use crate::{pg_fn, sketch_type};
use tally_core::error::{SqlState, TallyError};
use tally_core::funnel::MAX_CONDITIONS;
use tally_core::funnel::counting::{self, FIRST_TAIL, LONGEST_TAIL};
use tally_core::funnel::counts::{Counts, note_level, note_path};
use tally_core::sketch::stored::Stored;
use tally_core::sketch::tdigest::Sketch;

/// The counts in argument `i`, a state or the stored form.
fn counts(call: &Call, i: usize) -> Result<Counts, TallyError> {
    Counts::decode(call.bytes(i))
}

fn state_of(counts: &Counts, tail: usize) -> State {
    State::from_words(&counting::state_of(counts, tail))
}

/// Adds a note to the state in argument 0.
fn add(call: &Call, note: &[u64]) -> Answer {
    let mut state = if call.is_null(0) {
        state_of(&Counts::default(), FIRST_TAIL)
    } else {
        match State::in_place(call, 0) {
            Some(state) => state,
            None => state_of(&counts(call, 0)?, FIRST_TAIL),
        }
    };
    let (used, needed) = counting::room_for_note(state.words(), note.len());
    if state.words().len() < needed {
        state = if used + note.len() > LONGEST_TAIL {
            state_of(&counting::settled(state.words())?, LONGEST_TAIL)
        } else {
            state.grown(needed + used.max(FIRST_TAIL))
        };
    }
    counting::note(state.words(), note);
    Ok(state.datum())
}

fn same(call: &Call) -> Answer {
    Ok(if call.is_null(0) {
        call.return_null()
    } else {
        call.datum(0)
    })
}

fn too_many(level: i64) -> TallyError {
    TallyError::new(SqlState::InvalidParameterValue, format!("level expected in 0 to {MAX_CONDITIONS}, got {level}"))
        .hint("SELECT tally.funnel_counts(level) FROM (SELECT tally.window_funnel(…) AS level FROM … GROUP BY user_id) actors")
}

sketch_type!("funnel_counts", Counts);

pg_fn! {
    /// Transition: `(state, level int)`. Level 0 and NULL are no actor of the funnel.
    tally_funnel_counts_trans(call)? {
        if call.is_null(1) || call.i32(1) == 0 {
            return same(&call);
        }
        match usize::try_from(call.i32(1)) {
            Ok(level) if level <= MAX_CONDITIONS => add(&call, &note_level(level)),
            _ => Err(too_many(i64::from(call.i32(1)))),
        }
    }

    /// Transition: `(state, path timestamptz[])`.
    tally_funnel_counts_trans_path(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let times: Vec<i64> = call.timestamptzs(1)?.into_iter().flatten().collect();
        match times.len() {
            0 => same(&call),
            1..=MAX_CONDITIONS => add(&call, &note_path(&times)),
            level => Err(too_many(level as i64)),
        }
    }

    /// Combine and rollup: `(state, counts)`.
    tally_funnel_counts_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let mut both = if call.is_null(0) { Counts::default() } else { counts(&call, 0)? };
        both.merge(&counts(&call, 1)?)?;
        Ok(state_of(&both, 0).datum())
    }

    /// Final: the stored form.
    tally_funnel_counts_final(call)? {
        if call.is_null(0) {
            return Ok(call.return_null());
        }
        Ok(call.return_bytes(&counts(&call, 0)?.encode()))
    }

    /// `reached(funnel_counts) → bigint[]`.
    tally_funnel_reached(call)? {
        let reached: Vec<i64> = counts(&call, 0)?.steps.iter().map(|step| step.reached as i64).collect();
        Ok(call.return_i64s(&reached))
    }

    /// `time_to_convert(funnel_counts, step int) → tdigest`.
    tally_funnel_time_to_convert(call)? {
        let counts = counts(&call, 0)?;
        let step = usize::try_from(call.i32(1)).ok().and_then(|step| step.checked_sub(1));
        match step.and_then(|step| counts.steps.get(step)) {
            Some(step) if !step.seconds.is_empty() => Ok(call.return_bytes(&step.seconds)),
            _ => Ok(call.return_null()),
        }
    }

    /// `funnel_steps(funnel_counts, names text[])`: step, name, actors, of_previous, of_first, mean, p50, p90 seconds.
    tally_funnel_steps(call)? {
        if call.is_null(0) {
            return Ok(call.return_rows(std::iter::empty::<[Option<pgrx::pg_sys::Datum>; 8]>()));
        }
        let counts = counts(&call, 0)?;
        let names = if call.is_null(1) { Vec::new() } else { call.texts(1)? };
        let reached = |step: usize| counts.steps.get(step).map_or(0, |s| s.reached);
        let share = |part: u64, whole: u64| (whole > 0).then(|| call.return_f64(part as f64 / whole as f64));
        let mut rows = Vec::new();
        for step in 0..counts.steps.len().max(names.len()) {
            let seconds = counts.seconds(step)?;
            let of = |answer: fn(&Sketch) -> Option<f64>| seconds.as_ref().and_then(answer).map(|v| call.return_f64(v));
            rows.push([
                Some(call.return_i32(step as i32 + 1)),
                names.get(step).copied().flatten().map(|name| call.return_str(name)),
                Some(call.return_i64(reached(step) as i64)),
                step.checked_sub(1).and_then(|previous| share(reached(step), reached(previous))),
                share(reached(step), reached(0)),
                of(Sketch::mean),
                of(|s| s.percentile(0.5)),
                of(|s| s.percentile(0.9)),
            ]);
        }
        Ok(call.return_rows(rows.into_iter()))
    }
}
