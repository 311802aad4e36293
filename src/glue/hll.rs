//! Owns the SQL-callable functions of `tally.hll`. Declared in `sql/s10_kernel/hll.sql`.

use crate::pg::aggregate::{State, Working, change, finished, merge, same};
use crate::pg::equality::Form;
use crate::pg::fmgr::{Answer, Call};
use crate::pg::hashing::Hasher;
use crate::{pg_fn, sketch_type};
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::hll::{DEFAULT_PRECISION, PRECISION, Sketch, codec, hash, working};

fn sketch(call: &Call, i: usize) -> Result<Sketch, TallyError> {
    codec::decode(call.bytes(i))
}

fn precision(call: &Call, i: usize) -> Result<u8, TallyError> {
    if call.nargs() <= i || call.is_null(i) {
        return Ok(DEFAULT_PRECISION);
    }
    let given = call.i32(i);
    u8::try_from(given)
        .ok()
        .filter(|p| PRECISION.contains(p))
        .ok_or_else(|| {
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!(
                    "precision expected in {} to {}, got {given}",
                    PRECISION.start(),
                    PRECISION.end()
                ),
            )
            .detail("precision is log2 of the number of registers; the error is 1.04 / sqrt(2^precision).")
            .hint("SELECT tally.hll(value, 13) FROM …")
        })
}

struct Hll;

impl Working for Hll {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        working::is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        if codec::is_partial(bytes) {
            // The first partial state of a group is its state.
            return working::from_bytes(bytes);
        }
        Ok(working::from_sketch(&codec::decode(bytes)?))
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        codec::encode(&working::finish(words))
    }

    fn stands(bytes: &[u8]) -> Result<bool, TallyError> {
        if codec::is_partial(bytes) {
            return Ok(false);
        }
        codec::decode(bytes).map(|_| true)
    }

    fn is_standing(bytes: &[u8]) -> bool {
        !codec::is_partial(bytes)
    }
}

/// The state of a group's first value.
fn fresh(call: &Call) -> Result<State, TallyError> {
    let mut state = State::new(working::FIRST_WORDS);
    working::init(state.words(), precision(call, 2)?, 1);
    Ok(state)
}

/// Adds the value in argument 1 to the state in argument 0.
#[inline(always)]
fn add(call: &Call, hasher: Hasher) -> Answer {
    let (hash, version) = (hasher.hash(call.datum(1), call.collation())?, hasher.version());
    change::<Hll>(
        call,
        fresh,
        #[inline(always)]
        |words| {
            working::agree(words, version)?;
            Ok(working::push(words, hash))
        },
    )
}

/// The number of a key and its secret: argument 1 of a keyed aggregate.
fn key(call: &Call) -> Result<(u16, &[u8; 16]), TallyError> {
    let bytes = if call.is_null(1) { &[] } else { call.bytes(1) };
    match bytes.split_first_chunk::<2>() {
        Some((number, secret)) if number[1] != 0 && secret.len() == 16 => Ok((
            u16::from_le_bytes(*number),
            secret.first_chunk().expect("16 bytes are 16 bytes"),
        )),
        _ => Err(TallyError::new(
            SqlState::ObjectNotInPrerequisiteState,
            format!("expected an identity key of 18 bytes, got {}", bytes.len()),
        )
        .detail("The definition's people are counted under a secret key of this database, and there is none.")
        .hint("SELECT tally.rotate_identity_key();  -- as the role that installed pg_tally")),
    }
}

/// Transitions for one type: they look nothing up, so they cost the same where PostgreSQL finds the function anew for each row.
macro_rules! transitions {
    ($($(#[$doc:meta])* $name:ident => $hasher:expr),+ $(,)?) => {
        pg_fn! {$(
            $(#[$doc])*
            $name(call)? {
                if call.is_null(1) {
                    return same(&call);
                }
                add(&call, $hasher)
            }
        )+}
    };
}

transitions! {
    /// smallint.
    tally_hll_trans_int2 => Hasher::Int16,
    /// int, date.
    tally_hll_trans_int4 => Hasher::Int32,
    /// bigint, timestamp, timestamptz, oid.
    tally_hll_trans_int8 => Hasher::Int64,
    /// boolean, "char".
    tally_hll_trans_byte => Hasher::Byte,
    /// float8.
    tally_hll_trans_float8 => Hasher::Float64,
    /// numeric.
    tally_hll_trans_numeric => Hasher::Form(Form::Numeric),
    /// bytea.
    tally_hll_trans_bytea => Hasher::Bytes,
    /// uuid.
    tally_hll_trans_uuid => Hasher::Uuid,
}

sketch_type!("hll", Sketch, jsonb, from_text);

pg_fn! {
    /// Transition: `(state, anyelement)` and `(state, anyelement, precision)`.
    tally_hll_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let hasher = *call.memo((), #[inline(never)] |call| Hasher::of_argument(call, 1))?;
        add(&call, hasher)
    }

    /// Transition of a keyed count: `(state, key, anyelement)` and `(state, key, anyelement, precision)`.
    tally_keyed_hll_trans(call)? {
        if call.is_null(2) {
            return same(&call);
        }
        let hasher = *call.memo((), #[inline(never)] |call| Hasher::of_argument(call, 2))?;
        let (number, secret) = key(&call)?;
        let hashed = hash::keyed(hasher.hash(call.datum(2), call.collation())?, secret);
        change::<Hll>(
            &call,
            |call| {
                let mut state = State::new(working::FIRST_WORDS);
                working::init(state.words(), precision(call, 3)?, number);
                Ok(state)
            },
            |words| {
                working::agree(words, number)?;
                Ok(working::push(words, hashed))
            },
        )
    }

    /// Transition of text: `(state, text)` and `(state, text, precision)`.
    tally_hll_trans_text(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let hasher = if call.is_of_a_query() {
            *call.memo((), #[inline(never)] |call| Hasher::of_text(call, 1))?
        } else {
            Hasher::of_plain_text(call.collation())
        };
        add(&call, hasher)
    }

    /// Combine and rollup: `(state, sketch)`.
    tally_hll_merge(call)? {
        if call.is_aggregate()
            && !call.is_null(0)
            && !call.is_null(1)
            && let Some(both) = codec::union(call.bytes(0), call.bytes(1))
        {
            return Ok(call.return_bytes(&both));
        }
        merge::<Hll>(&call, |words| working::merge_bytes(words, call.bytes(1)))
    }

    /// Final: the stored form. Reads the state only.
    tally_hll_final(call)? {
        finished::<Hll>(&call)
    }

    /// Final of `approx_distinct`: 0 for no rows, as `count(distinct)`.
    tally_hll_final_distinct(call)? {
        if call.is_null(0) {
            return Ok(call.return_i64(0));
        }
        Ok(call.return_i64(sketch(&call, 0)?.distinct().round() as i64))
    }

    /// `distinct_count(hll)`.
    tally_hll_distinct(call)? {
        Ok(call.return_i64(match codec::exact_slice(call.bytes(0)) {
            Some((hashes, _)) => hashes.len() as i64,
            None => sketch(&call, 0)?.distinct().round() as i64,
        }))
    }

    /// `relative_error(hll)`.
    tally_hll_error(call)? {
        Ok(call.return_f64(sketch(&call, 0)?.relative_error()))
    }
}
