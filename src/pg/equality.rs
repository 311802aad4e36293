//! Owns the hash of values whose bytes do not say whether they are equal: a canonical form is written and hashed, so that two
//! values have one hash exactly when the type's own `=` holds (but for one pair in 2^64).
//!
//! The types' own hash functions are not used where they take unequal values for equal: numeric (signs, NaN and the infinities),
//! jsonb (nesting), arrays (dimensions), interval, timetz, pg_lsn and xid8 (64 bits folded to 32).

use super::fmgr::Call;
use super::hashing::Hasher;
use super::numeric::Numeric;
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid, ffi::pg_guard_ffi_boundary};
use std::ffi::{c_int, c_void};
use std::{ptr, slice};
use tally_core::error::TallyError;
use tally_core::sketch::hll::hash;

unsafe extern "C-unwind" {
    // multirangetypes.c; pgrx has no binding for it.
    fn multirange_deserialize(
        range_type: *mut pg_sys::TypeCacheEntry,
        multirange: *const c_void,
        count: *mut c_int,
        ranges: *mut *mut *mut pg_sys::RangeType,
    );
}

/// A type whose values need a canonical form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// numeric.
    Numeric,
    /// interval: '1 day' equals '24 hours'.
    Interval,
    /// timetz: time and zone.
    TimeTz,
    /// bit and varbit.
    Bits,
    /// jsonb.
    Jsonb,
    /// An array: bounds and elements.
    Array,
    /// A range: its bounds.
    Range,
    /// A multirange: its ranges.
    Multirange,
    /// A row of any type: its columns.
    Record,
    /// text, varchar or bpchar under a collation by which unequal bytes may be equal.
    Collated,
}

impl Form {
    /// The form that values of a base type need; none where another hasher is exact or as good as the type's own.
    pub fn of(base: Oid) -> Option<Form> {
        Some(match base {
            pg_sys::NUMERICOID => Form::Numeric,
            pg_sys::INTERVALOID => Form::Interval,
            pg_sys::TIMETZOID => Form::TimeTz,
            pg_sys::BITOID | pg_sys::VARBITOID => Form::Bits,
            pg_sys::JSONBOID => Form::Jsonb,
            pg_sys::RECORDOID => Form::Record,
            // SAFETY: catalog look-ups by OID; they answer false or none for an OID that is no such type.
            _ => unsafe {
                if pg_sys::get_element_type(base) != Oid::INVALID {
                    Form::Array
                } else if pg_sys::type_is_range(base) {
                    Form::Range
                } else if pg_sys::type_is_multirange(base) {
                    Form::Multirange
                } else if pg_sys::type_is_rowtype(base) {
                    Form::Record
                } else {
                    return None;
                }
            },
        })
    }

    /// Hash of a datum that is not NULL, of a type with this form.
    pub fn hash(self, datum: Datum, collation: Oid) -> Result<u64, TallyError> {
        let mut out = Vec::with_capacity(64);
        // SAFETY: the datum is of a type with this form and not NULL, as the caller promises.
        unsafe {
            match self {
                Form::Numeric => Numeric::read(varlena::payload(datum)).canonical(&mut out),
                Form::Interval => out.extend(span(datum.cast_mut_ptr::<pg_sys::Interval>().read()).to_le_bytes()),
                Form::TimeTz => {
                    let value = datum.cast_mut_ptr::<pg_sys::TimeTzADT>().read();
                    out.extend(value.time.to_le_bytes());
                    out.extend(value.zone.to_le_bytes());
                }
                Form::Bits => out.extend(varlena::payload(datum)),
                Form::Jsonb => jsonb(datum, &mut out),
                Form::Array => array(datum, collation, &mut out)?,
                Form::Range => range(pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast(), &mut out)?,
                Form::Multirange => multirange(datum, &mut out)?,
                Form::Record => record(datum, &mut out)?,
                Form::Collated => return Ok(collated(datum, collation)),
            }
        }
        Ok(hash::bytes(&out))
    }
}

/// What intervals compare by (interval_cmp_value): a month is 30 days, a day 24 hours.
fn span(value: pg_sys::Interval) -> i128 {
    (i128::from(value.month) * 30 + i128::from(value.day)) * 86_400_000_000 + i128::from(value.time)
}

/// Hash of text by its collation: of its sort key, as the type's own function makes it.
unsafe fn collated(datum: Datum, collation: Oid) -> u64 {
    // SAFETY: the datum is a text, or a bpchar without padding that counts: the collation ignores no blanks but trailing ones.
    let own = unsafe {
        pg_sys::OidFunctionCall2Coll(
            Oid::from(pg_sys::F_HASHTEXTEXTENDED),
            collation,
            datum,
            Datum::from(0usize),
        )
    };
    hash::mix(own.value() as u64)
}

