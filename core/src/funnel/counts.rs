//! Owns `funnel_counts`: what many actors add up to, mergeable: how many reached each step, and how long each step took.
//!
//! Stored: version, number of steps, then per step the actors that reached it (u64) and the digest of the seconds since the
//! step before (u32 length and the bytes of a `tdigest`; none for the first step or where only levels were given).
//!
//! The aggregate's state is [`counting`](super::counting).

use super::{MAX_CONDITIONS, counting};
use crate::error::TallyError;
use crate::hex;
use crate::sketch::bytes::{Reader, corrupt};
use crate::sketch::stored::{Stored, from_hex};
use crate::sketch::tdigest::working::{self, Grow};
use crate::sketch::tdigest::{DEFAULT_COMPRESSION, Sketch, codec};

const VERSION: u8 = 1;

/// One step of a funnel.
#[derive(Clone, Default)]
pub struct Step {
    /// Actors that reached it.
    pub reached: u64,
    /// Seconds since the step before, as a stored `tdigest`; empty where unknown.
    pub seconds: Vec<u8>,
}

/// Counts per step; as many steps as the furthest actor reached.
#[derive(Clone, Default)]
pub struct Counts {
    /// The steps, from the first.
    pub steps: Vec<Step>,
}

impl Counts {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.steps.len() as u8];
        for step in &self.steps {
            out.extend(step.reached.to_le_bytes());
            out.extend((step.seconds.len() as u32).to_le_bytes());
            out.extend(&step.seconds);
        }
        out
    }

    /// Reads the stored form alone.
    pub fn stored(bytes: &[u8]) -> Result<Counts, TallyError> {
        let mut reader = Reader::new("funnel_counts", bytes);
        if reader.u8()? != VERSION {
            return Err(reader.corrupt("version 1"));
        }
        let len = usize::from(reader.u8()?);
        if len > MAX_CONDITIONS {
            return Err(reader.corrupt("at most 32 steps"));
        }
        let mut steps = Vec::with_capacity(len);
        for _ in 0..len {
            let reached = reader.u64()?;
            let len = reader.u32()? as usize;
            let seconds = reader.take(len)?.to_vec();
            // Written anew, so that equal digests have equal bytes.
            let seconds = if seconds.is_empty() {
                seconds
            } else {
                codec::encode(&codec::decode(&seconds)?)
            };
            steps.push(Step { reached, seconds });
        }
        reader.end()?;
        Ok(Counts { steps })
    }

    /// Adds the actors of another.
    pub fn merge(&mut self, other: &Counts) -> Result<(), TallyError> {
        self.widen(other.steps.len());
        for (step, other) in self.steps.iter_mut().zip(&other.steps) {
            step.reached = step.reached.saturating_add(other.reached);
            if step.seconds.is_empty() {
                step.seconds.clone_from(&other.seconds);
            } else if !other.seconds.is_empty() {
                let mut words = working::from_sketch(&codec::decode(&step.seconds)?);
                while let Err(Grow(needed)) = working::merge_bytes(&mut words, &other.seconds)? {
                    words.resize(needed, 0);
                }
                step.seconds = codec::encode(&working::finish(&words));
            }
        }
        Ok(())
    }

    /// Counts in noted actors, as [`note_level`] and [`note_path`] wrote them.
    pub fn count(&mut self, notes: &[u64]) -> Result<(), TallyError> {
        let mut seconds: [Vec<f64>; MAX_CONDITIONS] = [const { Vec::new() }; MAX_CONDITIONS];
        let mut rest = notes;
        while let Some((head, tail)) = rest.split_first() {
            let (level, times) = ((head >> 1) as usize, head & 1 == 1);
            let taken = if times { level.saturating_sub(1) } else { 0 };
            if !(1..=MAX_CONDITIONS).contains(&level) || taken > tail.len() {
                return Err(corrupt("funnel_counts", "notes of 1 to 32 steps", notes.len() * 8));
            }
            self.widen(level);
            self.steps[..level]
                .iter_mut()
                .for_each(|step| step.reached = step.reached.saturating_add(1));
            for (step, word) in tail[..taken].iter().enumerate() {
                seconds[step + 1].push(f64::from_bits(*word));
            }
            rest = &tail[taken..];
        }
        for (step, values) in self.steps.iter_mut().zip(&seconds) {
            if values.is_empty() {
                continue;
            }
            let mut words = if step.seconds.is_empty() {
                let mut words = vec![0; working::FIRST_WORDS];
                working::init(&mut words, DEFAULT_COMPRESSION);
                words
            } else {
                working::from_sketch(&codec::decode(&step.seconds)?)
            };
            for value in values {
                while let Err(Grow(needed)) = working::push(&mut words, *value) {
                    words.resize(needed, 0);
                }
            }
            step.seconds = codec::encode(&working::finish(&words));
        }
        Ok(())
    }

    fn widen(&mut self, steps: usize) {
        if self.steps.len() < steps {
            self.steps.resize_with(steps, Step::default);
        }
    }

    /// The digest of the seconds that a step (from 0) took, where there is one.
    pub fn seconds(&self, step: usize) -> Result<Option<Sketch>, TallyError> {
        match self.steps.get(step) {
            Some(step) if !step.seconds.is_empty() => codec::decode(&step.seconds).map(Some),
            _ => Ok(None),
        }
    }
}

