//! Owns arguments and results of kernel functions that speak jsonb.

use std::ffi::CStr;

use pgrx::IntoDatum;
use pgrx::pg_sys::{self, Datum};

use super::fmgr::Call;
use super::numeric::Numeric;
use super::varlena;
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::totals::path::{self, JOINT};
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
/// takes no memory of its own. It reads the format on disk (jsonb.h, the same since PostgreSQL 9.4): PostgreSQL's iterator takes a guarded call
/// for each token, which was a third of the whole.
#[derive(Default)]
pub struct Leaves {
    paths: String,
    /// What the numbers add to which places of decimal sums, as `working::cells` gives it.
    cells: Vec<(i16, i64)>,
    /// End of each number's path in `paths`, and of its cells.
    ends: Vec<(usize, usize)>,
    /// Leaves that are no numbers under a key: texts, booleans, nulls, arrays, a bare scalar.
    pub others: u64,
    /// The path that is being read, and the objects around.
    path: String,
    open: Vec<Object>,
}

/// An object that is being read: where its entries begin, how many pairs it has and the next of them, where that one's key and value begin behind
/// the entries, and how long the path to the object is.
struct Object {
    entries: usize,
    pairs: usize,
    next: usize,
    key: usize,
    value: usize,
    path: usize,
}

impl Object {
    /// Where its keys and values lie.
    fn data(&self) -> usize {
        self.entries + 8 * self.pairs
    }
}

// The first word of a container, and the entry of a key or value: its length, or its end in every 32nd.
const COUNT: u32 = 0x0fff_ffff;
const OBJECT: u32 = 0x2000_0000;
const HAS_END: u32 = 0x8000_0000;
const TYPE: u32 = 0x7000_0000;
const NUMERIC: u32 = 0x1000_0000;
const CONTAINER: u32 = 0x5000_0000;

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(word.try_into().ok()?))
}

/// Where what begins here ends.
fn end(entry: u32, begin: usize) -> usize {
    let length = (entry & COUNT) as usize;
    if entry & HAS_END == 0 { begin + length } else { length }
}

/// Whether a jsonb is an object, and no array or bare scalar.
pub fn is_object(bytes: &[u8]) -> bool {
    word(bytes, 0).is_some_and(|head| head & OBJECT != 0)
}

/// The payload of a varlena within others: plain or short.
fn within(varlena: &[u8]) -> Option<&[u8]> {
    varlena.get(if varlena.first()? & 1 == 1 { 1 } else { varlena::HEADER }..)
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
    pub fn read(&mut self, call: &Call, i: usize) -> Result<(), TallyError> {
        self.paths.clear();
        self.cells.clear();
        self.ends.clear();
        self.path.clear();
        self.open.clear();
        self.others = 0;
        let bytes = call.bytes(i);
        self.walk(bytes).ok_or_else(|| {
            TallyError::new(
                SqlState::DataCorrupted,
                format!(
                    "a jsonb is damaged: expected containers within it, got {} bytes that are none",
                    bytes.len()
                ),
            )
            .detail("The bytes in the table are not those that PostgreSQL wrote.")
            .hint("CREATE EXTENSION amcheck; SELECT * FROM verify_heapam('…');  -- with the name of the table")
        })
    }

    fn walk(&mut self, bytes: &[u8]) -> Option<()> {
        self.enter(bytes, 0)?;
        loop {
            // An empty path does not say so: the key of the outermost object may be empty.
            let nested = self.open.len() > 1;
            let Some(object) = self.open.last_mut() else {
                return Some(());
            };
            if object.next == object.pairs {
                self.open.pop();
                continue;
            }
            let data = object.data();
            let key_entry = word(bytes, object.entries + 4 * object.next)?;
            let value_entry = word(bytes, object.entries + 4 * (object.pairs + object.next))?;
            let key = data + object.key..data + end(key_entry, object.key);
            // Numbers and containers lie at words.
            let value = (data + object.value).next_multiple_of(4)..data + end(value_entry, object.value);
            object.next += 1;
            (object.key, object.value) = (key.end - data, value.end - data);
            let kind = value_entry & TYPE;
            if kind != NUMERIC && kind != CONTAINER {
                self.others += 1;
                continue;
            }
            self.path.truncate(object.path);
            if nested {
                self.path.push(JOINT);
            }
            self.path.push_str(&String::from_utf8_lossy(bytes.get(key)?));
            if kind == CONTAINER {
                self.enter(bytes, value.start)?;
            } else {
                self.paths.push_str(path::before(&self.path));
                self.paths.push_str(&self.path);
                push_cells(&mut self.cells, &Numeric::read(within(bytes.get(value)?)?));
                self.ends.push((self.paths.len(), self.cells.len()));
            }
        }
    }

    /// Begins with a container. The elements of an array, which a bare scalar is too, are not looked at.
    fn enter(&mut self, bytes: &[u8], at: usize) -> Option<()> {
        let head = word(bytes, at)?;
        if head & OBJECT == 0 {
            self.others += 1;
            return Some(());
        }
        let (entries, pairs) = (at + 4, (head & COUNT) as usize);
        // The values lie behind the keys.
        let mut value = 0;
        for n in 0..pairs {
            value = end(word(bytes, entries + 4 * n)?, value);
        }
        self.open.push(Object {
            entries,
            pairs,
            next: 0,
            key: 0,
            value,
            path: self.path.len(),
        });
        Some(())
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
