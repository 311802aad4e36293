//! Owns the glue of boards: a model drawn as a page or as text. Declared in `sql/s10_kernel/page.sql`.

use crate::pg::report::raise;
use tally_core::error::{SqlState, TallyError};
use tally_core::page::model::Model;
use tally_core::page::{html, text};

fn model(text: &str) -> Model {
    serde_json::from_str(text).unwrap_or_else(|problem| {
        raise(
            TallyError::new(
                SqlState::InvalidParameterValue,
                format!("expected the model of a board, got what is none: {problem}"),
            )
            .hint("SELECT tally.page('<board>');"),
        )
    })
}

crate::pg_fn! {
    /// `tally_internal._page_html(model jsonb) → text`, strict.
    tally_page_html(call) {
        call.return_str(&html(&model(&call.jsonb_text(0).unwrap_or_default())))
    }

    /// `tally_internal._page_text(model jsonb) → text`, strict.
    tally_page_text(call) {
        call.return_str(&text(&model(&call.jsonb_text(0).unwrap_or_default())))
    }
}
