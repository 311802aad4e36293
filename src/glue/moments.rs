//! Owns the SQL-callable functions of `tally.moments`. Declared in `sql/s10_kernel/moments.sql`.

use crate::pg::aggregate::{State, Working, change, merge, same};
use crate::pg::fmgr::Call;
use crate::{pg_fn, sketch_type};
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::moments::{MOST, Moments, check_variables, is_working, merge_bytes, push_row};
use tally_core::sketch::stored::Stored;

struct Covariances;

impl Working for Covariances {
    fn is_working(words: &[u64]) -> bool {
        is_working(words)
    }

    fn from_stored(bytes: &[u8]) -> Result<Vec<u64>, TallyError> {
        let moments = Moments::decode(bytes)?;
        let mut words = vec![0; Moments::words(moments.k)];
        moments.store(&mut words);
        Ok(words)
    }

    fn stored(words: &mut [u64]) -> Vec<u8> {
        Moments::load(words).encode()
    }
}

sketch_type!("moments", Moments, jsonb);

fn of(call: &Call) -> Result<Moments, TallyError> {
    Moments::decode(call.bytes(0))
}

/// Argument `i`, a variable's number from 1, as an index.
fn variable(call: &Call, i: usize, moments: &Moments) -> Result<usize, TallyError> {
    let number = call.i32(i);
    if number >= 1 && number as usize <= moments.k {
        return Ok(number as usize - 1);
    }
    Err(TallyError::new(
        SqlState::InvalidParameterValue,
        format!("variable expected in 1 to {}, got {number}", moments.k),
    )
    .detail("Variables are numbered in the order of tally.moments' arguments.")
    .hint("SELECT tally.mean(tally.moments(y, x), 2) FROM (VALUES (1.0, 2.0), (2.0, 5.0)) AS t(y, x)"))
}

pg_fn! {
    /// Transition of `moments(VARIADIC float8[])`; a row with a NULL is skipped.
    tally_moments_trans(call)? {
        if call.is_null(1) {
            return same(&call);
        }
        let (count, row) = call.first_f64s::<MOST>(1)?;
        check_variables(count)?;
        let Some(row) = row.as_ref().map(|row| &row[..count]) else {
            return same(&call);
        };
        let fresh = |_: &Call| {
            let mut state = State::new(Moments::words(row.len()));
            Moments::new(row.len()).store(state.words());
            Ok(state)
        };
        change::<Covariances>(&call, fresh, |words| push_row(words, row))
    }

    /// Combine and rollup.
    tally_moments_merge(call)? {
        merge::<Covariances>(&call, |words| merge_bytes(words, call.bytes(1)))
    }

    /// `count(moments)`.
    tally_moments_count(call)? {
        Ok(call.return_i64(of(&call)?.n as i64))
    }

    /// `variables(moments)`.
    tally_moments_variables(call)? {
        Ok(call.return_i32(of(&call)?.k as i32))
    }

    /// `mean(moments, variable)`.
    tally_moments_mean(call)? {
        let moments = of(&call)?;
        Ok(call.return_opt_f64(moments.mean(variable(&call, 1, &moments)?)))
    }

    /// `sum(moments, variable)`.
    tally_moments_sum(call)? {
        let moments = of(&call)?;
        Ok(call.return_opt_f64(moments.sum(variable(&call, 1, &moments)?)))
    }

    /// `variance(moments, variable)`.
    tally_moments_variance(call)? {
        let moments = of(&call)?;
        let i = variable(&call, 1, &moments)?;
        Ok(call.return_opt_f64(moments.covariance(i, i)))
    }

    /// `covariance(moments, variable, variable)`.
    tally_moments_covariance(call)? {
        let moments = of(&call)?;
        let (i, j) = (variable(&call, 1, &moments)?, variable(&call, 2, &moments)?);
        Ok(call.return_opt_f64(moments.covariance(i, j)))
    }

    /// `means(moments)`.
    tally_moments_means(call)? {
        let moments = of(&call)?;
        Ok(call.return_f64s(&(0..moments.k).map(|i| moments.mean(i)).collect::<Vec<_>>()))
    }

    /// `covariances(moments)`: row by row.
    tally_moments_covariances(call)? {
        let moments = of(&call)?;
        let k = moments.k;
        Ok(call.return_f64s(&(0..k * k).map(|at| moments.covariance(at / k, at % k)).collect::<Vec<_>>()))
    }
}
