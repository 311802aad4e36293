//! Owns the simulations of many looks and many questions: peeking, the split, adjusted p values, power.

use crate::random::Random;
use crate::{Promise, Table, arm, asked, holds, numbers};
use tally_core::experiment::adjust::{Adjustment, adjust};
use tally_core::experiment::arm::{Arm, means};
use tally_core::experiment::power::Plan;
use tally_core::experiment::srm::sample_ratio;
use tally_core::sketch::moments::Moments;

pub fn run(table: &mut Table) {
    peeking(table);
    split(table);
    questions(table);
    power(table);
}

/// An experiment that is looked at every 100 units, from 300 to 20,000.
fn peeking(table: &mut Table) {
    let rounds = table.rounds / 10;
    let (mut sequential, mut fixed, mut covered) = (0, 0, 0);
    let mut random = Random::new(20);
    for _ in 0..rounds {
        let (mut a, mut b) = (Moments::new(1), Moments::new(1));
        let [mut seen_sequential, mut seen_fixed, mut always] = [false, false, true];
        for units in 1..=20_000 {
            // An exponential value: as skewed as revenue may be.
            let value = -random.uniform().ln();
            if random.chance(0.5) { &mut a } else { &mut b }.push(&[value]);
            if units < 300 || units % 100 > 0 {
                continue;
            }
            let side = |m: &Moments| Arm {
                n: m.n as f64,
                mean: [m.mean(0).expect("a mean")],
                cov: [[m.covariance(0, 0).expect("a variance")]],
            };
            let look = numbers(&means(&side(&a), &side(&b), asked(false)));
            seen_sequential |= look.sequential_p < 0.05;
            seen_fixed |= look.p < 0.05;
            always &= holds(look.sequential, 0.0);
        }
        sequential += usize::from(seen_sequential);
        fixed += usize::from(seen_fixed);
        covered += usize::from(always);
    }
    table.share(
        "A/A false alarms at any of 198 looks, sequential p",
        sequential,
        rounds,
        &Promise::AtMost(0.05),
    );
    table.share("the same by the p of one look", fixed, rounds, &Promise::Shown);
    table.share(
        "sequential interval holds the truth at all of 198 looks",
        covered,
        rounds,
        &Promise::AtLeast(0.95),
    );
}

fn split(table: &mut Table) {
    let rounds = table.rounds * 5;
    let mut random = Random::new(21);
    let mut alarms = 0;
    for _ in 0..rounds {
        let mut units = [0i64; 4];
        for _ in 0..1000 {
            let u = random.uniform();
            units[if u < 0.5 {
                0
            } else if u < 0.8 {
                1
            } else {
                2
            }] += 1;
        }
        let test = sample_ratio(&units, &[0.5, 0.3, 0.2, 0.0])
            .expect("arguments")
            .expect("a test");
        alarms += usize::from(test.p < 0.001);
    }
    table.share(
        "false alarms of the sample ratio, three arms and one of weight 0",
        alarms,
        rounds,
        &Promise::Exactly(0.001),
    );
}

fn questions(table: &mut Table) {
    let rounds = table.rounds;
    let mut random = Random::new(22);
    let (mut any, mut false_share) = (0, 0.0);
    for _ in 0..rounds {
        let p: Vec<Option<f64>> = (0..10).map(|_| Some(random.uniform())).collect();
        let adjusted = adjust(&p, Adjustment::Holm).expect("p values");
        any += usize::from(adjusted.iter().flatten().any(|p| *p < 0.05));
        // Three of ten have an effect, and a p that shows it.
        let p: Vec<Option<f64>> = (0..10)
            .map(|i| {
                Some(if i < 3 {
                    random.uniform() * 1e-3
                } else {
                    random.uniform()
                })
            })
            .collect();
        let adjusted = adjust(&p, Adjustment::BenjaminiHochberg).expect("p values");
        let found = adjusted.iter().flatten().filter(|p| **p < 0.05).count();
        let wrong = adjusted[3..].iter().flatten().filter(|p| **p < 0.05).count();
        false_share += wrong as f64 / found.max(1) as f64;
    }
    table.share(
        "any false alarm among ten questions, Holm",
        any,
        rounds,
        &Promise::AtMost(0.05),
    );
    let share = (false_share / rounds as f64 * rounds as f64).round() as usize;
    table.share(
        "share of false alarms among the alarms, Benjamini and Hochberg",
        share,
        rounds,
        &Promise::AtMost(0.035),
    );
}

fn power(table: &mut Table) {
    let rounds = table.rounds;
    let plan = Plan::new(4.0, 9.0, 0.05).expect("a plan");
    let (n_a, n_b) = plan.units(0.5, 0.8, 0.4).expect("units");
    let mut random = Random::new(23);
    let mut found = 0;
    for _ in 0..rounds {
        let a = arm(&mut random, n_a as usize, |r| [10.0 + 2.0 * r.normal()]);
        let b = arm(&mut random, n_b as usize, |r| [10.5 + 3.0 * r.normal()]);
        found += usize::from(numbers(&means(&a, &b, asked(false))).p < 0.05);
    }
    table.share(
        &format!("power of {n_a} and {n_b} units, planned for 0.8"),
        found,
        rounds,
        &Promise::Exactly(0.8),
    );
}
