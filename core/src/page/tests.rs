//! The page is proved here without a database: what it escapes, that it is well formed, that its style is allowed by its policy.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::markup::{escaped, is_link, percent};
use super::model::Model;
use super::table::Table;
use super::{html, number, text};

pub(super) fn board(name: &str, panels: Value) -> Model {
    let board = json!({"name": name, "title": name, "description": name, "as_of": name,
        "since_text": "a", "until_text": "b", "since": "24 hours",
        "until": null, "refresh": 60, "refreshing": false, "theme": name, "ranges": ["1 hour", "24 hours"],
        "boards": [{"name": name, "title": name}, {"name": "x", "title": name}],
        "pages": [{"address": name, "title": name}, {"address": "page_x?id=1", "title": name, "current": true}],
        "views": [{"name": name, "since": name, "filters": [name], "arranged": true}], "view": name,
        "variables": [{"name": name, "values": [name, "a"], "chosen": [name], "more": true}], "panels": panels});
    serde_json::from_value(board).expect("a model")
}

pub(super) fn panel(picture: &str, name: &str) -> Value {
    json!({"title": name, "picture": picture, "width": 6, "unit": name, "description": name, "why": name, "do": name, "board": name,
        "runbook": name, "zone": name,
        "limits": [{"value": 2.5, "above": true, "label": name, "severity": name}], "since": 0.0, "until": 7200.0, "step": 3600.0,
        "value": 3.0, "before": 2.0, "note": name,
        "forms": [{"title": name, "action": "page_x", "fields": [{"name": name, "label": name, "kind": "text", "value": name, "required": true},
            {"name": name, "label": name, "kind": "choice", "value": name, "choices": [name]}, {"name": name, "label": "", "kind": "hidden", "value": name}],
            "buttons": [{"value": name, "label": name}]}, {"title": name, "action": name, "fields": [], "buttons": []}],
        "series": [{"name": name, "points": [[0.0, 1.0], [3600.0, 3.0]]}, {"name": "b", "points": [[0.0, null], [3600.0, 2.0]]}],
        "columns": if matches!(picture, "ranking" | "funnel" | "table") { json!([name, "n"]) } else { json!([]) },
        "rows": if matches!(picture, "ranking" | "funnel" | "table") { json!([[name, 3], ["b", 1]]) } else { json!([]) }})
}

const PICTURES: [&str; 10] = [
    "line",
    "area",
    "bars",
    "stat",
    "heatmap",
    "states",
    "ranking",
    "funnel",
    "histogram",
    "table",
];

/// Every tag that is open is closed in order; attributes are quoted.
fn well_formed(page: &str) -> Result<(), String> {
    let mut open = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').ok_or("a tag without an end")?;
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.matches('"').count() % 2 == 1 {
            return Err(format!("quotes of <{tag}>"));
        }
        let name = tag.split([' ', '/']).next().unwrap_or_default();
        if let Some(closed) = tag.strip_prefix('/') {
            let last: Option<&str> = open.pop();
            if last != Some(closed) {
                return Err(format!("</{closed}> closes {last:?}"));
            }
        } else if !tag.starts_with('!') && !tag.ends_with('/') && name != "meta" {
            open.push(name);
        }
    }
    if open.is_empty() {
        Ok(())
    } else {
        Err(format!("left open: {open:?}"))
    }
}

#[test]
fn what_users_write_becomes_no_tag_on_any_picture() {
    for attack in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='x",
        "javascript:alert(1)",
        "]]>--><svg/onload=x>",
        "</title></style><u>",
    ] {
        let panels: Vec<Value> = PICTURES.iter().map(|p| panel(p, attack)).collect();
        let page = html(&board(attack, json!(panels)));
        well_formed(&page).expect("well formed");
        for bad in ["<script", "<img", "<u>", "<svg/", "href=\"javascript"] {
            assert!(!page.contains(bad), "{bad} of {attack}");
        }
        assert!(page.contains(&escaped(attack)), "{attack} is shown as what it is");
    }
}

#[test]
fn the_policy_allows_the_style_and_nothing_else() {
    let page = html(&board("a", json!([])));
    let style = &page[page.find("<style>").expect("style") + 7..page.find("</style>").expect("end")];
    let hash = crate::base64::encode(&<sha2::Sha256 as sha2::Digest>::digest(style));
    assert!(page.contains(&format!("style-src &#39;sha256-{hash}&#39;")));
    assert!(page.contains("default-src &#39;none&#39;"));
    assert!(!page.contains(" style=") && !page.contains("url(") && !page.contains("@import"));
}

#[test]
fn links_are_of_the_web_or_none() {
    assert!(is_link("https://runbooks.example/a") && is_link("HTTP://a") && is_link("mailto:a@b"));
    for bad in [
        "javascript:x",
        " javascript:x",
        "data:text/html,x",
        "java\nscript:x",
        "https://a\n",
        "//evil",
        "vbscript:x",
        "",
    ] {
        assert!(!is_link(bad), "{bad}");
    }
}

