//! The statistics of experiments against 40-digit arithmetic and other programs, by the lines of `oracles/experiment.tsv`.
//! `oracles/experiment.py` wrote them and says how.

use serde_json::Value;
use std::collections::BTreeMap;
use tally_core::experiment::adjust::{Adjustment, adjust};
use tally_core::experiment::arm::{Arm, means, means_cuped, ratios, ratios_cuped};
use tally_core::experiment::distribution::{
    chi_square_cdf, chi_square_tail, normal_tail, normal_upper_quantile, student_tail, student_two_sided,
    student_upper_quantile,
};
use tally_core::experiment::effect::{Asked, Effect};
use tally_core::experiment::fisher;
use tally_core::experiment::power::Plan;
use tally_core::experiment::proportion::{Method, Share, newcombe, proportions};
use tally_core::experiment::quantile::cluster_factor;
use tally_core::experiment::srm::sample_ratio;
use tally_core::experiment::strata::means_by_strata;

const LINES: &str = include_str!("oracles/experiment.tsv");

fn number(v: &Value) -> f64 {
    v.as_f64().expect("a number")
}

fn numbers(v: &Value) -> Vec<f64> {
    v.as_array().expect("an array").iter().map(number).collect()
}

fn asked(relative: &Value) -> Asked {
    Asked::new(relative.as_bool().expect("true or false"), 0.05, 5000.0).expect("a question")
}

/// An arm of K variables at argument `i`: units, means, covariances.
fn arm<const K: usize>(args: &[Value], i: usize) -> Arm<K> {
    let mean = numbers(&args[i + 1]);
    let cov: Vec<Vec<f64>> = args[i + 2].as_array().expect("rows").iter().map(numbers).collect();
    Arm {
        n: number(&args[i]),
        mean: std::array::from_fn(|k| mean[k]),
        cov: std::array::from_fn(|k| std::array::from_fn(|l| cov[k][l])),
    }
}

fn single(n: f64, mean: f64, variance: f64) -> Arm<1> {
    Arm {
        n,
        mean: [mean],
        cov: [[variance]],
    }
}

fn share(args: &[f64], i: usize) -> Share {
    Share {
        successes: args[i],
        n: args[i + 1],
    }
}

/// The numbers of an effect in the order of the file.
fn told(effect: Effect) -> Vec<f64> {
    let e = effect.outcome.expect("numbers");
    let (interval, sequential) = (e.interval, e.sequential);
    vec![
        e.effect,
        e.standard_error,
        e.df,
        e.p,
        interval.0,
        interval.1,
        e.sequential_p,
        sequential.0,
        sequential.1,
    ]
}

fn answer(name: &str, args: &[Value]) -> Vec<f64> {
    let n = || args.iter().map(number).collect::<Vec<_>>();
    match name {
        "student_two_sided" => vec![student_two_sided(n()[0], n()[1])],
        "student_upper_quantile" => vec![student_upper_quantile(n()[0], n()[1])],
        "normal_tail" => vec![normal_tail(n()[0])],
        "normal_upper_quantile" => vec![normal_upper_quantile(n()[0])],
        "chi_square_tail" => vec![chi_square_tail(n()[0], n()[1])],
        "means" | "means_p" => {
            let (x, relative) = (args[..6].iter().map(number).collect::<Vec<_>>(), args.get(6));
            let question = asked(relative.unwrap_or(&Value::Bool(false)));
            let effect = means(&single(x[0], x[1], x[2]), &single(x[3], x[4], x[5]), question);
            if name == "means_p" {
                vec![effect.outcome.expect("numbers").p]
            } else {
                told(effect)
            }
        }
        "ratios" => told(ratios(&arm(args, 0), &arm(args, 3), asked(&args[6]))),
        "means_cuped" => told(means_cuped(&arm(args, 0), &arm(args, 3), asked(&args[6]))),
        "ratios_cuped" => told(ratios_cuped(&arm(args, 0), &arm(args, 3), asked(&args[6]))),
        "fisher" => vec![fisher::two_sided(share(&n(), 0), share(&n(), 2))],
        "newcombe" => {
            let (low, high) = newcombe(share(&n(), 0), share(&n(), 2), 0.05);
            vec![low, high]
        }
        "newcombe_lift" => {
            let question = Asked::new(true, 0.05, 5000.0).expect("a question");
            let effect = proportions(share(&n(), 0), share(&n(), 2), Method::Fisher, question);
            let (low, high) = effect.outcome.expect("numbers").interval;
            vec![low, high]
        }
        "proportion_z_p" => {
            let question = Asked::new(false, 0.05, 5000.0).expect("a question");
            let effect = proportions(share(&n(), 0), share(&n(), 2), Method::Z, question);
            vec![effect.outcome.expect("numbers").p]
        }
        "proportion_z" => {
            let of = |relative| {
                let question = Asked::new(relative, 0.05, 5000.0).expect("a question");
                let effect = proportions(share(&n(), 0), share(&n(), 2), Method::Z, question);
                effect.outcome.expect("numbers")
            };
            vec![of(false).effect, of(true).effect, of(true).p]
        }
        "proportion_welch" => {
            let x: Vec<f64> = args[..4].iter().map(number).collect();
            told(proportions(share(&x, 0), share(&x, 2), Method::Welch, asked(&args[4])))
        }
        "sample_ratio" => {
            let units: Vec<i64> = numbers(&args[0]).iter().map(|n| *n as i64).collect();
            let test = sample_ratio(&units, &numbers(&args[1]))
                .expect("arguments")
                .expect("a test");
            vec![test.statistic, test.p]
        }
        "holm" | "benjamini_hochberg" => {
            let how = if name == "holm" {
                Adjustment::Holm
            } else {
                Adjustment::BenjaminiHochberg
            };
            let p: Vec<Option<f64>> = numbers(&args[0]).into_iter().map(Some).collect();
            adjust(&p, how).expect("p values").into_iter().flatten().collect()
        }
        "cluster_factor" => vec![cluster_factor(number(&args[0]), &arm(args, 1)).expect("a factor")],
        "strata" => {
            let rows: Vec<Vec<f64>> = args[0].as_array().expect("strata").iter().map(numbers).collect();
            let strata: Vec<_> = rows
                .iter()
                .map(|s| (single(s[0], s[1], s[2]), single(s[3], s[4], s[5])))
                .collect();
            told(means_by_strata(&strata, asked(&args[1])))
        }
        "power" => {
            let x = n();
            let plan = Plan::new(x[1], x[1], 0.05).expect("a plan");
            vec![plan.power(x[0], x[2], x[2]).expect("a power")]
        }
        "units" => {
            let plan = Plan::new(1.0, 1.0, 0.05).expect("a plan");
            let (n_a, n_b) = plan.units(n()[0], n()[1], 0.5).expect("units");
            assert_eq!(n_a, n_b);
            vec![n_a]
        }
        other => panic!("no such function: {other}"),
    }
}

