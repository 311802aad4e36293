//! Owns the SQL-callable functions of `tally.stats`. Declared in `sql/s10_kernel/stats.sql`.

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::{pg_fn, sketch_type};
use tally_core::error::TallyError;
use tally_core::sketch::stats::{Stats, is_working, merge_bytes};

struct Moments;

impl Working for Moments {
    #[inline(always)]
    fn is_working(words: &[u64]) -> bool {
        is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        let stats = Stats::decode(bytes)?;
        let mut words = vec![0; Stats::words(stats.paired)];
        stats.store(&mut words);
        Ok(words)
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        Stats::load(words).encode()
    }
}

fn fresh(paired: bool) -> State {
    let mut state = State::new(Stats::words(paired));
    Stats::new(paired).store(state.words());
    state
}

/// A reader of one number.
macro_rules! readers {
    ($($(#[$doc:meta])* $name:ident => $method:ident),+ $(,)?) => {
        pg_fn! {$(
            $(#[$doc])*
            $name(call)? {
                Ok(call.return_opt_f64(Stats::decode(call.bytes(0))?.$method()))
            }
        )+}
    };
}

readers! {
    /// `mean(stats)`.
    tally_stats_mean => mean,
    /// `sum(stats)`.
    tally_stats_sum => sum,
    /// `variance(stats)`.
    tally_stats_variance => variance,
    /// `skewness(stats)`.
    tally_stats_skewness => skewness,
    /// `kurtosis(stats)`.
    tally_stats_kurtosis => kurtosis,
    /// `mean_x(stats)`.
    tally_stats_mean_x => mean_x,
    /// `variance_x(stats)`.
    tally_stats_variance_x => variance_x,
    /// `covariance(stats)`.
    tally_stats_covariance => covariance,
    /// `correlation(stats)`.
    tally_stats_correlation => correlation,
    /// `slope(stats)`.
    tally_stats_slope => slope,
    /// `intercept(stats)`.
    tally_stats_intercept => intercept,
}

sketch_type!("stats", Stats, jsonb);

pg_fn! {
    /// Transition of `stats(y)`.
    tally_stats_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let y = call.f64(1);
        change::<Moments>(&call, |_| Ok(fresh(false)), #[inline(always)] |words| {
            let mut stats = Stats::load(words);
            stats.push(y, 0.0);
            stats.store(words);
            Ok(Ok(()))
        })
    }

    /// Transition of `stats(y, x)`; a row with a NULL is skipped, as PostgreSQL's regr_ functions do.
    tally_stats_trans_pair(call)? {
        if call.is_null(1) || call.is_null(2) {
            return same(&call);
        }
        let (y, x) = (call.f64(1), call.f64(2));
        change::<Moments>(&call, |_| Ok(fresh(true)), #[inline(always)] |words| {
            let mut stats = Stats::load(words);
            stats.push(y, x);
            stats.store(words);
            Ok(Ok(()))
        })
    }

    /// Combine and rollup.
    tally_stats_merge(call)? {
        merge::<Moments>(&call, |words| merge_bytes(words, call.bytes(1)))
    }

    /// `count(stats)`.
    tally_stats_count(call)? {
        Ok(call.return_i64(Stats::decode(call.bytes(0))?.n as i64))
    }

    /// `stddev(stats)`.
    tally_stats_stddev(call)? {
        Ok(call.return_opt_f64(Stats::decode(call.bytes(0))?.variance().map(f64::sqrt)))
    }
}
