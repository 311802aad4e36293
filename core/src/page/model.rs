//! Owns the model of a board at a moment: what SQL hands over to be drawn.

use serde::Deserialize;
use serde_json::Value;

/// A board with the numbers of its panels.
#[derive(Deserialize)]
pub struct Model {
    /// Name, as addresses take it.
    pub name: String,
    /// Title that people see.
    pub title: String,
    /// What the board answers.
    pub description: Option<String>,
    /// The present moment, as text for people.
    pub as_of: String,
    /// Begin of the range, as text for people.
    pub since_text: String,
    /// End of the range, as text for people.
    pub until_text: String,
    /// The range as it was given, for the form: `24 hours`.
    pub since: String,
    /// The end as it was given.
    pub until: Option<String>,
    /// Seconds between two loads of the page.
    pub refresh: u32,
    /// Whether it loads itself again.
    pub refreshing: bool,
    /// auto, light or dark.
    pub theme: String,
    /// Ranges to choose from.
    pub ranges: Vec<String>,
    /// All boards, in order.
    pub boards: Vec<Neighbour>,
    /// Pages beside the boards.
    #[serde(default)]
    pub pages: Vec<Page>,
    /// Whether it is a page beside the boards: without a range and filters.
    #[serde(default)]
    pub bare: bool,
    /// Saved views that the reader sees.
    pub views: Vec<View>,
    /// The saved view whose panels are shown; none: all panels of the board.
    #[serde(default)]
    pub view: Option<String>,
    /// What the board is filtered by.
    pub variables: Vec<Variable>,
    /// The pictures, in order.
    pub panels: Vec<Panel>,
}

/// Another board to go to.
#[derive(Deserialize)]
pub struct Neighbour {
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// What it can be filtered by.
    #[serde(default)]
    pub variables: Vec<String>,
}

/// A page beside the boards.
#[derive(Deserialize)]
pub struct Page {
    /// Where it is, `page_incidents?theme=dark`.
    pub address: String,
    /// Its title.
    pub title: String,
    /// Whether it is this one.
    #[serde(default)]
    pub current: bool,
}

/// A form that does something, or chooses what is shown.
#[derive(Deserialize)]
pub struct Form {
    /// What it is for.
    pub title: String,
    /// Where it is sent.
    pub action: String,
    /// Whether it only chooses what is shown; else it is sent by POST.
    #[serde(default)]
    pub get: bool,
    /// What is filled in.
    pub fields: Vec<Field>,
    /// What is done with it.
    pub buttons: Vec<Button>,
}

/// A field of a form.
#[derive(Deserialize)]
pub struct Field {
    /// Its name, as the function takes it.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// text, choice or hidden.
    pub kind: String,
    /// What is in it at first.
    pub value: String,
    /// Values to choose from.
    #[serde(default)]
    pub choices: Vec<String>,
    /// Whether it must be filled in.
    #[serde(default)]
    pub required: bool,
}

/// A button of a form: it sends `action=value`, or nothing where it has no value.
#[derive(Deserialize)]
pub struct Button {
    /// What is done.
    pub value: String,
    /// The same for people.
    pub label: String,
}

/// A saved view of this board.
#[derive(Deserialize)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Its range.
    pub since: String,
    /// Its filters, `world=w1` each.
    pub filters: Vec<String>,
    /// Whether it has panels of its own.
    #[serde(default)]
    pub arranged: bool,
}

/// A dimension that all panels obey.
#[derive(Deserialize)]
pub struct Variable {
    /// Name of the dimension.
    pub name: String,
    /// Values that it has.
    pub values: Vec<String>,
    /// Values that are let through; none: all.
    pub chosen: Vec<String>,
    /// There are more values than are listed.
    pub more: bool,
}

/// One picture with what belongs to it.
#[derive(Deserialize)]
pub struct Panel {
    /// Heading.
    pub title: String,
    /// How it is drawn.
    pub picture: String,
    /// Columns of twelve.
    pub width: u8,
    /// Unit of its values.
    pub unit: Option<String>,
    /// Which way is better.
    #[serde(default)]
    pub direction: String,
    /// What it shows.
    pub description: Option<String>,
    /// Why that matters.
    pub why: Option<String>,
    /// What to do.
    #[serde(rename = "do")]
    pub action: Option<String>,
    /// Board one level down.
    pub board: Option<String>,
    /// Address of what to do.
    pub runbook: Option<String>,
    /// Limits of thresholds.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Values over time.
    #[serde(default)]
    pub series: Vec<Series>,
    /// Names of the columns of `rows`, or of a heatmap.
    #[serde(default, deserialize_with = "all_worded")]
    pub columns: Vec<String>,
    /// Units of the columns of `rows`, where each has its own.
    #[serde(default)]
    pub units: Vec<Option<String>>,
    /// Rows of a table, a ranking, a funnel.
    #[serde(default)]
    pub rows: Vec<Vec<Value>>,
    /// One number for the whole range.
    pub value: Option<f64>,
    /// The same for the range before it.
    pub before: Option<f64>,
    /// Begin of the range, in seconds since 1970.
    #[serde(default)]
    pub since: f64,
    /// Its end.
    #[serde(default)]
    pub until: f64,
    /// Seconds of a bucket.
    #[serde(default)]
    pub step: f64,
    /// The zone whose clock the words are of.
    #[serde(default)]
    pub zone: String,
    /// From which moment on that clock is how many seconds ahead; none: it is that of UTC.
    #[serde(default)]
    pub clock: Vec<(f64, f64)>,
    /// What is said where there is nothing; none: that this range has nothing.
    pub nothing: Option<String>,
    /// What the reader should know, such as that series were left out.
    pub note: Option<String>,
    /// Why there are no numbers.
    pub error: Option<Fault>,
    /// What can be done.
    #[serde(default)]
    pub forms: Vec<Form>,
}

/// A limit of a threshold, drawn as a line.
#[derive(Deserialize)]
pub struct Limit {
    /// The number.
    pub value: f64,
    /// Whether values above it are in breach; else those below.
    pub above: bool,
    /// The threshold.
    pub label: String,
    /// info, warning or critical.
    pub severity: String,
}

/// Values over time, or one value for each place.
#[derive(Deserialize)]
pub struct Series {
    /// Its name.
    #[serde(deserialize_with = "worded")]
    pub name: String,
    /// Place and value, in order of the places.
    pub points: Vec<(f64, Option<f64>)>,
}

/// Why a panel has no numbers.
#[derive(Deserialize)]
pub struct Fault {
    /// What was expected and got.
    pub message: String,
    /// Circumstances.
    pub detail: Option<String>,
    /// The statement that mends it.
    pub hint: Option<String>,
}

/// A value that is an empty text is a name without a word, which nobody sees in a legend. So it gets one.
pub const EMPTY: &str = "(empty)";

fn word(name: String) -> String {
    if name.trim().is_empty() { EMPTY.to_owned() } else { name }
}

fn worded<'de, D: serde::Deserializer<'de>>(given: D) -> Result<String, D::Error> {
    String::deserialize(given).map(word)
}

fn all_worded<'de, D: serde::Deserializer<'de>>(given: D) -> Result<Vec<String>, D::Error> {
    Vec::deserialize(given).map(|names| names.into_iter().map(word).collect())
}
