//! Owns the golden bytes: `tests/golden/<type>-v<version>-<what>` holds what that version stored (first line, hexadecimal) and
//! printed (second line). They are read for ever. A file is never changed; a new version of a codec adds files.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use tally_core::sketch::stored::{self, Stored};
use tally_core::{funnel, hex, retention, sketch};

fn golden(name: &str) -> Vec<(String, Vec<u8>, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut found = Vec::new();
    for file in fs::read_dir(folder)
        .expect("tests/golden")
        .map(|file| file.expect("a file").path())
    {
        let file_name = file.file_name().expect("a name").to_string_lossy().into_owned();
        if file_name.split("-v").next() == Some(name) {
            let content = fs::read_to_string(&file).expect("text");
            let (bytes, text) = content.trim_end().split_once('\n').expect("two lines");
            found.push((file_name, hex::decode(bytes).expect("hexadecimal"), text.to_owned()));
        }
    }
    found
}

/// Old bytes and old text are read, mean the same, and come back from what is written today.
fn read_for_ever<S: Stored>(names: &mut BTreeSet<&str>) {
    let files = golden(S::NAME);
    assert!(
        files.iter().any(|(file, ..)| file.contains("-v1-")),
        "no golden bytes of {}",
        S::NAME
    );
    for (file, bytes, text) in files {
        let now = stored::canonical::<S>(&bytes).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(stored::canonical::<S>(&now).expect("its own bytes"), now, "{file}");
        assert_eq!(
            stored::input::<S>(&text).unwrap_or_else(|e| panic!("{file}: {e}")),
            now,
            "{file}: text"
        );
        let printed = stored::output::<S>(&bytes).expect("a text");
        assert_eq!(
            stored::input::<S>(&printed).expect("its own text"),
            now,
            "{file}: new text"
        );
        assert!(
            stored::equal::<S>(&bytes, &now).expect("an answer"),
            "{file}: old and new are equal"
        );
        assert_eq!(
            stored::hashed::<S>(&bytes, 7).expect("a hash"),
            stored::hashed::<S>(&now, 7).expect("a hash"),
            "{file}"
        );
    }
    names.insert(S::NAME);
}

#[test]
fn bytes_of_every_version_are_read_for_ever() {
    let mut names = BTreeSet::new();
    read_for_ever::<sketch::tdigest::Sketch>(&mut names);
    read_for_ever::<sketch::hll::Sketch>(&mut names);
    read_for_ever::<sketch::stats::Stats>(&mut names);
    read_for_ever::<sketch::moments::Moments>(&mut names);
    read_for_ever::<sketch::topk::TopK>(&mut names);
    read_for_ever::<sketch::timed::Timed>(&mut names);
    read_for_ever::<sketch::ohlc::Ohlc>(&mut names);
    read_for_ever::<sketch::readings::Readings>(&mut names);
    read_for_ever::<sketch::state_time::StateTime>(&mut names);
    read_for_ever::<sketch::totals::Totals>(&mut names);
    read_for_ever::<funnel::counts::Counts>(&mut names);
    read_for_ever::<funnel::gathered::Gathered>(&mut names);
    read_for_ever::<retention::counts::Counts>(&mut names);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    for file in fs::read_dir(folder).expect("tests/golden") {
        let file = file.expect("a file").file_name().to_string_lossy().into_owned();
        assert!(
            names.contains(file.split("-v").next().unwrap_or("")),
            "{file} is of no type in this test"
        );
    }
}

fn one<S: Stored>(file: &str) -> S {
    let (_, bytes, _) = golden(S::NAME)
        .into_iter()
        .find(|(name, ..)| name == file)
        .expect("a golden file");
    S::decode(&bytes).expect("golden bytes")
}

