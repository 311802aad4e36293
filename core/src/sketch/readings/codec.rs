//! Owns the stored bytes of `readings`.
//!
//! ```text
//! u8 version = 1 · u8 kind · u16 0 · varint parts · parts × part, ascending; a finished value has one
//! part: varint readings · i64 time · f64 value of the first; with two or more readings:
//!       i64 time · f64 value of the last · varint changes, resets · u8 odd · sum (`ordered::exact`)
//! ```

use super::{Kind, Part, Readings, rows_and_parts, text};
use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};
use crate::sketch::ordered::exact::Exact;
use crate::sketch::ordered::{Point, is_time, log};
use crate::sketch::stored::Stored;

const VERSION: u8 = 1;

impl Readings {
    /// Reads stored bytes.
    pub(super) fn decode_stored(bytes: &[u8]) -> Result<Self, TallyError> {
        let mut reader = Reader::new("readings", bytes);
        let (version, code, zero, count) = (reader.u8()?, reader.u8()?, reader.u16()?, reader.varint()?);
        let Some(kind) = Kind::of_code(code).filter(|_| (version, zero) == (VERSION, 0)) else {
            return Err(reader.corrupt("version 1 of a kind"));
        };
        let mut parts: Vec<Part> = Vec::new();
        for _ in 0..count {
            let part = Part::decode(&mut reader)?;
            if parts.last().is_some_and(|last| *last > part) {
                return Err(reader.corrupt("parts in ascending order"));
            }
            parts.push(part);
        }
        reader.end()?;
        if parts.is_empty() {
            return Err(reader.corrupt("one reading at least"));
        }
        Ok(Readings { kind, parts })
    }
}

fn point(reader: &mut Reader) -> Result<Point, TallyError> {
    let (time, value) = (reader.u64()? as i64, reader.f64()?);
    if !is_time(time) {
        return Err(reader.corrupt("a finite time"));
    }
    Ok(Point::new(time, value))
}

impl Part {
    fn decode(reader: &mut Reader) -> Result<Self, TallyError> {
        let count = reader.varint()?;
        let mut part = Part::of(point(reader)?);
        if count != 1 {
            part.count = count;
            part.last = point(reader)?;
            (part.changes, part.resets) = (reader.varint()?, reader.varint()?);
            let odd = reader.u8()?;
            part.odd |= odd == 1 || !part.last.value.is_finite();
            part.sum = Exact::decode(reader)?;
            let steps = count.saturating_sub(1);
            let ordered = count > 1 && odd <= 1 && part.first <= part.last;
            if !ordered || part.changes > steps || part.resets > part.changes {
                return Err(reader.corrupt("readings in the order of time"));
            }
        }
        Ok(part)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.count);
        out.extend(self.first.time.to_le_bytes());
        out.extend(self.first.value.to_le_bytes());
        if self.count > 1 {
            out.extend(self.last.time.to_le_bytes());
            out.extend(self.last.value.to_le_bytes());
            put_varint(out, self.changes);
            put_varint(out, self.resets);
            out.push(self.odd.into());
            self.sum.encode(out);
        }
    }
}

impl Stored for Readings {
    const NAME: &'static str = "readings";

    fn decode(bytes: &[u8]) -> Result<Self, TallyError> {
        if log::kind_of_bytes(bytes).is_none() {
            return Readings::decode_stored(bytes);
        }
        let (kind, rows, mut parts) = rows_and_parts(bytes)?;
        parts.extend(rows.into_iter().map(Part::of));
        parts.sort();
        Ok(Readings { kind, parts })
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = vec![VERSION, self.kind.code(), 0, 0];
        put_varint(&mut out, self.parts.len() as u64);
        self.parts.iter().for_each(|part| part.encode(&mut out));
        out
    }

    fn is_partial(bytes: &[u8]) -> bool {
        log::kind_of_bytes(bytes).is_some()
    }

    fn text(&self) -> String {
        text::write(self)
    }

    fn parse(text: &str) -> Result<Self, TallyError> {
        text::read(text)
    }
}