#[test]
fn every_number_agrees_to_1e_9() {
    let mut worst: BTreeMap<&str, (f64, &str)> = BTreeMap::new();
    for line in LINES.lines() {
        let mut fields = line.split('\t');
        let mut field = || fields.next().expect("four fields");
        let (name, args, want) = (field(), field(), field());
        let args: Vec<Value> = serde_json::from_str(args).expect("arguments");
        let want: Vec<f64> = serde_json::from_str(want).expect("numbers");
        let got = answer(name, &args);
        assert_eq!(got.len(), want.len(), "{line}");
        let entry = worst.entry(name).or_insert((0.0, line));
        for (got, want) in got.iter().zip(&want) {
            let off = if got == want { 0.0 } else { ((got - want) / want).abs() };
            if off > entry.0 || off.is_nan() {
                *entry = (off, line);
            }
        }
    }
    for (name, (off, line)) in &worst {
        println!("{name}: {off:.1e}");
        assert!(*off <= 1e-9, "{name} is off by {off:e}: {line}");
    }
    // The file is there and is the whole one.
    assert!(worst.len() >= 18, "{} functions", worst.len());
}

/// Cauchy's distribution (ν = 1) is tan, that of ν = 2 is algebraic, chi-square of 2 degrees is e^(-x/2): by hand.
#[test]
fn distributions_with_closed_forms() {
    let near = |got: f64, want: f64| assert!((got - want).abs() <= 1e-13 * want.abs(), "{got} and {want}");
    for t in [0.01f64, 0.3, 1.0, 4.0, 1e3, 1e9] {
        near(student_tail(t, 1.0), (1.0 / t).atan() / std::f64::consts::PI);
        near(
            student_tail(t, 2.0),
            1.0 / ((2.0 + t * t).sqrt() * ((2.0 + t * t).sqrt() + t)),
        );
        near(chi_square_tail(2.0 * t, 2.0), (-t).exp());
    }
    near(chi_square_cdf(2e-9, 2.0), 1e-9 - 5e-19);
    assert_eq!(student_upper_quantile(0.5, 7.0), 0.0);
    assert_eq!(student_two_sided(f64::INFINITY, 3.0), 0.0);
    near(student_upper_quantile(0.75, 1.0), -1.0);
    near(student_tail(-1.0, 1.0), 0.75);
}

/// A quantile's tail is the tail it was asked for, and tails fall.
#[test]
fn quantiles_undo_tails() {
    for df in [0.5, 1.0, 2.7, 40.0, 1e4, 1e8, f64::INFINITY] {
        let mut last = f64::INFINITY;
        for tail in [1e-250, 1e-100, 1e-30, 1e-9, 1e-3, 0.1, 0.49, 0.51, 0.9] {
            let at = student_upper_quantile(tail, df);
            if at.is_infinite() {
                continue;
            }
            assert!(at < last, "{df} {tail}");
            let back = student_tail(at, df);
            assert!((back - tail).abs() <= 1e-11 * tail, "{df} {tail}: {back}");
            last = at;
        }
    }
}
