//! Owns which events of a unit a metric counts, as text of plain SQL.

use super::define::{Experiment, Metric};
use super::world::{EVENTS, VISITS, World};

/// A moment of a column, whatever its type.
pub fn instant(column: &str, time_type: &str, zone: &str) -> String {
    match time_type {
        "timestamptz" => column.to_string(),
        "date" => format!("({column}::timestamp AT TIME ZONE '{zone}')"),
        _ => format!("({column} AT TIME ZONE '{zone}')"),
    }
}

/// What a metric reads of its table, as text over an event x and a unit u.
pub struct Events {
    /// The moment of an event.
    pub at: String,
    /// FROM and WHERE of the unit's events that count.
    pub near: String,
    /// The condition that an event lies in the window after exposure.
    pub after: String,
}

impl Events {
    /// Of a metric as an experiment measures it.
    pub fn of(e: &Experiment, m: &Metric, world: &World) -> Self {
        let (delay, end) = (m.delay.unwrap_or(e.delay), e.matured_after(m));
        let time = world.column(m.table, if m.table == VISITS { "t" } else { "at" });
        let time_type = if m.table == EVENTS {
            world.time_types[1]
        } else {
            "timestamptz"
        };
        let at = instant(&format!("x.{time}"), time_type, e.zone);
        Events {
            after: format!("({at} >= u.at + interval '{delay} hours' AND {at} < u.at + interval '{end} hours')"),
            near: format!(
                "{} x WHERE x.{}::text = u.unit{}",
                world.name(m.table),
                world.column(m.table, m.unit()),
                m.filter
                    .map_or_else(String::new, |f| format!(" AND ({})", world.words(m.table, f)))
            ),
            at,
        }
    }

    /// The sum of something over the unit's events of a period.
    pub fn sum(&self, what: &str, period: &str) -> String {
        format!(
            "COALESCE((SELECT sum({what}) FROM {} AND {period}), 0)::float8",
            self.near
        )
    }
}
