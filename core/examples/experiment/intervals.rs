//! Owns the simulations of one look: false alarms of A/A experiments and coverage of every interval.

use crate::random::Random;
use crate::{Promise, Table, arm, asked, holds, numbers};
use tally_core::experiment::arm::{Arm, means, means_cuped, ratios, ratios_cuped};
use tally_core::experiment::proportion::{Method, Share, proportions};
use tally_core::experiment::quantile::{Quantile, bounds, cluster_factor, quantiles};
use tally_core::experiment::strata::means_by_strata;

/// Draws `rounds` experiments and counts those that `hit` says yes to.
fn count(rounds: usize, seed: u64, mut hit: impl FnMut(&mut Random) -> bool) -> usize {
    let mut random = Random::new(seed);
    (0..rounds).filter(|_| hit(&mut random)).count()
}

pub fn run(table: &mut Table) {
    welch(table);
    relative(table);
    cuped(table);
    shares(table);
    strata(table);
    percentiles(table);
}

fn welch(table: &mut Table) {
    let rounds = table.rounds;
    for (n_a, n_b, sd_b) in [(200, 200, 1.0), (30, 80, 3.0), (5, 7, 1.0)] {
        let hits = count(rounds, 1, |random| {
            let a = arm(random, n_a, |r| [10.0 + r.normal()]);
            let b = arm(random, n_b, |r| [10.0 + sd_b * r.normal()]);
            numbers(&means(&a, &b, asked(false))).p < 0.05
        });
        let what = format!("A/A false alarms, Welch, {n_a} and {n_b} units, standard deviations 1 and {sd_b}");
        table.share(&what, hits, rounds, &Promise::About(0.05));
    }
    let hits = count(rounds, 2, |random| {
        let [a, b] = [0, 1].map(|_| arm(random, 1000, |r| [r.normal().exp()]));
        numbers(&means(&a, &b, asked(true))).p < 0.05
    });
    table.share(
        "A/A false alarms, lift of log-normal values, 1000 units an arm",
        hits,
        rounds,
        &Promise::About(0.05),
    );
    let hits = count(rounds, 3, |random| {
        let a = arm(random, 200, |r| [10.0 + r.normal()]);
        let b = arm(random, 300, |r| [11.0 + 2.0 * r.normal()]);
        holds(numbers(&means(&a, &b, asked(false))).interval, 1.0)
    });
    table.share("coverage, difference of means", hits, rounds, &Promise::Exactly(0.95));
}

fn relative(table: &mut Table) {
    let rounds = table.rounds;
    let hits = count(rounds, 4, |random| {
        let a = arm(random, 300, |r| [10.0 + 4.0 * r.normal()]);
        let b = arm(random, 300, |r| [13.0 + 5.0 * r.normal()]);
        holds(numbers(&means(&a, &b, asked(true))).interval, 0.3)
    });
    table.share(
        "coverage, lift of means, true lift 30 %",
        hits,
        rounds,
        &Promise::About(0.95),
    );
    // A unit has 1 to 9 orders and spends about 5 (or 6) an order, with a size of its own: m and d are correlated.
    let unit = |price: f64| {
        move |r: &mut Random| {
            let d = r.up_to(9) as f64;
            [d * price * (0.3 * r.normal()).exp(), d]
        }
    };
    let hits = count(rounds, 5, |random| {
        let (a, b) = (arm(random, 400, unit(5.0)), arm(random, 500, unit(6.0)));
        holds(numbers(&ratios(&a, &b, asked(true))).interval, 0.2)
    });
    table.share(
        "coverage, lift of ratios, true lift 20 %",
        hits,
        rounds,
        &Promise::About(0.95),
    );
    // x / e is the same unit's ratio from before: its size stays, its orders are drawn anew.
    let twice = |price: f64| {
        move |r: &mut Random| {
            let size = 5.0 * (0.3 * r.normal()).exp();
            let (d, e) = (r.up_to(9) as f64, r.up_to(9) as f64);
            [d * size * price, d, e * size, e]
        }
    };
    let hits = count(rounds, 6, |random| {
        let (a, b) = (arm(random, 400, twice(1.0)), arm(random, 500, twice(1.2)));
        holds(numbers(&ratios_cuped(&a, &b, asked(true))).interval, 0.2)
    });
    table.share(
        "coverage, lift of ratios with CUPED, true lift 20 %",
        hits,
        rounds,
        &Promise::About(0.95),
    );
}

