//! Owns `funnel_events`: the packed events of one actor with the funnel they are for; the state of the aggregates.
//!
//! 64-bit words, little-endian, whose first half word is the varlena header:
//!
//! | word | what |
//! |---|---|
//! | 0 | high half: number of events |
//! | 1 | window, microseconds |
//! | 2 | bytes: version, modes, conditions, exclusions, 1 if wide |
//! | 3… | one word per exclusion: bytes from, to, 1 if remove |
//! | then | events, in the order they came |
//!
//! A narrow event is one word, time × 256 + mask: it holds 8 conditions and the years 859 to 3141, and sorts as a
//! number by (time, mask). A wide event is two words, time and mask. A state turns wide when an event needs it.

use super::spec::{Action, Exclusion, Funnel, Mode};
use super::{Event, MAX_CONDITIONS};
use crate::error::{SqlState, TallyError, room_for};

const VERSION: u8 = 1;
const COUNT_SHIFT: u32 = 32;
const HEADER_WORDS: usize = 3;
/// Conditions that a narrow event holds.
const NARROW_CONDITIONS: usize = 8;
/// Events that a new state has room for.
const FIRST_EVENTS: usize = 4;
/// Most exclusions of a funnel: their words must fit before the events of any state.
const MAX_EXCLUSIONS: usize = MAX_CONDITIONS - 1;

pub use crate::sketch::Grow;

/// The header's bytes of word 2.
#[derive(Clone, Copy)]
struct Facts {
    conditions: usize,
    exclusions: usize,
    wide: bool,
    mode: Mode,
}

fn facts(words: &[u64]) -> Facts {
    let [_, mode, conditions, exclusions, wide, ..] = words[2].to_le_bytes();
    Facts {
        conditions: conditions.into(),
        exclusions: exclusions.into(),
        wide: wide == 1,
        mode: Mode(mode),
    }
}

impl Facts {
    fn first(self) -> usize {
        HEADER_WORDS + self.exclusions
    }
    fn stride(self) -> usize {
        1 + usize::from(self.wide)
    }
}

/// How many events there are.
pub fn len(words: &[u64]) -> usize {
    count(words)
}

fn count(words: &[u64]) -> usize {
    (words[0] >> COUNT_SHIFT) as usize
}

fn set_count(words: &mut [u64], count: usize) {
    words[0] = words[0] & 0xffff_ffff | (count as u64) << COUNT_SHIFT;
}

/// Words of a new state.
pub fn first_words(funnel: &Funnel) -> usize {
    let wide = funnel.conditions() > NARROW_CONDITIONS;
    HEADER_WORDS + funnel.exclusions.len() + FIRST_EVENTS * (1 + usize::from(wide))
}

/// Writes the funnel into the words of a new state.
pub fn init(words: &mut [u64], funnel: &Funnel) {
    let conditions = funnel.conditions();
    let wide = conditions > NARROW_CONDITIONS;
    words[1] = funnel.window as u64;
    words[2] = u64::from_le_bytes([
        VERSION,
        funnel.mode.0,
        conditions as u8,
        funnel.exclusions.len() as u8,
        wide.into(),
        0,
        0,
        0,
    ]);
    for (word, e) in words[HEADER_WORDS..].iter_mut().zip(&funnel.exclusions) {
        let remove = u8::from(e.action == Action::Remove);
        *word = u64::from_le_bytes([e.from, e.to, remove, 0, 0, 0, 0, 0]);
    }
}

/// Number of conditions that each event is given with.
#[inline]
pub fn conditions(words: &[u64]) -> usize {
    facts(words).conditions
}

/// Whether an event that meets no condition is to be kept.
#[inline]
pub fn needs_foreign(words: &[u64]) -> bool {
    facts(words).mode.needs_foreign()
}

/// Whether the event fits a narrow word.
fn is_narrow(event: Event) -> bool {
    event.mask < 256 && event.time << 8 >> 8 == event.time
}

fn narrow(event: Event) -> u64 {
    (event.time << 8) as u64 | u64::from(event.mask)
}

fn widened(word: u64) -> Event {
    Event {
        time: word as i64 >> 8,
        mask: word as u32 & 0xff,
    }
}

/// Adds an event; changes nothing when the state is too small.
#[inline]
pub fn push(words: &mut [u64], event: Event) -> Result<(), Grow> {
    let facts = facts(words);
    let count = count(words);
    if !facts.wide && !is_narrow(event) {
        return widen(words, event);
    }
    let at = facts.first() + count * facts.stride();
    let Some(slot) = words.get_mut(at..at + facts.stride()) else {
        return Err(Grow(facts.first() + (2 * count).max(FIRST_EVENTS) * facts.stride()));
    };
    if facts.wide {
        slot[0] = event.time as u64;
        slot[1] = event.mask.into();
    } else {
        slot[0] = narrow(event);
    }
    set_count(words, count + 1);
    Ok(())
}

/// Makes a narrow state wide, then adds the event.
#[cold]
fn widen(words: &mut [u64], event: Event) -> Result<(), Grow> {
    let (first, count) = (facts(words).first(), count(words));
    let needed = first + 2 * (count + 1);
    if words.len() < needed {
        return Err(Grow(needed));
    }
    // From the end, so that no event is written over before it is read.
    for i in (0..count).rev() {
        let event = widened(words[first + i]);
        words[first + 2 * i] = event.time as u64;
        words[first + 2 * i + 1] = event.mask.into();
    }
    let mut bytes = words[2].to_le_bytes();
    bytes[4] = 1;
    words[2] = u64::from_le_bytes(bytes);
    push(words, event)
}

