//! Owns the arithmetic between days and months (H. Hinnant, *chrono-compatible low-level date algorithms*). Days are counted
//! from 2000-01-01, months from January 2000.

/// Days from 0000-03-01, where an era of 400 years begins, to 2000-01-01.
const TO_EPOCH: i64 = 730_425;

/// The month that a day is in.
pub fn month_of(day: i64) -> i64 {
    let z = day + TO_EPOCH;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let month = (5 * doy + 2) / 153;
    (era * 400 + yoe - 2000) * 12 + month + 2
}

/// The first day of a month.
pub fn first_day_of(month: i64) -> i64 {
    // Years that begin in March, so that the leap day is their last.
    let from_march = month - 2;
    let year = 2000 + from_march.div_euclid(12);
    let (era, yoe) = (year.div_euclid(400), year.rem_euclid(400));
    let doy = (153 * from_march.rem_euclid(12) + 2) / 5;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - TO_EPOCH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_follow_the_calendar() {
        use chrono::{Datelike, Days, NaiveDate};
        let epoch = NaiveDate::from_ymd_opt(2000, 1, 1).unwrap();
        for day in 0..200_000 {
            for date in [
                epoch.checked_add_days(Days::new(day)),
                epoch.checked_sub_days(Days::new(day)),
            ] {
                let date = date.unwrap();
                let expected = i64::from(date.year() - 2000) * 12 + i64::from(date.month0());
                assert_eq!(month_of((date - epoch).num_days()), expected, "{date}");
                let first = date.with_day(1).unwrap();
                assert_eq!(first_day_of(expected), (first - epoch).num_days(), "{first}");
            }
        }
    }
}
