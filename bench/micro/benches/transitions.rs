//! Owns the microbenchmarks: nanoseconds a row of each transition, for groups of ten rows and for one large group.

use cpu_time::ThreadTime;
use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, Throughput, criterion_group, criterion_main};
use tally_core::funnel::{self, Event};
use tally_core::sketch::stats::Stats;
use tally_core::sketch::{Grow, hll, tdigest, topk, totals};
use std::hint::black_box;
use std::time::Duration;

/// The processor time of the measuring thread, so that a busy machine gives the figures of a quiet one.
struct ProcessorTime;

type Criterion = criterion::Criterion<ProcessorTime>;

impl Measurement for ProcessorTime {
    type Intermediate = ThreadTime;
    type Value = Duration;

    fn start(&self) -> ThreadTime {
        ThreadTime::now()
    }

    fn end(&self, began: ThreadTime) -> Duration {
        began.elapsed()
    }

    fn add(&self, one: &Duration, other: &Duration) -> Duration {
        *one + *other
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, time: &Duration) -> f64 {
        time.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn until(words: &mut Vec<u64>, mut step: impl FnMut(&mut [u64]) -> Result<(), Grow>) {
    while let Err(Grow(needed)) = step(words) {
        words.resize(needed, 0);
    }
}

/// Runs a transition over groups of ten rows and over one of 100,000; each iteration begins with a new state.
fn groups<T: Copy>(c: &mut Criterion, name: &str, row: impl Fn(u64) -> T, fresh: impl Fn() -> Vec<u64>, push: impl Fn(&mut Vec<u64>, T)) {
    let mut group = c.benchmark_group(name);
    for rows in [10u64, 100_000] {
        let input: Vec<T> = (0..rows).map(&row).collect();
        group.throughput(Throughput::Elements(rows));
        group.bench_function(format!("{rows} rows"), |b| {
            b.iter_batched(
                &fresh,
                |mut words| {
                    input.iter().for_each(|value| push(&mut words, *value));
                    black_box(words)
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn uniform(i: u64) -> f64 {
    (hll::hash::mix(i) >> 11) as f64 / (1u64 << 53) as f64
}

/// The crate tdigest with as many centroids, over the same rows as "tdigest".
fn rival(c: &mut Criterion) {
    let mut group = c.benchmark_group("tdigest, the crate of that name");
    for rows in [10u64, 100_000] {
        let input: Vec<f64> = (0..rows).map(uniform).collect();
        group.throughput(Throughput::Elements(rows));
        group.bench_function(format!("{rows} rows"), |b| {
            b.iter(|| {
                let mut digest = ::tdigest::TDigest::new_with_size(tdigest::DEFAULT_COMPRESSION.into());
                input.iter().for_each(|value| digest.push(*value));
                digest.flush();
                digest
            });
        });
    }
    group.finish();
}

fn transitions(c: &mut Criterion) {
    let digest = || {
        let mut words = vec![0; tdigest::working::FIRST_WORDS];
        tdigest::working::init(&mut words, tdigest::DEFAULT_COMPRESSION);
        words
    };
    groups(c, "tdigest", uniform, digest, |words, v| until(words, |w| tdigest::working::push(w, v)));

    rival(c);

    let registers = || {
        let mut words = vec![0; hll::working::FIRST_WORDS];
        hll::working::init(&mut words, hll::DEFAULT_PRECISION, 1);
        words
    };
    groups(c, "hll of int8, with hashing", |i| i as i64, registers, |words, v| {
        let hash = hll::hash::int(v);
        until(words, |w| hll::working::push(w, hash));
    });

    let moments = || {
        let mut words = vec![0; Stats::words(true)];
        Stats::new(true).store(&mut words);
        words
    };
    groups(c, "stats(y, x)", uniform, moments, |words, v| {
        let mut stats = Stats::load(words);
        stats.push(v, 1.0 - v);
        stats.store(words);
    });

    let names: Vec<String> = (0..5000).map(|i| format!("item {i}")).collect();
    let zipf = |i: u64| names[(uniform(i) * (names.len() as f64).ln()).exp() as usize].as_str();
    groups(c, "topk, 5000 items by Zipf", zipf, || topk::working::fresh(10), |words, v| {
        until(words, |w| topk::working::push(w, v, 1));
    });

    let numbers: Vec<totals::decimal::Decimal> = (0..11).map(|i| totals::decimal::Decimal::of_float(f64::from(i) / 8.0)).collect();
    groups(c, "totals, 3 keys", uniform, totals::working::fresh, |words, v| {
        let sums = [("views", &numbers[0]), ("ctr", &numbers[1 + (v * 9.0) as usize]), ("web\0a", &numbers[2])];
        until(words, |w| totals::working::add(w, 1, 0, sums.into_iter()));
    });

    let spec = funnel::spec::Funnel::new(86_400_000_000, 7, "").expect("a funnel");
    let events = || {
        let mut words = vec![0; funnel::events::first_words(&spec)];
        funnel::events::init(&mut words, &spec);
        words
    };
    let event = |i: u64| Event { time: (hll::hash::mix(i) >> 24) as i64, mask: 1 << (i % 7) };
    groups(c, "funnel, gather", event, events, |words, e| until(words, |w| funnel::events::push(w, e)));

    let mut group = c.benchmark_group("funnel, sort and search");
    for rows in [10u64, 100_000] {
        let mut words = events();
        (0..rows).for_each(|i| until(&mut words, |w| funnel::events::push(w, event(i))));
        group.throughput(Throughput::Elements(rows));
        group.bench_function(format!("{rows} rows"), |b| {
            b.iter(|| funnel::level(&spec, &funnel::events::sorted(black_box(&words)).expect("memory")));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = criterion::Criterion::default()
        .with_measurement(ProcessorTime)
        .sample_size(20)
        .measurement_time(Duration::from_secs(1))
        .warm_up_time(Duration::from_millis(300));
    targets = transitions
}
criterion_main!(benches);
