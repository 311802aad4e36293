//! Owns the tests of arrays as arguments and answers.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::tests::frame::{Frame, one, raw};
    use pgrx::{IntoDatum, Spi, pg_test};
    use tally_core::error::SqlState;

    fn array(literal: &str, kind: &str) -> Frame {
        Frame::of(&[Some(raw(&format!("SELECT '{literal}'::{kind}[]")))])
    }

    #[pg_test]
    fn elements_and_nulls_come_in_order() {
        assert_eq!(
            array("{1,NULL,-0.5}", "float8").call().f64s(0),
            Ok(vec![Some(1.0), None, Some(-0.5)])
        );
        assert_eq!(
            array("{NULL,9223372036854775807}", "int8").call().i64s(0),
            Ok(vec![None, Some(i64::MAX)])
        );
        assert_eq!(array("{-2147483648}", "int4").call().i32s(0), Ok(vec![Some(i32::MIN)]));
        assert_eq!(
            array("{t,NULL,f}", "bool").call().bools(0),
            Ok(vec![Some(true), None, Some(false)])
        );
        let texts = array(r#"{a,NULL,"",NULL,"grün, 🐘"}"#, "text");
        assert_eq!(
            texts.call().texts(0),
            Ok(vec![Some("a"), None, Some(""), None, Some("grün, 🐘")])
        );
        let times = array("{2000-01-01 00:00:01+00,infinity,-infinity}", "timestamptz");
        assert_eq!(
            times.call().timestamptzs(0),
            Ok(vec![Some(1_000_000), Some(i64::MAX), Some(i64::MIN)])
        );
    }

    #[pg_test]
    fn empty_arrays_and_other_lower_bounds_are_arrays() {
        assert_eq!(array("{}", "float8").call().f64s(0), Ok(vec![]));
        assert_eq!(
            array("[7:8]={1,2}", "float8").call().f64s(0),
            Ok(vec![Some(1.0), Some(2.0)])
        );
    }

    #[pg_test]
    fn two_dimensions_and_unwanted_nulls_are_refused() {
        let square = array("{{1,2},{3,4}}", "float8").call().f64s(0).unwrap_err();
        assert_eq!(square.sqlstate, SqlState::ArraySubscriptError);
        assert_eq!(square.message, "expected an array of one dimension, got 2 dimensions");
        let hole = array("{1,NULL}", "float8").call().f64s_not_null(0).unwrap_err();
        assert_eq!(hole.sqlstate, SqlState::NullValueNotAllowed);
    }

    #[pg_test]
    fn arrays_go_out_as_postgresql_writes_them() {
        let call = Frame::of(&[]).call();
        let printed = |array, kind: &str| {
            let frame = Frame::function("array_out(anyarray)", &[Some(array)]);
            let text = Frame::of(&[frame.answer()]).call().cstring(0).unwrap().to_owned();
            assert_eq!(
                one::<String>(&format!("SELECT '{text}'::{kind}[]::text")),
                text,
                "it reads back"
            );
            text
        };
        assert_eq!(printed(call.return_f64s(&[Some(0.5), None]), "float8"), "{0.5,NULL}");
        assert_eq!(printed(call.return_i64s(&[]), "int8"), "{}");
        assert_eq!(printed(call.return_opt_i64s(&[None, Some(-1)]), "int8"), "{NULL,-1}");
        assert_eq!(
            printed(call.return_bools(&[Some(true), None, Some(false)]), "bool"),
            "{t,NULL,f}"
        );
        assert_eq!(
            printed(call.return_texts(&[Some("a b"), None, Some("")]), "text"),
            r#"{"a b",NULL,""}"#
        );
    }

    /// Arrays of every length up to 40 (33 need a bitmap of five bytes, and only 32 bits are asked for), with and without NULLs.
    #[pg_test]
    fn arrays_read_where_they_lie_say_what_sql_says() {
        Spi::run(
            "CREATE TEMP TABLE arrays AS SELECT n, kind, array_agg(flag ORDER BY i) AS flags, array_agg(name ORDER BY i) AS names
             FROM generate_series(1, 40) AS n, generate_series(0, 2) AS kind, generate_series(1, n) AS i, LATERAL (
                 SELECT CASE WHEN kind = 0 OR i % (kind + 2) > 0 THEN i * 7 % 5 < 2 END AS flag,
                        CASE WHEN kind = 0 OR i % 5 > 0 THEN chr(97 + i % 3) || repeat('x', i % 4) END AS name) AS element
             GROUP BY n, kind",
        )
        .unwrap();
        for n in 1..=40 {
            for kind in 0..=2 {
                let place = format!("FROM arrays WHERE n = {n} AND kind = {kind}");
                let frame = Frame::of(&[Some(raw(&format!("SELECT flags {place}")))]);
                let expected: i64 = one(&format!(
                    "SELECT coalesce(sum(1::bigint << (i - 1)::int), 0)::bigint FROM (SELECT flags {place}) AS a, unnest(flags) WITH ORDINALITY AS u (b, i)
                     WHERE b AND i <= 32"
                ));
                let (mask, count) = frame.call().true_elements(0).unwrap();
                assert_eq!((i64::from(mask), count), (expected, n as usize), "{place}");

                let frame = Frame::of(&[Some(raw(&format!("SELECT names {place}")))]);
                let expected: i64 = one(&format!(
                    "SELECT coalesce(sum(1::bigint << (i - 1)::int), 0)::bigint FROM (SELECT names {place}) AS a, unnest(names) WITH ORDINALITY AS u (name, i)
                     WHERE name = 'bx' AND i <= 32"
                ));
                let (mask, _) = frame.call().equal_elements(0, Some(b"bx")).unwrap();
                assert_eq!(i64::from(mask), expected, "{place}");
                assert_eq!(
                    frame.call().equal_elements(0, None),
                    Ok((0, n as usize)),
                    "NULL equals nothing"
                );
            }
        }
    }

    #[pg_test]
    fn an_array_of_another_type_is_refused_where_it_lies() {
        let error = array("{1,2}", "int4").call().true_elements(0).unwrap_err();
        assert_eq!(error.sqlstate, SqlState::DataCorrupted);
        let no_array = Frame::of(&["short".into_datum()]);
        assert_eq!(
            no_array.call().true_elements(0).unwrap_err().sqlstate,
            SqlState::DataCorrupted
        );
    }
}
