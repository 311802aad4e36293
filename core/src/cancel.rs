//! Owns the one way by which long loops of pure code can be stopped: they call what PostgreSQL gives them.

static CHECK: std::sync::OnceLock<fn()> = std::sync::OnceLock::new();

/// Says what loops are to call: PostgreSQL's check for interrupts, which pure code does not know. It may unwind.
pub fn look_with(check: fn()) {
    CHECK.get_or_init(|| check);
}

/// Called by a loop that may be long, once for each of its larger steps.
pub fn look() {
    if let Some(check) = CHECK.get() {
        check();
    }
}

/// The same items, with a look after each 1,024.
pub fn looking<I: IntoIterator>(items: I) -> impl Iterator<Item = I::Item> {
    let mut seen = 0u32;
    items.into_iter().inspect(move |_| {
        seen = seen.wrapping_add(1);
        if seen.is_multiple_of(1024) {
            look();
        }
    })
}

/// Sorts, with a look now and then: a hundred million are not to be waited for. Not stable. A look that unwinds leaves all items there.
pub fn sort_by<T>(items: &mut [T], compare: impl Fn(&T, &T) -> std::cmp::Ordering) {
    let mut compared = 0u32;
    items.sort_unstable_by(|a, b| {
        compared = compared.wrapping_add(1);
        if compared.is_multiple_of(1 << 16) {
            look();
        }
        compare(a, b)
    });
}
