//! Owns the page: a whole HTML document of a board, without script and without any other file.

use sha2::{Digest, Sha256};

use super::filters::filters;
use super::form;
use super::markup::{Markup, is_link, is_page, percent};
use super::model::{Model, Panel};
use super::number;
use super::picture;
use super::table::Table;
use crate::base64;

const STYLE: &str = include_str!("style.css");

/// The document.
pub fn html(model: &Model) -> String {
    let mut out = Markup::new();
    out.constant("<!DOCTYPE html>\n");
    let class = match model.theme.as_str() {
        "dark" => "dark",
        "light" => "light",
        _ => "",
    };
    out.open("html", &[("lang", "en"), ("class", class)]).open("head", &[]);
    out.constant("<meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    // Nothing may be loaded or run; the one style sheet is known by its hash; the form goes to where the page came from.
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; form-action 'self'; base-uri 'none'",
        base64::encode(&Sha256::digest(STYLE))
    );
    out.empty(
        "meta",
        &[("http-equiv", "Content-Security-Policy"), ("content", &policy)],
    );
    // Other sites hear of no address. Our own site does: without that a browser would not say where a form comes from.
    out.constant("<meta name=\"referrer\" content=\"same-origin\">");
    if model.refreshing {
        out.empty(
            "meta",
            &[("http-equiv", "refresh"), ("content", &model.refresh.to_string())],
        );
    }
    out.element("title", &[], &model.title);
    out.constant("<style>")
        .constant(STYLE)
        .constant("</style>")
        .close("head")
        .open("body", &[]);
    out.constant("<a class=\"skip\" href=\"#panels\">To the panels</a>");
    header(&mut out, model);
    out.open("main", &[("id", "panels")]);
    for (place, each) in model.panels.iter().enumerate() {
        panel(&mut out, model, each, place + 1);
    }
    out.close("main");
    out.open("footer", &[])
        .open("p", &[])
        .text("Made by pg_tally in the database that holds the numbers. Each number is exact at the moment above.")
        .close("p");
    out.close("footer").close("body").close("html").constant("\n");
    out.finish()
}

/// The address of a board with the present looks, and the panels of a saved view where it has any (`view`, else empty). It names every argument
/// of `tally.page_form()`: PostgreSQL takes no defaults where the last argument is an array of any length.
fn address(model: &Model, board: &str, filters: &[String], since: &str, view: &str) -> String {
    let mut out = format!(
        "page_form?board={}&since={}&until={}&theme={}&refresh={}&view={}&filter=",
        percent(board),
        percent(since),
        percent(model.until.as_deref().unwrap_or_default()),
        percent(&model.theme),
        if model.refreshing { "on" } else { "off" },
        percent(view)
    );
    for filter in filters {
        out.push_str(&format!("&filter={}", percent(filter)));
    }
    out
}

/// The chosen filters that another board knows too; it would refuse the others.
fn kept(model: &Model, board: &str) -> Vec<String> {
    let Some(other) = model.boards.iter().find(|b| b.name == board) else {
        return Vec::new();
    };
    let known = model.variables.iter().filter(|v| other.variables.contains(&v.name));
    known
        .flat_map(|v| v.chosen.iter().map(|c| format!("{}={c}", v.name)))
        .collect()
}

fn header(out: &mut Markup, model: &Model) {
    out.open("header", &[]);
    if model.boards.len() + model.pages.len() > 1 {
        out.open("nav", &[("aria-label", "Boards and pages")]).open("ol", &[]);
        for board in &model.boards {
            let link = address(model, &board.name, &kept(model, &board.name), &model.since, "");
            let mut attributes = vec![("href", link.as_str())];
            if board.name == model.name && !model.bare {
                attributes.push(("aria-current", "page"));
            }
            out.open("li", &[]).element("a", &attributes, &board.title).close("li");
        }
        for page in model.pages.iter().filter(|p| is_page(&p.address)) {
            let mut attributes = vec![("href", page.address.as_str())];
            if page.current {
                attributes.push(("aria-current", "page"));
            }
            out.open("li", &[]).element("a", &attributes, &page.title).close("li");
        }
        out.close("ol").close("nav");
    }
    out.element("h1", &[], &model.title);
    if let Some(description) = &model.description {
        out.element("p", &[("class", "lead")], description);
    }
    if model.bare {
        out.element("p", &[("class", "fresh")], &format!("Exact as of {}.", model.as_of));
        out.close("header");
        return;
    }
    let refresh = if model.refreshing {
        format!(" Loads itself again every {} seconds.", model.refresh)
    } else {
        String::new()
    };
    out.element(
        "p",
        &[("class", "fresh")],
        &format!(
            "{} to {}. Exact as of {}.{refresh}",
            model.since_text, model.until_text, model.as_of
        ),
    );
    filters(out, model);
    if !model.views.is_empty() {
        out.open("p", &[("class", "views")]).text("Saved views:");
        for view in &model.views {
            let of = if view.arranged { view.name.as_str() } else { "" };
            let link = address(model, &model.name, &view.filters, &view.since, of);
            let mut attributes = vec![("href", link.as_str())];
            if model.view.as_ref() == Some(&view.name) {
                attributes.push(("aria-current", "true"));
            }
            out.constant(" ").element("a", &attributes, &view.name);
        }
        out.close("p");
    }
    out.close("header");
}

