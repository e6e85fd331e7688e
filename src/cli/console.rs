//! What the headless front end writes: plain text for people, JSON lines for scripts. Messages and events go to
//! standard output, everything else to standard error.
//!
//! It decides where something goes, and in which of the two forms. [`lines`](super::lines) decides how a line for
//! people looks, [`output`](super::output) how bytes get out, and the callers what is said.

use serde_json::{Value, json};

use super::lines::{escaped, happened, printable};
use super::output::{Output, Stream};
use crate::app::Problem;
use crate::crypto::Fingerprint;

/// Where to write, and how.
#[derive(Debug)]
pub(super) struct Console {
    is_json: bool,
    output: Output,
}

impl Console {
    /// For scripts or for people.
    pub(super) fn new(is_json: bool) -> Self {
        Self { is_json, output: Output::default() }
    }

    /// Whether a script reads it.
    pub(super) const fn is_json(&self) -> bool {
        self.is_json
    }

    /// Whether standard output is broken.
    pub(super) const fn is_broken(&self) -> bool {
        self.output.is_broken()
    }

    /// The exit code of a command that would end with `exit`: missing output is an error, which is reported.
    pub(super) fn finish(&mut self, exit: u8) -> u8 {
        let Some(problem) = self.output.take_failure() else { return exit };
        self.output.line(Stream::Error, &format!("conversa: {}", problem.text()));
        if exit == 0 { problem.code.exit() } else { exit }
    }

    /// A JSON line, if asked for. `fields` is an object.
    pub(super) fn event(&mut self, name: &str, fields: &Value) {
        if self.is_json {
            let line = json_line(name, fields);
            self.output.line(Stream::Output, &line);
        }
    }

    /// A line for people on standard output.
    pub(super) fn line(&mut self, line: &str) {
        if !self.is_json {
            self.output.line(Stream::Output, line);
        }
    }

    /// A line for people on standard error.
    pub(super) fn notice(&mut self, line: &str) {
        if !self.is_json {
            self.output.line(Stream::Error, line);
        }
    }

    /// Something that happened to somebody called `name`, for both; for people only if there are words for it.
    pub(super) fn tell(&mut self, event: &str, member: &Fingerprint, name: &str, words: Option<&str>) {
        self.event(event, &json!({ "member": member.to_string(), "name": name }));
        if let Some(words) = words {
            self.notice(&happened(name, words));
        }
    }

    /// What went wrong, for both.
    pub(super) fn problem(&mut self, problem: &Problem) {
        // If the script has gone, standard error gets it.
        if self.is_json && !self.is_broken() {
            self.event("error", &json!({ "code": problem.code.as_str(), "text": problem.text() }));
        } else {
            self.output.line(Stream::Error, &format!("conversa: {}", printable(&problem.text())));
            if !problem.detail.is_empty() {
                log::info!("{}", problem.detail);
            }
        }
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
