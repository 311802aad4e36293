//! Owns the form above a page: the range, the filters, how it looks and how often it loads again.

use super::markup::Markup;
use super::model::{Model, Variable};
use super::number;

/// The form, filled in with what is chosen now.
pub(super) fn filters(out: &mut Markup, model: &Model) {
    out.open(
        "form",
        &[("method", "get"), ("action", "page_form"), ("aria-label", "Filters")],
    );
    let until = model.until.as_deref().unwrap_or_default();
    for (name, value) in [
        ("board", model.name.as_str()),
        ("until", until),
        ("view", model.view.as_deref().unwrap_or_default()),
        ("filter", ""),
    ] {
        out.empty("input", &[("type", "hidden"), ("name", name), ("value", value)]);
    }
    let range = |range: &String| (range.clone(), format!("last {range}"));
    let mut ranges: Vec<_> = model.ranges.iter().map(range).collect();
    if !model.ranges.contains(&model.since) {
        ranges.insert(
            0,
            (
                model.since.clone(),
                format!(
                    "{} {}",
                    if model.since.contains('-') { "since" } else { "last" },
                    model.since
                ),
            ),
        );
    }
    choice(out, "Range", "since", &ranges, &model.since);
    for variable in &model.variables {
        filter(out, variable);
    }
    let same = |word: &str| (word.to_owned(), word.to_owned());
    choice(
        out,
        "Looks",
        "theme",
        &["auto", "light", "dark"].map(same),
        &model.theme,
    );
    let every = (
        "on".to_owned(),
        format!("every {}", number::short(f64::from(model.refresh), Some("s"))),
    );
    choice(
        out,
        "Load again",
        "refresh",
        &[("off".to_owned(), "by hand".to_owned()), every],
        if model.refreshing { "on" } else { "off" },
    );
    out.element("button", &[("type", "submit")], "Show").close("form");
}

/// A list to choose one from: values and their words.
fn choice(out: &mut Markup, label: &str, name: &str, values: &[(String, String)], chosen: &str) {
    out.open("label", &[]).text(label).open("select", &[("name", name)]);
    for (value, words) in values {
        option(out, value, words, value == chosen);
    }
    out.close("select").close("label");
}

fn filter(out: &mut Markup, variable: &Variable) {
    out.open("label", &[]).text(&capitalised(&variable.name));
    let chosen = variable.chosen.first().map_or("", String::as_str);
    if variable.chosen.len() > 1 {
        out.open("select", &[("name", "filter"), ("multiple", "multiple"), ("size", "3")]);
    } else {
        out.open("select", &[("name", "filter")]);
        option(out, "", "all", chosen.is_empty());
    }
    for value in &variable.values {
        option(
            out,
            &format!("{}={value}", variable.name),
            value,
            variable.chosen.contains(value),
        );
    }
    for value in variable.chosen.iter().filter(|v| !variable.values.contains(v)) {
        option(out, &format!("{}={value}", variable.name), value, true);
    }
    out.close("select");
    if variable.more {
        out.text("and more");
    }
    out.close("label");
}

fn option(out: &mut Markup, value: &str, words: &str, chosen: bool) {
    let mut attributes = vec![("value", value)];
    if chosen {
        attributes.push(("selected", "selected"));
    }
    out.element("option", &attributes, words);
}

fn capitalised(name: &str) -> String {
    let spaced = name.replace('_', " ");
    let mut letters = spaced.chars();
    letters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
