//! Owns damage: stored bytes of every codec (`tests/golden`) and states of every aggregate with bytes flipped, set, moved, cut and
//! added. What `fuzz/` asks of any bytes holds for these too: an error, or a value that every reader answers for.
//!
//! libFuzzer finds its way into short stored bytes. It hardly ever makes a state of a thousand words that hang together.

#[allow(dead_code, unused_imports, reason = "the calendar and the texts have no bytes")]
#[path = "../../fuzz/src/lib.rs"]
mod lives;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use tally_core::sketch::hll::hash::{bytes as hash, mix};
use tally_core::sketch::ordered::log;
use tally_core::sketch::{Grow, hll, tdigest, timed, times, topk, totals};
use tally_core::{funnel, hex};

/// A fuzz target, and the byte that it wants in front.
type Life = (Option<u8>, fn(&[u8]));

/// What reads the bytes of a type.
fn lives_of(name: &str) -> Vec<Life> {
    let own: Option<fn(&[u8])> = match name {
        "tdigest" => Some(lives::tdigest),
        "hll" => Some(lives::hll),
        "stats" => Some(lives::stats),
        "topk" => Some(lives::topk),
        "totals" => Some(lives::totals),
        "funnel_events" => Some(lives::funnel_events),
        "funnel_counts" => Some(lives::funnel_counts),
        "retention_counts" => Some(lives::retention),
        _ => None,
    };
    let which = lives::NAMES
        .iter()
        .position(|known| *known == name)
        .expect("a type of the fuzz targets");
    own.map(|life| (None, life))
        .into_iter()
        .chain([(Some(which as u8), lives::every_type as fn(&[u8]))])
        .collect()
}

fn grown(mut words: Vec<u64>, steps: u64, mut step: impl FnMut(&mut [u64], u64) -> Result<(), Grow>) -> Vec<u64> {
    for i in 0..steps {
        while let Err(Grow(needed)) = step(&mut words, i) {
            words.resize(needed, 0);
        }
    }
    words
}

/// The payload of a state's varlena.
fn payload(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).skip(4).collect()
}

/// States in every form that they take.
fn states() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut states = Vec::new();
    let mut add = |name, what: String, words: Vec<u64>| states.push((name, what, payload(&words)));
    let digest = |steps, compression| {
        let mut words = vec![0; tdigest::working::FIRST_WORDS];
        tdigest::working::init(&mut words, compression);
        tdigest::working::ask(&mut words, Some(0.5));
        grown(words, steps, |words, i| {
            tdigest::working::push(words, (hash(&i.to_le_bytes()) >> 40) as f64)
        })
    };
    for steps in [3, 200, 300, 2000] {
        add("tdigest", format!("state of {steps} values"), digest(steps, 20));
    }
    let other = tdigest::working::finish(&digest(2000, 20));
    add(
        "tdigest",
        "state of merged digests".into(),
        grown(digest(300, 20), 3, |words, _| {
            tdigest::working::merge_bytes(words, &tdigest::codec::encode(&other)).expect("its own bytes")
        }),
    );
    for steps in [3, 100, 4000] {
        let mut words = vec![0; hll::working::FIRST_WORDS];
        hll::working::init(&mut words, 8, 3);
        let words = grown(words, steps, |words, i| {
            hll::working::push(words, hash(&i.to_le_bytes()))
        });
        add("hll", format!("state of {steps} values"), words);
    }
    for steps in [3, 300] {
        let words = grown(topk::working::fresh(2), steps, |words, i| {
            topk::working::push(words, &(i % 90).to_string(), i)
        });
        add("topk", format!("state of {steps} items"), words);
        let number = totals::decimal::Decimal::parse("-12345678901234567890.125").expect("a number");
        let words = grown(totals::working::fresh(), steps, |words, i| {
            let key = format!("k{}", i % 7);
            totals::working::add(words, 1, 0, [(&*key, &number)].into_iter())
        });
        add("totals", format!("state of {steps} rows"), words);
    }
    let window = funnel::spec::Funnel::new(3600, 3, "").expect("a funnel");
    for unit in [1, 1 << 40] {
        let mut words = vec![0; funnel::events::first_words(&window)];
        funnel::events::init(&mut words, &window);
        let words = grown(words, 40, |words, i| {
            let mask = 1 << (i % 3);
            funnel::events::push(
                words,
                funnel::Event {
                    time: (i * unit) as i64,
                    mask,
                },
            )
        });
        add("funnel_events", format!("state of events {unit} apart"), words);
    }
    let mut words = vec![0; 8];
    times::init(&mut words);
    add(
        "funnel_events",
        "state of times".into(),
        grown(words, 30, |words, i| times::push(words, i as i64)),
    );
    for kind in 1..=4 {
        let mut words = vec![0; log::FIRST_WORDS];
        log::init(&mut words, kind);
        let row = |words: &mut [u64], i| {
            let value = ((i * i) as f64).to_le_bytes();
            log::push(
                words,
                i as i64 * 1_000_000,
                if kind == 1 { &value[7..] } else { &value },
            )
            .expect("it fits")
        };
        let words = grown(words, 20, row);
        add("readings", format!("state of kind {kind}"), words.clone());
        add("state_time", format!("state of kind {kind}"), words);
    }
    states
}