#[test]
fn numbers_are_short_and_round_right() {
    let cases = [
        (0.0, "0"),
        (1234.0, "1,234"),
        (12_345.0, "12.3\u{202F}k"),
        (0.12345, "0.123"),
        (99.96, "100"),
        (-5.5, "−5.5"),
        (2_500_000.0, "2.5\u{202F}M"),
        (1e-9, "1.00e-9"),
        (-0.00001, "-1.00e-5"),
    ];
    for (value, words) in cases {
        assert_eq!(number::compact(value), words);
    }
    assert_eq!(number::short(0.0567, Some("ratio")), "5.67\u{202F}%");
    assert_eq!(number::short(12_000.0, Some("ms")), "12\u{202F}s");
    // Marks of an axis of hours were 8.33 h and 16.7 h, since they were round in seconds.
    assert_eq!(number::scale(90_000.0, Some("s")) * 7_200.0, 2.0);
    assert_eq!(number::scale(1_500.0, Some("minutes")) * 60.0, 1.0);
    assert_eq!(number::scale(0.2, Some("ratio")), 100.0);
    assert_eq!(number::change(3.0, 2.0).as_deref(), Some("+50\u{202F}%"));
    assert_eq!(number::change(3.0, 0.0), None);
}

#[test]
fn the_csv_quotes_and_runs_nothing() {
    let rows = json!([["@x, \"y\"", 1.5], ["a\nb", null]]);
    let panel = json!({"title": "t", "picture": "table", "width": 6, "columns": ["=cmd", "b"], "rows": rows});
    let panel = serde_json::from_value(panel).expect("a panel");
    assert_eq!(
        Table::of(&panel).csv(),
        "\"'=cmd\",b\r\n\"'@x, \"\"y\"\"\",1.5\r\n\"a\nb\",\r\n"
    );
    assert_eq!(percent("ä b"), "%C3%A4%20b");
}

#[test]
fn the_prompt_is_sent_no_control_character() {
    let panels: Vec<Value> = PICTURES.iter().map(|p| panel(p, "\u{1b}[31mred\r")).collect();
    let shown = text(&board("\u{1b}[2J", json!(panels)));
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'));
}

