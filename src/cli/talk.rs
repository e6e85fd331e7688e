//! Being in one room without a window: sends lines and reports what changes in the conversation, until it ends.
//!
//! It puts the parts together, and each part decides one thing: when it ends is up to [`Ending`], what a line means to
//! [`plain_input`] and [`json_input`], who comes in by which key to [`Entrance`], what a person is asked to
//! [`Questions`], and what is said to [`Report`]. It is no reader of events: the conversation is.

use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::arguments::Knocks;
use super::compare::Comparing;
use super::console::Console;
use super::ending::{End, Ending};
use super::entrance::{Entrance, unknown_host};
use super::input::{Inbox, Incoming};
use super::questions::{Answer, Questions, is_in_person};
use super::report::Report;
use super::request::Request;
use super::{json_input, outgoing, plain_input};
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Chat, MemberNews, News, Outgoing, Question, RowKind, Step};
use crate::app::{Code, IdentityState, MembershipId, Opening, Problem, Session, SessionEvent, Settings};
use crate::crypto::Fingerprint;
use crate::protocol::LobbyRoom;

/// How many messages may be unsent before input has to wait: below the protocol's own limit.
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

/// One room, one console.
pub(super) struct Talk {
    session: Session,
    membership: MembershipId,
    chat: Chat,
    settings: Settings,
    report: Report,
    knocks: Knocks,
    once: Option<(String, Duration)>,
    ending: Ending,
    entrance: Entrance,
    questions: Questions,
    comparing: Comparing,
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
            // Nobody scrolls back here, and a host runs for months.
            chat: Chat::with_passing_rows(&opening.rooms),
            settings: opening.settings.clone(),
            report: Report::new(console),
            knocks: rules.knocks,
            once: rules.once,
            ending: Ending::new(rules.stay),
            entrance: Entrance::new(rules.accept, rules.room.as_deref()),
            questions: Questions::default(),
            comparing: Comparing::default(),
        }
    }

    /// Talks until the end, and says the exit code.
    pub(super) fn run(mut self, mut inbox: Inbox) -> u8 {
        match self.once.take() {
            Some((text, patience)) => {
                self.send(&text);
                self.ending.only_once(Instant::now(), patience);
            }
            None => inbox.read_lines(),
        }
        loop {
            if self.unsent() < UNSENT_MAX {
                inbox.permit();
            }
            match inbox.next(self.ending.deadline()) {
                Ok(Incoming::Session(SessionEvent::Ended)) | Err(RecvTimeoutError::Disconnected) => {
                    return self.finish();
                }
                Ok(incoming) => self.take(incoming),
                Err(RecvTimeoutError::Timeout) => self.time_is_up(),
            }
            // Whoever read the output has gone: there is nobody to talk for.
            if self.report.console.is_broken() {
                self.end(0);
            }
        }
    }

    fn take(&mut self, incoming: Incoming) {
        match incoming {
            Incoming::Session(event) => self.session_event(&event),
            Incoming::Line(line) => self.line(&line),
            Incoming::BadLine(problem) => self.refuse_line(&problem),
            Incoming::EndOfInput => self.end_of_input(),
            Incoming::BrokenInput(problem) => {
                self.refuse_line(&problem);
                self.end_of_input();
            }
            Incoming::Signal => {
                if let Some(exit) = self.ending.signal(Instant::now(), self.unsent()) {
                    self.end(exit);
                }
            }
        }
    }

    /// What is about a room is read from the conversation, and what is about the session from the event itself.
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

    /// Something changed in the room: it is told first, and what is to be done about it comes after.
    fn change(&mut self, change: &Change, now_ms: u64) {
        let Some(room) = self.chat.room(self.membership) else { return };
        self.report.change(change, room, now_ms);
        match change {
            Change::RowAdded { row, .. } => {
                if let Some(RowKind::Message(message)) = room.row(*row).map(|row| &row.kind)
                    && !message.is_mine()
                {
                    self.session.read_up_to(self.membership, message.from, message.id);
                }
            }
            Change::News { news, .. } => self.news(news),
            // An owner is ready when somebody can be invited.
            Change::InviteChanged(_) if room.invite.is_some() => self.ending.mark_ready(),
            Change::Question { question: Question::FirstUse(host), .. } => self.first_use(*host),
            Change::Question { question: Question::Lobby(rooms), .. } => self.lobby(rooms),
            Change::SafetyNumber { number, .. } => {
                self.comparing.number_came(&mut self.report.console, number, room, &self.settings, &self.session);
            }
            _ => {}
        }
    }

    fn news(&mut self, news: &News) {
        match news {
            News::Connection => self.connection(),
            News::Member { member, news: MemberNews::Knock } if self.knocks == Knocks::Admit => {
                self.session.answer_knock(self.membership, *member, true);
            }
            News::Member { member, news: MemberNews::Named { .. } } => {
                if let Some(room) = self.chat.room(self.membership) {
                    self.comparing.named(&mut self.report.console, *member, room, &self.settings);
                }
            }
            News::Delivery { step: Step::TooLong { .. } | Step::OutboxFull, .. } => {
                self.ending.note(Code::TooLong.exit());
            }
            _ => {}
        }
    }

    fn connection(&mut self) {
        let Some(room) = self.chat.room(self.membership) else { return };
        if let Some(End { problem, exit }) = self.ending.connection(room) {
            problem.iter().for_each(|problem| self.report.console.problem(problem));
            self.end(exit);
        }
    }

    /// The host is new. A person is asked; a script has to bring the key.
    fn first_use(&mut self, host: Fingerprint) {
        if self.entrance.trusts(host) {
            self.session.trust_host(self.membership, host);
        } else if is_in_person(&self.report.console) {
            self.questions.ask_about_host(&mut self.report.console, host);
        } else {
            self.end_with(&unknown_host(host));
        }
    }

    fn lobby(&mut self, rooms: &[LobbyRoom]) {
        match self.entrance.choose(rooms) {
            Ok(room) => {
                self.ending.knocks(Instant::now());
                self.session.knock(self.membership, room);
            }
            Err(problem) => self.end_with(&problem),
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(answer) = self.questions.answer(line) {
            return self.answered(answer);
        }
        // An empty line is no message, and no mistake either.
        if line.trim().is_empty() {
            return;
        }
        let room = self.chat.room(self.membership);
        let is_json = self.report.console.is_json();
        let request = if is_json { json_input::understand(line) } else { plain_input::understand(line, room) };
        match request.and_then(|request| room.map_or(Ok(()), |room| request.check(room)).map(|()| request)) {
            Ok(request) => self.do_it(request),
            Err(problem) => self.refuse_line(&problem),
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Trust(host) => self.session.trust_host(self.membership, host),
            Answer::DoNotTrust(host) => self.end_with(&unknown_host(host)),
            Answer::Send(held) => {
                if let Some(room) = self.chat.room(self.membership) {
                    self.questions.accept_all(room, &self.settings);
                }
                self.send(&held);
            }
            Answer::Keep => self.report.console.notice("It was not sent."),
        }
    }

    fn do_it(&mut self, request: Request) {
        match request {
            Request::Send(text) => self.send_or_ask(text),
            Request::RefreshKeys => self.session.refresh_keys(self.membership),
            Request::RoomCode => {
                if let Some(room) = self.chat.room(self.membership) {
                    self.report.room_code(room);
                }
            }
            Request::Leave => self.session.leave(self.membership),
            Request::Invite => self.session.invite(self.membership),
            Request::Remove(member) => self.session.remove(self.membership, member),
            Request::Admit(member) => self.session.answer_knock(self.membership, member, true),
            Request::Decline(member) => self.session.answer_knock(self.membership, member, false),
            Request::Verify { member, pasted } => self.verify(member, pasted),
            Request::Unverify(member) => {
                self.session.change_settings(move |settings| settings.unmark_verified(&member));
            }
        }
    }

    fn verify(&mut self, member: Fingerprint, pasted: String) {
        let Some(room) = self.chat.room(self.membership) else { return };
        match self.comparing.ask(member, pasted, room) {
            Ok(()) => self.session.safety_number(self.membership, member),
            Err(problem) => self.refuse_line(&problem),
        }
    }

    /// Asks a person before the first line that goes out in spite of a fork or a changed key.
    fn send_or_ask(&mut self, text: String) {
        let room = self.chat.room(self.membership).filter(|_| is_in_person(&self.report.console));
        if room.is_some_and(|room| self.questions.has_doubts(room, &self.settings)) {
            self.questions.ask_about_line(&mut self.report.console, text);
        } else {
            self.send(&text);
        }
    }

    fn send(&mut self, text: &str) {
        match self.session.send(self.membership, text) {
            Ok(id) => self.chat.hand_over(self.membership, id),
            Err(problem) => self.refuse_line(&problem),
        }
    }

    /// Our messages that are not known to be on the host.
    fn unsent(&self) -> usize {
        self.chat.outgoing(self.membership).map_or(0, Outgoing::unsent)
    }

    fn refuse_line(&mut self, problem: &Problem) {
        self.report.console.problem(problem);
        self.ending.note(problem.code.exit());
    }

    fn end_of_input(&mut self) {
        // Nobody is left to answer.
        if self.questions.is_asking_about_host() {
            return self.end(Code::FirstUse.exit());
        }
        self.ending.end_of_input(Instant::now());
        self.end_if_drained();
    }

    fn end_if_drained(&mut self) {
        if self.ending.is_drained(self.unsent()) {
            self.end(0);
        }
    }

    fn time_is_up(&mut self) {
        if let Some(problem) = self.ending.late(self.unsent()) {
            self.refuse_line(&problem);
        }
        self.end(self.ending.exit_apart().max(self.ending.exit()));
    }

    fn end_with(&mut self, problem: &Problem) {
        self.report.console.problem(problem);
        self.end(problem.code.exit());
    }

    /// Says goodbye, and ends with this exit code unless something went wrong before.
    fn end(&mut self, exit: u8) {
        if self.ending.end(exit) {
            self.session.quit();
        }
    }

    /// The session has ended: what became of each message is now known as far as it ever will be.
    fn finish(mut self) -> u8 {
        if let Some(sent) = self.chat.outgoing(self.membership)
            && let Some(problem) = outgoing::problem(sent, self.ending.is_ready(), self.ending.apart())
        {
            self.report.console.event("unsent", &outgoing::fields(sent));
            self.report.console.notice(&outgoing::tally(sent));
            self.report.console.problem(&problem);
            self.ending.leaves(&problem);
        }
        self.report.console.finish(self.ending.exit())
    }
}
