//! Owns patterns over the events of an actor: whether they occur, how often, and when first.
//!
//! Two neighbours without a gap stand next to each other among the events that meet any condition; the others are not kept. A match may begin and
//! end anywhere. ClickHouse walks back and forth, gives up after a million steps, and leaves the order of events of one second open. Here one pass
//! over the sorted events keeps, for each element, the events at which the pattern so far can end: n · m steps with a binary search each.

use super::Event;
use super::pattern::Element;
pub use super::pattern::Pattern;
use crate::error::{TallyError, room_for};

impl Pattern {
    /// The first match that ends earliest, then how often matches follow one another without sharing an event. Stops after `most` of them.
    fn search(&self, events: &[Event], most: u64) -> Result<(Vec<i64>, u64), TallyError> {
        let last = self.0.len() - 1;
        // For each element: the events at which the pattern up to it can end, in order. Each holds the place of its predecessor.
        let mut ends: Vec<Vec<End>> = vec![Vec::new(); self.0.len()];
        let (mut first, mut found) = (Vec::new(), 0);
        for (i, event) in crate::cancel::looking(events.iter().enumerate()) {
            let mut whole = None;
            // From the back, so that no event fills two places of one match.
            for (j, element) in self.0.iter().enumerate().rev() {
                if event.mask & element.mask == 0 {
                    continue;
                }
                let before = match j {
                    0 => Some(0),
                    _ => element.after(&ends[j - 1], i, event.time),
                };
                if let Some(before) = before {
                    let end = End {
                        time: event.time,
                        at: i,
                        before,
                    };
                    if j == last {
                        whole = Some(end);
                        break;
                    }
                    ends[j]
                        .try_reserve(1)
                        .map_err(|_| room_for::<End>(usize::MAX).expect_err("no such room"))?;
                    ends[j].push(end);
                }
            }
            let Some(end) = whole else { continue };
            if found == 0 {
                first = times(&ends, end, last);
            }
            found += 1;
            if found >= most {
                break;
            }
            ends.iter_mut().for_each(Vec::clear);
        }
        Ok((first, found))
    }

    /// Whether the pattern occurs.
    pub fn matches(&self, events: &[Event]) -> Result<bool, TallyError> {
        Ok(self.search(events, 1)?.1 == 1)
    }

    /// How often it occurs, if no two occurrences share an event. Each one counted ends as early as it can, so no choice gives more.
    pub fn count(&self, events: &[Event]) -> Result<u64, TallyError> {
        Ok(self.search(events, u64::MAX)?.1)
    }

    /// The times of the events of the occurrence that ends earliest. If several end there, its events stand latest. Empty if there is none.
    pub fn times(&self, events: &[Event]) -> Result<Vec<i64>, TallyError> {
        Ok(self.search(events, 1)?.0)
    }
}

/// An event at which a part of the pattern can end.
#[derive(Clone, Copy, Debug)]
struct End {
    time: i64,
    /// Place among the events.
    at: usize,
    /// Place among the ends of the element before.
    before: usize,
}

impl Element {
    /// The latest end of the element before that may stand before event `i` at `time`.
    fn after(&self, ends: &[End], i: usize, time: i64) -> Option<usize> {
        if !self.gap {
            let end = ends.last()?;
            return (end.at + 1 == i).then_some(ends.len() - 1);
        }
        let (least, most) = self.apart;
        // Ends are in order of time: the latest that is far enough away, and it must not be too far.
        let place = ends
            .partition_point(|end| time.saturating_sub(end.time) >= least)
            .checked_sub(1)?;
        (time.saturating_sub(ends[place].time) <= most).then_some(place)
    }
}

/// The times of a match, from its last event back.
fn times(ends: &[Vec<End>], end: End, last: usize) -> Vec<i64> {
    let mut times = vec![end.time; last + 1];
    let mut before = end.before;
    for j in (0..last).rev() {
        let end = ends[j][before];
        times[j] = end.time;
        before = end.before;
    }
    times
}

#[cfg(test)]
mod tests {
    use super::super::pattern::SECOND;
    use super::*;

    fn events(text: &str) -> Vec<Event> {
        // "a0 b5": condition 1 at second 0, condition 2 at second 5.
        let mut events: Vec<Event> = text
            .split_whitespace()
            .map(|e| {
                let (names, time) = e.split_at(e.find(|c: char| c.is_ascii_digit()).unwrap());
                let mask = names.bytes().fold(0, |mask, b| mask | 1 << (b - b'a'));
                Event {
                    time: time.parse::<i64>().unwrap() * SECOND,
                    mask,
                }
            })
            .collect();
        events.sort();
        events
    }
    fn count(pattern: &str, text: &str) -> u64 {
        Pattern::parse(pattern, 4).unwrap().count(&events(text)).unwrap()
    }

