//! What the headless face writes: plain text for people, JSON lines for scripts. Messages and
//! events go to standard output, everything said beside them to standard error.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::lines::{escaped, printable};
use crate::app::Problem;

/// Where to write, and how.
#[derive(Debug)]
pub(super) struct Console {
    is_json: bool,
    broken: bool,
}

impl Console {
    pub(super) const fn new(is_json: bool) -> Self {
        Self { is_json, broken: false }
    }

    pub(super) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether nobody reads standard output any more.
    pub(super) const fn is_broken(&self) -> bool {
        self.broken
    }

    /// A JSON line, if asked for. `fields` is an object.
    pub(super) fn event(&mut self, name: &str, fields: &Value) {
        if self.is_json {
            let line = json_line(name, fields);
            self.write(&line);
        }
    }

    /// A line for people on standard output.
    pub(super) fn line(&mut self, line: &str) {
        if !self.is_json {
            self.write(line);
        }
    }

    /// A line for people on standard error.
    pub(super) fn notice(&mut self, line: &str) {
        if !self.is_json {
            // Standard error may be closed; there is nobody to tell then.
            let _ = writeln!(io::stderr().lock(), "{line}");
        }
    }

    /// What went wrong, for both.
    pub(super) fn problem(&mut self, problem: &Problem) {
        if self.is_json {
            self.event("error", &json!({ "code": problem.code.as_str(), "text": problem.text() }));
        } else {
            let _ = writeln!(io::stderr().lock(), "conversa: {}", printable(&problem.text()));
            if !problem.detail.is_empty() {
                log::info!("{}", problem.detail);
            }
        }
    }

    fn write(&mut self, line: &str) {
        let mut output = io::stdout().lock();
        // Whoever read it is gone: the command ends in order.
        self.broken |= writeln!(output, "{line}").and_then(|()| output.flush()).is_err();
    }
}

/// An event on one line, its name first, for people who read along.
fn json_line(name: &str, fields: &Value) -> String {
    let fields = escaped(&fields.to_string());
    let rest = fields.strip_prefix('{').filter(|rest| rest.len() > 1).map(|rest| format!(",{rest}"));
    format!("{{\"event\":{}{}", json!(name), rest.as_deref().unwrap_or("}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_event_is_one_json_object() {
        for fields in [json!({}), json!({ "text": "a \"b\"\n" }), json!({ "a": 1, "b": [] })] {
            let line = json_line("message", &fields);
            let parsed: serde_json::Map<String, Value> = serde_json::from_str(&line).unwrap();
            assert_eq!(parsed.get("event"), Some(&json!("message")));
            assert_eq!(parsed.len(), fields.as_object().unwrap().len() + 1);
            assert!(line.starts_with(r#"{"event":"message""#) && !line.contains('\n'));
        }
    }
}
