//! Being in one room without a window: lines go out, events come in, until it ends.

use std::collections::{HashMap, HashSet};
use std::io::IsTerminal;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::arguments::Knocks;
use super::console::Console;
use super::input::{Inbox, Incoming};
use super::report::Report;
use super::request::Request;
use super::{compare, json_input, outgoing};
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Chat, Connection, MemberNews, News, Outgoing, Question, Step};
use crate::app::policy::doubts::{self, Accepted, Doubt};
use crate::app::{Code, IdentityState, MembershipId, Opening, Problem, Session, SessionEvent, Settings, say};
use crate::crypto::Fingerprint;
use crate::protocol::limits::WAITING_MS;
use crate::protocol::{LobbyRoom, RoomId, SafetyNumber, Stop};

/// How long what is queued may take to go out after the end of input.
const DRAIN: Duration = Duration::from_secs(30);
/// The same after a signal: whoever sent it waits, and may use force.
const SIGNAL_DRAIN: Duration = Duration::from_secs(2);
/// The same while the owner of a room decides, which the host gives two minutes for.
const KNOCK: Duration = Duration::from_millis(WAITING_MS + 30_000);
/// Own messages that may be unsent before input has to wait: below the protocol's own limit.
const UNSENT_MAX: usize = 500;

/// What decides how a talk goes.
#[derive(Debug)]
pub(super) struct Rules {
    /// What to do with people who knock.
    pub(super) knocks: Knocks,
    /// The host's key that somebody named, where none is pinned.
    pub(super) accept: Option<Fingerprint>,
    /// Which room to ask for at an address.
    pub(super) room: Option<String>,
    /// Whether to stay after the end of input.
    pub(super) stay: bool,
    /// A single message to send instead of the lines of standard input, and how long it may take.
    pub(super) once: Option<(String, Duration)>,
}

/// How far a talk is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    /// Input is taken.
    Talking,
    /// Input ended; what is queued goes out, until then.
    Draining(Instant),
    /// A signal came; the same for a moment.
    Stopping(Instant),
    /// The session says goodbye.
    Ending,
}

/// One room, one console.
pub(super) struct Talk {
    session: Session,
    membership: MembershipId,
    chat: Chat,
    report: Report,
    rules: Rules,
    stage: Stage,
    /// Lines that were taken and not paid back with a permit.
    lines_taken: usize,
    /// Whether the room was entered, and, as its owner, can be given away.
    settled: bool,
    /// Whether the owner of a room is asked to let us in: a person may take a while.
    knocking: bool,
    settings: Settings,
    /// With what the safety number of a member is to be compared once it is worked out; nothing to
    /// show it.
    comparing: HashMap<Fingerprint, String>,
    /// A line that waits for a yes, for something is wrong with the room.
    held: Option<String>,
    /// What a person was asked about and sends in spite of.
    accepted: Accepted,
    /// Members with a changed key that were told.
    doubted: HashSet<Fingerprint>,
    /// The host's key, while a person is asked about it.
    asked: Option<Fingerprint>,
    /// Why it is not in the room, as long as that is so.
    apart: Option<Problem>,
    exit: u8,
}

impl Talk {
    pub(super) fn new(
        session: Session,
        opening: &Opening,
        membership: MembershipId,
        console: Console,
        rules: Rules,
    ) -> Self {
        Self {
            session,
            membership,
            chat: Chat::with_passing_rows(&opening.rooms),
            report: Report::new(console),
            rules,
            stage: Stage::Talking,
            lines_taken: 0,
            settled: false,
            knocking: false,
            settings: opening.settings.clone(),
            comparing: HashMap::new(),
            held: None,
            accepted: Accepted::default(),
            doubted: HashSet::new(),
            asked: None,
            apart: None,
            exit: 0,
        }
    }