/// Whether unequal bytes may be equal by a collation.
pub fn is_loose(collation: Oid) -> bool {
    thread_local! {
        // Whether a collation is deterministic never changes; the one seen last is nearly always the one asked.
        static LAST: std::cell::Cell<(Oid, bool)> = const { std::cell::Cell::new((Oid::INVALID, false)) };
    }
    if matches!(collation, Oid::INVALID | pg_sys::DEFAULT_COLLATION_OID) || collation == Oid::from(950) {
        return false;
    }
    let (last, loose) = LAST.get();
    if last == collation {
        return loose;
    }
    // SAFETY: a look-up by OID, which raises where there is no such collation.
    let loose = unsafe { !pg_sys::get_collation_isdeterministic(collation) };
    LAST.set((collation, loose));
    loose
}

/// Appends a value within another: none, or its hash.
fn part(value: Option<Datum>, of: Oid, collation: Oid, out: &mut Vec<u8>) -> Result<(), TallyError> {
    match value {
        None => out.push(0),
        Some(value) => {
            out.push(1);
            out.extend(Hasher::of_type(of, collation)?.hash(value, collation)?.to_le_bytes());
        }
    }
    Ok(())
}

/// Appends a jsonb, token by token.
unsafe fn jsonb(datum: Datum, out: &mut Vec<u8>) {
    use pg_sys::{JsonbIteratorToken as Token, jbvType as Kind};
    // SAFETY: a detoasted jsonb begins with a varlena header, behind which its container is aligned. The iterator fills `value` as
    // its token says.
    unsafe {
        let plain = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<u8>();
        let mut iterator = pg_sys::JsonbIteratorInit(plain.add(varlena::HEADER).cast());
        let mut value = pg_sys::JsonbValue::default();
        loop {
            let token = pg_sys::JsonbIteratorNext(&mut iterator, &mut value, false);
            out.push(token as u8);
            match token {
                Token::WJB_DONE => break,
                Token::WJB_BEGIN_ARRAY => out.push(u8::from(value.val.array.rawScalar)),
                Token::WJB_KEY | Token::WJB_ELEM | Token::WJB_VALUE => {
                    out.push(value.type_ as u8);
                    match value.type_ {
                        Kind::jbvString => {
                            let text = value.val.string;
                            out.extend(text.len.to_le_bytes());
                            out.extend(slice::from_raw_parts(text.val.cast::<u8>(), text.len as usize));
                        }
                        Kind::jbvNumeric => {
                            let numeric = Datum::from(value.val.numeric);
                            let mut number = Vec::new();
                            Numeric::read(varlena::payload(numeric)).canonical(&mut number);
                            out.extend((number.len() as u32).to_le_bytes());
                            out.extend(number);
                        }
                        Kind::jbvBool => out.push(u8::from(value.val.boolean)),
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// Appends an array: dimensions with their bounds, then its elements.
unsafe fn array(datum: Datum, collation: Oid, out: &mut Vec<u8>) -> Result<(), TallyError> {
    // SAFETY: the datum is an array. Behind its header come ndim lengths and ndim lower bounds. deconstruct_array fills
    // three outputs of `count` entries each.
    let (element, values, nulls) = unsafe {
        let array = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::ArrayType>();
        let (ndim, element) = ((*array).ndim, (*array).elemtype);
        let bounds = slice::from_raw_parts(array.add(1).cast::<i32>(), 2 * ndim as usize);
        out.extend(ndim.to_le_bytes());
        bounds.iter().for_each(|bound| out.extend(bound.to_le_bytes()));
        let (mut len, mut by_val, mut align) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(element, &mut len, &mut by_val, &mut align);
        let (mut values, mut nulls, mut count) = (ptr::null_mut(), ptr::null_mut(), 0);
        pg_sys::deconstruct_array(
            array,
            element,
            len.into(),
            by_val,
            align,
            &mut values,
            &mut nulls,
            &mut count,
        );
        if count == 0 {
            return Ok(());
        }
        (
            element,
            slice::from_raw_parts(values, count as usize),
            slice::from_raw_parts(nulls, count as usize),
        )
    };
    for (value, null) in values.iter().zip(nulls) {
        pgrx::check_for_interrupts!();
        part((!null).then_some(*value), element, collation, out)?;
    }
    Ok(())
}

/// Appends a range: whether it is empty, and its bounds.
unsafe fn range(range: *mut pg_sys::RangeType, out: &mut Vec<u8>) -> Result<(), TallyError> {
    // SAFETY: the range is detoasted; its own type OID finds the type cache entry that range_deserialize needs.
    let (bounds, empty, element, collation) = unsafe {
        let entry = pg_sys::lookup_type_cache((*range).rangetypid, pg_sys::TYPECACHE_RANGE_INFO as i32);
        let (mut lower, mut upper, mut empty) = (pg_sys::RangeBound::default(), pg_sys::RangeBound::default(), false);
        pg_sys::range_deserialize(entry, range, &mut lower, &mut upper, &mut empty);
        (
            [lower, upper],
            empty,
            (*(*entry).rngelemtype).type_id,
            (*entry).rng_collation,
        )
    };
    out.push(u8::from(empty));
    if empty {
        return Ok(());
    }
    for bound in bounds {
        out.push(u8::from(bound.infinite) << 1 | u8::from(bound.inclusive));
        part((!bound.infinite).then_some(bound.val), element, collation, out)?;
    }
    Ok(())
}

/// Appends the ranges of a multirange.
unsafe fn multirange(datum: Datum, out: &mut Vec<u8>) -> Result<(), TallyError> {
    // SAFETY: a detoasted multirange holds its type's OID behind the varlena header; the guard catches what the call raises.
    let ranges = unsafe {
        let plain = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<u8>();
        let oid = plain.add(varlena::HEADER).cast::<Oid>().read();
        let entry = pg_sys::lookup_type_cache(oid, pg_sys::TYPECACHE_MULTIRANGE_INFO as i32);
        let (mut count, mut ranges) = (0, ptr::null_mut());
        pg_guard_ffi_boundary(|| multirange_deserialize((*entry).rngtype, plain.cast(), &mut count, &mut ranges));
        if count == 0 {
            &[]
        } else {
            slice::from_raw_parts(ranges, count as usize)
        }
    };
    for one in ranges {
        // SAFETY: multirange_deserialize made each range.
        unsafe { range(*one, out)? };
    }
    Ok(())
}

/// Appends the columns of a row, as record_eq compares them: those that were dropped do not count.
unsafe fn record(datum: Datum, out: &mut Vec<u8>) -> Result<(), TallyError> {
    // SAFETY: a detoasted row says its own type; heap_deform_tuple fills as many entries as the type has columns.
    unsafe {
        let header = pg_sys::pg_detoast_datum(datum.cast_mut_ptr()).cast::<pg_sys::HeapTupleHeaderData>();
        let fields = (*header).t_choice.t_datum;
        let columns =
            pgrx::PgTupleDesc::from_pg(pg_sys::lookup_rowtype_tupdesc(fields.datum_typeid, fields.datum_typmod));
        let mut tuple = pg_sys::HeapTupleData {
            t_len: fields.datum_len_ as u32 >> 2,
            t_data: header,
            ..Default::default()
        };
        let mut values = vec![Datum::from(0usize); columns.len()];
        let mut nulls = vec![true; columns.len()];
        pg_sys::heap_deform_tuple(&mut tuple, columns.as_ptr(), values.as_mut_ptr(), nulls.as_mut_ptr());
        for (i, (value, null)) in values.into_iter().zip(nulls).enumerate() {
            let column = columns.get(i).expect("a column");
            if !column.attisdropped {
                part((!null).then_some(value), column.atttypid, column.attcollation, out)?;
            }
        }
    }
    Ok(())
}

/// The type that argument `i` of a text aggregate has before an implicit cast that keeps its bytes: citext reaches an aggregate over
/// text as text, and is equal by other rules.
pub fn type_behind(call: &Call, i: usize) -> Option<Oid> {
    // SAFETY: AggGetAggref takes any call and answers null outside of an aggregate. The Aggref's arguments are TargetEntry nodes,
    // and a node's tag says what it is.
    unsafe {
        let aggref = pg_sys::AggGetAggref(call.fcinfo());
        if aggref.is_null() || (*aggref).args.is_null() || (*(*aggref).args).length < i as i32 {
            return None;
        }
        let entry = pg_sys::list_nth((*aggref).args, i as i32 - 1).cast::<pg_sys::TargetEntry>();
        let relabel = (*entry).expr.cast::<pg_sys::RelabelType>();
        let is_cast = !relabel.is_null() && (*relabel).xpr.type_ == pg_sys::NodeTag::T_RelabelType;
        if !is_cast || (*relabel).relabelformat != pg_sys::CoercionForm::COERCE_IMPLICIT_CAST {
            return None;
        }
        Some(pg_sys::exprType((*relabel).arg.cast()))
    }
}
