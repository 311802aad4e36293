//! Owns the writing of HTML and SVG: tags are constants of this program, everything else is escaped.

use std::fmt::Write;

/// A document that grows. Names of tags and attributes are `&'static str`, so no text of a user can become one.
#[derive(Default)]
pub struct Markup {
    out: String,
}

/// The text of a value as it may stand between tags and inside quoted attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\t' | '\n' => out.push(c),
            // HTML has no place for control characters; they are shown as one that cannot be.
            c if is_unseen(c) || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character is invisible but changes what follows it: a control character, or one that turns the direction of writing. In a label, the
/// latter would turn round the digits of the number that follows.
pub fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Text as a part of an address: all but letters, digits and -._~ in percent.
pub fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            byte => _ = write!(out, "%{byte:02X}"),
        }
    }
    out
}

/// Whether an address may be a link: of the web, or to a mailbox; never one that runs something.
pub fn is_link(address: &str) -> bool {
    let lower = address.trim_start().to_ascii_lowercase();
    address == address.trim()
        && !address.contains(char::is_control)
        && ["https://", "http://", "mailto:"]
            .iter()
            .any(|scheme| lower.starts_with(scheme))
}

/// Whether an address is one of our own pages, beside the present one.
pub fn is_page(address: &str) -> bool {
    address.starts_with("page_")
        && address
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'?' | b'=' | b'&' | b'%' | b'-' | b'.'))
}

impl Markup {
    /// An empty document.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens an element.
    pub fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) -> &mut Self {
        self.start(tag, attributes);
        self.out.push('>');
        self
    }

    /// Closes an element.
    pub fn close(&mut self, tag: &'static str) -> &mut Self {
        _ = write!(self.out, "</{tag}>");
        self
    }

    /// An element without content, as HTML's void elements and SVG's shapes are.
    pub fn empty(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) -> &mut Self {
        self.start(tag, attributes);
        self.out.push_str("/>");
        self
    }

    /// Text between tags.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.out.push_str(&escaped(text));
        self
    }

    /// An element that holds text alone.
    pub fn element(&mut self, tag: &'static str, attributes: &[(&'static str, &str)], text: &str) -> &mut Self {
        self.open(tag, attributes).text(text).close(tag)
    }

    /// Markup of this program's own making.
    pub fn constant(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// What another has written.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.out.push_str(&other.out);
        self
    }

    /// The document as text.
    pub fn finish(self) -> String {
        self.out
    }

    fn start(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        _ = write!(self.out, "<{tag}");
        for (name, value) in attributes {
            _ = write!(self.out, " {name}=\"{}\"", escaped(value));
        }
    }
}
