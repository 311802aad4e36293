//! Owns the tests of memory: a thousand failures, and a thousand answers, leave no more of it in use than a few do.
//!
//! PostgreSQL's contexts and Rust's own allocations both come from malloc, so what malloc has given out counts both.

#[pgrx::pg_schema]
mod tests {
    use crate::pg::tests::frame::{Frame, failure, one, raw};
    use pgrx::pg_sys::Datum;
    use pgrx::{PgMemoryContexts, Spi, pg_test};

    /// glibc's `struct mallinfo2`, in bytes.
    #[repr(C)]
    struct Mallinfo {
        before: [usize; 4],
        mapped: usize,
        between: [usize; 2],
        in_use: usize,
        after: [usize; 2],
    }

    unsafe extern "C" {
        fn mallinfo2() -> Mallinfo;
    }

    /// Bytes that malloc has given out.
    fn in_use() -> usize {
        // SAFETY: reads malloc's own counts.
        let counts = unsafe { mallinfo2() };
        counts.in_use + counts.mapped
    }

    /// Far less than a thousand times what one of the calls allocates, and far more than caches that grow meanwhile.
    const SLACK: usize = 1 << 20;

    /// Bytes that a thousand runs leave behind, beyond those of the first fifty, each run in a memory context that is reset.
    fn left_behind(mut work: impl FnMut()) -> usize {
        let mut context = PgMemoryContexts::new("one run");
        let mut before = 0;
        for run in 0..1050 {
            // SAFETY: nothing of the context outlives the run.
            unsafe {
                context.switch_to(|_| work());
                context.reset();
            }
            if run == 49 {
                before = in_use();
            }
        }
        in_use().saturating_sub(before)
    }

    #[pg_test]
    fn the_measure_sees_a_leak() {
        let leaked = left_behind(|| std::mem::forget(vec![1u8; 10_000]));
        assert!(leaked > 9_000_000, "Rust's memory: {leaked}");
        let kept = PgMemoryContexts::new("kept");
        // SAFETY: the memory is never used.
        let leaked = left_behind(|| unsafe {
            pgrx::pg_sys::MemoryContextAlloc(kept.value(), 10_000);
        });
        assert!(leaked > 9_000_000, "PostgreSQL's memory: {leaked}");
    }

    /// Inputs of 8 kB and more that are read nearly to the end before they fail.
    const FAILING: [(&str, &str); 5] = [
        (
            "a text that is no digest",
            "SELECT (left(d::text, -1) || 'x')::tally.tdigest FROM big",
        ),
        (
            "a text that is no sketch",
            "SELECT (left(h::text, -1) || 'x')::tally.hll FROM big",
        ),
        (
            "edges out of order",
            "SELECT tally.histogram(d, array_agg(v::float8) || 0::float8) FROM big, generate_series(1, 1500) AS v GROUP BY d",
        ),
        (
            "sketches that do not merge",
            "SELECT tally.merge(h, tally.hll('x'::text)) FROM big",
        ),
        (
            "an aggregate's late row",
            "SELECT tally.window_funnel('1 day', at, VARIADIC steps) FROM late",
        ),
    ];

    fn prepare() {
        Spi::run(
            "CREATE TEMP TABLE big AS SELECT tally.tdigest(random()) AS d, tally.hll(i) AS h FROM generate_series(1, 5000) AS i;
             CREATE TEMP TABLE late AS SELECT now() AS at, CASE WHEN i < 500 THEN ARRAY[true, true] ELSE ARRAY[true] END AS steps
             FROM generate_series(1, 500) AS i;
             CREATE FUNCTION pg_temp.fails(statement text) RETURNS text LANGUAGE plpgsql AS $$
             BEGIN EXECUTE statement; RETURN NULL; EXCEPTION WHEN OTHERS THEN RETURN SQLERRM; END $$",
        )
        .unwrap();
    }

    #[pg_test]
    fn a_thousand_caught_errors_leave_no_memory_behind() {
        prepare();
        let calls = FAILING.map(|(_, statement)| format!("SELECT pg_temp.fails($sql${statement}$sql$)"));
        for ((name, _), sql) in FAILING.iter().zip(&calls) {
            assert!(!one::<String>(sql).is_empty(), "{name} fails");
        }
        // In turns: each fails two hundred times, and a leak of its input alone would be more than the slack.
        let mut turn = calls.iter().cycle();
        let left = left_behind(|| Spi::run(turn.next().unwrap()).unwrap());
        assert!(left < SLACK, "{left} bytes");
    }

    #[pg_test]
    fn a_thousand_errors_within_rust_leave_no_memory_behind() {
        let input = std::ffi::CString::new(format!("\\x{}", "ab".repeat(20_000))).unwrap();
        let left = left_behind(|| {
            let frame = Frame::function(
                "tally_internal._tdigest_in(cstring)",
                &[Some(Datum::from(input.as_ptr()))],
            );
            failure(|| frame.answer());
        });
        assert!(left < SLACK, "{left} bytes");
    }

    #[pg_test]
    fn a_thousand_answers_leave_no_memory_behind() {
        prepare();
        let calls = [
            "SELECT d::text::tally.tdigest FROM big",
            "SELECT d::jsonb, h::jsonb FROM big",
            "SELECT tally.topk('item ' || i, 50), tally.hll(i), tally.tdigest(i) FROM generate_series(1, 300) AS i",
            "SELECT count(*) FROM tally.histogram_text((SELECT d FROM big), 10, 20)",
            "SELECT * FROM tally.run_as(current_user::regrole, 'public', 'SELECT repeat(''x'', 10000) FROM generate_series(1, 3)')",
        ];
        let mut turn = calls.iter().cycle();
        let left = left_behind(|| Spi::run(turn.next().unwrap()).unwrap());
        assert!(left < SLACK, "{left} bytes");
    }

    #[pg_test]
    fn a_set_of_many_rows_takes_the_memory_of_one() {
        // Each row of the set builds an array; the rows themselves go to a tuplestore, which keeps to work_mem.
        Spi::run("SET LOCAL work_mem = '64kB'").unwrap();
        let starts = raw(
            "SELECT array_agg(timestamptz 'epoch' + i * interval '1 day' ORDER BY i) FROM generate_series(1, 20000) AS i",
        );
        let most = in_use();
        let rows: i64 = Spi::get_one_with_args(
            "SELECT count(*) FROM tally.retention_every($1, $1, '1 day', 30, '2030-01-01 00:00+00', 'UTC', 'on')",
            // SAFETY: the datum is an array of that type.
            &[unsafe { pgrx::datum::DatumWithOid::new(starts, pgrx::pg_sys::TIMESTAMPTZARRAYOID) }],
        )
        .unwrap()
        .unwrap();
        assert_eq!(rows, 20_000);
        let grown = in_use().saturating_sub(most);
        assert!(grown < 4 * SLACK, "{grown} bytes");
    }
}
