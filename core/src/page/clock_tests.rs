//! Owns tests of what a picture says of time where the clock goes back or forward.

use serde_json::json;

use super::html;
use super::table::Table;
use super::tests::{board, panel};

#[test]
fn an_hour_that_comes_twice_is_two_rows_and_loses_no_number() {
    // New York, 2026-11-01: at 06:00 UTC the clock goes back from 02:00 to 01:00. All numbers from then on were missing in the table and the CSV.
    let hour = |h: i64| (1_793_505_600 + h * 3600) as f64;
    let mut line = panel("line", "n");
    line["columns"] = json!([]);
    line["series"] = json!([{"name": "a", "points": (0..6).map(|h| json!([hour(h), h])).collect::<Vec<_>>()}]);
    line["zone"] = json!("America/New_York");
    line["clock"] = json!([[hour(0), -14_400.0], [hour(2), -18_000.0]]);
    line["since"] = json!(hour(0));
    line["until"] = json!(hour(6));
    let panel = serde_json::from_value(line.clone()).expect("a panel");
    let csv = Table::of(&panel).csv();
    assert_eq!(
        csv.lines().skip(1).collect::<Vec<_>>(),
        [
            "2026-11-01 00:00,0.0",
            "2026-11-01 01:00-04:00,1.0",
            "2026-11-01 01:00-05:00,2.0",
            "2026-11-01 02:00,3.0",
            "2026-11-01 03:00,4.0",
            "2026-11-01 04:00,5.0"
        ]
    );
    let page = html(&board("n", json!([line])));
    assert!(page.contains("Times of America/New_York."));
    assert!(page.contains("<title>2026-11-01 01:00-05:00\na 2</title>"));
    // Five hours of the clock are six of the axis: what it shows as 02:00 stands in the middle.
    assert!(page.contains("x=\"50%\" y=\"178\" text-anchor=\"middle\">02:00</text>"));
    // Words beside each other need room: of a narrow picture every second one is hidden.
    assert_eq!(
        (
            page.matches("\"mark odd\"").count(),
            page.matches("container-type").count()
        ),
        (3, 1)
    );
}

#[test]
fn an_hour_that_the_clock_leaves_out_has_no_mark() {
    // Berlin, 2026-03-29: at 01:00 UTC the clock goes from 02:00 to 03:00.
    let hour = |h: i64| (1_774_738_800 + h * 3600) as f64;
    let mut line = panel("line", "n");
    line["series"] = json!([{"name": "a", "points": (0..5).map(|h| json!([hour(h), h])).collect::<Vec<_>>()}]);
    line["zone"] = json!("Europe/Berlin");
    line["clock"] = json!([[hour(0), 3_600.0], [hour(2), 7_200.0]]);
    line["since"] = json!(hour(0));
    line["until"] = json!(hour(5));
    let page = html(&board("n", json!([line])));
    let marked = |words: &str| page.contains(&format!(">{words}</text>"));
    assert!(marked("01:00") && !marked("02:00") && marked("03:00") && marked("05:00"));
}
