//! Owns the forms below a table: what can be done, sent by POST to a function of the database, or what is shown, by GET.

use super::markup::{Markup, is_page};
use super::model::{Field, Form};

/// The forms of a panel. `place` tells its labels from those of other panels.
pub fn draw(out: &mut Markup, forms: &[Form], place: usize) {
    // A form goes to one of our own pages, wherever else a model would send it.
    for (number, form) in forms.iter().enumerate().filter(|(_, f)| is_page(&f.action)) {
        let name = format!("p{place}-f{number}");
        out.open(
            "form",
            &[
                ("method", if form.get { "get" } else { "post" }),
                ("action", &form.action),
                ("class", "do"),
                ("aria-labelledby", &name),
            ],
        );
        out.element("h3", &[("id", &name)], &form.title);
        for each in &form.fields {
            field(out, each);
        }
        for button in &form.buttons {
            let mut attributes = vec![("type", "submit")];
            if !button.value.is_empty() {
                attributes.extend([("name", "action"), ("value", button.value.as_str())]);
            }
            out.element("button", &attributes, &button.label);
        }
        out.close("form");
    }
}

fn field(out: &mut Markup, field: &Field) {
    let mut attributes = vec![("name", field.name.as_str())];
    if field.kind == "hidden" {
        attributes.extend([("type", "hidden"), ("value", field.value.as_str())]);
        out.empty("input", &attributes);
        return;
    }
    out.open("label", &[]).text(&field.label);
    if field.kind == "choice" {
        out.open("select", &attributes);
        for choice in &field.choices {
            let mut chosen = vec![("value", choice.as_str())];
            if *choice == field.value {
                chosen.push(("selected", "selected"));
            }
            out.element("option", &chosen, choice);
        }
        out.close("select");
    } else {
        attributes.extend([("type", "text"), ("value", field.value.as_str())]);
        if field.required {
            attributes.push(("required", "required"));
        }
        out.empty("input", &attributes);
    }
    out.close("label");
}
