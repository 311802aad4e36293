//! Owns the measures: what each is to pg_tally, how its stored value is read, and the same by PostgreSQL's own exact aggregates.

/// A measure.
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) given: &'static str,
    /// Reads column `$`, as text.
    pub(super) read: &'static str,
    pub(super) exact: &'static str,
}

pub(super) const MEASURES: [Measure; 15] = [
    // Not merged by anything, so only for rollups per key.
    Measure {
        name: "last",
        given: "(array_agg(v ORDER BY t DESC NULLS LAST, id DESC, v DESC NULLS LAST))[1]",
        read: "$",
        exact: "(array_agg(v ORDER BY t NULLS FIRST, id, v NULLS FIRST))[count(*)]",
    },
    Measure {
        name: "n",
        given: "count(*)",
        read: "$",
        exact: "count(*)",
    },
    Measure {
        name: "big",
        given: "count(*) FILTER (WHERE v > 5)",
        read: "$",
        exact: "sum(CASE WHEN v > 5 THEN 1 ELSE 0 END)",
    },
    Measure {
        name: "nv",
        given: "count(v)",
        read: "$",
        exact: "sum((v IS NOT NULL)::int)",
    },
    Measure {
        name: "sv",
        given: "sum(v)",
        read: "$",
        exact: "sum(v)",
    },
    Measure {
        name: "sf",
        given: "sum(f)",
        read: "$",
        exact: "sum(f::numeric)::float8",
    },
    Measure {
        name: "lo",
        given: "min(v)",
        read: "$",
        exact: "(array_agg(v ORDER BY v) FILTER (WHERE v IS NOT NULL))[1]",
    },
    Measure {
        name: "hi",
        given: "max(k)",
        read: "$",
        exact: "(array_agg(k ORDER BY k DESC) FILTER (WHERE k IS NOT NULL))[1]",
    },
    Measure {
        name: "anyw",
        given: "bool_or(w = 1)",
        read: "$",
        exact: "max((w = 1)::int)::boolean",
    },
    Measure {
        name: "late",
        given: "max(f) FILTER (WHERE w = 0)",
        read: "$",
        exact: "(array_agg(f ORDER BY f DESC) FILTER (WHERE w = 0 AND f IS NOT NULL))[1]",
    },
    Measure {
        name: "dv",
        given: "tally.hll(v)",
        read: "COALESCE(tally.distinct_count($), 0)",
        exact: "count(DISTINCT v)",
    },
    Measure {
        name: "median",
        given: "tally.tdigest(f)",
        // Beyond 253 values it is an estimate.
        read: "CASE WHEN tally.count($) <= 253 THEN round(tally.percentile($, 0.5)::numeric, 6) END",
        exact: "CASE WHEN count(f) <= 253 THEN round((percentile_cont(0.5) WITHIN GROUP (ORDER BY f))::numeric, 6) END",
    },
    Measure {
        name: "spread",
        given: "tally.stats(f)",
        // The digest's floats may end one unit below the exact decimal; the small offset keeps a
        // mean such as 123.5 / 64 = 1.9296875 away from the tie where that unit would decide.
        read: "concat_ws(' ', COALESCE(tally.count($), 0), round(tally.mean($)::numeric + 0.0000000123457, 6), \
        round(tally.stddev($)::numeric + 0.00000123457, 4))",
        exact: "concat_ws(' ', count(f), round(avg(f::numeric) + 0.0000000123457, 6), round(stddev_samp(f::numeric) + 0.00000123457, 4))",
    },
    Measure {
        name: "tops",
        given: "tally.topk(k)",
        read: "(SELECT string_agg(x.item || ':' || x.count, ',' ORDER BY x.count DESC, x.item) FROM tally.top($) x)",
        exact: "(SELECT string_agg(z.x || ':' || z.n, ',' ORDER BY z.n DESC, z.x) FROM (SELECT x, count(*) AS n FROM unnest(array_agg(k)) x \
        WHERE x IS NOT NULL GROUP BY x) z)",
    },
    Measure {
        name: "keys",
        given: "tally.jsonb_totals(j)",
        read: "concat_ws(' ', tally.total($, 'a'), tally.total($, 'b'))",
        exact: "concat_ws(' ', sum((j ->> 'a')::float8), sum((j ->> 'b')::float8))",
    },
];

/// Measures as `create_rollup` is told.
pub(super) fn given(measures: &[usize]) -> String {
    let list: Vec<String> = measures
        .iter()
        .map(|&m| format!("\"{}\": \"{}\"", MEASURES[m].name, MEASURES[m].given))
        .collect();
    list.join(", ")
}
