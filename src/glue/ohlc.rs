//! Owns the SQL-callable functions of `tally.ohlc`. Declared in `sql/s10_kernel/ohlc.sql`.

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::{Answer, Call};
use crate::{pg_fn, sketch_type};
use tally_core::error::TallyError;
use tally_core::sketch::ohlc::{Ohlc, WORDS, is_working};
use tally_core::sketch::ordered::{Point, is_time};
use tally_core::sketch::stored::Stored;

struct Four;

impl Working for Four {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        let mut words = vec![0; WORDS];
        Ohlc::decode(bytes)?.store(&mut words);
        Ok(words)
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        Ohlc::load(words).encode()
    }
}

sketch_type!("ohlc", Ohlc, jsonb);

fn add(call: &Call, other: &Ohlc) -> Answer {
    let fresh = |_: &Call| {
        let mut state = State::new(WORDS);
        other.store(state.words());
        Ok(state)
    };
    change::<Four>(call, fresh, |words| {
        let mut ohlc = Ohlc::load(words);
        ohlc.merge(other);
        ohlc.store(words);
        Ok(Ok(()))
    })
}

macro_rules! readers {
    ($($value:ident $time:ident $point:ident),+ $(,)?) => {
        pg_fn! {$(
            /// The value of a point.
            $value(call)? {
                Ok(call.return_f64(Ohlc::decode(call.bytes(0))?.$point.value))
            }

            /// The time of a point.
            $time(call)? {
                Ok(call.return_i64(Ohlc::decode(call.bytes(0))?.$point.time))
            }
        )+}
    };
}

readers! {
    tally_ohlc_open tally_ohlc_open_time open,
    tally_ohlc_high tally_ohlc_high_time high,
    tally_ohlc_low tally_ohlc_low_time low,
    tally_ohlc_close tally_ohlc_close_time close,
}

pg_fn! {
    /// Transition of `ohlc(value, time)`.
    tally_ohlc_trans(call)? {
        if call.is_null(1) || call.is_null(2) || !is_time(call.i64(2)) {
            return same(&call);
        }
        add(&call, &Ohlc::of(Point::new(call.i64(2), call.f64(1))))
    }

    /// Combine and rollup.
    tally_ohlc_merge(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let other = Ohlc::decode(call.bytes(1))?;
        merge::<Four>(&call, |words| {
            let mut ohlc = Ohlc::load(words);
            ohlc.merge(&other);
            ohlc.store(words);
            Ok(Ok(()))
        })
    }
}
