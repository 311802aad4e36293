//! Owns arguments and results of kernel functions that speak jsonb.

use std::ffi::CStr;

use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::fmgr::Call;
use super::numeric::Numeric;
use super::varlena;
use tally_core::sketch::totals::decimal::Decimal;
use tally_core::sketch::totals::path::JOINT;

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

/// The leaves of a jsonb: its numbers by path (keys joined by NUL), and how many others there are.
pub struct Leaves {
    paths: String,
    /// End of the path in `paths`, and the number there.
    ends: Vec<(usize, Decimal)>,
    /// Leaves that are no numbers under a key: texts, booleans, nulls, arrays, a bare scalar.
    pub others: u64,
}

impl Leaves {
    /// Path and number of each.
    pub fn numbers(&self) -> impl Iterator<Item = (&str, &Decimal)> + Clone {
        self.ends.iter().enumerate().map(|(i, (end, number))| {
            let from = if i == 0 { 0 } else { self.ends[i - 1].0 };
            (&self.paths[from..*end], number)
        })
    }
}

impl Call {
    /// The leaves of the jsonb in argument `i`, read without making its text.
    pub fn jsonb_leaves(&self, i: usize) -> Leaves {
        let mut leaves = Leaves {
            paths: String::new(),
            ends: Vec::new(),
            others: 0,
        };
        let mut path = String::new();
        // How long the path is around each open object, and before the present key.
        let mut open: Vec<usize> = Vec::new();
        let payload = self.bytes(i);
        // The container must be aligned, which a short or shared datum is not; a copy of words is.
        let mut words = vec![0u64; payload.len().div_ceil(8)];
        for (word, chunk) in words.iter_mut().zip(payload.chunks(8)) {
            let mut padded = [0; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            *word = u64::from_le_bytes(padded);
        }
        // SAFETY: the declaration in SQL makes the argument a jsonb, whose payload is a container; `words` is an aligned
        // copy of it that outlives the iterator. The iterator fills `value` as its token says; strings and numerics point
        // into the container.
        unsafe {
            let mut iterator = pg_sys::JsonbIteratorInit(words.as_mut_ptr().cast());
            let mut value = pg_sys::JsonbValue::default();
            let mut in_array = false;
            loop {
                let token = pg_sys::JsonbIteratorNext(&mut iterator, &mut value, in_array);
                match token {
                    pg_sys::JsonbIteratorToken::WJB_BEGIN_OBJECT => open.push(path.len()),
                    pg_sys::JsonbIteratorToken::WJB_END_OBJECT => {
                        open.pop();
                    }
                    pg_sys::JsonbIteratorToken::WJB_KEY => {
                        let text = value.val.string;
                        let key = std::slice::from_raw_parts(text.val.cast::<u8>(), text.len as usize);
                        path.truncate(open.last().copied().unwrap_or(0));
                        if !path.is_empty() {
                            path.push(JOINT);
                        }
                        path.push_str(&String::from_utf8_lossy(key));
                    }
                    pg_sys::JsonbIteratorToken::WJB_VALUE if value.type_ == pg_sys::jbvType::jbvNumeric => {
                        let numeric = Datum::from(value.val.numeric);
                        leaves.paths.push_str(&path);
                        let number = decimal(&Numeric::read(varlena::payload(numeric)));
                        leaves.ends.push((leaves.paths.len(), number));
                    }
                    // An array, or a bare scalar, which comes as an array of one: its elements are not looked at.
                    pg_sys::JsonbIteratorToken::WJB_BEGIN_ARRAY => {
                        leaves.others += 1;
                        in_array = true;
                    }
                    pg_sys::JsonbIteratorToken::WJB_ELEM => {}
                    pg_sys::JsonbIteratorToken::WJB_END_ARRAY => in_array = false,
                    pg_sys::JsonbIteratorToken::WJB_VALUE => leaves.others += 1,
                    _ => break,
                }
            }
        }
        leaves
    }
}

/// A numeric as cells of twelve digits: three of its base-10,000 digits each.
fn decimal(number: &Numeric) -> Decimal {
    let mut sum = Decimal::default();
    let Numeric::Number {
        negative,
        weight,
        scale,
        digits,
    } = number
    else {
        // No jsonb holds one.
        return Decimal::of_float(f64::NAN);
    };
    sum.scale = *scale;
    for (digit, weight) in digits.iter().zip((0..).map(|below| weight - below)) {
        let value = i64::from(u16::from_le_bytes(*digit)) * 10_000i64.pow(weight.rem_euclid(3) as u32);
        sum.add(weight.div_euclid(3) as i16, if *negative { -value } else { value });
    }
    sum
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