/// What the golden sketches hold, from the rows they were made of (by hand): the readers of today answer for the bytes of old.
#[test]
fn readers_answer_for_old_bytes() {
    // tdigest of 1.5, 2, NaN, -Infinity, 0.1; then of 1.25 × 1 to 3000.
    let digest: sketch::tdigest::Sketch = one("tdigest-v1-exact");
    assert_eq!((digest.count(), digest.percentile(0.5)), (5, Some(1.5)));
    let digest: sketch::tdigest::Sketch = one("tdigest-v1-digest");
    assert_eq!(
        (digest.count(), digest.min(), digest.max(), digest.sum()),
        (3000, Some(1.25), Some(3750.0), Some(5_626_875.0))
    );
    // hll of 1 to 5.
    let hll: sketch::hll::Sketch = one("hll-v1-exact");
    assert_eq!((hll.distinct(), hll.relative_error()), (5.0, 0.0));
    // 1 to 5 with their squares, 1 and their negatives: Σ of deviations by hand, 10 and 374, and 60 of the two.
    let moments: sketch::moments::Moments = one("moments-v1-four");
    assert_eq!(
        (moments.mean(1), moments.covariance(1, 1), moments.covariance(1, 0)),
        (Some(11.0), Some(93.5), Some(15.0))
    );
    assert_eq!(
        (moments.covariance(2, 2), moments.covariance(3, 0)),
        (Some(0.0), Some(-2.5))
    );
    // stats of 1 to 5, and with their squares beside them.
    let stats: sketch::stats::Stats = one("stats-v1-pair");
    assert_eq!(
        (stats.n, stats.mean(), stats.variance(), stats.mean_x()),
        (5, Some(3.0), Some(2.5), Some(11.0))
    );
    // topk(chr(96 + v % 9), 3) of 1 to 50: 'a' to 'e' six times each, the others five times.
    let topk: sketch::topk::TopK = one("topk-v1-exact");
    assert_eq!(
        (topk.total, topk.error, topk.counts["a"], topk.counts["h"]),
        (50, 0, 6, 5)
    );
    // totals of {"views": 3, "a": {"b": 1.5}, "c": null} and {"views": 0.1, "gpt-4.1": 7}.
    let totals: sketch::totals::Totals = one("totals-v1-sums");
    assert_eq!((totals.rows, totals.ignored), (2, 1));
    assert_eq!(totals.json(), r#"{"a.b":1.5,"gpt-4.1":7,"views":3.1}"#);
    // Version 2 of {"views": 9007199254740993, "a": {"b": 1.50}, "c": null} and {"views": 0.1, "a.b": -7}.
    let totals: sketch::totals::Totals = one("totals-v2-sums");
    assert_eq!(totals.json(), r#"{"a.b":1.50,"a\\.b":-7,"views":9007199254740993.1}"#);
    // hll of the numerics 1.0, 1.00, -1, NaN, Infinity; tdigest of 2 and 1, asked for a quarter.
    let hll: sketch::hll::Sketch = one("hll-v2-numeric");
    assert_eq!((hll.distinct(), hll.version), (4.0, 2));
    let digest: sketch::tdigest::Sketch = one("tdigest-v1-asked");
    assert_eq!((digest.asked, digest.percentile(0.25)), (Some(0.25), Some(1.25)));
    // funnel_counts of four chains of two steps, of 1, 2, 3 and 4 seconds; and of the levels 1, 2, 3 and 4.
    let counts: funnel::counts::Counts = one("funnel_counts-v1-paths");
    assert_eq!(counts.steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(
        counts.seconds(1).expect("a digest").expect("a digest").percentile(0.5),
        Some(2.5)
    );
    let counts: funnel::counts::Counts = one("funnel_counts-v1-levels");
    assert_eq!(counts.steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 3, 2, 1]);
    // retention_counts of one actor: retained, not retained, not past yet.
    let counts: retention::counts::Counts = one("retention_counts-v1-some");
    assert_eq!(
        retention::counts::rows(&counts.0).collect::<Vec<_>>(),
        [(1, 1), (1, 0), (0, 0)]
    );
    // funnel_events: step 1 on 2026-01-01, step 2 a day later, within a day, with an exclusion between them.
    let events: funnel::gathered::Gathered = one("funnel_events-v1-narrow");
    let sorted = funnel::events::sorted(&events.0).expect("events");
    assert_eq!(sorted[1].time - sorted[0].time, 86_400_000_000);
    assert_eq!(funnel::level(&funnel::events::funnel(&events.0), &sorted), 2);
}
