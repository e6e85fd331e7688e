//! What the terminal says about a room: each change of the conversation in turn, as a JSON line or as words.
//!
//! It asks the conversation what changed and never reads a session event, so that the terminal cannot interpret
//! anything differently from the window. It decides nothing: what to do about a change is up to [`Talk`](super::talk).
//! What a row says is in [`row`](super::row).

use serde_json::{Value, json};

use super::console::Console;
use super::lines::{called, happened, printable};
use super::row;
use crate::app::Problem;
use crate::app::conversation::{Change, Connection, MemberNews, News, Question, Room, Step};
use crate::crypto::Fingerprint;
use crate::protocol::{Invite, LobbyRoom, MessageId, Stop};

/// Writes about one membership.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) console: Console,
    /// The invite that was shown last.
    invite: Option<Invite>,
    /// What an owner is told before the room can be given away; it comes after that.
    held: Vec<(&'static str, Value)>,
}

impl Report {
    pub(super) const fn new(console: Console) -> Self {
        Self { console, invite: None, held: Vec::new() }
    }

    /// Says what changed in `room` at `now_ms`, which has taken it in already.
    pub(super) fn change(&mut self, change: &Change, room: &Room, now_ms: u64) {
        match change {
            Change::RowAdded { row, .. } => {
                if let Some(row) = room.row(*row) {
                    row::report(&mut self.console, row, room);
                }
            }
            Change::News { news, .. } => self.news(news, room, now_ms),
            Change::Question { question, .. } => self.question(question),
            // It changes with each address that is tested, too.
            Change::InviteChanged(_) => match &room.invite {
                Some(invite) if self.invite.as_ref() != Some(invite) => self.new_invite(invite, room),
                _ => {}
            },
            // What it came to is told as news, and nothing is drawn anew here.
            _ => {}
        }
    }

    /// Shows what the members can read to each other.
    pub(super) fn room_code(&mut self, room: &Room) {
        let Some(code) = room.code() else { return };
        let members = room.members().len();
        let fields = json!({ "room": row::id_of(room), "code": code.to_string(), "members": members });
        self.console.event("room_code", &fields);
        self.console.notice(&format!("The room code, the same for all {members} members: {code}"));
    }

    fn news(&mut self, news: &News, room: &Room, now_ms: u64) {
        match news {
            News::Connection => self.connection(room, now_ms),
            News::Hosting => {
                if let (Some(hosting), Some(host)) = (&room.hosting, room.host) {
                    let address = hosting.address;
                    self.console.notice(&format!("Hosting at {address}. Its key:\n  {}", host.grouped()));
                }
            }
            News::Titled => {
                let title = &room.info.title;
                self.event_after_hosting("titled", json!({ "room": row::id_of(room), "title": title }), room);
                self.console.notice(&format!("The room is called {}.", called(title)));
            }
            News::Members => self.all_members(room),
            News::Member { member, news } => self.member(member, news, room),
            News::Delivery { message, step } => self.delivery(message, step, room),
        }
    }

    fn member(&mut self, member: &Fingerprint, news: &MemberNews, room: &Room) {
        let name = room.name_of(member);
        match news {
            MemberNews::Here => self.console.tell("here", member, &name, None),
            MemberNews::Away => self.console.tell("away", member, &name, Some("went offline.")),
            MemberNews::Cut => self.console.tell("cut", member, &name, Some("lost the connection.")),
            MemberNews::Named { before } => self.named(member, before.as_deref(), room),
            MemberNews::Knock => {
                self.console.tell("knock", member, &name, None);
                let tag = member.tag();
                self.console.notice(&format!("{tag} asks to join. Type /admit {tag} or /decline {tag}"));
                self.console.notice(&format!("  key: {}", member.grouped()));
            }
            MemberNews::KnockOver => self.console.tell("knock_over", member, &name, Some("no longer asks.")),
            MemberNews::InviteUsed => self.console.tell("invite_used", member, &name, None),
        }
    }

    fn named(&mut self, member: &Fingerprint, before: Option<&str>, room: &Room) {
        let Some(name) = room.chosen_name(member) else { return };
        // Each chain of keys repeats its sender's, and one's own is known.
        if before == Some(name.as_str()) || room.me == Some(*member) {
            return;
        }
        let (key, name) = (member.to_string(), name.as_str());
        self.console.event("named", &json!({ "member": key, "name": name }));
        self.console.notice(&happened(&member.tag(), &format!("is called {}.", called(name))));
    }

    /// Tells who is in the room. Who comes and goes after that has rows.
    fn all_members(&mut self, room: &Room) {
        let fields = |member: &Fingerprint| {
            let (name, is_owner) = (room.name_of(member), room.owner == Some(*member));
            json!({ "member": member.to_string(), "name": name, "owner": is_owner })
        };
        let mut members: Vec<Fingerprint> = room.members().iter().map(|member| member.fingerprint).collect();
        // As the roster has them, whatever they are called.
        members.sort_unstable();
        let list: Vec<Value> = members.iter().map(fields).collect();
        self.event_after_hosting("members", json!({ "room": row::id_of(room), "members": list }), room);
    }

