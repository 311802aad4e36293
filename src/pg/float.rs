//! Owns the text of floats: the shortest that reads back, by PostgreSQL's own code, whatever the session's extra_float_digits.

use std::ffi::{CStr, c_char, c_int};

unsafe extern "C-unwind" {
    // common/shortest_dec.h; pgrx has no binding for it. Neither raises.
    fn double_to_shortest_decimal_buf(value: f64, result: *mut c_char) -> c_int;
    fn float_to_shortest_decimal_buf(value: f32, result: *mut c_char) -> c_int;
}

/// Room for the longest text and its NUL (DOUBLE_SHORTEST_DECIMAL_LEN is 25).
const ROOM: usize = 32;

fn text(write: impl FnOnce(*mut c_char)) -> String {
    let mut buffer = [0 as c_char; ROOM];
    write(buffer.as_mut_ptr());
    // SAFETY: the buffer holds a NUL-terminated text, if only the zeroes it began with.
    unsafe { CStr::from_ptr(buffer.as_ptr()) }
        .to_string_lossy()
        .into_owned()
}

/// The text of a float8; that of 0 for -0.
pub fn float8(value: f64) -> String {
    // SAFETY: the buffer has room for every float8.
    text(|buffer| unsafe {
        double_to_shortest_decimal_buf(value + 0.0, buffer);
    })
}

/// The text of a float4; that of 0 for -0.
pub fn float4(value: f32) -> String {
    // SAFETY: the buffer has room for every float4.
    text(|buffer| unsafe {
        float_to_shortest_decimal_buf(value + 0.0, buffer);
    })
}
