//! Owns hostile names. Sequences are written with plain names of columns, dimensions and measures. Here a statement is said with others in their place: quotes,
//! spaces, capitals, words of SQL and of the engine's own statements, 63 bytes.

use crate::rng::Rng;

/// Names that are replaced: columns of a source, of a list that is expanded, dimensions, measures.
const PLAIN: [&str; 26] = [
    "t", "k", "w", "v", "f", "j", "pk", "pv", "large", "third", "kw", "last", "n", "big", "nv", "sv", "sf", "lo", "hi",
    "anyw", "late", "dv", "median", "spread", "tops", "keys",
];

/// What they become. None is an alias of the oracle.
const HOSTILE: [&str; 44] = [
    "value",
    "labels",
    "label",
    "metric",
    "key",
    "source",
    "since",
    "until",
    "row",
    "took",
    "samples",
    "item",
    "m",
    "r",
    "q",
    "b",
    "d",
    "o",
    "u",
    "_gone",
    "bucket_",
    "Bucket",
    "rollup",
    "live",
    "time",
    "old",
    "new",
    "excluded",
    "select",
    "user",
    "NULL",
    "A b",
    " led by a space",
    "with\"quote",
    "it's",
    "back\\slash",
    "%s",
    "%1$I",
    "$1",
    "{a,b}",
    "a.b",
    "--",
    "line\nbreak",
    "ééééééééééééééééééééééééééééééé!",
];

/// The names of a sequence: what is written, and what is said.
pub struct Names(Vec<(&'static str, String)>);

impl Names {
    /// Those of a seed: in half of the sequences the plain ones.
    pub fn drawn(seed: u64) -> Self {
        // Chance of its own, so that a seed's sequence is the same with other names.
        let mut rng = Rng::new(seed ^ 0x6e61_6d65);
        let mut left = HOSTILE.to_vec();
        let mut names = Vec::new();
        if rng.percent(50) {
            for plain in PLAIN {
                if rng.percent(60) {
                    let place = rng.below(left.len() as u64) as usize;
                    names.push((plain, left.swap_remove(place).to_string()));
                }
            }
        }
        Names(names)
    }

    fn of(&self, word: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(plain, _)| *plain == word)
            .map(|(_, name)| name.as_str())
    }

    /// A statement or expression with these names. A word is a column; a string that is nothing but a name is the name; `$j$…$j$` is JSON,
    /// and what else stands between dollars is SQL.
    pub fn said(&self, sql: &str) -> String {
        let mut out = String::with_capacity(sql.len());
        let mut rest = sql;
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '\'' => string(rest, '\'', false),
                '"' => string(rest, '"', false),
                'E' if rest.starts_with("E'") => 1 + string(&rest[1..], '\'', true),
                '$' => match dollars(rest) {
                    Some((tag, inner)) => {
                        let inner_said = if tag == "$j$" {
                            self.json(inner)
                        } else {
                            self.said(inner)
                        };
                        out.push_str(&format!("{tag}{inner_said}{tag}"));
                        rest = &rest[2 * tag.len() + inner.len()..];
                        continue;
                    }
                    None => 1,
                },
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                c => c.len_utf8(),
            };
            let (piece, behind) = rest.split_at(length);
            let quoted = piece.strip_prefix('\'').and_then(|piece| piece.strip_suffix('\''));
            match (quoted.and_then(|word| self.of(word)), self.of(piece)) {
                (Some(name), _) => out.push_str(&format!("E'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"))),
                (_, Some(name)) => out.push_str(&format!("\"{}\"", name.replace('"', "\"\""))),
                _ => out.push_str(piece),
            }
            rest = behind;
        }
        out
    }

    fn json(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('"') {
            let (before, from) = rest.split_at(at);
            let length = string(from, '"', true);
            let inner = from[1..length - 1].replace("\\\"", "\"").replace("\\\\", "\\");
            let inner = self.of(&inner).map_or_else(|| self.said(&inner), str::to_string);
            let escaped = inner.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            out.push_str(&format!("{before}\"{escaped}\""));
            rest = &from[length..];
        }
        out + rest
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric()
}

/// The length of the string that a text begins with, its quotes included.
fn string(text: &str, quote: char, escapes: bool) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if escapes && c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + 1;
        }
    }
    text.len()
}

/// The tag and the inner text of what a text begins with, where that is quoted by dollars.
fn dollars(text: &str) -> Option<(&str, &str)> {
    let tag = &text[..text[1..].find('$')? + 2];
    let word = &tag[1..tag.len() - 1];
    if !word.chars().all(|c| c.is_ascii_lowercase()) {
        return None;
    }
    let behind = &text[tag.len()..];
    Some((tag, &behind[..behind.find(tag)?]))
}
