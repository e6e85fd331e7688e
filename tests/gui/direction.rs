//! Whatever stands side by side in the window changes sides where one reads from right to left, and each text
//! has the direction of its own first letter.

use std::fs;
use std::path::PathBuf;

use conversa::gui::{AppWindow, Direction, bind_direction};
use slint::ComponentHandle;

use crate::sources::files;

/// Layouts whose children stand side by side, and those that inherit them.
const ROWS: [&str; 2] = ["HorizontalLayout", "SheetButtons"];

/// An element of a `.slint` file, or anything else with braces.
#[derive(Default)]
struct Element {
    file: String,
    line: usize,
    kind: String,
    /// Its own statements, without those of its children.
    own: String,
    children: Vec<Element>,
}

impl Element {
    /// Reads the outermost of a file, without comments and strings.
    fn of_file(file: &str, text: &str) -> Self {
        let mut open = vec![Self { file: file.to_owned(), ..Self::default() }];
        let mut letters = text.chars().peekable();
        let mut line = 1;
        while let Some(letter) = letters.next() {
            line += usize::from(letter == '\n');
            let inner = open.last_mut().unwrap();
            match letter {
                '/' if letters.peek() == Some(&'/') => while letters.next_if(|next| *next != '\n').is_some() {},
                '"' => {
                    while let Some(next) = letters.next().filter(|next| *next != '"') {
                        if next == '\\' {
                            letters.next();
                        }
                    }
                }
                '{' => {
                    let kind = inner.own.split_whitespace().last().unwrap_or_default().to_owned();
                    open.push(Self { file: file.to_owned(), line, kind, ..Self::default() });
                }
                '}' => {
                    let closed = open.pop().unwrap();
                    let outer = open.last_mut().unwrap();
                    outer.own.push(';');
                    outer.children.push(closed);
                }
                other => inner.own.push(other),
            }
        }
        assert_eq!(open.len(), 1, "{file}: as many braces close as open");
        open.remove(0)
    }

    fn has(&self, property: &str) -> bool {
        self.own.split(';').any(|statement| statement.trim_start().starts_with(property))
    }

    /// Elements have a name that begins with a capital; functions and the like do not.
    fn is_element(&self) -> bool {
        self.kind.starts_with(char::is_uppercase)
    }

    fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }

    fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        self.children.iter().for_each(|child| child.walk(visit));
    }
}

fn all_elements() -> Vec<Element> {
    let read = |path: PathBuf| Element::of_file(&path.to_string_lossy(), &fs::read_to_string(&path).unwrap());
    files("ui", "slint").into_iter().map(read).collect()
}

#[test]
fn what_stands_side_by_side_can_change_sides() {
    let (mut rows, mut fixed) = (0, Vec::new());
    for file in all_elements() {
        file.walk(&mut |row| {
            if !ROWS.contains(&row.kind.as_str()) {
                return;
            }
            rows += 1;
            let unordered = row.children.iter().filter(|child| child.is_element()).skip(1);
            fixed.extend(unordered.filter(|child| !child.has("layout-order:")).map(Element::place));
            if row.has("alignment: start") || row.has("alignment: end") {
                fixed.push(row.place());
            }
        });
    }
    assert!(rows > 60, "the rows are found");
    assert!(fixed.is_empty(), "give them Direction.order(…), or an alignment of Direction: {fixed:#?}");
}

#[test]
fn every_text_knows_where_it_begins() {
    let mut lost = Vec::new();
    for file in all_elements() {
        file.walk(&mut |text| {
            let is_shown = !text.has("visible: false");
            if ["Text", "TextInput"].contains(&text.kind.as_str()) && is_shown && !text.has("horizontal-alignment:") {
                lost.push(text.place());
            }
        });
    }
    assert!(lost.is_empty(), "make them a Label, or align them: {lost:#?}");
}

#[test]
fn every_label_says_whether_it_is_spoken() {
    let mut undecided = Vec::new();
    for file in all_elements() {
        file.walk(&mut |label| {
            if ["Label", "OneLine"].contains(&label.kind.as_str()) && !label.has("accessible-role:") {
                undecided.push(label.place());
            }
        });
    }
    // What builds on another has its role already.
    undecided.retain(|place| !place.contains("direction.slint"));
    assert!(undecided.is_empty(), "give them a role, or none: {undecided:#?}");
}

#[test]
fn the_first_letter_of_a_text_tells_its_direction() {
    i_slint_backend_testing::init_no_event_loop();
    let app = AppWindow::new().unwrap();
    bind_direction(&app);
    let is_right_to_left =
        |text: &str| [false, true].map(|other| app.global::<Direction>().invoke_is_right_to_left(text.into(), other));
    for text in ["مرحبا, Bo", "12:30 שלום", "«سلام»", "\u{fe8d}", "ߒ", "\u{200f}Bo: Hello", "\u{2068}Bo\u{2069} مرحبا"]
    {
        assert_eq!(is_right_to_left(text), [true, true], "{text}");
    }
    for text in ["Hello مرحبا", "…ok", "日本", "Привет", "ß", "\u{200e}مرحبا", "\u{2068}مرحبا\u{2069} ok"]
    {
        assert_eq!(is_right_to_left(text), [false, false], "{text}");
    }
    for text in ["", "12:30", "👍🏽 !", "\u{2068}Bo\u{2069}"] {
        assert_eq!(is_right_to_left(text), [false, true], "{text}");
    }
}

#[test]
fn a_name_that_is_read_from_the_right_does_not_turn_a_sentence_round() {
    i_slint_backend_testing::init_no_event_loop();
    let app = AppWindow::new().unwrap();
    bind_direction(&app);
    let direction = app.global::<Direction>();
    let sentence = |name: &str| format!("{} joined", direction.invoke_isolated(name.into()));
    for name in ["مريم", "דנה", "Bo", "12", ""] {
        assert!(!direction.invoke_is_right_to_left(sentence(name).into(), false), "{name}");
    }
    assert_eq!(sentence("Bo"), "Bo joined", "nothing is added where nothing has to be");
}
