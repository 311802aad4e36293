//! Statistics of experiments: from six numbers to an effect, its interval, its p and a badge that can be believed.
//!
//! Pure arithmetic. What may be asked from SQL is declared in `sql/s10_kernel/experiment.sql`.

pub mod adjust;
pub mod apart;
pub mod arm;
pub mod badge;
pub mod distribution;
pub mod effect;
pub mod fisher;
pub mod gamma;
pub mod power;
pub mod proportion;
pub mod quadrature;
pub mod quantile;
pub mod sequential;
pub mod srm;
pub mod strata;
