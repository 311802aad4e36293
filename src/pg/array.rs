//! Owns arrays as arguments and answers: float8, bool, int4 and text elements, NULL elements included.

use super::fmgr::{Call, str_of};
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ptr;
use tally_core::error::{SqlState, TallyError, room_for};

/// Type, length, by-value and alignment of an element.
#[derive(Clone, Copy)]
struct Element(Oid, i32, bool, u8);

const FLOAT8: Element = Element(pg_sys::FLOAT8OID, 8, true, b'd');
const INT8: Element = Element(pg_sys::INT8OID, 8, true, b'd');
const TIMESTAMPTZ: Element = Element(pg_sys::TIMESTAMPTZOID, 8, true, b'd');
const INT4: Element = Element(pg_sys::INT4OID, 4, true, b'i');
const BOOL: Element = Element(pg_sys::BOOLOID, 1, true, b'c');
const TEXT: Element = Element(pg_sys::TEXTOID, -1, false, b'i');

impl Call {
    /// Argument `i`, a float8[] of one dimension.
    pub fn f64s(&self, i: usize) -> Result<Vec<Option<f64>>, TallyError> {
        Ok(self
            .elements(i, FLOAT8)?
            .into_iter()
            .map(|e| e.map(|d| f64::from_bits(d.value() as u64)))
            .collect())
    }

    /// Argument `i`, a float8[] of one dimension that must hold no NULL.
    pub fn f64s_not_null(&self, i: usize) -> Result<Vec<f64>, TallyError> {
        let error = || {
            TallyError::new(
                SqlState::NullValueNotAllowed,
                "expected an array without NULL elements, got a NULL",
            )
        };
        self.f64s(i)?.into_iter().map(|e| e.ok_or_else(error)).collect()
    }

    /// Argument `i`, a float8[] of one dimension: how many elements it has, and the first `N` of them (0 beyond the last),
    /// or none where one of all is NULL. Read where it lies, as [`true_elements`](Self::true_elements).
    #[inline]
    pub fn first_f64s<const N: usize>(&self, i: usize) -> Result<(usize, Option<[f64; N]>), TallyError> {
        let array = Raw::read(self.bytes(i), pg_sys::FLOAT8OID)?;
        if array.dimensions > 1 {
            return Err(dimensions(array.dimensions));
        }
        // A bitmap may be there without a NULL.
        let whole = |bits: &[u8]| (0..array.count).all(|e| bits.get(e / 8).is_some_and(|b| b >> (e % 8) & 1 == 1));
        if !array.present.is_none_or(whole) {
            return Ok((array.count, None));
        }
        let mut first = [0.0; N];
        for (x, bytes) in first.iter_mut().zip(array.data.as_chunks::<8>().0).take(array.count) {
            *x = f64::from_le_bytes(*bytes);
        }
        Ok((array.count, Some(first)))
    }

    /// Argument `i`, an int8[] of one dimension.
    pub fn i64s(&self, i: usize) -> Result<Vec<Option<i64>>, TallyError> {
        Ok(self
            .elements(i, INT8)?
            .into_iter()
            .map(|e| e.map(|d| d.value() as i64))
            .collect())
    }

    /// Argument `i`, a timestamptz[] of one dimension.
    pub fn timestamptzs(&self, i: usize) -> Result<Vec<Option<i64>>, TallyError> {
        let times = self.elements(i, TIMESTAMPTZ)?;
        Ok(times.into_iter().map(|e| e.map(|d| d.value() as i64)).collect())
    }

    /// Argument `i`, an int4[] of one dimension.
    pub fn i32s(&self, i: usize) -> Result<Vec<Option<i32>>, TallyError> {
        Ok(self
            .elements(i, INT4)?
            .into_iter()
            .map(|e| e.map(|d| d.value() as i32))
            .collect())
    }

    /// Argument `i`, a bool[] of one dimension.
    pub fn bools(&self, i: usize) -> Result<Vec<Option<bool>>, TallyError> {
        Ok(self
            .elements(i, BOOL)?
            .into_iter()
            .map(|e| e.map(|d| d.value() as u8 != 0))
            .collect())
    }