/// All bytes that are damaged: the golden ones, and states.
fn whole() -> Vec<(&'static str, String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = states();
    for file in fs::read_dir(folder)
        .expect("tests/golden")
        .map(|file| file.expect("a file"))
    {
        let file_name = file.file_name().to_string_lossy().into_owned();
        let name = lives::NAMES
            .into_iter()
            .find(|name| file_name.split("-v").next() == Some(name));
        let content = fs::read_to_string(file.path()).expect("text");
        let bytes = hex::decode(content.lines().next().expect("a line")).expect("hexadecimal");
        let name = name.expect("a type of the fuzz targets");
        if name == "timed" {
            let timed = <timed::Timed as tally_core::sketch::stored::Stored>::decode(&bytes).expect("golden bytes");
            found.push((name, format!("{file_name} as a state"), timed::payload(&timed.words())));
        }
        found.push((name, file_name, bytes));
    }
    found
}

/// Words that mean much to some field.
const WORDS: [u64; 14] = [
    0,
    1,
    u64::MAX,
    1 << 63,
    1 << 62,
    1 << 32,
    i64::MAX as u64,
    f64::NAN.to_bits(),
    0xfff8_0000_0000_0000,
    f64::INFINITY.to_bits(),
    f64::NEG_INFINITY.to_bits(),
    f64::MAX.to_bits(),
    (-1.0f64).to_bits(),
    0xffff_ffff,
];

/// One damage, by a number.
fn damaged(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let chance = |salt: u64, below: usize| (mix(mix(number) ^ salt) % below.max(1) as u64) as usize;
    for round in 0..1 + chance(0, 3) as u64 {
        let salt = 16 * (round + 1);
        let (at, length) = (chance(salt + 1, bytes.len()), bytes.len());
        // A state's words begin 4 bytes in.
        let word = 4 + at / 8 * 8;
        match chance(salt, 8) {
            _ if length == 0 => {}
            0 => bytes[at] ^= 1 << chance(salt + 2, 8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][chance(salt + 2, 5)],
            2 => bytes.truncate(at),
            3 => bytes.extend(vec![chance(salt + 2, 256) as u8; 1 + chance(salt + 3, 9)]),
            4 | 5 if word + 8 <= length => {
                bytes[word..word + 8].copy_from_slice(&WORDS[chance(salt + 2, WORDS.len())].to_le_bytes());
            }
            6 if word + 8 <= length => {
                let from = (4 + chance(salt + 2, length) / 8 * 8).min(length - 8);
                bytes.copy_within(from..from + 8, word);
            }
            // The head of a state, where all lengths and bounds are.
            _ => {
                let at = at % length.min(8 * 20);
                bytes[at] = chance(salt + 2, 256) as u8;
            }
        }
    }
    bytes
}

#[test]
fn damaged_bytes_are_an_error_or_a_value_that_every_reader_answers_for() {
    let rounds: u64 = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(64)
        * 8;
    let mut failures = Vec::new();
    for (name, what, bytes) in whole() {
        for number in 0..=rounds {
            // The first are whole.
            let changed = if number == 0 {
                bytes.clone()
            } else {
                damaged(&bytes, number ^ hash(what.as_bytes()))
            };
            for (which, life) in lives_of(name) {
                let data: Vec<u8> = which.into_iter().chain(changed.iter().copied()).collect();
                if catch_unwind(AssertUnwindSafe(|| life(&data))).is_err() {
                    failures.push(format!("{name}, {what}, damage {number}: {}", hex::encode(&changed)));
                }
            }
        }
    }
    let first: String = failures
        .iter()
        .take(20)
        .map(|failure| format!("\n{failure:.150}"))
        .collect();
    assert!(failures.is_empty(), "{} damages{first}", failures.len());
}