    #[test]
    fn neighbours_gaps_and_seconds() {
        // ClickHouse's own examples: 1, 3, 2 at times 1, 2, 3.
        assert_eq!(count("(?1)(?2)", "a1 b3"), 1);
        assert_eq!(count("(?1)(?2)", "a1 c2 b3"), 0);
        assert_eq!(count("(?1).*(?2)", "a1 c2 b3"), 1);
        assert_eq!(count("(?1).(?2)", "a1 c2 b3"), 1);
        assert_eq!(count("(?1).*(?2)", "a1 b3 a4 b5 a6"), 2);
        assert_eq!(count("(?1)(?t<=2)(?2)", "a1 c2 b3"), 1);
        assert_eq!(count("(?1)(?t<2)(?2)", "a1 c2 b3"), 0);
        assert_eq!(count("(?1)(?t==2)(?2)", "a1 a2 b3"), 1);
        assert_eq!(count("(?1)(?t>1)(?t<=3)(?2)", "a1 a4 b5"), 0);
        assert_eq!(count("(?1)(?t>1)(?t<=4)(?2)", "a1 a4 b5"), 1);
        assert_eq!(count("(?1)", "a1 a1 ab2"), 3);
        assert_eq!(count(".", "a1 b2"), 2);
    }

    #[test]
    fn an_event_fills_one_place() {
        assert_eq!(count("(?1).*(?1)", "a1"), 0);
        assert_eq!(count("(?1)(?1)", "a1 a2 a3"), 1);
        assert_eq!(count("(?1).*(?2)", "ab1 ab2"), 1);
    }

    #[test]
    fn the_first_match_stands_latest_before_its_end() {
        let pattern = Pattern::parse("(?1).*(?2)", 2).unwrap();
        let times = pattern.times(&events("a1 a2 a3 b5 b6")).unwrap();
        assert_eq!(times, [3 * SECOND, 5 * SECOND]);
        assert!(pattern.times(&events("b1 a2")).unwrap().is_empty());
    }

    /// Every match of a pattern as (first place, last place), by trying everything.
    fn every(pattern: &Pattern, events: &[Event]) -> Vec<(usize, usize)> {
        fn go(elements: &[Element], events: &[Event], taken: &mut Vec<usize>, out: &mut Vec<(usize, usize)>) {
            let Some(element) = elements.get(taken.len()) else {
                out.push((taken[0], taken[taken.len() - 1]));
                return;
            };
            let from = taken.last().map_or(0, |last| last + 1);
            for i in from..events.len() {
                let fits = match taken.last() {
                    None => true,
                    Some(&last) if element.gap => {
                        let apart = events[i].time - events[last].time;
                        apart >= element.apart.0 && apart <= element.apart.1
                    }
                    Some(&last) => i == last + 1,
                };
                if fits && events[i].mask & element.mask != 0 {
                    taken.push(i);
                    go(elements, events, taken, out);
                    taken.pop();
                }
            }
        }
        let mut out = Vec::new();
        go(&pattern.0, events, &mut Vec::new(), &mut out);
        out
    }

    #[test]
    fn equals_trying_everything() {
        let pieces = [
            "(?1)", "(?2)", "(?3)", ".", ".*", "(?t<=2)", "(?t>1)", "(?t==1)", "(?t>=3)", "(?t<4)",
        ];
        let mut seed = 7u64;
        let mut random = |n: usize| {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (seed >> 33) as usize % n
        };
        let mut tried = 0;
        for _ in 0..4000 {
            let text: String = (0..1 + random(6)).map(|_| pieces[random(pieces.len())]).collect();
            let Ok(pattern) = Pattern::parse(&text, 3) else {
                continue;
            };
            let mut some: Vec<Event> = (0..random(8))
                .map(|_| Event {
                    time: random(8) as i64 * SECOND,
                    mask: 1 + random(7) as u32,
                })
                .collect();
            some.sort();
            let all = every(&pattern, &some);
            // The most matches without a common place: by the earliest end, as any book on scheduling proves.
            let (mut most, mut free) = (0, 0);
            let mut by_end = all.clone();
            by_end.sort_by_key(|m| m.1);
            for (from, to) in by_end {
                if from >= free {
                    most += 1;
                    free = to + 1;
                }
            }
            assert_eq!(pattern.count(&some).unwrap(), most, "{text} {some:?}");
            assert_eq!(pattern.matches(&some).unwrap(), !all.is_empty(), "{text} {some:?}");
            let times = pattern.times(&some).unwrap();
            assert_eq!(
                times.last().copied(),
                all.iter().map(|m| some[m.1].time).min(),
                "{text} {some:?}"
            );
            tried += 1;
        }
        assert!(tried > 500, "{tried}");
    }
}