fn panel(out: &mut Markup, model: &Model, panel: &Panel, place: usize) {
    let id = format!("p{place}");
    let title = format!("{id}-t");
    out.open(
        "section",
        &[
            ("class", &format!("w{}", panel.width.clamp(1, 12))),
            ("aria-labelledby", &title),
        ],
    );
    out.element("h2", &[("id", &title)], &panel.title);
    if let Some(fault) = &panel.error {
        out.open("div", &[("class", "fault")]).element("p", &[], &fault.message);
        for words in fault.detail.iter().filter(|d| !d.is_empty()) {
            out.element("p", &[("class", "about")], words);
        }
        for words in fault.hint.iter().filter(|h| !h.is_empty()) {
            out.element("code", &[], words);
        }
        out.close("div").close("section");
        return;
    }
    let axis = number::axis(panel.unit.as_deref());
    let about = match (panel.description.as_deref(), axis) {
        (Some(words), "") => words.to_owned(),
        (Some(words), unit) => format!("{words} In {unit}."),
        (None, "") => String::new(),
        (None, unit) => format!("In {unit}."),
    };
    let about = [Some(about), panel.whose_clock()]
        .into_iter()
        .flatten()
        .filter(|w| !w.is_empty());
    let about = about.collect::<Vec<_>>().join(" ");
    if !about.is_empty() && panel.picture != "stat" {
        out.element("p", &[("class", "about")], &about);
    }
    let table = Table::of(panel);
    match picture::draw(panel) {
        Some(drawn) => {
            out.append(drawn);
            if matches!(panel.picture.as_str(), "line" | "area" | "bars") && panel.series.len() > 1 {
                legend(out, panel);
            }
        }
        None if panel.picture == "table" && !table.rows.is_empty() => table.draw(out, &panel.title),
        None if panel.picture == "forms" => {}
        None => {
            let nothing = panel.nothing.as_deref().unwrap_or("Nothing in this range.");
            _ = out.element("p", &[("class", "nothing")], nothing);
        }
    }
    if let Some(note) = &panel.note {
        out.element("p", &[("class", "about")], note);
    }
    form::draw(out, &panel.forms, place);
    foot(out, model, panel, &table);
    out.close("section");
}

fn legend(out: &mut Markup, panel: &Panel) {
    let colours = picture::colours(panel);
    out.open("ul", &[("class", "legend")]);
    for (place, series) in panel.series.iter().enumerate() {
        out.open("li", &[]);
        out.open(
            "svg",
            &[
                ("class", &format!("key s{}", colours[place])),
                ("width", "12"),
                ("height", "12"),
                ("aria-hidden", "true"),
            ],
        );
        out.empty("rect", &[("width", "12"), ("height", "12"), ("rx", "3")])
            .close("svg");
        out.element("span", &[], &series.name);
        if let Some(last) = series.points.iter().rev().find_map(|p| p.1) {
            out.element("b", &[], &number::short(last, panel.unit.as_deref()));
        }
        out.close("li");
    }
    out.close("ul");
}

fn foot(out: &mut Markup, model: &Model, panel: &Panel, table: &Table) {
    out.open("div", &[("class", "panel-foot")]);
    if let Some(board) = &panel.board {
        out.element(
            "a",
            &[("href", &address(model, board, &kept(model, board), &model.since, ""))],
            "In detail",
        );
    }
    if let Some(runbook) = panel.runbook.as_deref().filter(|r| is_link(r)) {
        out.element("a", &[("href", runbook), ("rel", "noreferrer")], "Runbook");
    }
    if !table.rows.is_empty() {
        let file: String = panel
            .title
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() {
                    c.to_ascii_lowercase()
                } else {
                    '-'
                }
            })
            .collect();
        out.element(
            "a",
            &[
                ("href", &table.csv_link()),
                ("download", &format!("{file}.csv")),
                ("aria-label", &format!("CSV of {}", panel.title)),
            ],
            "CSV",
        );
    }
    if panel.why.is_some() || panel.action.is_some() || (panel.picture == "stat" && panel.description.is_some()) {
        out.open("details", &[("class", "help")])
            .element("summary", &[], "What this says")
            .open("dl", &[]);
        for (head, words) in [
            ("What it shows", &panel.description),
            ("Why it matters", &panel.why),
            ("What to do", &panel.action),
        ] {
            if let Some(words) = words {
                out.element("dt", &[], head).element("dd", &[], words);
            }
        }
        out.close("dl").close("details");
    }
    if panel.picture != "table" && !table.rows.is_empty() {
        out.open("details", &[]).element("summary", &[], "Numbers");
        table.draw(out, &panel.title);
        out.close("details");
    }
    out.close("div");
}