fn numbers() -> impl Strategy<Value = Vec<Option<f64>>> {
    prop::collection::vec(prop::option::of(prop::num::f64::NORMAL | prop::num::f64::ZERO), 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_and_any_numbers_make_a_well_formed_page(name in "\\PC{0,20}|[<>&\"'/ =a-z]{0,20}", values in numbers(),
            since in -1e13..1e13_f64, span in 1e-3..1e12_f64) {
        let mut panels: Vec<Value> = PICTURES.iter().map(|p| panel(p, &name)).collect();
        for each in &mut panels {
            each["series"][0]["points"] = values.iter().enumerate().map(|(i, v)| json!([since + i as f64, v])).collect();
            each["since"] = json!(since);
            each["until"] = json!(since + span);
            each["step"] = json!(1.0);
            each["limits"][0]["value"] = json!(values.first().copied().flatten().unwrap_or(0.0));
        }
        let model = board(&name, json!(panels));
        let page = html(&model);
        prop_assert!(well_formed(&page).is_ok(), "{:?}", well_formed(&page));
        prop_assert!(!page.contains("NaN") && !page.contains("inf%"));
        prop_assert!(!text(&model).is_empty());
    }
}

#[test]
fn a_form_and_a_link_lead_to_our_own_pages_alone() {
    let made = |address: &str| {
        let mut panel = panel("table", "n");
        panel["rows"] = json!([[{"text": "<b>#1", "address": address}, 1]]);
        panel["columns"] = json!(["a", "b"]);
        panel["forms"][0]["action"] = json!(address);
        panel["board"] = json!(null);
        panel["runbook"] = json!(null);
        html(&board("n", json!([panel])))
    };
    let page = made("page_incident?id=1&theme=dark");
    assert!(page.contains("<a href=\"page_incident?id=1&amp;theme=dark\">&lt;b&gt;#1</a>"));
    assert!(page.contains("<form method=\"post\" action=\"page_incident?id=1&amp;theme=dark\""));
    for address in [
        "https://there.example/page_x",
        "javascript:alert(1)",
        "//there.example",
        "page_x\" onclick=\"a",
        "page_x:1",
        "",
    ] {
        let page = made(address);
        assert!(!page.contains("method=\"post\""), "a form goes to {address}");
        assert!(page.contains("<td>&lt;b&gt;#1</td>"), "a cell leads to {address}");
    }
}

#[test]
fn a_label_turns_no_digits_around() {
    // A right-to-left override in a label would show the number behind it as 321.
    let label = "sales \u{202E}\u{2066}";
    let panels: Vec<Value> = PICTURES.iter().map(|p| panel(p, label)).collect();
    let turns = |shown: &str| shown.contains(['\u{202E}', '\u{2066}']);
    assert!(!turns(&html(&board(label, json!(panels)))) && !turns(&text(&board(label, json!(panels)))));
    // Letters that are written from right to left stay what they are.
    assert!(html(&board("شكر", json!([]))).contains("<title>شكر</title>"));
}

#[test]
fn a_point_without_neighbours_is_a_dot() {
    let mut line = panel("line", "n");
    line["series"] = json!([{"name": "a", "points": [[0.0, 1.0], [3600.0, 2.0], [7200.0, null], [10800.0, 3.0]]}]);
    line["until"] = json!(14400.0);
    let page = html(&board("n", json!([line])));
    let drawn = |class: &str| page.matches(&format!("<path class=\"{class}\"")).count();
    assert_eq!((drawn("line s0"), drawn("line dot s0")), (1, 1));
}

#[test]
fn numbers_among_words_stand_where_the_words_do() {
    let mut table = panel("table", "n");
    table["columns"] = json!(["what", "value", "n"]);
    table["rows"] = json!([["status", "new", 1], ["fired at", 2821, null]]);
    let page = html(&board("n", json!([table])));
    assert!(page.contains("<td>2,821</td>") && page.contains("<th scope=\"col\">value</th>"));
    assert!(page.contains("<th scope=\"col\" class=\"n\">n</th>") && page.contains("<td class=\"n\">1</td>"));
}

#[test]
fn a_rate_among_counts_has_its_own_unit() {
    let mut given = panel("table", "arms");
    given["columns"] = json!(["arm", "users", "won", "took", "gold"]);
    given["units"] = json!([null, "users", "ratio", "ms", null]);
    given["rows"] = json!([["a", 120, 0.25, 812.4, 1.5], ["b", 130, null, 12000.0, 2]]);
    let page = html(&board("arms", json!([given])));
    for cell in [
        ">120<",
        ">25\u{202F}%<",
        ">812\u{202F}ms<",
        ">12\u{202F}s<",
        ">1.5<",
        ">–<",
    ] {
        assert!(page.contains(cell), "{cell}");
    }
    // Programs that read the file want numbers.
    assert!(page.contains("b,130,,12000.0,2") || page.contains("b%2C130%2C%2C12000.0%2C2"));
    assert!(text(&board("arms", json!([given]))).contains("25\u{202F}%"));
}

#[test]
fn shares_of_a_funnel_stand_below_its_bar() {
    // At its right end they ran into the name of the step where the screen was narrow.
    let mut funnel = panel("funnel", "n");
    funnel["rows"] = json!([["seen", 200], ["tried", 50], ["bought", 20]]);
    let page = html(&board("n", json!([funnel])));
    assert!(
        page.contains("text-anchor=\"end\">50</text>")
            && page.contains(">10\u{202F}% of all · 40\u{202F}% of the step before</text>")
    );
}

#[test]
fn an_empty_label_has_a_word() {
    let (mut line, mut ranking) = (panel("line", "n"), panel("ranking", "n"));
    line["series"][0]["name"] = json!("");
    ranking["rows"][0][0] = json!(" ");
    let page = html(&board("n", json!([line, ranking])));
    assert!(page.contains("<span>(empty)</span>") && page.contains(">(empty)</text>") && !page.contains("\"></th>"));
}

#[test]
fn a_column_of_a_heatmap_has_a_word() {
    let mut cells = panel("heatmap", "n");
    cells["columns"] = json!(["", "x"]);
    cells["series"] = json!([{"name": "r", "points": [[0.0, 1.0], [1.0, 2.0]]}]);
    let page = html(&board("n", json!([cells])));
    assert!(page.contains(">(empty)</text>") && page.contains("<th scope=\"col\" class=\"n\">(empty)</th>"));
}

#[test]
fn thousands_of_points_make_no_large_page_and_the_file_has_them_all() {
    // A line of 5,000 rows of a relation made a page of 1.1 MB.
    let mut line = panel("line", "n");
    let points: Vec<Value> = (0..5000).map(|i| json!([i * 60, i % 97])).collect();
    line["series"] = json!([{"name": "a", "points": points}]);
    line["until"] = json!(300_000.0);
    line["step"] = json!(60.0);
    let made = serde_json::from_value(line.clone()).expect("a panel");
    assert_eq!(Table::of(&made).csv().lines().count(), 5001);
    let page = html(&board("n", json!([line])));
    assert!(page.len() < 450_000, "{} bytes", page.len());
    assert!(page.contains("The last 500 rows of 5000. The CSV has all.") && page.contains("<td>1970-01-04 11:19</td>"));
}
