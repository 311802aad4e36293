//! Owns arguments and results of kernel functions that speak jsonb.

use std::ffi::CStr;

use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::fmgr::Call;
use super::numeric::Numeric;
use super::varlena;
use tally_core::sketch::totals::path::JOINT;
use tally_core::sketch::totals::{decimal, working};

impl Call {
    /// A jsonb argument as JSON text; none for NULL.
    pub fn jsonb_text(&self, argument: usize) -> Option<String> {
        // SAFETY: the declaration in SQL makes this argument a jsonb; jsonb_out returns a NUL-terminated palloc'd copy.
        unsafe {
            let datum = pgrx::fcinfo::pg_getarg_datum(self.fcinfo(), argument)?;
            let text = pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_out, &[Some(datum)])?;
            let text: *mut std::ffi::c_char = text.cast_mut_ptr();
            let owned = CStr::from_ptr(text).to_string_lossy().into_owned();
            pg_sys::pfree(text.cast());
            Some(owned)
        }
    }
}

/// The leaves of a jsonb: its numbers by path (keys joined by NUL), and how many others there are. Kept from row to row, so that a row
/// takes no memory of its own.
#[derive(Default)]
pub struct Leaves {
    paths: String,
    /// What the numbers add to which places of decimal sums, as `working::cells` gives it.
    cells: Vec<(i16, i64)>,
    /// End of each number's path in `paths`, and of its cells.
    ends: Vec<(usize, usize)>,
    /// Leaves that are no numbers under a key: texts, booleans, nulls, arrays, a bare scalar.
    pub others: u64,
    /// The path that is being read, how long it is around each open object, and the container where it lies unaligned.
    path: String,
    open: Vec<usize>,
    words: Vec<u64>,
}

impl Leaves {
    /// Path and cells of each number.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = (i16, i64)>)> + Clone {
        self.ends.iter().enumerate().map(|(i, (path, cells))| {
            let (path_from, cells_from) = if i == 0 { (0, 0) } else { self.ends[i - 1] };
            (
                &self.paths[path_from..*path],
                self.cells[cells_from..*cells].iter().copied(),
            )
        })
    }

    /// Reads the jsonb in argument `i` of a call, without making its text.
    pub fn read(&mut self, call: &Call, i: usize) {
        self.paths.clear();
        self.cells.clear();
        self.ends.clear();
        self.path.clear();
        self.open.clear();
        self.others = 0;
        let payload = call.bytes(i);
        let mut container = payload.as_ptr();
        if !(container as usize).is_multiple_of(4) {
            // The container must be aligned, which that of a short datum is not; a copy of words is.
            self.words.clear();
            self.words.resize(payload.len().div_ceil(8), 0);
            // SAFETY: the words have room for the payload, and nobody else has them.
            unsafe { std::ptr::copy_nonoverlapping(container, self.words.as_mut_ptr().cast::<u8>(), payload.len()) };
            container = self.words.as_ptr().cast();
        }
        // SAFETY: the declaration in SQL makes the argument a jsonb, whose payload is a container, of words of 4 bytes; it outlives the
        // iterator, which only reads it. The iterator fills `value` as its token says; strings and numerics point into the container.
        unsafe {
            let mut iterator = pg_sys::JsonbIteratorInit(container.cast_mut().cast());
            let mut value = pg_sys::JsonbValue::default();
            let mut in_array = false;
            loop {
                let token = pg_sys::JsonbIteratorNext(&mut iterator, &mut value, in_array);
                match token {
                    pg_sys::JsonbIteratorToken::WJB_BEGIN_OBJECT => self.open.push(self.path.len()),
                    pg_sys::JsonbIteratorToken::WJB_END_OBJECT => {
                        self.open.pop();
                    }
                    pg_sys::JsonbIteratorToken::WJB_KEY => {
                        let text = value.val.string;
                        let key = std::slice::from_raw_parts(text.val.cast::<u8>(), text.len as usize);
                        self.path.truncate(self.open.last().copied().unwrap_or(0));
                        if !self.path.is_empty() {
                            self.path.push(JOINT);
                        }
                        self.path.push_str(&String::from_utf8_lossy(key));
                    }
                    pg_sys::JsonbIteratorToken::WJB_VALUE if value.type_ == pg_sys::jbvType::jbvNumeric => {
                        self.paths.push_str(&self.path);
                        push_cells(
                            &mut self.cells,
                            &Numeric::read(varlena::payload(Datum::from(value.val.numeric))),
                        );
                        self.ends.push((self.paths.len(), self.cells.len()));
                    }
                    // An array, or a bare scalar, which comes as an array of one: its elements are not looked at.
                    pg_sys::JsonbIteratorToken::WJB_BEGIN_ARRAY => {
                        self.others += 1;
                        in_array = true;
                    }
                    pg_sys::JsonbIteratorToken::WJB_ELEM => {}
                    pg_sys::JsonbIteratorToken::WJB_END_ARRAY => in_array = false,
                    pg_sys::JsonbIteratorToken::WJB_VALUE => self.others += 1,
                    _ => break,
                }
            }
        }
    }
}

/// Appends what a numeric adds to a decimal sum: cells of twelve digits, three of its base-10,000 digits each, and its scale.
fn push_cells(cells: &mut Vec<(i16, i64)>, number: &Numeric) {
    let Numeric::Number {
        negative,
        weight,
        scale,
        digits,
    } = number
    else {
        // No jsonb holds one.
        cells.extend([(0, 0), (working::ODD, decimal::NAN)]);
        return;
    };
    let from = cells.len();
    for (digit, weight) in digits.iter().zip((0..).map(|below| weight - below)) {
        let value = i64::from(u16::from_le_bytes(*digit)) * 10_000i64.pow(weight.rem_euclid(3) as u32);
        let (place, value) = (weight.div_euclid(3) as i16, if *negative { -value } else { value });
        match cells[from..].last_mut() {
            Some((last, sum)) if *last == place => *sum += value,
            _ => cells.push((place, value)),
        }
    }
    if digits.is_empty() {
        cells.push((0, 0));
    }
    if *scale > 0 {
        cells.push((working::SCALE, i64::from(*scale)));
    }
}

/// A jsonb result from JSON text.
pub fn jsonb_datum(text: &str) -> Datum {
    text.into_datum()
        .and_then(|text| {
            // SAFETY: a text to C string to jsonb, each copy palloc'd by PostgreSQL itself.
            unsafe {
                let text = pg_sys::text_to_cstring(text.cast_mut_ptr());
                pgrx::fcinfo::direct_function_call_as_datum(pg_sys::jsonb_in, &[Some(Datum::from(text))])
            }
        })
        .unwrap_or(Datum::null())
}
