//! Owns the one way by which long loops of pure code can be stopped: they call what PostgreSQL gives them.

static CHECK: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

/// Says what loops are to call: PostgreSQL's check for interrupts, which pure code does not know. It may unwind.
pub fn look_with(check: fn()) {
    CHECK.get_or_init(|| check);
}

/// Called by a loop that may be long, once for each of its larger steps.
pub(crate) fn look() {
    if let Some(check) = CHECK.get() {
        check();
    }
}