    /// Argument `i`, a text[] of one dimension.
    pub fn texts(&self, i: usize) -> Result<Vec<Option<&str>>, TallyError> {
        self.elements(i, TEXT)?
            .into_iter()
            // SAFETY: a non-NULL element of a text[] is a varlena inside the detoasted array.
            .map(|e| e.map(|d| str_of(unsafe { varlena::payload(d) })).transpose())
            .collect()
    }

    /// Argument `i`, a bool[]: its true elements as bits, and how many elements it has. Read where it lies, without a
    /// `pg_sys` call, for transition functions.
    #[inline]
    pub fn true_elements(&self, i: usize) -> Result<(u32, usize), TallyError> {
        let array = Raw::read(self.bytes(i), pg_sys::BOOLOID)?;
        let mut values = array.data.iter();
        let mask = array.collect(|| values.next().is_some_and(|b| *b != 0));
        Ok((mask, array.count))
    }

    /// Argument `i`, a text[]: the elements equal to `text` byte by byte as bits, and how many elements it has. Read
    /// where it lies, as [`true_elements`](Self::true_elements).
    #[inline]
    pub fn equal_elements(&self, i: usize, text: Option<&[u8]>) -> Result<(u32, usize), TallyError> {
        let array = Raw::read(self.bytes(i), pg_sys::TEXTOID)?;
        let Some(text) = text else { return Ok((0, array.count)) };
        let mut rest = array.data;
        let mask = array.collect(|| next_text(&mut rest).is_some_and(|element| element == text));
        Ok((mask, array.count))
    }

    fn elements(&self, i: usize, element: Element) -> Result<Vec<Option<Datum>>, TallyError> {
        let Element(oid, len, by_val, align) = element;
        // SAFETY: the SQL declaration gives argument i this array type, and the element's type, length and alignment
        // below are that type's own; deconstruct_array fills three outputs of `count` entries each.
        unsafe {
            let array = pg_sys::pg_detoast_datum(self.datum(i).cast_mut_ptr()).cast::<pg_sys::ArrayType>();
            if (*array).elemtype != oid || (*array).ndim > 1 {
                return Err(dimensions((*array).ndim as usize));
            }
            let (mut values, mut nulls, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
            pg_sys::deconstruct_array(array, oid, len, by_val, align as _, &mut values, &mut nulls, &mut count);
            let mut elements = room_for(count as usize)?;
            elements.extend((0..count as usize).map(|e| (!*nulls.add(e)).then(|| *values.add(e))));
            Ok(elements)
        }
    }

    /// Answers a float8[], `None` for a NULL element.
    pub fn return_f64s(&self, values: &[Option<f64>]) -> Datum {
        build(
            FLOAT8,
            values.iter().map(|v| v.map(|v| Datum::from(v.to_bits()))).collect(),
        )
    }

    /// Answers an int8[].
    pub fn return_i64s(&self, values: &[i64]) -> Datum {
        build(INT8, values.iter().map(|&v| Some(Datum::from(v))).collect())
    }

    /// Answers an int8[], `None` for a NULL element.
    pub fn return_opt_i64s(&self, values: &[Option<i64>]) -> Datum {
        build(INT8, values.iter().map(|v| v.map(Datum::from)).collect())
    }

    /// Answers a bool[], `None` for a NULL element.
    pub fn return_bools(&self, values: &[Option<bool>]) -> Datum {
        build(BOOL, values.iter().map(|v| v.map(Datum::from)).collect())
    }

    /// Answers a timestamptz[].
    pub fn return_timestamptzs(&self, values: &[i64]) -> Datum {
        build(TIMESTAMPTZ, values.iter().map(|&v| Some(Datum::from(v))).collect())
    }

    /// Answers a text[], `None` for a NULL element.
    pub fn return_texts(&self, values: &[Option<&str>]) -> Datum {
        build(
            TEXT,
            values
                .iter()
                .map(|v| v.map(|v| varlena::from_payload(v.as_bytes())))
                .collect(),
        )
    }
}

/// The error of an array of several dimensions, where one is expected.
#[cold]
fn dimensions(got: usize) -> TallyError {
    TallyError::new(
        SqlState::ArraySubscriptError,
        format!("expected an array of one dimension, got {got} dimensions"),
    )
    .detail("An array within an array has no place in the answer.")
    .hint("SELECT ARRAY(SELECT unnest('{{1,2},{3,4}}'::float8[]))")
}

/// An array where it lies (array.h): dimensions, element count, bitmap of the elements that are not NULL, and their bytes.
struct Raw<'a> {
    dimensions: usize,
    count: usize,
    present: Option<&'a [u8]>,
    data: &'a [u8],
}

