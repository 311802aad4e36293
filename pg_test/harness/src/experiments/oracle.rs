//! Owns the right answer about an experiment, by plain SQL over its tables: the units, what each metric counts of a unit, and the
//! numbers of each arm. Two arms are compared by the kernel's functions of plain numbers, which have oracles of their own.

use super::define::{Experiment, Metric};
use super::events::{Events, instant};
use super::world::{EXPOSURES, World};

/// Which report: as of a moment, of whom, by which dimensions, hiding arms under k.
#[derive(Clone, Debug)]
pub struct Asked {
    pub as_of: String,
    pub matured: bool,
    pub by: Vec<&'static str>,
    pub k: i64,
}

/// Named queries: `raw` exposures, `counted` ones, and `units` with the day and the moment of their first exposure.
pub fn units(e: &Experiment, world: &World) -> String {
    let column = |c: &str| world.column(EXPOSURES, c);
    let mut filter = format!("{} IS NOT NULL", column("unit"));
    if let Some(key) = e.key {
        filter.push_str(&format!(" AND {} = '{key}'", column("experiment")));
    }
    if let Some(f) = e.filter {
        filter.push_str(&format!(" AND ({})", world.words(EXPOSURES, f)));
    }
    let dimensions: String = (e.dimensions.iter())
        .map(|(name, expression)| format!(", ({})::text AS {name}", world.words(EXPOSURES, expression)))
        .collect();
    let firsts: String = (e.dimensions.iter())
        .map(|(name, _)| format!(", (SELECT d.{name} FROM counted d WHERE (d.unit, d.at, d.arm) = (f.unit, f.at, f.arm) ORDER BY d.{name} LIMIT 1) AS {name}"))
        .collect();
    format!(
        "raw AS MATERIALIZED (SELECT {}::text AS unit, {}::text AS arm, {} AS at{dimensions} FROM {} WHERE {filter}), \
         counted AS MATERIALIZED (SELECT * FROM raw WHERE arm IS NOT NULL AND isfinite(at)), \
         units AS MATERIALIZED (SELECT f.unit, f.arm, f.at, (f.at AT TIME ZONE '{zone}')::date AS day, \
         (SELECT count(DISTINCT o.arm) > 1 FROM counted o WHERE o.unit = f.unit) AS mixed{firsts} \
         FROM (SELECT DISTINCT ON (unit) unit, arm, at FROM counted ORDER BY unit, at, arm) f)",
        column("unit"),
        column("arm"),
        instant(&column("at"), world.time_types[0], e.zone),
        world.name(EXPOSURES),
        zone = e.zone
    )
}

/// The condition that a unit's first exposure lies in the experiment's days and, as of a moment, is past.
///
/// A day counts from its first moment on, and is past after its last one, whatever midnights there are.
pub fn in_days(e: &Experiment, world: &World, as_of: &str, matured: Option<i64>) -> String {
    let of_day = |edge: &str| {
        format!(
            "(SELECT {edge} FROM {}.days WHERE date = day AND zone = '{}')",
            world.schema, e.zone
        )
    };
    let mut words = match matured {
        Some(hours) => format!(
            "{} + interval '{hours} hours' <= '{as_of}'::timestamptz",
            of_day("past")
        ),
        None => format!("{} < '{as_of}'::timestamptz", of_day("begins")),
    };
    if let Some(d) = &e.starts {
        words.push_str(&format!(" AND day >= date '{d}'"));
    }
    if let Some(d) = &e.ends {
        words.push_str(&format!(" AND day <= date '{d}'"));
    }
    words
}

/// The cap of a metric that is a quantile of the units, as of a moment: a query of one row.
pub fn cap(e: &Experiment, m: &Metric, world: &World, level: f64, as_of: &str) -> String {
    let events = Events::of(e, m, world);
    let arms: Vec<String> = e.arms.iter().map(|(a, _)| format!("'{a}'")).collect();
    format!(
        "WITH {units}, v AS MATERIALIZED (SELECT {y} AS y FROM units u WHERE {twice} AND {days} AND u.arm IN ({arms})) \
         SELECT percentile_disc({level}) WITHIN GROUP (ORDER BY y) FROM v",
        units = units(e, world),
        y = events.sum(&world.words(m.table, m.expression.unwrap_or("1")), &events.after),
        twice = e.counted(),
        days = in_days(e, world, as_of, Some(e.matured_after(m))),
        arms = arms.join(", ")
    )
}

/// The columns that the answer about a metric has after metric, labels and arm.
pub const NUMBERS: &str = "units::int8, value::float8, uncapped::float8, values::int8, (e).value_a::float8, (e).effect, (e).low, (e).high, \
    (e).sequential_low, (e).sequential_high, (e).p, (e).sequential_p, (e).reason, (e).method";

