//! Owns the answers of an SQL-callable function: how a Rust value becomes the datum of an SQL type.

use super::fmgr::Call;
use super::varlena;
use pgrx::pg_sys::{self, Datum};

impl Call {
    /// Answers NULL.
    #[inline(always)]
    pub fn return_null(&self) -> Datum {
        // SAFETY: fcinfo is valid and ours to answer through.
        unsafe { (*self.fcinfo).isnull = true };
        Datum::from(0usize)
    }

    /// Answers a float8.
    #[inline(always)]
    pub fn return_f64(&self, v: f64) -> Datum {
        Datum::from(v.to_bits())
    }

    /// Answers a float8, or NULL for `None`.
    pub fn return_opt_f64(&self, v: Option<f64>) -> Datum {
        v.map_or_else(|| self.return_null(), |v| self.return_f64(v))
    }

    /// Answers an int8, timestamp or timestamptz.
    #[inline(always)]
    pub fn return_i64(&self, v: i64) -> Datum {
        Datum::from(v)
    }

    /// Answers an int4.
    #[inline(always)]
    pub fn return_i32(&self, v: i32) -> Datum {
        Datum::from(v)
    }

    /// Answers a bool.
    #[inline(always)]
    pub fn return_bool(&self, v: bool) -> Datum {
        Datum::from(v)
    }

    /// Answers an interval.
    pub fn return_interval(&self, interval: pg_sys::Interval) -> Datum {
        // SAFETY: palloc gives room for one interval.
        unsafe {
            let ptr = pg_sys::palloc(size_of::<pg_sys::Interval>()).cast::<pg_sys::Interval>();
            ptr.write(interval);
            Datum::from(ptr)
        }
    }

    /// Answers any varlena with this payload (a text, a bytea, a sketch).
    pub fn return_bytes(&self, payload: &[u8]) -> Datum {
        varlena::from_payload(payload)
    }

    /// Answers a text.
    pub fn return_str(&self, v: &str) -> Datum {
        varlena::from_payload(v.as_bytes())
    }

    /// Answers a cstring (type output functions).
    pub fn return_cstring(&self, v: &str) -> Datum {
        let mut bytes = v.as_bytes().to_vec();
        bytes.push(0);
        // SAFETY: palloc gives bytes.len() writable bytes, disjoint from the vector.
        unsafe {
            let ptr = pg_sys::palloc(bytes.len()).cast::<u8>();
            ptr.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            Datum::from(ptr)
        }
    }

    /// Answers a uuid.
    pub fn return_uuid(&self, v: &[u8; 16]) -> Datum {
        // SAFETY: palloc gives 16 writable bytes, disjoint from the array.
        unsafe {
            let ptr = pg_sys::palloc(16).cast::<u8>();
            ptr.copy_from_nonoverlapping(v.as_ptr(), 16);
            Datum::from(ptr)
        }
    }

    /// Answers a jsonb from its text.
    pub fn return_jsonb(&self, json: &str) -> Datum {
        super::json::jsonb_datum(json)
    }

    /// Answers a set of rows (a function declared RETURNS TABLE or SETOF): each row gives its columns, `None` for NULL.
    pub fn return_rows<const N: usize>(&self, rows: impl Iterator<Item = [Option<Datum>; N]>) -> Datum {
        // SAFETY: InitMaterializedSRF checks that the caller accepts a set and sets up resultinfo, whose setDesc has
        // the declared columns; tuplestore_putvalues copies the values, so what a row has allocated goes with it.
        unsafe {
            pg_sys::InitMaterializedSRF(self.fcinfo, 0);
            let mut of_a_row = pgrx::memcxt::PgMemoryContexts::new("row of a set");
            let info = (*self.fcinfo).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            assert!(
                (*(*info).setDesc).natts as usize == N,
                "declared with other columns than it returns"
            );
            let mut rows = rows;
            while let Some(row) = of_a_row.switch_to(|_| rows.next()) {
                pgrx::check_for_interrupts!();
                let mut values = row.map(|v| v.unwrap_or(Datum::from(0usize)));
                let mut nulls = row.map(|v| v.is_none());
                pg_sys::tuplestore_putvalues(
                    (*info).setResult,
                    (*info).setDesc,
                    values.as_mut_ptr(),
                    nulls.as_mut_ptr(),
                );
                of_a_row.reset();
            }
        }
        self.return_null()
    }
}
