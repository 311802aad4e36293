//! Owns caps that are a quantile of the units, as they should be: at the definition of an experiment, and when they are moved.

use super::Sequence;
use super::oracle;
use crate::server::words_of;
use postgres::Client;

/// What the caps of an experiment are as of a moment; none where there are no units yet.
fn now(client: &mut Client, seq: &Sequence, place: usize, as_of: &str) -> Result<Vec<(usize, Option<f64>)>, String> {
    let e = &seq.experiments[place];
    let mut caps = Vec::new();
    for (i, m) in e.metrics.iter().enumerate() {
        let Some(level) = m.cap_level else { continue };
        let sql = oracle::cap(e, m, &seq.world, level, as_of);
        let row = client
            .query_one(&sql, &[])
            .map_err(|error| format!("{}\n{sql}", words_of(&error)))?;
        caps.push((i, row.get(0)));
    }
    Ok(caps)
}

/// Sets the caps of an experiment that was just defined.
pub fn set(client: &mut Client, seq: &mut Sequence, place: usize) -> Result<(), String> {
    for (i, cap) in now(client, seq, place, "now")? {
        seq.experiments[place].metrics[i].cap = Some(cap.unwrap_or(f64::INFINITY));
    }
    Ok(())
}

/// Moves the caps of an experiment to a moment, and compares what it says of them.
pub fn moved(client: &mut Client, seq: &mut Sequence, place: usize, as_of: &str) -> Result<(), String> {
    let caps = now(client, seq, place, as_of)?;
    let e = &seq.experiments[place];
    let want: Vec<(String, Option<f64>, Option<f64>)> = (caps.iter())
        .map(|(i, cap)| {
            let m = &e.metrics[*i];
            (m.name.clone(), m.cap.filter(|c| c.is_finite()), *cap)
        })
        .collect();
    let sql = format!(
        "SELECT metric, was, cap FROM tally.move_experiment_caps('{}', '{as_of}')",
        e.name
    );
    seq.log.push(sql.clone());
    let got: Vec<(String, Option<f64>, Option<f64>)> = client
        .query(&sql, &[])
        .map_err(|error| words_of(&error))?
        .iter()
        .map(|r| (r.get(0), r.get(1), r.get(2)))
        .collect();
    if got != want {
        return Err(format!("{sql}: got {got:?}, expected {want:?}"));
    }
    for (i, cap) in caps {
        seq.experiments[place].metrics[i].cap = Some(cap.unwrap_or(f64::INFINITY));
    }
    Ok(())
}
