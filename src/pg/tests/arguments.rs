//! Owns the tests of single arguments and answers.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::fmgr::str_of;
    use crate::pg::tests::frame::{Frame, failure, one, raw};
    use crate::pg::{float, json, varlena};
    use pgrx::pg_sys::{self, Datum, Interval};
    use pgrx::{PgSqlErrorCode, pg_test};
    use std::cell::Cell;
    use std::rc::Rc;

    #[pg_test]
    fn numbers_come_and_go_bit_by_bit() {
        let quiet_nan = f64::from_bits(0x7ff8_0000_0000_00ff);
        for value in [0.0, -0.0, quiet_nan, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 5e-324] {
            let frame = Frame::of(&[Some(Datum::from(value.to_bits()))]);
            assert_eq!(frame.call().f64(0).to_bits(), value.to_bits());
            assert_eq!(frame.call().return_f64(value).value() as u64, value.to_bits());
        }
        for value in [0, -1, i64::MIN, i64::MAX] {
            let frame = Frame::of(&[Some(Datum::from(value))]);
            assert_eq!(frame.call().i64(0), value);
            assert_eq!(frame.call().return_i64(value).value() as i64, value);
        }
        for value in [0, -1, i32::MIN, i32::MAX] {
            assert_eq!(Frame::of(&[Some(Datum::from(value))]).call().i32(0), value);
        }
    }

    #[pg_test]
    fn only_the_low_bytes_of_a_short_value_count() {
        let frame = Frame::of(&[
            Some(Datum::from(0xdead_beef_0000_0007usize)),
            Some(Datum::from(0xff00usize)),
        ]);
        assert_eq!(frame.call().i32(0), 7);
        assert!(!frame.call().bool(1), "PostgreSQL reads one byte of a boolean");
        assert!(Frame::of(&[Some(Datum::from(0xff01usize))]).call().bool(0));
    }

    #[pg_test]
    fn null_is_no_zero() {
        let frame = Frame::of(&[None, Some(Datum::from(0usize))]);
        assert!(frame.call().is_null(0) && !frame.call().is_null(1));
        assert_eq!(frame.call().opt_str(0), Ok(None));
        assert_eq!(frame.call().jsonb_text(0), None);
        assert!(!frame.answered_null());
        frame.call().return_opt_f64(None);
        assert!(frame.answered_null());
    }

    #[pg_test]
    fn reading_a_null_or_a_missing_argument_is_an_error_and_no_crash() {
        let frame = Frame::of(&[None]);
        let null = failure(|| frame.call().bytes(0).len());
        assert_eq!(
            (null.code, null.message.as_str()),
            (PgSqlErrorCode::ERRCODE_INTERNAL_ERROR, "argument 0 is NULL")
        );
        let missing = failure(|| frame.call().f64(1));
        assert_eq!(missing.message, "argument 1 of a function declared with 1");
    }

    #[pg_test]
    fn intervals_keep_months_days_and_time_apart() {
        let asked = raw_interval("1 year 2 months -3 days 04:05:06.789");
        assert_eq!((asked.month, asked.day, asked.time), (14, -3, 14_706_789_000));
        let answer = Frame::of(&[]).call().return_interval(asked);
        let frame = Frame::function("interval_out(interval)", &[Some(answer)]);
        let text = frame.answer().unwrap();
        assert_eq!(
            Frame::of(&[Some(text)]).call().cstring(0),
            Ok("1 year 2 mons -3 days +04:05:06.789")
        );
    }

    fn raw_interval(text: &str) -> Interval {
        let input = std::ffi::CString::new(text).unwrap();
        let arguments = [
            Some(Datum::from(input.as_ptr())),
            Some(Datum::from(0)),
            Some(Datum::from(-1i32)),
        ];
        let interval = Frame::function("interval_in(cstring, oid, integer)", &arguments).answer();
        Frame::of(&[interval]).call().interval(0)
    }

    #[pg_test]
    fn text_is_utf8_or_an_error_with_a_way_out() {
        let frame = Frame::of(&[Some(raw("SELECT 'grün 🐘'::text"))]);
        assert_eq!(frame.call().str(0), Ok("grün 🐘"));
        let error = str_of(b"gr\xfcn").unwrap_err();
        assert!(error.message.starts_with("expected text in UTF-8") && !error.hint.is_empty());
    }

    #[pg_test]
    fn received_bytes_begin_at_the_cursor_and_are_taken_whole() {
        let mut bytes = *b"headbody";
        let mut buffer = pg_sys::StringInfoData {
            data: bytes.as_mut_ptr().cast(),
            len: 8,
            maxlen: 8,
            cursor: 4,
        };
        let frame = Frame::of(&[Some(Datum::from(&raw mut buffer))]);
        assert_eq!(frame.call().received(), b"body");
        assert_eq!(frame.call().received(), b"", "the cursor is at the end");
    }

    #[pg_test]
    fn answers_are_what_the_types_print() {
        let call = Frame::of(&[]).call();
        let uuid = call.return_uuid(&[
            0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
        ]);
        let text = Frame::function("uuid_out(uuid)", &[Some(uuid)]).answer();
        assert_eq!(
            Frame::of(&[text]).call().cstring(0),
            Ok("00112233-4455-6677-8899-aabbccddeeff")
        );
        let jsonb = call.return_jsonb(r#"{"b": [1, null], "a": "x"}"#);
        assert_eq!(
            Frame::of(&[Some(jsonb)]).call().jsonb_text(0).as_deref(),
            Some(r#"{"a": "x", "b": [1, null]}"#)
        );
        assert_eq!(
            failure(|| json::jsonb_datum("{")).code,
            PgSqlErrorCode::ERRCODE_INVALID_TEXT_REPRESENTATION
        );
    }

    #[pg_test]
    fn floats_print_as_postgresql_prints_them() {
        one::<String>("SELECT set_config('extra_float_digits', '-15', true)");
        for value in [
            "0.1",
            "1e+300",
            "-1e-05",
            "123456789.12345679",
            "5e-324",
            "Infinity",
            "NaN",
        ] {
            let bits = raw_f64(value);
            assert_eq!(float::float8(bits), value, "whatever the session's extra_float_digits");
        }
        assert_eq!(float::float8(-0.0), "0");
    }

    fn raw_f64(text: &str) -> f64 {
        one(&format!("SELECT '{text}'::float8"))
    }

    #[pg_test]
    fn what_a_call_site_remembers_is_made_once_for_each_key() {
        let frame = Frame::of(&[]);
        let made = Cell::new(0);
        let remembered = |key: i32| {
            let make = |_: &crate::pg::fmgr::Call| {
                made.set(made.get() + 1);
                Ok(key * 10)
            };
            *frame.call().memo(key, make).unwrap()
        };
        assert_eq!(
            [remembered(1), remembered(1), remembered(2), remembered(2)],
            [10, 10, 20, 20]
        );
        assert_eq!(made.get(), 2);
    }

    #[pg_test]
    fn what_a_call_site_keeps_goes_with_its_memory() {
        struct Tells(Rc<Cell<bool>>);
        impl Drop for Tells {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let gone = Rc::new(Cell::new(false));
        let mut context = pgrx::PgMemoryContexts::new("a call site");
        // SAFETY: the closure allocates in the context and keeps nothing of it.
        unsafe {
            context.switch_to(|_| {
                let frame = Frame::of(&[]);
                frame.call().kept(|_| Ok(Tells(gone.clone()))).unwrap();
                frame.call().kept::<Tells>(|_| unreachable!("it is there")).unwrap();
            });
        }
        assert!(!gone.get());
        drop(context);
        assert!(gone.get(), "dropped with the memory context");
    }

    #[pg_test]
    fn a_varlena_ends_at_one_gigabyte() {
        let too_much = failure(|| varlena::alloc_zeroed(1 << 30));
        assert_eq!(too_much.message, "a varlena of 1073741824 bytes");
    }
}