/// A unit whose value and covariate have correlation rho.
fn correlated(rho: f64, mean: f64) -> impl FnMut(&mut Random) -> [f64; 2] {
    move |r| {
        let x = r.normal();
        [mean + rho * x + (1.0 - rho * rho).sqrt() * r.normal(), 5.0 + x]
    }
}

fn cuped(table: &mut Table) {
    let rounds = table.rounds;
    for rho in [0.3, 0.6, 0.9] {
        let mut random = Random::new(7);
        let mut shares = 0.0;
        let of = 500;
        for _ in 0..of {
            let [a, b] = [0, 1].map(|_| arm(&mut random, 2000, correlated(rho, 10.0)));
            let plain = |arm: &Arm<2>| Arm {
                n: arm.n,
                mean: [arm.mean[0]],
                cov: [[arm.cov[0][0]]],
            };
            let adjusted = numbers(&means_cuped(&a, &b, asked(false))).standard_error;
            shares += (adjusted / numbers(&means(&plain(&a), &plain(&b), asked(false))).standard_error).powi(2);
        }
        table.number(
            &format!("CUPED: share of the variance that is left, correlation {rho}"),
            shares / of as f64,
            1.0 - rho * rho,
            0.005,
            of,
        );
    }
    let hits = count(rounds, 8, |random| {
        let [a, b] = [0, 1].map(|_| arm(random, 200, correlated(0.8, 10.0)));
        numbers(&means_cuped(&a, &b, asked(false))).p < 0.05
    });
    table.share(
        "A/A false alarms, CUPED, correlation 0.8",
        hits,
        rounds,
        &Promise::About(0.05),
    );
    // A large lift with little variance left is where the adjusted variance for both, as a peer has it, under-covers.
    let (mut ours, mut theirs) = (0, 0);
    let mut random = Random::new(9);
    for _ in 0..rounds {
        let (a, b) = (
            arm(&mut random, 300, correlated(0.95, 5.0)),
            arm(&mut random, 300, correlated(0.95, 10.0)),
        );
        let (lift, plain) = (
            numbers(&means_cuped(&a, &b, asked(true))),
            numbers(&means_cuped(&a, &b, asked(false))),
        );
        ours += usize::from(holds(lift.interval, 1.0));
        let variance = plain.standard_error.powi(2) / 2.0;
        let (mean_a, mean_b) = (a.mean[0], b.mean[0]);
        let half = 1.96 * (variance / mean_a.powi(2) + variance * mean_b.powi(2) / mean_a.powi(4)).sqrt();
        theirs += usize::from((lift.effect - 1.0).abs() <= half);
    }
    table.share(
        "coverage, lift with CUPED, true lift 100 %, correlation 0.95",
        ours,
        rounds,
        &Promise::About(0.95),
    );
    table.share(
        "the same by the adjusted variance alone (a peer's)",
        theirs,
        rounds,
        &Promise::Shown,
    );
}

fn share(random: &mut Random, n: usize, p: f64) -> Share {
    Share {
        successes: (0..n).filter(|_| random.chance(p)).count() as f64,
        n: n as f64,
    }
}

fn shares(table: &mut Table) {
    let rounds = table.rounds;
    use Method::{Auto, Fisher};
    let cases = [
        (1000, 0.1, 0.1, false, Auto, Promise::About(0.05), Promise::About(0.95)),
        (1000, 0.1, 0.12, true, Auto, Promise::Shown, Promise::About(0.95)),
        (
            40,
            0.03,
            0.03,
            false,
            Fisher,
            Promise::AtMost(0.05),
            Promise::AtLeast(0.95),
        ),
        (40, 0.1, 0.3, false, Fisher, Promise::Shown, Promise::AtLeast(0.95)),
        (60, 0.06, 0.12, true, Fisher, Promise::Shown, Promise::AtLeast(0.95)),
    ];
    for (n, p, q, relative, method, alarms, coverage) in cases {
        let truth = if relative { (q - p) / p } else { q - p };
        let (mut hits, mut alarm, mut of) = (0, 0, 0);
        let mut random = Random::new(10);
        for _ in 0..rounds {
            let effect = proportions(
                share(&mut random, n, p),
                share(&mut random, n, q),
                method,
                asked(relative),
            );
            // A lift over a control without successes: no number, and no claim.
            let Ok(numbers) = effect.outcome else { continue };
            of += 1;
            hits += usize::from(holds(numbers.interval, truth));
            alarm += usize::from(numbers.p < 0.05);
        }
        let what = format!(
            "{} of proportions {p} and {q}, {n} units an arm{}",
            if relative { "lift" } else { "difference" },
            if method == Fisher { ", Fisher and Newcombe" } else { "" }
        );
        if !matches!(alarms, Promise::Shown) {
            table.share(&format!("A/A false alarms, {what}"), alarm, of, &alarms);
        }
        table.share(&format!("coverage, {what}"), hits, of, &coverage);
    }
}

