//! Tests of the t-digest as a whole: exactness while small, bounds, merging.
