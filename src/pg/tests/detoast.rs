//! Owns the tests of varlenas in every form in which PostgreSQL stores them.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::json::Leaves;
    use crate::pg::tests::frame::{Frame, one, placed, raw, whole};
    use crate::pg::varlena;
    use pgrx::{Spi, pg_test};
    use tally_core::sketch::totals::working::SCALE;

    /// The form of a varlena, by its first byte (varatt.h).
    fn form(bytes: &[u8]) -> &'static str {
        match bytes[0] {
            1 => "out of line",
            first if first & 1 == 1 => "short",
            first if first & 3 == 2 => "compressed",
            _ => "plain",
        }
    }

    #[pg_test]
    fn each_form_of_a_text_gives_the_same_payload() {
        // A row of more than 2 kB is toasted. What may be compressed is; EXTERNAL is put out of line as it is.
        Spi::run(
            "CREATE TEMP TABLE forms (short text, plain text, compressed text, out_of_line text, packed_out_of_line text);
             ALTER TABLE forms ALTER plain SET STORAGE PLAIN, ALTER out_of_line SET STORAGE EXTERNAL;
             INSERT INTO forms SELECT 'tiny', repeat('plain', 100), repeat('ab', 5000), repeat('cd', 5000),
                    (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 1000) AS i) || repeat('x', 5000);",
        )
        .unwrap();
        for (column, expected) in [
            ("short", "short"),
            ("plain", "plain"),
            ("compressed", "compressed"),
            ("out_of_line", "out of line"),
            ("packed_out_of_line", "out of line"),
        ] {
            let datum = raw(&format!("SELECT {column} FROM forms"));
            assert_eq!(form(whole(datum)), expected, "{column} is stored as the test wants it");
            // SAFETY: a text is a varlena.
            let payload = unsafe { varlena::payload(datum) };
            assert_eq!(
                payload,
                one::<String>(&format!("SELECT {column} FROM forms")).as_bytes(),
                "{column}"
            );
        }
    }

    #[pg_test]
    fn a_payload_is_read_at_any_address() {
        for off in 0..8 {
            assert_eq!(Frame::of(&[Some(placed(b"payload", off))]).call().bytes(0), b"payload");
        }
        // SAFETY: a varlena, as `placed` makes them.
        assert_eq!(unsafe { varlena::payload(placed(b"", 0)) }, b"", "and may be empty");
        let answer = varlena::from_payload(&[7; 300]);
        assert_eq!((form(whole(answer)), whole(answer).len()), ("plain", 304));
    }

    #[pg_test]
    fn an_array_that_plpgsql_has_expanded_is_read() {
        Spi::run(
            "CREATE FUNCTION pg_temp.expanded() RETURNS int LANGUAGE plpgsql AS $$
             DECLARE steps boolean[]; BEGIN
                 steps[1] := true; steps[2] := false; steps[2] := true;
                 RETURN (SELECT tally.window_funnel('1 day', at, VARIADIC steps) FROM (VALUES (now()), (now())) AS e (at));
             END $$",
        )
        .unwrap();
        assert_eq!(one::<i32>("SELECT pg_temp.expanded()"), 2);
    }

    /// Every type of the kernel, with a value that is large and one that is small, and readers of it.
    const KINDS: [(&str, &str, &str); 8] = [
        (
            "tdigest",
            "tally.tdigest(i)",
            "tally.percentile(s, 0.37) || ' ' || tally.count(s)",
        ),
        (
            "hll",
            "tally.hll(i)",
            "tally.distinct_count(s) || ' ' || tally.relative_error(s)",
        ),
        (
            "stats",
            "tally.stats(i, i * i)",
            "tally.variance(s) || ' ' || tally.slope(s)",
        ),
        ("moments", "tally.moments(i, i % 7)", "tally.covariance(s, 1, 2)::text"),
        (
            "totals",
            "tally.jsonb_totals(jsonb_build_object('n' || i % 300, i))",
            "tally.count(s) || ' ' || tally.total(s, 'n1')",
        ),
        ("topk", "tally.topk('item ' || i % 500, 100)", "tally.count(s)::text"),
        (
            "funnel_counts",
            "tally.funnel_counts((i % 5)::int)",
            "tally.reached(s)::text",
        ),
        (
            "retention_counts",
            "tally.retention_counts(ARRAY[true, i % 2 = 0])",
            "s::jsonb::text",
        ),
    ];

    #[pg_test]
    fn each_sketch_answers_the_same_from_each_form() {
        for (kind, made, read) in KINDS {
            for rows in [1, 3000] {
                Spi::run(&format!(
                    "CREATE TEMP TABLE kept (pad text, s tally.{kind}, out_of_line tally.{kind}, compressed tally.{kind});
                     ALTER TABLE kept ALTER pad SET STORAGE PLAIN, ALTER out_of_line SET STORAGE EXTERNAL, ALTER s SET STORAGE MAIN;
                     ALTER TABLE kept SET (toast_tuple_target = 128);
                     INSERT INTO kept SELECT repeat('x', 2100), m, m, m FROM (SELECT {made} AS m FROM generate_series(1::bigint, {rows}) AS i) AS made;"
                ))
                .unwrap();
                let answer = |column: &str| {
                    let shown = read
                        .replace("(s", &format!("({column}"))
                        .replace("s::", &format!("{column}::"));
                    one::<String>(&format!(
                        "SELECT concat_ws(' | ', {column}::text, {shown}, {column}::jsonb) FROM kept"
                    ))
                };
                let fresh: String = one(&format!(
                    "SELECT concat_ws(' | ', s::text, {read}, s::jsonb) FROM (SELECT {made} AS s FROM generate_series(1::bigint, {rows}) AS i) AS made"
                ));
                for column in ["s", "out_of_line", "compressed"] {
                    assert_eq!(answer(column), fresh, "{column} tally.{kind} of {rows}");
                }
                let external = raw("SELECT out_of_line FROM kept");
                if rows > 1 && whole(raw("SELECT s FROM kept")).len() > 64 {
                    assert_eq!(form(whole(external)), "out of line", "tally.{kind} of {rows}");
                }
                let equal =
                    "SELECT s = out_of_line AND out_of_line = compressed AND (s <> compressed) IS FALSE FROM kept";
                assert!(one::<bool>(equal), "tally.{kind} of {rows}");
                let merged =
                    "SELECT tally.rollup(v)::text = (SELECT tally.rollup(v)::text FROM kept, unnest(ARRAY[s, s]) AS v)
                              FROM kept, unnest(ARRAY[out_of_line, compressed]) AS v";
                assert!(one::<bool>(merged), "tally.{kind} of {rows} merges from each form");
                Spi::run("DROP TABLE kept").unwrap();
            }
        }
    }

    #[pg_test]
    fn a_jsonb_in_a_table_has_the_leaves_of_one_in_memory() {
        Spi::run(
            r#"CREATE TEMP TABLE documents AS SELECT c AS pad, j::jsonb FROM (VALUES ('x'), ('xy'), ('xyz')) AS p (c),
               (VALUES ('{"a": 1.5, "b": {"c": -2e3, "d": [7]}, "e": null, "f": "8"}'), ('{}'), ('[1]'), ('3')) AS v (j)"#,
        )
        .unwrap();
        for offset in 0..12 {
            let row = format!("FROM (SELECT j FROM documents ORDER BY pad, j::text OFFSET {offset} LIMIT 1) AS one");
            let stored = Frame::of(&[Some(raw(&format!("SELECT j {row}")))]);
            let text: String = one(&format!("SELECT j::text {row}"));
            let mut leaves = Leaves::default();
            leaves.read(&stored.call(), 0).unwrap();
            let found: Vec<(String, f64)> = leaves
                .numbers()
                .map(|(path, cells)| {
                    let cells = cells.filter(|(place, _)| *place < SCALE);
                    let number = cells.map(|(place, value)| value as f64 / 1e12f64.powi(-i32::from(place)));
                    (path.replace('\0', "."), number.sum())
                })
                .collect();
            let (expected, others) = match text.as_str() {
                "{}" => (vec![], 0),
                "[1]" | "3" => (vec![], 1),
                _ => (vec![("a".to_owned(), 1.5), ("b.c".to_owned(), -2000.0)], 3),
            };
            assert_eq!((found, leaves.others), (expected, others), "{text}");
        }
    }
}
