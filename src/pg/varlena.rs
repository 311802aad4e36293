//! Owns reading and making variable-length datums.
//!
//! Every `pg_sys` function call passes a sigsetjmp guard (tens of ns), so a plain datum (4-byte or short header, neither
//! compressed nor out of line) is read without one. Short datums are unaligned: decoders read bytes, never words.

use pgrx::pg_sys;
use std::slice;

#[cfg(target_endian = "big")]
compile_error!("stored sketches are little-endian; pg_tally has not been built for big-endian machines");

/// Bytes of a 4-byte varlena header.
pub const HEADER: usize = 4;

/// Payload of a varlena datum, detoasted where needed.
///
/// # Safety
/// `datum` must be a non-NULL datum of a varlena type; the bytes live as long as the datum (or, when detoasting had to
/// copy, as long as the current memory context).
#[inline(always)]
pub unsafe fn payload<'a>(datum: pg_sys::Datum) -> &'a [u8] {
    let ptr = datum.cast_mut_ptr::<u8>();
    // SAFETY: a varlena has at least one byte, and its first byte says which header it has (postgres.h, VARATT_*):
    // ……00 plain 4-byte header, ……10 compressed, 00000001 out of line, any other odd number a short header.
    unsafe {
        let first = *ptr;
        if first & 3 == 0 {
            let len = (ptr.cast::<u32>().read_unaligned() >> 2) as usize;
            slice::from_raw_parts(ptr.add(HEADER), len - HEADER)
        } else if first & 1 == 1 && first != 1 {
            slice::from_raw_parts(ptr.add(1), (first >> 1) as usize - 1)
        } else {
            detoasted(ptr)
        }
    }
}

/// The compressed and out-of-line cases of [`payload`].
#[cold]
unsafe fn detoasted<'a>(ptr: *mut u8) -> &'a [u8] {
    // SAFETY: the caller's datum is a varlena; pg_detoast_datum gives one with a plain 4-byte header, palloc'd here.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(ptr.cast()).cast::<u8>();
        let len = (plain.cast::<u32>().read_unaligned() >> 2) as usize;
        slice::from_raw_parts(plain.add(HEADER), len - HEADER)
    }
}

/// A zeroed varlena of `size` bytes (header included), palloc'd in the current context and 8-byte aligned.
pub fn alloc_zeroed(size: usize) -> *mut u8 {
    assert!((HEADER..=0x3fff_ffff).contains(&size), "a varlena of {size} bytes");
    // SAFETY: palloc0 returns MAXALIGNed memory of that size or raises; the header is the first word of it.
    unsafe {
        let ptr = pg_sys::palloc0(size).cast::<u8>();
        ptr.cast::<u32>().write((size as u32) << 2);
        ptr
    }
}

/// A new varlena datum with a payload of `length` bytes, which `fill` writes; it is given zeroes.
#[inline(always)]
pub fn filled(length: usize, fill: impl FnOnce(&mut [u8])) -> pg_sys::Datum {
    let ptr = alloc_zeroed(length + HEADER);
    // SAFETY: alloc_zeroed gives length + HEADER initialized bytes that nobody else has.
    fill(unsafe { slice::from_raw_parts_mut(ptr.add(HEADER), length) });
    pg_sys::Datum::from(ptr)
}

/// A new varlena datum with this payload.
pub fn from_payload(bytes: &[u8]) -> pg_sys::Datum {
    let size = bytes.len() + HEADER;
    assert!(size <= 0x3fff_ffff, "a varlena of {size} bytes");
    // SAFETY: palloc returns at least `size` writable bytes, disjoint from `bytes`.
    unsafe {
        let ptr = pg_sys::palloc(size).cast::<u8>();
        ptr.cast::<u32>().write((size as u32) << 2);
        ptr.add(HEADER).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        pg_sys::Datum::from(ptr)
    }
}
