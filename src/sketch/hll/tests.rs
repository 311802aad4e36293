//! Tests of the HyperLogLog as a whole.
