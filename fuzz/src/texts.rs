//! Owns the texts that people write, and what machines write of them.

use std::str::from_utf8;
use tally_core::{alert, hex};

/// Texts that people write: conditions, schedules, samples and rules of the state machine, hexadecimal.
pub fn texts(data: &[u8]) {
    let Ok(text) = from_utf8(data) else { return };
    if let Ok(condition) = alert::parse::parse(text) {
        let _ = (condition.windows(), condition.limit());
        let json = serde_json::to_string(&condition).expect("JSON");
        let back: alert::condition::Condition = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(serde_json::to_string(&back).expect("JSON"), json);
    }
    if let Ok(schedule) = alert::schedule::parse(text) {
        let now = 1_772_366_850;
        let (last, before) = (schedule.before(now, 1), schedule.before(now, 2));
        assert!(
            last.is_some_and(|last| last <= now) && before < last,
            "{last:?} after {before:?}"
        );
    }
    if let (Ok(sample), Ok(rule)) = (
        serde_json::from_str::<alert::judge::Sample>(text),
        serde_json::from_str::<alert::step::Rule>(
            r#"{"condition": {"kind": "compare", "op": ">", "limit": 1, "decimals": 0}, "recovery": {"kind": "absent"}}"#,
        ),
    ) {
        let at = chrono::DateTime::UNIX_EPOCH;
        let step = alert::step::step(&alert::step::State::default(), &sample, &rule, at);
        let json = serde_json::to_string(&step).expect("JSON");
        let state: alert::step::State = serde_json::from_str(&json).expect("its own JSON");
        assert_eq!(state, step.state);
    }
    if let Some(bytes) = hex::decode(text) {
        assert_eq!(hex::encode(&bytes), text.to_ascii_lowercase());
    }
}
