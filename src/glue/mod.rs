//! Functions that SQL calls, one file for each kind of value. Each file is declared in a file of `sql/s10_kernel/`.

pub mod alert;
pub mod calendar;
mod calendar_kept;
pub mod distribution;
pub mod experiment;
pub mod experiment_judge;
pub mod funnel;
pub mod funnel_counts;
pub mod hll;
pub mod moments;
pub mod next_events;
pub mod ohlc;
mod ordered;
pub mod packed;
pub mod page;
pub mod privacy;
pub mod readings;
pub mod retention;
pub mod sequence;
pub mod sessions;
pub mod state_time;
pub mod stats;
pub mod tdigest;
pub mod text;
pub mod timed;
pub mod topk;
pub mod totals;