    /// Talks until the end, and says the exit code.
    pub(super) fn run(mut self, mut inbox: Inbox) -> u8 {
        match self.rules.once.take() {
            Some((text, patience)) => {
                self.send(&text);
                if self.stage == Stage::Talking {
                    self.stage = Stage::Draining(Instant::now() + patience);
                }
            }
            None => {
                inbox.read_lines();
                self.lines_taken = 1;
            }
        }
        loop {
            self.pay_permits(&inbox);
            let incoming = match self.stage {
                Stage::Draining(until) | Stage::Stopping(until) => {
                    inbox.incoming.recv_timeout(until.saturating_duration_since(Instant::now()))
                }
                Stage::Talking | Stage::Ending => inbox.incoming.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match incoming {
                Ok(Incoming::Session(SessionEvent::Ended)) | Err(RecvTimeoutError::Disconnected) => {
                    return self.finish();
                }
                Ok(incoming) => self.take(incoming),
                Err(RecvTimeoutError::Timeout) => self.time_is_up(),
            }
            if self.report.console.is_broken() {
                self.end(0);
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Session(event) => self.session_event(&event),
            Incoming::Line(line) => {
                self.lines_taken += 1;
                self.line(&line);
            }
            Incoming::BadLine(problem) => {
                self.lines_taken += 1;
                self.refuse_line(&problem);
            }
            Incoming::EndOfInput => self.end_of_input(),
            Incoming::BrokenInput(problem) => {
                self.refuse_line(&problem);
                self.end_of_input();
            }
            Incoming::Signal => self.signal(),
        }
    }

    /// Lets lines be read while not too much is unsent.
    fn pay_permits(&mut self, inbox: &Inbox) {
        while self.lines_taken > 0 && self.unsent() < UNSENT_MAX {
            self.lines_taken -= 1;
            // The reader may be through.
            let _ = inbox.permits.send(());
        }
    }

    fn session_event(&mut self, event: &SessionEvent) {
        let now_ms = now_ms();
        let changes = self.chat.apply(event, now_ms);
        match event {
            SessionEvent::Membership { membership, .. } if *membership == self.membership => {
                changes.iter().for_each(|change| self.change(change, now_ms));
                self.end_if_drained();
            }
            SessionEvent::Identity { state: IdentityState::Locked(problem), .. } => {
                self.report.console.problem(problem);
                self.end(problem.code.exit());
            }
            SessionEvent::Identity { state: IdentityState::Making(step), .. } => log::info!("identity: {step:?}"),
            SessionEvent::Settings(settings) => self.settings = settings.clone(),
            SessionEvent::Warning(problem) => self.report.console.problem(problem),
            SessionEvent::Unwritten(problem) => self.refuse_line(problem),
            _ => {}
        }
    }

    /// Something changed in the room: it is told, and then done about.
    fn change(&mut self, change: &Change, now_ms: u64) {
        let Some(room) = self.chat.room(self.membership) else { return };
        self.report.change(change, room, now_ms);
        match change {
            Change::News { news, .. } => self.news(news),
            Change::InviteChanged(_) => self.settled |= room.invite.is_some(),
            Change::Question { question: Question::FirstUse(host), .. } => self.first_use(*host),
            Change::Question { question: Question::Lobby(rooms), .. } => self.lobby(rooms),
            Change::SafetyNumber { number, .. } => self.number_came(number),
            _ => {}
        }
    }

    /// Ends when input did, the room was entered, and everything is said.
    fn end_if_drained(&mut self) {
        if matches!(self.stage, Stage::Draining(_) | Stage::Stopping(_)) && self.settled && self.unsent() == 0 {
            self.end(0);
        }
    }

    fn news(&mut self, news: &News) {
        match news {
            News::Connection => self.connection(),
            News::Member { member, news: MemberNews::Knock } if self.rules.knocks == Knocks::Admit => {
                self.session.answer_knock(self.membership, *member, true);
            }
            News::Member { member, news: MemberNews::Named { .. } } => self.doubt(*member),
            News::Delivery { step: Step::TooLong { .. } | Step::OutboxFull, .. } => {
                self.exit = self.exit.max(Code::TooLong.exit());
            }
            _ => {}
        }
    }

    fn connection(&mut self) {
        let Some(room) = self.chat.room(self.membership) else { return };
        if let Some(stop) = room.stop().cloned() {
            return self.stopped(&stop);
        }
        match &room.connection {
            Connection::Connected { .. } => {
                self.apart = None;
                self.settled |= !room.info.owned;
            }
            Connection::Offline { problem, .. } => self.apart = Some(problem.clone()),
            // It could not begin, as was told.
            Connection::Ended(Some(problem)) => {
                let exit = problem.code.exit();
                self.end(exit);
            }
            _ => {}
        }
    }

    fn number_came(&mut self, number: &SafetyNumber) {
        let (member, room) = (number.other(), self.chat.room(self.membership));
        let (Some(pasted), Some(room)) = (self.comparing.remove(&member), room) else { return };
        if compare::report(&mut self.report.console, number, &pasted, room, &self.settings) {
            let name = room.chosen_name(&member).map(ToString::to_string).unwrap_or_default();
            self.session.change_settings(move |settings| settings.mark_verified(member, &name, now_ms()));
        }
    }

    /// Tells once of somebody who has another key than before.
    fn doubt(&mut self, member: Fingerprint) {
        let Some(room) = self.chat.room(self.membership).filter(|room| !room.is_learning()) else { return };
        if doubts::compared_otherwise(room, &self.settings, &member).is_some() && self.doubted.insert(member) {
            compare::warn_of_change(&mut self.report.console, &member, room);
        }
    }

    fn verify(&mut self, member: Fingerprint, pasted: String) {
        let Some(room) = self.chat.room(self.membership) else { return };
        if room.is_learning() || room.member(&member).is_none() {
            let what = say!("There is no safety number to compare.");
            let hint = say!("It needs a member of this room, and a room that is no learning room.");
            return self.refuse_line(&Problem::new(Code::Usage, what, hint));
        }
        self.comparing.insert(member, pasted);
        self.session.safety_number(self.membership, member);
    }

    fn stopped(&mut self, stop: &Stop) {
        if matches!(self.stage, Stage::Ending) {
            return;
        }
        // A room that its owner closed has ended as rooms do.
        let problem = Problem::of_stop(stop).filter(|_| *stop != Stop::Closed);
        if let Some(problem) = &problem {
            self.report.console.problem(problem);
        }
        self.end(problem.map_or(0, |problem| problem.code.exit()));
    }

    fn line(&mut self, line: &str) {
        if let Some(host) = self.asked.take() {
            return self.answer_first_use(line, host);
        }
        if let Some(held) = self.held.take() {
            return self.answer_held(line, &held);
        }
        // An empty line is no message, and no mistake either.
        if line.trim().is_empty() {
            return;
        }
        let request =
            if self.report.console.is_json() { json_input::understand(line) } else { self.plain_request(line) };
        let request = request.and_then(|request| match self.chat.room(self.membership) {
            Some(room) => request.check(room).map(|()| request),
            None => Ok(request),
        });
        match request {
            Ok(Request::Send(text)) => self.send_or_ask(text),
            Ok(Request::RefreshKeys) => self.session.refresh_keys(self.membership),
            Ok(Request::RoomCode) => self.show_room_code(),
            Ok(Request::Leave) => self.session.leave(self.membership),
            Ok(Request::Invite) => self.session.invite(self.membership),
            Ok(Request::Remove(member)) => self.session.remove(self.membership, member),
            Ok(Request::Admit(member)) => self.session.answer_knock(self.membership, member, true),
            Ok(Request::Decline(member)) => self.session.answer_knock(self.membership, member, false),
            Ok(Request::Verify { member, pasted }) => self.verify(member, pasted),
            Ok(Request::Unverify(member)) => {
                self.session.change_settings(move |settings| settings.unmark_verified(&member));
            }
            Err(problem) => self.refuse_line(&problem),
        }
    }

    fn show_room_code(&mut self) {
        if let Some(room) = self.chat.room(self.membership) {
            self.report.room_code(room);
        }
    }

    /// Plain lines are messages, but for `/verify` and `/unverify`, `/room-code` and `/refresh-keys`,
    /// and `/admit` and `/decline` while somebody knocks.
    fn plain_request(&self, line: &str) -> Result<Request, Problem> {
        match line.trim_end() {
            "/refresh-keys" => return Ok(Request::RefreshKeys),
            "/room-code" => return Ok(Request::RoomCode),
            _ => {}
        }
        if let Some(request) = self.chat.room(self.membership).and_then(|room| compare::request(line, room)) {
            return request;
        }
        let knocks = self.chat.room(self.membership).map(|room| room.knocks.as_slice()).unwrap_or_default();
        let (word, tag) = line.split_once(' ').unwrap_or((line, ""));
        if knocks.is_empty() || !matches!(word, "/admit" | "/decline") {
            return if is_meant_as_command(line) { Err(not_understood()) } else { Ok(Request::Send(line.to_owned())) };
        }
        let tag = tag.trim().to_ascii_lowercase();
        let mut meant = knocks.iter().filter(|knock| !tag.is_empty() && knock.to_string().starts_with(&tag));
        match (meant.next(), meant.next()) {
            (Some(member), None) if word == "/admit" => Ok(Request::Admit(*member)),
            (Some(member), None) => Ok(Request::Decline(*member)),
            _ => {
                let what = say!("Nobody with this tag asks to come in.");
                Err(Problem::new(Code::Usage, what, say!("The line was not sent.")))
            }
        }
    }

    /// Asks a person before the first line that goes out in spite of a fork or a changed key. Scripts
    /// were told by an event, and decide for themselves.
    fn send_or_ask(&mut self, text: String) {
        if !self.is_in_person() || self.doubts().is_empty() {
            return self.send(&text);
        }
        self.held = Some(text);
        self.report.console.notice("Something is wrong here, as was said above. Send it anyway? [y/N]");
    }

    fn answer_held(&mut self, answer: &str, held: &str) {
        if is_yes(answer) {
            let doubts = self.doubts();
            self.accepted.accept(self.membership, doubts);
            self.send(held);
        } else {
            self.report.console.notice("It was not sent.");
        }
    }

    fn doubts(&self) -> Vec<Doubt> {
        self.chat.room(self.membership).map(|room| self.accepted.open(room, &self.settings)).unwrap_or_default()
    }

    /// Own messages that are not known to be on the host.
    fn unsent(&self) -> usize {
        self.chat.outgoing(self.membership).map_or(0, Outgoing::unsent)
    }

    /// Whether a person sits there and can be asked.
    fn is_in_person(&self) -> bool {
        !self.report.console.is_json() && std::io::stdin().is_terminal()
    }

    fn send(&mut self, text: &str) {
        match self.session.send(self.membership, text) {
            Ok(id) => self.chat.hand_over(self.membership, id),
            Err(problem) => self.refuse_line(&problem),
        }
    }

    fn refuse_line(&mut self, problem: &Problem) {
        self.report.console.problem(problem);
        self.exit = self.exit.max(problem.code.exit());
    }

    /// The host is new. A person is asked; a script has to bring the key.
    fn first_use(&mut self, host: Fingerprint) {
        if self.rules.accept == Some(host) {
            return self.session.trust_host(self.membership, host);
        }
        if self.is_in_person() {
            self.asked = Some(host);
            return self.report.console.notice("Does the person who hosts read the same digits? [y/N]");
        }
        self.refuse_first_use(host);
    }

    fn answer_first_use(&mut self, answer: &str, host: Fingerprint) {
        if is_yes(answer) {
            self.session.trust_host(self.membership, host);
        } else {
            self.refuse_first_use(host);
        }
    }

    fn refuse_first_use(&mut self, host: Fingerprint) {
        let what = say!("The host's key is not known here, and nobody said that it is right. Nothing was sent.");
        let hint = say!("Compare it with what the host shows, then use --accept-fingerprint {}", host);
        let problem = Problem::new(Code::FirstUse, what, hint);
        self.report.console.problem(&problem);
        self.end(problem.code.exit());
    }

    fn lobby(&mut self, rooms: &[LobbyRoom]) {
        let wanted = self.rules.room.as_deref().map(str::to_ascii_lowercase);
        let fits = |room: &&LobbyRoom| wanted.as_ref().is_none_or(|wanted| room.room.to_string().starts_with(wanted));
        let mut fitting = rooms.iter().filter(fits);
        let problem = match (fitting.next(), fitting.next()) {
            (Some(room), None) => return self.knock(room.room),
            (None, _) => {
                let what = say!("There is no such room to ask for here.");
                Problem::new(Code::NoKnocking, what, say!("Ask its owner for an invite."))
            }
            (Some(_), Some(_)) => {
                let list: Vec<String> = rooms.iter().map(|room| format!("{:.12}", room.room.to_string())).collect();
                let hint = say!("Say which with --room: {}.", list.join(", "));
                Problem::new(Code::UnknownRoom, say!("There are several rooms at this address."), hint)
            }
        };
        self.report.console.problem(&problem);
        self.end(problem.code.exit());
    }

    fn knock(&mut self, room: RoomId) {
        self.knocking = true;
        if let Stage::Draining(until) = self.stage {
            self.stage = Stage::Draining(until.max(Instant::now() + KNOCK));
        }
        self.session.knock(self.membership, room);
    }

    fn end_of_input(&mut self) {
        if self.asked.is_some() {
            return self.end(Code::FirstUse.exit());
        }
        if self.rules.stay || self.stage != Stage::Talking {
            return;
        }
        self.stage = Stage::Draining(Instant::now() + if self.knocking { KNOCK } else { DRAIN });
        self.end_if_drained();
    }

    /// Whoever stops the program need not wait for long, and a second time not at all.
    fn signal(&mut self) {
        match self.stage {
            Stage::Talking | Stage::Draining(_) if self.unsent() > 0 => {
                self.stage = Stage::Stopping(Instant::now() + SIGNAL_DRAIN);
            }
            Stage::Talking | Stage::Draining(_) | Stage::Stopping(_) => self.end(self.exit_apart()),
            Stage::Ending => {}
        }
    }

    /// What is left is told at the very end: until then it may still arrive.
    fn time_is_up(&mut self) {
        if self.unsent() == 0 && matches!(self.stage, Stage::Draining(_)) {
            let what = say!("Input ended before the room was entered.");
            let apart = self.apart.as_ref().map(|problem| problem.what.clone());
            let hint = apart.unwrap_or_else(|| say!("The room could not be entered in time."));
            self.refuse_line(&Problem::new(Code::Unsent, what, hint));
        }
        self.end(self.exit_apart().max(self.exit));
    }

    /// The session has ended: what became of each message is known now as far as it ever will be.
    fn finish(mut self) -> u8 {
        let apart = self.apart.as_ref().map(|problem| problem.what.clone());
        if let Some(sent) = self.chat.outgoing(self.membership)
            && let Some(problem) = outgoing::problem(sent, self.settled, apart)
        {
            self.report.console.event("unsent", &outgoing::fields(sent));
            self.report.console.notice(&outgoing::tally(sent));
            self.report.console.problem(&problem);
            self.exit = if self.exit == 0 { problem.code.exit() } else { self.exit };
        }
        self.report.console.finish(self.exit)
    }

    /// The exit code of a room that was never entered: of the reason.
    fn exit_apart(&self) -> u8 {
        self.apart.as_ref().filter(|_| !self.settled).map_or(0, |problem| problem.code.exit())
    }

    /// Says goodbye, and ends with this exit code unless something went wrong before.
    fn end(&mut self, exit: u8) {
        if self.stage != Stage::Ending {
            self.stage = Stage::Ending;
            self.exit = if exit == 0 { self.exit } else { exit };
            self.session.quit();
        }
    }
}

/// Whether a line that is no command was meant as one: words to the room hardly begin so.
fn is_meant_as_command(line: &str) -> bool {
    const WORDS: [&str; 10] =
        ["verify", "unverify", "room-code", "refresh-keys", "admit", "decline", "invite", "help", "leave", "quit"];
    let Some(rest) = line.trim_start().strip_prefix('/') else { return false };
    rest.split_whitespace().next().is_some_and(|word| WORDS.contains(&word.to_lowercase().as_str()))
}

fn not_understood() -> Problem {
    Problem::new(Code::Usage, say!("This line of input is not understood."), say!("The line was not sent."))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::is_meant_as_command;

    #[test]
    fn a_mistyped_command_is_no_message() {
        for line in ["/verify", "/VERIFY Bo", " /verify Bo", "/ verify Bo", "/admit zz", "/Decline", "/invite", "/quit"]
        {
            assert!(is_meant_as_command(line), "{line}");
        }
        for line in
            ["/shrug", "/etc/hosts is right", "verify", "a /verify", "//verify", "/verifying is tedious", "/", ""]
        {
            assert!(!is_meant_as_command(line), "{line}");
        }
    }
}