/// The query of a metric: a row per values of the dimensions and declared arm.
pub fn metric(e: &Experiment, m: &Metric, world: &World, asked: &Asked) -> String {
    let text = |t: &str| world.words(m.table, t);
    let events = Events::of(e, m, world);
    let Events { at, near, after } = &events;
    let before = format!(
        "({at} >= u.at - interval '{} hours' AND {at} < u.at)",
        e.covariate_days * 24
    );
    let sum = |what: &str, period: &str| events.sum(what, period);
    let value = text(m.expression.unwrap_or("1"));
    let capped = |words: String| {
        m.cap
            .map_or(words.clone(), |c| format!("LEAST({words}, '{c}'::float8)"))
    };
    let covariate = e.covariate_days > 0 && matches!(m.kind, "mean" | "ratio");
    let zero = || "0::float8".to_string();
    // y and d after exposure, x and g before it, y without its cap.
    let (y, d, x, g, uncapped) = match m.kind {
        "mean" | "ratio" => {
            let denominator = m.denominator.map(text);
            let d = denominator.as_ref().map_or_else(zero, |d| sum(d, after));
            let g = denominator
                .as_ref()
                .filter(|_| covariate)
                .map_or_else(zero, |d| sum(d, &before));
            let x = if covariate {
                capped(sum(&value, &before))
            } else {
                zero()
            };
            let y = sum(&value, after);
            (
                capped(y.clone()),
                d,
                x,
                g,
                if m.cap.is_some() { y } else { "NULL::float8".to_string() },
            )
        }
        "proportion" | "retention" => (
            format!("(EXISTS (SELECT FROM {near} AND {after} AND ({value})))::int::float8"),
            zero(),
            zero(),
            zero(),
            "NULL::float8".to_string(),
        ),
        "funnel" => (
            format!("({})::int::float8", chain(m, world, after, at)),
            zero(),
            zero(),
            zero(),
            "NULL::float8".to_string(),
        ),
        _ => (zero(), zero(), zero(), zero(), "NULL::float8".to_string()),
    };
    let labels = if asked.by.is_empty() {
        "'{}'::jsonb".to_string()
    } else {
        let pairs: Vec<String> = asked
            .by
            .iter()
            .map(|b| format!("'{b}', COALESCE({b}, '(none)')"))
            .collect();
        format!("jsonb_build_object({})", pairs.join(", "))
    };
    let arms: Vec<String> = e
        .arms
        .iter()
        .enumerate()
        .map(|(i, (a, _))| format!("('{a}', {i})"))
        .collect();
    let planned = e.planned.unwrap_or(5000);
    let (alpha, vx) = (e.alpha, "(COALESCE(a.vx, 0) > 0 OR COALESCE(b.vx, 0) > 0)");
    let tail = format!("true, {alpha}, {planned}");
    let welch = format!("tally.compare_means(a.n, a.y, a.vy, b.n, b.y, b.vy, {tail})");
    let ratios =
        format!("tally.compare_ratios(a.n, a.y, a.d, a.vy, a.vd, a.yd, b.n, b.y, b.d, b.vy, b.vd, b.yd, {tail})");
    let (value, effect, values) = match m.kind {
        "mean" => (
            "b.y",
            either(
                &format!(
                    "tally.compare_cuped(a.n, a.y, a.vy, a.x, a.vx, a.yx, b.n, b.y, b.vy, b.x, b.vx, b.yx, {tail})"
                ),
                &welch,
                vx,
            ),
            "0",
        ),
        "ratio" => {
            let arm = |a: &str| {
                format!(
                    "{a}.n, ARRAY[{a}.y, {a}.d, {a}.x, {a}.g], ARRAY[{a}.vy, {a}.yd, {a}.yx, {a}.yg, {a}.yd, {a}.vd, {a}.dx, {a}.dg, \
                 {a}.yx, {a}.dx, {a}.vx, {a}.xg, {a}.yg, {a}.dg, {a}.xg, {a}.vg]"
                )
            };
            (
                "b.y / NULLIF(b.d, 0)",
                either(
                    &format!("tally.compare_ratios_cuped({}, {}, {tail})", arm("a"), arm("b")),
                    &ratios,
                    vx,
                ),
                "0",
            )
        }
        "quantile" => (
            "tally.percentile(b.q, LEVEL)",
            format!(
                "tally.compare_quantiles(a.q, b.q, LEVEL, {tail}, COALESCE(a.factor, 1), COALESCE(b.factor, 1), a.valued, b.valued)"
            ),
            "COALESCE(a.values, 0) + COALESCE(b.values, 0)",
        ),
        _ => (
            "b.y",
            format!("tally.compare_proportions(round(a.y * a.n)::int8, a.n, round(b.y * b.n)::int8, b.n, {tail})"),
            "0",
        ),
    };
    // Of a quantile the values themselves count, and how those of one unit go together.
    let digests = if m.kind == "quantile" {
        format!(
            "vals AS MATERIALIZED (SELECT u.unit, u.labels, u.arm, ({value_text})::float8 AS v FROM v u \
             JOIN LATERAL (SELECT * FROM {near} AND {after}) x ON true \
             WHERE ({value_text}) IS NOT NULL), edges AS MATERIALIZED (SELECT labels, arm, tally.tdigest(v) AS q, count(*) AS values, \
             tally.percentile(tally.tdigest(v), LEVEL) AS edge FROM vals GROUP BY 1, 2), \
             factors AS MATERIALIZED (SELECT labels, arm, count(*) AS valued, tally.cluster_factor(LEVEL, count(*), avg(under)::float8, avg(n)::float8, \
             var_samp(under)::float8, var_samp(n)::float8, covar_samp(under, n)) AS factor FROM (SELECT l.labels, l.arm, l.unit, count(*) AS n, \
             count(*) FILTER (WHERE l.v <= g.edge) AS under FROM vals l JOIN edges g USING (labels, arm) GROUP BY 1, 2, 3) w GROUP BY 1, 2), ",
            value_text = text(m.expression.unwrap_or("1"))
        )
    } else {
        String::new()
    };
    let quantiles = if m.kind == "quantile" {
        "(SELECT q FROM edges z WHERE (z.labels, z.arm) = (v.labels, v.arm)) AS q, \
         (SELECT z.values FROM edges z WHERE (z.labels, z.arm) = (v.labels, v.arm)) AS values, \
         (SELECT valued FROM factors z WHERE (z.labels, z.arm) = (v.labels, v.arm)) AS valued, \
         (SELECT factor FROM factors z WHERE (z.labels, z.arm) = (v.labels, v.arm)) AS factor"
    } else {
        "0 AS values"
    };
    format!(
        "WITH {units}, v AS MATERIALIZED (SELECT u.*, {labels} AS labels, {y} AS y, {d} AS d, {x} AS x, {g} AS g, {uncapped} AS uncapped FROM units u \
         WHERE {twice} AND {days}), {digests}\
         s AS MATERIALIZED (SELECT labels, arm, count(*) AS n, avg(y) AS y, avg(d) AS d, avg(x) AS x, avg(g) AS g, avg(uncapped) AS uncapped, \
         var_samp(y) AS vy, var_samp(d) AS vd, var_samp(x) AS vx, var_samp(g) AS vg, covar_samp(y, d) AS yd, covar_samp(y, x) AS yx, covar_samp(y, g) AS yg, \
         covar_samp(d, x) AS dx, covar_samp(d, g) AS dg, covar_samp(x, g) AS xg, {quantiles} FROM v GROUP BY 1, 2), \
         grid AS (SELECT l.labels, arms.arm, arms.place FROM (SELECT DISTINCT labels FROM v{whole}) l CROSS JOIN (VALUES {arms}) arms(arm, place)), \
         pairs AS (SELECT g.labels, g.arm, g.place, COALESCE(b.n, 0) AS units, {value} AS value, b.uncapped, {values} AS values, {effect} AS e \
         FROM grid g LEFT JOIN s b ON b.labels = g.labels AND b.arm = g.arm LEFT JOIN s a ON a.labels = g.labels AND a.arm = '{control}') \
         SELECT labels::text, arm, {NUMBERS} FROM pairs ORDER BY labels, place",
        units = units(e, world),
        twice = e.counted(),
        days = in_days(e, world, &asked.as_of, asked.matured.then(|| e.matured_after(m))),
        whole = if asked.by.is_empty() { " UNION SELECT '{}'::jsonb" } else { "" },
        arms = arms.join(", "),
        control = e.arms[0].0
    )
    .replace("LEVEL", &format!("{}", m.level))
}

/// With the covariate where that gives a number.
fn either(with: &str, without: &str, varies: &str) -> String {
    format!("CASE WHEN {varies} AND ({with}).reason IS NULL THEN {with} ELSE {without} END")
}

/// Whether a unit has events of all steps in order, each another event.
fn chain(m: &Metric, world: &World, after: &str, at: &str) -> String {
    let mut items = Vec::new();
    let mut joins = Vec::new();
    for (i, step) in m.steps.iter().enumerate() {
        let own = m
            .filter
            .map_or_else(String::new, |f| format!(" AND ({})", world.words(m.table, f)));
        items.push(format!(
            "(SELECT {at} AS at, x.{} AS id FROM {} x WHERE x.{}::text = u.unit{own} AND {after} AND ({})) s{i}",
            world.column(m.table, "id"),
            world.name(m.table),
            world.column(m.table, m.unit()),
            world.words(m.table, step)
        ));
        for j in 0..i {
            joins.push(format!("s{j}.at <= s{i}.at AND s{j}.id <> s{i}.id"));
        }
    }
    format!(
        "EXISTS (SELECT FROM {} WHERE {})",
        items.join(", "),
        joins.join(" AND ")
    )
}