/// Adds the events of another state. Changes nothing when the state is too small.
pub fn merge(words: &mut [u64], other: &[u64]) -> Result<Result<(), Grow>, TallyError> {
    let same = |mask: u64| (words[2] ^ other[2]) & mask == 0;
    // Everything of word 2 but whether it is wide.
    if words[1] != other[1]
        || !same(0xffff_ff00_ffff_ffff)
        || words[HEADER_WORDS..facts(words).first()] != other[HEADER_WORDS..facts(other).first()]
    {
        return Err(TallyError::new(
            SqlState::InvalidParameterValue,
            "expected the events of one funnel, got two with other windows, steps or options",
        )
        .hint("GROUP BY what the window, the steps or the options depend on."));
    }
    let (mine, theirs) = (facts(words), facts(other));
    let total = count(words) + count(other);
    let wide = mine.wide || theirs.wide;
    let needed = mine.first() + total * (1 + usize::from(wide));
    if words.len() < needed {
        return Ok(Err(Grow(needed)));
    }
    if mine.wide == theirs.wide {
        let at = mine.first() + count(words) * mine.stride();
        let len = count(other) * mine.stride();
        words[at..at + len].copy_from_slice(&other[theirs.first()..theirs.first() + len]);
        set_count(words, total);
        return Ok(Ok(()));
    }
    for event in events(other) {
        if let Err(grow) = push(words, event) {
            return Ok(Err(grow));
        }
    }
    Ok(Ok(()))
}

/// How many words hold the header and the events. Behind them there is room.
pub(super) fn used(words: &[u64]) -> usize {
    let facts = facts(words);
    facts.first() + count(words) * facts.stride()
}

/// The events, as they came.
fn events(words: &[u64]) -> impl Iterator<Item = Event> {
    let facts = facts(words);
    let body = &words[facts.first()..used(words)];
    body.chunks_exact(facts.stride()).map(move |w| match w {
        [time, mask] => Event {
            time: *time as i64,
            mask: *mask as u32,
        },
        _ => widened(w[0]),
    })
}

/// The events sorted by (time, mask).
pub fn sorted(words: &[u64]) -> Result<Vec<Event>, TallyError> {
    let mut sorted = room_for(count(words))?;
    sorted.extend(events(words));
    if !sorted.is_sorted() {
        crate::cancel::sort_by(&mut sorted, Event::cmp);
    }
    Ok(sorted)
}

/// The funnel that the state is for.
pub fn funnel(words: &[u64]) -> Funnel {
    let facts = facts(words);
    let exclusions = words[HEADER_WORDS..facts.first()]
        .iter()
        .map(|word| {
            let [from, to, remove, ..] = word.to_le_bytes();
            Exclusion {
                from,
                to,
                action: if remove == 1 { Action::Remove } else { Action::DropOff },
            }
        })
        .collect();
    Funnel {
        window: words[1] as i64,
        steps: facts.conditions - facts.exclusions,
        mode: facts.mode,
        exclusions,
    }
}

/// Words of a payload (what follows the varlena header), checked; none of what is checked here can panic later.
pub fn from_payload(payload: &[u8]) -> Result<Vec<u64>, TallyError> {
    let corrupt = |expected: &str| {
        TallyError::new(
            SqlState::DataCorrupted,
            format!("funnel_events expected {expected}, got {} bytes", payload.len()),
        )
        .detail("The stored bytes were not written by this version of pg_tally, or were changed since.")
    };
    if payload.len() % 8 != 4 || payload.len() < HEADER_WORDS * 8 - 4 {
        return Err(corrupt("a header and whole words"));
    }
    let (head, rest) = payload.split_first_chunk::<4>().ok_or_else(|| corrupt("a header"))?;
    let mut words = room_for(1 + rest.len() / 8)?;
    words.push(u64::from(u32::from_le_bytes(*head)) << 32);
    words.extend(rest.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)));
    let [version, _, _, _, wide, ..] = words[2].to_le_bytes();
    let facts = facts(&words);
    if version != VERSION || wide > 1 || !(1..=MAX_CONDITIONS).contains(&facts.conditions) {
        return Err(corrupt("version 1 and 1 to 32 conditions"));
    }
    if facts.exclusions > MAX_EXCLUSIONS || facts.exclusions >= facts.conditions {
        return Err(corrupt("fewer exclusions than conditions"));
    }
    if facts.conditions > NARROW_CONDITIONS && !facts.wide {
        return Err(corrupt("wide events for more than 8 conditions"));
    }
    if words.len() < used(&words) {
        return Err(corrupt("as many events as it counts"));
    }
    let steps = facts.conditions - facts.exclusions;
    let bad = |e: &Exclusion| e.from == 0 || e.from >= e.to || usize::from(e.to) > steps;
    let funnel = funnel(&words);
    if funnel.exclusions.iter().any(bad) || funnel.window < 0 {
        return Err(corrupt("exclusions between its steps and a window of 0 or more"));
    }
    Ok(words)
}