impl<'a> Raw<'a> {
    #[inline]
    fn read(payload: &'a [u8], oid: Oid) -> Result<Self, TallyError> {
        let word = |at: usize| {
            payload
                .get(4 * at..4 * at + 4)
                .and_then(|b| b.try_into().ok())
                .map(i32::from_le_bytes)
        };
        let parts = || {
            let (ndim, offset, elemtype) = (word(0)? as usize, word(1)? as usize, word(2)? as u32);
            if elemtype != oid.to_u32() || ndim > 6 {
                return None;
            }
            if ndim == 0 {
                return Some(Raw {
                    dimensions: 0,
                    count: 0,
                    present: None,
                    data: &[],
                });
            }
            let count = (0..ndim).map(|d| word(3 + d).map_or(0, |len| len as usize)).product();
            // Offsets count from the varlena header, which is not part of the payload.
            let bitmap = 12 + 8 * ndim;
            let (present, data) = match offset {
                0 => (None, (bitmap + 4).next_multiple_of(8) - 4),
                _ => (Some(payload.get(bitmap..)?), offset - 4),
            };
            Some(Raw {
                dimensions: ndim,
                count,
                present,
                data: payload.get(data..)?,
            })
        };
        parts().ok_or_else(|| TallyError::new(SqlState::DataCorrupted, "array expected, got other bytes"))
    }

    /// Bits of the elements for which `next`, called once per element that is not NULL, says true; the first 32 only.
    #[inline]
    fn collect(&self, mut next: impl FnMut() -> bool) -> u32 {
        let mut mask = 0;
        for i in 0..self.count.min(32) {
            let here = self
                .present
                .is_none_or(|bits| bits.get(i / 8).is_some_and(|b| b >> (i % 8) & 1 == 1));
            if here && next() {
                mask |= 1 << i;
            }
        }
        mask
    }
}

/// The next text of an array's data. PostgreSQL gives array elements 4-byte headers, padded to multiples of 4; short
/// headers, which no array of its own has, are read too.
#[inline]
fn next_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let first = *rest.first()?;
    if first & 1 == 1 {
        let len = usize::from(first >> 1);
        let text = rest.get(1..len)?;
        *rest = &rest[len..];
        return Some(text);
    }
    let len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize >> 2;
    let text = rest.get(4..len)?;
    *rest = rest.get(len.next_multiple_of(4)..).unwrap_or(&[]);
    Some(text)
}

fn build(element: Element, values: Vec<Option<Datum>>) -> Datum {
    let Element(oid, len, by_val, align) = element;
    let mut datums: Vec<Datum> = values.iter().map(|v| v.unwrap_or(Datum::from(0usize))).collect();
    let mut nulls: Vec<bool> = values.iter().map(Option::is_none).collect();
    let (mut dims, mut lower) = ([values.len() as i32], [1]);
    // SAFETY: datums and nulls have as many entries as dims says; the element's type facts are its own. An array of
    // zero elements comes back as the empty array. construct_md_array copies what it keeps.
    unsafe {
        Datum::from(pg_sys::construct_md_array(
            datums.as_mut_ptr(),
            nulls.as_mut_ptr(),
            1,
            dims.as_mut_ptr(),
            lower.as_mut_ptr(),
            oid,
            len,
            by_val,
            align as _,
        ))
    }
}
