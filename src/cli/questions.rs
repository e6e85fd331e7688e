//! What a person in a terminal is asked, and what their next line answers.
//!
//! Scripts are never asked: an event informs them, and they decide for themselves.
//! [`doubts`](crate::app::policy::doubts) decides, for the window too, what to ask before something is sent.

use std::io::IsTerminal;

use super::console::Console;
use crate::app::Settings;
use crate::app::conversation::Room;
use crate::app::policy::doubts::Accepted;
use crate::crypto::Fingerprint;

/// What waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Questions {
    /// The host's key, while a person is asked about it.
    host: Option<Fingerprint>,
    /// A line that waits for a yes, for something is wrong with the room.
    held: Option<String>,
    /// What a person was asked about and sends in spite of.
    accepted: Accepted,
}

/// What a line answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// This is the host's key.
    Trust(Fingerprint),
    /// Nobody says so.
    DoNotTrust(Fingerprint),
    /// What was held goes out.
    Send(String),
    /// It does not.
    Keep,
}

/// Whether a person sits there and can be asked.
pub(super) fn is_in_person(console: &Console) -> bool {
    !console.is_json() && std::io::stdin().is_terminal()
}

impl Questions {
    /// Asks whether the key is the host's.
    pub(super) fn ask_about_host(&mut self, console: &mut Console, host: Fingerprint) {
        self.host = Some(host);
        console.notice("Does the person who hosts read the same digits? [y/N]");
    }

    /// Whether that question waits for its answer.
    pub(super) const fn is_asking_about_host(&self) -> bool {
        self.host.is_some()
    }

    /// Whether a fork or a changed key is to be asked about before something goes out in the room.
    pub(super) fn has_doubts(&self, room: &Room, settings: &Settings) -> bool {
        !self.accepted.open(room, settings).is_empty()
    }

    /// Asks whether a line is to go out in spite of what is wrong.
    pub(super) fn ask_about_line(&mut self, console: &mut Console, line: String) {
        self.held = Some(line);
        console.notice("Something is wrong here, as was said above. Send it anyway? [y/N]");
    }

    /// What the line answers; `None` if nothing was asked.
    pub(super) fn answer(&mut self, line: &str) -> Option<Answer> {
        // The host comes first: before it is known, nothing goes out.
        if let Some(host) = self.host.take() {
            return Some(if is_yes(line) { Answer::Trust(host) } else { Answer::DoNotTrust(host) });
        }
        let held = self.held.take()?;
        Some(if is_yes(line) { Answer::Send(held) } else { Answer::Keep })
    }

    /// Whatever is wrong with the room now was asked about.
    pub(super) fn accept_all(&mut self, room: &Room, settings: &Settings) {
        let doubts = self.accepted.open(room, settings);
        self.accepted.accept(room.membership, doubts);
    }
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_answers_what_was_asked_and_nothing_else() {
        let (mut questions, mut console) = (Questions::default(), Console::new(true));
        let host = Fingerprint::of(b"host");
        assert_eq!(questions.answer("y"), None);
        for (line, answer) in [(" Yes ", Answer::Trust(host)), ("", Answer::DoNotTrust(host))] {
            questions.ask_about_line(&mut console, "hello".to_owned());
            questions.ask_about_host(&mut console, host);
            assert!(questions.is_asking_about_host());
            assert_eq!(questions.answer(line), Some(answer));
            assert!(!questions.is_asking_about_host());
            let held = if line.is_empty() { Answer::Keep } else { Answer::Send("hello".to_owned()) };
            assert_eq!(questions.answer(line), Some(held));
            assert_eq!(questions.answer(line), None);
        }
    }
}