fn strata(table: &mut Table) {
    // Three strata with effects of their own; who is in which is chance, and so is the arm.
    let kinds = [(0.5, 10.0, 1.0), (0.3, 20.0, 4.0), (0.2, 50.0, -2.0)];
    let (truth, base) = kinds.iter().fold((0.0, 0.0), |s, k| (s.0 + k.0 * k.2, s.1 + k.0 * k.1));
    for relative in [false, true] {
        let rounds = table.rounds / 2;
        let hits = count(rounds, 11, |random| {
            let mut values: [[Vec<f64>; 2]; 3] = Default::default();
            for _ in 0..600 {
                let u = random.uniform();
                let kind = if u < 0.5 {
                    0
                } else if u < 0.8 {
                    1
                } else {
                    2
                };
                let b = random.chance(0.5);
                let (_, mean, effect) = kinds[kind];
                values[kind][usize::from(b)].push(mean + if b { effect } else { 0.0 } + 3.0 * random.normal());
            }
            let strata: Vec<_> = values
                .iter()
                .map(|arms| {
                    let [a, b] = arms.each_ref().map(|values| {
                        let mut each = values.iter();
                        arm(random, values.len(), |_| [*each.next().expect("a value")])
                    });
                    (a, b)
                })
                .collect();
            holds(
                numbers(&means_by_strata(&strata, asked(relative))).interval,
                if relative { truth / base } else { truth },
            )
        });
        let what = format!(
            "coverage, {} by strata whose effects differ",
            if relative { "lift" } else { "difference" }
        );
        table.share(&what, hits, rounds, &Promise::About(0.95));
    }
}

fn percentiles(table: &mut Table) {
    // Units with 1 to 9 values that share a level of their own, so values of a unit are alike.
    let rounds = table.rounds / 10;
    for level in [0.5, 0.9] {
        let (mut clustered, mut plain) = (0, 0);
        let mut random = Random::new(12);
        for _ in 0..rounds {
            let [a, b] = [0, 1].map(|_| {
                let units: Vec<Vec<f64>> = (0..500)
                    .map(|_| {
                        let own = random.normal();
                        (0..random.up_to(9))
                            .map(|_| (own + 0.5 * random.normal()).exp())
                            .collect()
                    })
                    .collect();
                let mut values: Vec<f64> = units.iter().flatten().copied().collect();
                values.sort_by(f64::total_cmp);
                let at = |q: f64| values[(q * values.len() as f64) as usize];
                let (low, high) = bounds(level, values.len() as f64).expect("bounds");
                let value = at(level);
                let mut each = units.iter();
                let hits = arm(&mut random, units.len(), |_| {
                    let unit = each.next().expect("a unit");
                    [unit.iter().filter(|v| **v <= value).count() as f64, unit.len() as f64]
                });
                let factor = cluster_factor(level, &hits).expect("a factor");
                Quantile {
                    units: units.len() as f64,
                    value,
                    low: at(low),
                    high: at(high),
                    factor,
                }
            });
            clustered += usize::from(numbers(&quantiles(&a, &b, asked(false))).p < 0.05);
            let [a, b] = [a, b].map(|q| Quantile { factor: 1.0, ..q });
            plain += usize::from(numbers(&quantiles(&a, &b, asked(false))).p < 0.05);
        }
        table.share(
            &format!("A/A false alarms, quantile {level} of units with several values"),
            clustered,
            rounds,
            &Promise::About(0.05),
        );
        table.share("the same without the cluster factor", plain, rounds, &Promise::Shown);
    }
}
