//! Owns the stored bytes of a t-digest.
//!
//! ```text
//! u8 version = 1 · u8 kind · u16 compression, then
//! kind 1 (exact)   f64 values ascending, to the end
//! kind 2 (digest)  f64 min, max, sum · varint -inf, +inf, NaN, n · n × f64 mean · n × varint (weight << 1 | impure)
//! kind 3, 4         as 1, 2, with f64 the share asked for behind the compression: parts of `approx_percentile(value, q)`
//! kind 17, 18      the working form (see `working`): partial states between parallel workers, never in tables
//! ```

use super::{Body, COMPRESSION, Centroid, Digest, EXACT_MAX, Outside, Sketch, working};
use crate::error::TallyError;
use crate::sketch::bytes::{Reader, put_varint};

/// Version of the stored bytes.
pub const VERSION: u8 = 1;
const EXACT: u8 = 1;
const DIGEST: u8 = 2;
/// Added to a kind: the share asked for stands before the body.
const ASKED: u8 = 2;

/// The stored bytes.
pub fn encode(sketch: &Sketch) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    out.extend([
        VERSION,
        if matches!(sketch.body, Body::Exact(_)) {
            EXACT
        } else {
            DIGEST
        } + if sketch.asked.is_some() { ASKED } else { 0 },
    ]);
    out.extend(sketch.compression.to_le_bytes());
    out.extend(sketch.asked.iter().flat_map(|q| q.to_le_bytes()));
    match &sketch.body {
        Body::Exact(values) => {
            out.reserve_exact(values.len() * 8);
            values.iter().for_each(|v| out.extend(v.to_le_bytes()));
        }
        Body::Digest(digest) => {
            let one_nan = |v: f64| if v.is_nan() { f64::NAN } else { v };
            [digest.min, digest.max, digest.sum]
                .iter()
                .for_each(|v| out.extend(one_nan(*v).to_le_bytes()));
            let Outside { neg_inf, pos_inf, nan } = digest.outside;
            [neg_inf, pos_inf, nan, digest.centroids.len() as u64]
                .iter()
                .for_each(|&v| put_varint(&mut out, v));
            digest.centroids.iter().for_each(|c| out.extend(c.mean.to_le_bytes()));
            digest
                .centroids
                .iter()
                .for_each(|c| put_varint(&mut out, c.weight << 1 | u64::from(!c.pure)));
        }
    }
    out
}

/// Whether the bytes are a working form: a partial state of another process.
pub fn is_partial(bytes: &[u8]) -> bool {
    matches!(bytes, [VERSION, working::EXACT | working::DIGEST, ..])
}

/// Reads stored bytes, or a working form, into a finished sketch.
pub fn decode(bytes: &[u8]) -> Result<Sketch, TallyError> {
    let mut reader = Reader::new("tdigest", bytes);
    let (version, kind, compression) = (reader.u8()?, reader.u8()?, reader.u16()?);
    if version != VERSION || !COMPRESSION.contains(&compression) {
        return Err(reader.corrupt(&format!("version {VERSION} with a compression in {COMPRESSION:?}")));
    }
    let asked = match kind {
        // Shares have no sign: -0 is 0.
        3 | 4 => Some(reader.f64()?).filter(|q| (0.0..=1.0).contains(q)).map(f64::abs),
        _ => None,
    };
    if asked.is_none() && matches!(kind, 3 | 4) {
        return Err(reader.corrupt("a share asked for in 0 to 1"));
    }
    match kind - if asked.is_some() { ASKED } else { 0 } {
        EXACT => Ok(Sketch {
            compression,
            asked,
            body: Body::Exact(exact_values(&mut reader)?),
        }),
        DIGEST => Ok(Sketch {
            compression,
            asked,
            body: Body::Digest(digest(&mut reader, compression)?),
        }),
        working::EXACT | working::DIGEST => {
            let words = working::from_bytes(bytes)?;
            Ok(working::finish(&words))
        }
        _ => Err(reader.corrupt("kind 1 or 2")),
    }
}

/// The values of an exact sketch where they lie, with its compression: stored ones ascend, those of a partial state are as they
/// came. `None` for every other kind.
pub fn exact_slice(bytes: &[u8]) -> Option<(&[[u8; 8]], u16)> {
    let (head, rest) = bytes.split_at_checked(4)?;
    let compression = u16::from_le_bytes([head[2], head[3]]);
    let (words, odd) = rest.as_chunks::<8>();
    let values = match (head[0], head[1]) {
        (VERSION, EXACT) => words,
        (VERSION, working::EXACT) => working::values_in(words)?,
        _ => return None,
    };
    let whole = odd.is_empty() && values.len() <= EXACT_MAX && COMPRESSION.contains(&compression);
    whole.then_some((values, compression))
}

fn exact_values(reader: &mut Reader) -> Result<Vec<f64>, TallyError> {
    let n = reader.remaining() / 8;
    if !reader.remaining().is_multiple_of(8) || n > EXACT_MAX {
        return Err(reader.corrupt(&format!("up to {EXACT_MAX} values of 8 bytes")));
    }
    let mut values = Vec::with_capacity(n);
    for _ in 0..n {
        values.push(reader.f64()?);
    }
    if !values.is_sorted_by(|a, b| a.total_cmp(b).is_le()) {
        return Err(reader.corrupt("values in ascending order"));
    }
    // What is written has one NaN; one with a sign would sort before all numbers, and PostgreSQL's NaN comes after them.
    if values.iter().any(|v| v.is_nan() && v.to_bits() != f64::NAN.to_bits()) {
        return Err(reader.corrupt("the one NaN that is ever written"));
    }
    Ok(values)
}

fn digest(reader: &mut Reader, compression: u16) -> Result<Digest, TallyError> {
    let (min, max, sum) = (reader.f64()?, reader.f64()?, reader.f64()?);
    let outside = Outside {
        neg_inf: reader.varint()?,
        pos_inf: reader.varint()?,
        nan: reader.varint()?,
    };
    let n = reader.varint()?;
    if n > u64::from(compression) || n * 9 > reader.remaining() as u64 {
        return Err(reader.corrupt("as many centroids as fit"));
    }
    let mut centroids = Vec::with_capacity(n as usize);
    for _ in 0..n {
        centroids.push(Centroid {
            mean: reader.f64()?,
            weight: 0,
            pure: true,
        });
    }
    let mut total = outside.total();
    for centroid in &mut centroids {
        let coded = reader.varint()?;
        centroid.weight = coded >> 1;
        centroid.pure = coded & 1 == 0;
        total = total
            .checked_add(centroid.weight)
            .ok_or_else(|| reader.corrupt("a count of at most 64 bits"))?;
        if centroid.weight == 0 {
            return Err(reader.corrupt("centroids of weight 1 or more"));
        }
    }
    reader.end()?;
    let ordered = centroids.is_sorted_by(|a, b| a.mean <= b.mean) && centroids.iter().all(|c| c.mean.is_finite());
    let bounded = match (centroids.first(), centroids.last()) {
        (Some(first), Some(last)) => min <= first.mean && last.mean <= max && min.is_finite() && max.is_finite(),
        _ => true,
    };
    if !(ordered && bounded && total < u64::MAX) {
        return Err(reader.corrupt("finite centroids in ascending order between min and max"));
    }
    Ok(Digest {
        min,
        max,
        sum,
        outside,
        centroids,
    })
}
