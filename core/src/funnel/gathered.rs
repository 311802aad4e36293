//! Owns `funnel_events` as a value: the words of an actor's events ([`super::events`]), stored and as text.

use super::Event;
use super::events::{Grow, first_words, from_payload, funnel, init, push, sorted, used};
use crate::error::{TallyError, room_for};
use crate::hex;
use crate::sketch::stored::{Stored, from_hex};

/// Events of one actor as a value: their words.
pub struct Gathered(pub Vec<u64>);

impl Gathered {
    /// The stored bytes: sorted, without the room behind the events, and narrow where all of them are. The final of an aggregate
    /// calls this and not `encode()`: a group is as large as its rows make it, so memory that is not there must be an error.
    pub fn bytes(&self) -> Result<Vec<u8>, TallyError> {
        let funnel = funnel(&self.0);
        let all = sorted(&self.0)?;
        let mut words = room_for(first_words(&funnel))?;
        words.resize(first_words(&funnel), 0);
        init(&mut words, &funnel);
        for event in all {
            while let Err(Grow(needed)) = push(&mut words, event) {
                let mut larger = room_for(needed)?;
                larger.extend_from_slice(&words);
                larger.resize(needed, 0);
                words = larger;
            }
        }
        words.truncate(used(&words));
        let mut bytes = room_for(words.len() * 8)?;
        bytes.extend(words.iter().flat_map(|w| w.to_le_bytes()).skip(4));
        Ok(bytes)
    }
}

impl Stored for Gathered {
    const NAME: &'static str = "funnel_events";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        from_payload(bytes).map(Gathered)
    }

    fn encode(&self) -> Vec<u8> {
        self.bytes()
            .unwrap_or_else(|_| std::alloc::handle_alloc_error(std::alloc::Layout::new::<Event>()))
    }

    fn text(&self) -> String {
        hex::encode(&self.encode())
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        from_hex(text)
    }
}