    fn delivery(&mut self, message: &MessageId, step: &Step, room: &Room) {
        let id = message.to_string();
        match step {
            Step::OnHost { without } => {
                let without: Vec<String> = without.iter().map(ToString::to_string).collect();
                self.console.event("on_host", &json!({ "id": id, "without": without }));
            }
            Step::Delivered { to } => {
                self.console.event("delivered", &json!({ "id": id, "to": to.to_string() }));
            }
            Step::MissedBy { member } => {
                let called = room.name_of(member);
                let fields = json!({ "id": id, "member": member.to_string(), "name": called });
                self.console.event("missed_by", &fields);
                self.console.notice(&printable(&format!("{called} left without confirming your last messages.")));
            }
            Step::TooLong { limit } => self.rejected(&id, &Problem::over_limit(*limit)),
            Step::OutboxFull => self.rejected(&id, &Problem::outbox_full()),
            // That it was taken is told by its row.
            Step::Taken | Step::Sealed | Step::CalledBack => {}
        }
    }

    fn rejected(&mut self, id: &str, problem: &Problem) {
        let fields = json!({ "code": problem.code.as_str(), "text": problem.text(), "id": id });
        if self.console.is_json() {
            self.console.event("error", &fields);
        } else {
            self.console.problem(problem);
        }
    }

    fn question(&mut self, question: &Question) {
        match question {
            Question::FirstUse(host) => {
                let fields = json!({ "host": host.to_string(), "grouped": host.grouped() });
                self.console.event("first_use", &fields);
                let text = format!("The host's key, new to this computer:\n  {}", host.grouped());
                self.console.notice(&text);
            }
            Question::Lobby(rooms) => {
                let fields = |room: &LobbyRoom| {
                    let (id, owner) = (room.room.to_string(), room.owner.to_string());
                    let LobbyRoom { members, round_trip_ms, .. } = room;
                    json!({ "room": id, "owner": owner, "members": members, "round_trip_ms": round_trip_ms })
                };
                let rooms: Vec<_> = rooms.iter().map(fields).collect();
                self.console.event("lobby", &json!({ "rooms": rooms }));
            }
        }
    }

    fn connection(&mut self, room: &Room, now_ms: u64) {
        match (&room.connection, room.stop()) {
            (_, Some(stop)) => self.stopped(stop),
            (Connection::WaitingForOwner, None) => {
                self.console.event("waiting", &json!({}));
                self.console.notice("Waiting to be let in…");
            }
            (Connection::Connected { members, reachable }, None) => self.ready(*members, *reachable, room),
            (Connection::Offline { problem, retry_at_ms }, None) => {
                self.offline(problem, retry_at_ms.saturating_sub(now_ms));
            }
            // It could not begin.
            (Connection::Ended(Some(problem)), None) => self.console.problem(problem),
            _ => {}
        }
    }

    fn ready(&mut self, members: usize, reachable: usize, room: &Room) {
        let code = room.code().map(ToString::to_string);
        let fields = json!({ "room": row::id_of(room), "members": members, "reachable": reachable, "code": code });
        self.event_after_hosting("ready", fields, room);
        let people = if members == 1 { "1 member".to_owned() } else { format!("{members} members") };
        let names: Vec<String> =
            room.members().iter().map(|member| called(&room.name_of(&member.fingerprint))).collect();
        self.console.notice(&format!("In the room: {people}: {}. {}", names.join(" "), room.security().text()));
    }

    fn offline(&mut self, problem: &Problem, retry_in_ms: u64) {
        let fields = json!({
            "code": problem.code.as_str(), "text": problem.text(), "retry_in_ms": retry_in_ms,
        });
        self.console.event("offline", &fields);
        let seconds = retry_in_ms.div_ceil(1_000);
        self.console.notice(&printable(&format!("{} Retrying in {seconds} s.", problem.text())));
    }

    /// How it ended. What is somebody's fault is told as a problem by whoever ends the command.
    fn stopped(&mut self, stop: &Stop) {
        let reason = match stop {
            Stop::Left => "left",
            Stop::Offline => "offline",
            Stop::Removed => "removed",
            Stop::Closed => "closed",
            Stop::Replaced => "replaced",
            Stop::Refused(_) | Stop::InviteOver { .. } => "refused",
            Stop::Unreachable(_) => "unreachable",
            Stop::RolledBack { .. } => "rolled_back",
            Stop::BadRecord => "damaged",
            Stop::Protocol(_) | Stop::WrongRoom | Stop::Crypto(_) => "fault",
        };
        if *stop == Stop::Closed {
            self.console.event("closed", &json!({}));
            self.console.notice("The owner closed the room.");
        }
        let code = Problem::of_stop(stop).map(|problem| problem.code.as_str());
        self.console.event("stopped", &json!({ "reason": reason, "code": code }));
    }

    fn new_invite(&mut self, invite: &Invite, room: &Room) {
        if self.invite.replace(invite.clone()).is_some() {
            self.console.event("invite", &json!({ "room": row::id_of(room), "invite": invite.to_string() }));
            return self.console.notice(&format!("Next invite: {invite}"));
        }
        let listening = room.hosting.as_ref().map(|hosting| hosting.address.to_string());
        let address = listening.or_else(|| room.info.addresses.first().cloned());
        let fields = json!({
            "room": row::id_of(room), "title": room.title(), "address": address, "invite": invite.to_string(),
            "fingerprint": room.host.map(|host| host.to_string()), "learning": room.is_learning(),
        });
        self.console.event("hosting", &fields);
        self.console.line(&format!("Invite: {invite}"));
        for (name, fields) in std::mem::take(&mut self.held) {
            self.console.event(name, &fields);
        }
    }

    /// `hosting` is an owner's first event, for it has what others need to come.
    fn event_after_hosting(&mut self, name: &'static str, fields: Value, room: &Room) {
        if room.info.owned && self.invite.is_none() {
            self.held.push((name, fields));
        } else {
            self.console.event(name, &fields);
        }
    }
}
