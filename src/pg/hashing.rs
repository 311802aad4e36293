//! Owns the hash of a value of any type: which bytes of a datum stand for its value.
//!
//! | types | hash | the same on every machine |
//! |---|---|---|
//! | int2/4/8, oid, date, time, timestamp(tz), money, bool, "char" | `hash::int` of the number | yes |
//! | float4/8 | `hash::float` | yes |
//! | text, varchar, name, bytea, bpchar (without its padding), uuid, enums (their labels) | `hash::bytes` | yes |
//! | numeric, interval, timetz, bit, jsonb, pg_lsn, xid8, arrays, ranges, rows of these | of a canonical form (`equality`) | yes |
//! | text under a nondeterministic collation | of its sort key | as long as the collation's library is |
//! | all others (inet, macaddr, citext, hstore …) | the type's own 64-bit hash function | as hash partitioning is |
//!
//! All are exact (but for one pair of values in 2^64), the last row as far as the type's own function is. [`Hasher::version`] tells the
//! hashes of 0.1 from those that came after, where they differ: sketches of both do not merge.

use super::equality::{Form, is_loose, type_behind};
use super::fmgr::Call;
use super::varlena;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::CStr;
use std::slice;
use tally_core::error::{SqlState, TallyError};
use tally_core::sketch::hll::hash;

/// Seed for the types' own hash functions: a constant, since what they give is stored.
const SEED: u64 = 0x7461_6c6c_7968_6c6c;

/// How values of one type are hashed.
#[derive(Clone, Copy)]
pub enum Hasher {
    /// int2.
    Int16,
    /// int4, date.
    Int32,
    /// int8, oid and the times.
    Int64,
    /// pg_lsn and xid8: as int8, since version 2.
    Wide,
    /// bool, "char".
    Byte,
    /// float4.
    Float32,
    /// float8.
    Float64,
    /// A varlena whose bytes are its value.
    Bytes,
    /// bpchar: trailing blanks do not count.
    Padded,
    /// name: up to 64 bytes, NUL-terminated.
    Name,
    /// uuid: 16 bytes.
    Uuid,
    /// An enum, by its label: OIDs do not survive a dump.
    Enum,
    /// A canonical form.
    Form(Form),
    /// The type's own hash function.
    Own(*mut pg_sys::FmgrInfo),
}

impl Hasher {
    /// The hasher for argument `i` of a call, by its declared type.
    pub fn of_argument(call: &Call, i: usize) -> Result<Self, TallyError> {
        let declared = call.arg_type(i);
        if declared == Oid::INVALID {
            return Err(TallyError::new(
                SqlState::DatatypeMismatch,
                "expected a value of known type, got none",
            ));
        }
        Hasher::of_type(declared, call.collation())
    }

    /// The hasher for argument `i` of an aggregate over text: by its collation, and by the type that it had before it became text.
    pub fn of_text(call: &Call, i: usize) -> Result<Self, TallyError> {
        Hasher::of_type(type_behind(call, i).unwrap_or(pg_sys::TEXTOID), call.collation())
    }

    /// The hasher for text of which nothing is known but its collation.
    #[inline(always)]
    pub fn of_plain_text(collation: Oid) -> Self {
        if is_loose(collation) {
            Hasher::Form(Form::Collated)
        } else {
            Hasher::Bytes
        }
    }

    /// Refuses argument `i` of an aggregate that tells texts apart by their bytes, where equal values may be several texts: citext, and
    /// collations that are not deterministic. `form` is the call to write instead.
    pub fn refuse_loose(call: &Call, i: usize, form: &'static str) -> Result<(), TallyError> {
        match Hasher::of_text(call, i)? {
            Hasher::Bytes | Hasher::Padded | Hasher::Name => Ok(()),
            _ => Err(TallyError::new(
                SqlState::FeatureNotSupported,
                "expected a text whose equal values are one text, got citext or a collation that is not deterministic",
            )
            .detail("Texts are told apart by their bytes here, so equal values would count as several.")
            .hint(form)),
        }
    }