impl Stored for Counts {
    const NAME: &'static str = "funnel_counts";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        if counting::is_state(bytes) {
            counting::from_state(bytes)
        } else {
            Counts::stored(bytes)
        }
    }

    fn encode(&self) -> Vec<u8> {
        Counts::encode(self)
    }

    fn is_partial(bytes: &[u8]) -> bool {
        counting::is_state(bytes)
    }

    fn text(&self) -> String {
        hex::encode(&self.encode())
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        from_hex(text)
    }
}

/// The note of an actor whose level (1 or more) is known, and no times.
pub fn note_level(level: usize) -> Vec<u64> {
    vec![(level as u64) << 1]
}

/// The note of an actor by the times (microseconds) of the steps reached, at least one.
pub fn note_path(times: &[i64]) -> Vec<u64> {
    let seconds = times
        .windows(2)
        .map(|pair| (pair[1].wrapping_sub(pair[0]) as f64 / 1e6).to_bits());
    std::iter::once((times.len() as u64) << 1 | 1).chain(seconds).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(paths: &[&[i64]]) -> Counts {
        let mut counts = Counts::default();
        counts
            .count(&paths.iter().flat_map(|p| note_path(p)).collect::<Vec<_>>())
            .unwrap();
        counts
    }

    #[test]
    fn parts_add_up_to_the_whole() {
        let paths: &[&[i64]] = &[&[0], &[0, 3_000_000], &[5, 1_000_005, 3_000_005], &[7, 2_000_007]];
        let whole = counted(paths);
        assert_eq!(whole.steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [4, 3, 1]);
        assert_eq!(whole.seconds(1).unwrap().unwrap().percentile(0.5), Some(2.0));
        assert!(whole.seconds(0).unwrap().is_none());
        for cut in 0..=paths.len() {
            let mut part = counted(&paths[..cut]);
            part.merge(&counted(&paths[cut..])).unwrap();
            assert_eq!(part.encode(), whole.encode());
        }
        assert_eq!(Counts::stored(&whole.encode()).unwrap().encode(), whole.encode());
    }

    #[test]
    fn levels_have_no_times() {
        let mut counts = Counts::default();
        counts
            .count(&[note_level(2), note_level(1), note_path(&[0, 1])].concat())
            .unwrap();
        assert_eq!(counts.steps.iter().map(|s| s.reached).collect::<Vec<_>>(), [3, 2]);
        assert_eq!(counts.seconds(1).unwrap().unwrap().count(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Counts::decode(&bytes);
        }
    }
}
