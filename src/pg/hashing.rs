//! Owns the hash of a value of any type: which bytes of a datum stand for its value.
//!
//! | types | hash | stable |
//! |---|---|---|
//! | int2/4/8, oid, date, time, timestamp(tz), money, bool, "char" | `hash::int` of the number | always |
//! | float4/8 | `hash::float` | always |
//! | text, varchar, name, bytea, bpchar (without its padding), uuid, enums (their labels) | `hash::bytes` | always |
//! | all others (numeric, jsonb, interval, arrays, ranges, inet, composites …) | the type's own extended hash function | as hash partitioning: across releases, on machines of one byte order |

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
    /// int4, date, oid.
    Int32,
    /// int8 and the times.
    Int64,
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
    /// The type's own hash function.
    Own(*mut pg_sys::FmgrInfo),
}

impl Hasher {
    /// The hasher for argument `i` of a call, by its declared type.
    pub fn of_argument(call: &Call, i: usize) -> Result<Self, TallyError> {
        // SAFETY: catalog look-ups by OID; getBaseType and lookup_type_cache raise on an OID that is no type, and type
        // cache entries live as long as the backend.
        unsafe {
            let declared = call.arg_type(i);
            if declared == Oid::INVALID {
                return Err(TallyError::new(
                    SqlState::DatatypeMismatch,
                    "expected a value of known type, got none",
                ));
            }
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
                pg_sys::BOOLOID | pg_sys::CHAROID => Hasher::Byte,
                pg_sys::FLOAT4OID => Hasher::Float32,
                pg_sys::FLOAT8OID => Hasher::Float64,
                pg_sys::TEXTOID | pg_sys::VARCHAROID | pg_sys::BYTEAOID => Hasher::Bytes,
                pg_sys::BPCHAROID => Hasher::Padded,
                pg_sys::NAMEOID => Hasher::Name,
                pg_sys::UUIDOID => Hasher::Uuid,
                _ if pg_sys::type_is_enum(base) => Hasher::Enum,
                // The type cache promises no hash for anonymous records, whose columns may have none; the function asks them.
                pg_sys::RECORDOID => {
                    let context = (*(*call.fcinfo()).flinfo).fn_mcxt;
                    let finfo = pg_sys::MemoryContextAllocZero(context, size_of::<pg_sys::FmgrInfo>()).cast();
                    pg_sys::fmgr_info_cxt(Oid::from(pg_sys::F_HASH_RECORD_EXTENDED), finfo, context);
                    Hasher::Own(finfo)
                }
                _ => {
                    let entry = pg_sys::lookup_type_cache(base, pg_sys::TYPECACHE_HASH_EXTENDED_PROC_FINFO as i32);
                    if (*entry).hash_extended_proc_finfo.fn_oid == Oid::INVALID {
                        let name = CStr::from_ptr(pg_sys::format_type_be(declared))
                            .to_string_lossy()
                            .into_owned();
                        return Err(TallyError::new(
                            SqlState::UndefinedFunction,
                            format!("expected a type with a hash function, got {name}"),
                        )
                        .detail("Without a hash function equal values cannot be told from distinct ones.")
                        .hint("Cast it: SELECT tally.hll(value::text) FROM …"));
                    }
                    Hasher::Own(&raw mut (*entry).hash_extended_proc_finfo)
                }
            })
        }
    }

    /// Hash of a datum that is not NULL, of the type that this hasher was made for.
    #[inline(always)]
    pub fn hash(self, datum: Datum, collation: Oid) -> u64 {
        match self {
            Hasher::Int16 => hash::int(i64::from(datum.value() as i16)),
            Hasher::Int32 => hash::int(i64::from(datum.value() as i32)),
            Hasher::Int64 => hash::int(datum.value() as i64),
            // SAFETY: the type is a varlena, and the datum is not NULL.
            Hasher::Bytes => hash::bytes(unsafe { varlena::payload(datum) }),
            // SAFETY: a uuid points to 16 bytes.
            Hasher::Uuid => hash::bytes(unsafe { slice::from_raw_parts(datum.cast_mut_ptr::<u8>(), 16) }),
            other => other.hash_rarer(datum, collation),
        }
    }

    #[inline(never)]
    fn hash_rarer(self, datum: Datum, collation: Oid) -> u64 {
        // SAFETY: the datum is of the type that the hasher was made for and not NULL: bpchar is a varlena, a name is
        // NUL-terminated, an enum has a label, and a type's hash function takes the value and a seed.
        unsafe {
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
        }
    }
}