    /// The hasher for values of a type under a collation.
    pub fn of_type(declared: Oid, collation: Oid) -> Result<Self, TallyError> {
        // SAFETY: catalog look-ups by OID; getBaseType and lookup_type_cache raise on an OID that is no type, and type
        // cache entries live as long as the backend.
        unsafe {
            let base = pg_sys::getBaseType(declared);
            Ok(match base {
                pg_sys::INT2OID => Hasher::Int16,
                pg_sys::INT4OID | pg_sys::DATEOID => Hasher::Int32,
                pg_sys::OIDOID
                | pg_sys::INT8OID
                | pg_sys::TIMEOID
                | pg_sys::TIMESTAMPOID
                | pg_sys::TIMESTAMPTZOID
                | pg_sys::MONEYOID => Hasher::Int64,
                pg_sys::PG_LSNOID | pg_sys::XID8OID => Hasher::Wide,
                pg_sys::BOOLOID | pg_sys::CHAROID => Hasher::Byte,
                pg_sys::FLOAT4OID => Hasher::Float32,
                pg_sys::FLOAT8OID => Hasher::Float64,
                pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BPCHAROID if is_loose(collation) => {
                    Hasher::Form(Form::Collated)
                }
                pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BYTEAOID => Hasher::Bytes,
                pg_sys::BPCHAROID => Hasher::Padded,
                pg_sys::NAMEOID => Hasher::Name,
                pg_sys::UUIDOID => Hasher::Uuid,
                _ if pg_sys::type_is_enum(base) => Hasher::Enum,
                _ => match Form::of(base) {
                    Some(form) => Hasher::Form(form),
                    None => Hasher::Own(own_function(base, declared)?),
                },
            })
        }
    }

    /// Version of the hashes: 1 for those of pg_tally 0.1, 2 where they were taken anew because they were not exact.
    #[inline(always)]
    pub fn version(self) -> u16 {
        match self {
            Hasher::Form(_) | Hasher::Wide => 2,
            _ => 1,
        }
    }

    /// Hash of a datum that is not NULL, of the type that this hasher was made for.
    #[inline(always)]
    pub fn hash(self, datum: Datum, collation: Oid) -> Result<u64, TallyError> {
        Ok(match self {
            Hasher::Int16 => hash::int(i64::from(datum.value() as i16)),
            Hasher::Int32 => hash::int(i64::from(datum.value() as i32)),
            Hasher::Int64 | Hasher::Wide => hash::int(datum.value() as i64),
            // SAFETY: the type is a varlena, and the datum is not NULL.
            Hasher::Bytes => hash::bytes(unsafe { varlena::payload(datum) }),
            // SAFETY: a uuid points to 16 bytes.
            Hasher::Uuid => hash::bytes(unsafe { slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16) }),
            other => return other.hash_rarer(datum, collation),
        })
    }

    #[inline(never)]
    fn hash_rarer(self, datum: Datum, collation: Oid) -> Result<u64, TallyError> {
        // SAFETY: the datum is of the type that the hasher was made for and not NULL: bpchar is a varlena, a name is
        // NUL-terminated, an enum has a label, and a type's hash function takes the value and a seed.
        Ok(unsafe {
            match self {
                Hasher::Byte => hash::int(i64::from(datum.value() as u8)),
                Hasher::Float32 => hash::float(f64::from(f32::from_bits(datum.value() as u32))),
                Hasher::Float64 => hash::float(f64::from_bits(datum.value() as u64)),
                Hasher::Padded => {
                    let bytes = varlena::payload(datum);
                    hash::bytes(&bytes[..bytes.iter().rposition(|b| *b != b' ').map_or(0, |last| last + 1)])
                }
                Hasher::Name => hash::bytes(CStr::from_ptr(datum.cast_mut_ptr()).to_bytes()),
                Hasher::Enum => {
                    let label = pg_sys::OidOutputFunctionCall(Oid::from(pg_sys::F_ENUM_OUT), datum);
                    hash::bytes(CStr::from_ptr(label).to_bytes())
                }
                Hasher::Form(form) => form.hash(datum, collation)?,
                Hasher::Own(finfo) => {
                    let collation = if collation == Oid::INVALID {
                        pg_sys::DEFAULT_COLLATION_OID
                    } else {
                        collation
                    };
                    hash::mix(pg_sys::FunctionCall2Coll(finfo, collation, datum, Datum::from(SEED)).value() as u64)
                }
                _ => unreachable!("the commoner types are hashed in hash()"),
            }
        })
    }
}

/// The hash function of a type, kept by the type cache for as long as the backend lives.
unsafe fn own_function(base: Oid, declared: Oid) -> Result<*mut pg_sys::FmgrInfo, TallyError> {
    // SAFETY: as in `of_type`.
    unsafe {
        let entry = pg_sys::lookup_type_cache(base, pg_sys::TYPECACHE_HASH_EXTENDED_PROC_FINFO as i32);
        if (*entry).hash_extended_proc_finfo.fn_oid != Oid::INVALID {
            return Ok(&raw mut (*entry).hash_extended_proc_finfo);
        }
        let name = CStr::from_ptr(pg_sys::format_type_be(declared))
            .to_string_lossy()
            .into_owned();
        Err(TallyError::new(
            SqlState::UndefinedFunction,
            format!("expected a type with a hash function, got {name}"),
        )
        .detail("Without a hash function equal values cannot be told from distinct ones.")
        .hint("Cast it: SELECT tally.hll(value::text) FROM …"))
    }
}
