//! What the headless front end says about each event of a membership: as a JSON line, or as words.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::console::Console;
use super::content;
use super::lines::{called, happened, printable};
use crate::app::conversation::{Chat, Room};
use crate::app::{MembershipEvent, MembershipId, Problem, clock};
use crate::crypto::Fingerprint;
use crate::protocol::{Event, LobbyRoom, Stop};

/// Writes about one membership.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) console: Console,
    membership: MembershipId,
    /// Whether the first invite was shown.
    invited: bool,
    /// What an owner is told before the room can be given away; it comes after that.
    held: Vec<(&'static str, Value)>,
    /// The address where this computer listens, until the first invite is told with it.
    listening: Option<String>,
    /// Who is known to be in the room; nobody before it was entered.
    members: Option<BTreeSet<Fingerprint>>,
    /// The names that were told: each chain repeats its sender's.
    names: BTreeMap<Fingerprint, String>,
}

impl Report {
    pub(super) const fn new(console: Console, membership: MembershipId) -> Self {
        Self {
            console,
            membership,
            invited: false,
            held: Vec::new(),
            listening: None,
            members: None,
            names: BTreeMap::new(),
        }
    }

    /// Says what happened. `chat` has taken the event in already.
    pub(super) fn event(&mut self, event: &MembershipEvent, chat: &Chat) {
        let Some(room) = chat.room(self.membership) else { return };
        match event {
            MembershipEvent::Hosting { address, host, .. } => {
                self.listening = Some(address.to_string());
                self.console.notice(&format!("Hosting at {address}. Its key:\n  {}", host.grouped()));
            }
            MembershipEvent::Sent { id, .. } => {
                self.console.event("queued", &json!({ "room": room_id(room), "id": id.to_string() }));
            }
            MembershipEvent::Failed(problem) => self.console.problem(problem),
            MembershipEvent::Protocol(event) => self.protocol(event, room),
            MembershipEvent::Begun(_)
            | MembershipEvent::Identity(_)
            | MembershipEvent::RoomCode(_)
            | MembershipEvent::Reach { .. }
            | MembershipEvent::CancelAsked(_)
            | MembershipEvent::Forgotten => {}
        }
    }

    fn protocol(&mut self, event: &Event, room: &Room) {
        match event {
            Event::InviteMade(invite) => self.invite(&invite.to_string(), room),
            Event::Ready { members, reachable } => self.ready(*members, *reachable, room),
            Event::Message { id, from, content: said, sent_ms } => {
                let name = room.name_of(from);
                self.console.line(&content::line(&name, said));
                let fields = json!({
                    "room": room_id(room), "id": id.to_string(), "from": from.to_string(), "name": name,
                    "time": rfc3339(*sent_ms),
                });
                self.console.event("message", &merged(fields, content::fields(said)));
            }
            Event::OnHost { id, without } => {
                let without: Vec<String> = without.iter().map(ToString::to_string).collect();
                self.console.event("on_host", &json!({ "id": id.to_string(), "without": without }));
            }
            Event::Delivered { id, to } => {
                self.console.event("delivered", &json!({ "id": id.to_string(), "to": to.to_string() }));
            }
            Event::Rejected { id, limit } => self.rejected(&id.to_string(), Problem::over_limit(*limit)),
            Event::OutboxFull { id } => self.rejected(&id.to_string(), Problem::outbox_full()),
            Event::FirstUse { host } => {
                let fields = json!({ "host": host.to_string(), "grouped": host.grouped() });
                self.console.event("first_use", &fields);
                let text = format!("The host's key, met for the first time:\n  {}", host.grouped());
                self.console.notice(&text);
            }
            Event::Lobby(rooms) => {
                let fields = |room: &LobbyRoom| {
                    let (id, owner) = (room.room.to_string(), room.owner.to_string());
                    let LobbyRoom { members, round_trip_ms, .. } = room;
                    json!({ "room": id, "owner": owner, "members": members, "round_trip_ms": round_trip_ms })
                };
                let rooms: Vec<_> = rooms.iter().map(fields).collect();
                self.console.event("lobby", &json!({ "rooms": rooms }));
            }
            Event::Waiting => {
                self.console.event("waiting", &json!({}));
                self.console.notice("Waiting to be let in…");
            }
            Event::Titled { title } => {
                self.event_after_hosting("titled", json!({ "room": room_id(room), "title": title }), room);
                self.console.notice(&format!("The room is called {}.", called(title)));
            }
            Event::Offline { error, retry_in_ms } => self.offline(&Problem::from(error), *retry_in_ms),
            Event::Stopped(stop) => self.stopped(stop),
            event => self.member_event(event, room),
        }
    }

    fn member_event(&mut self, event: &Event, room: &Room) {
        match event {
            Event::Members(members) => self.all_members(members, room),
            Event::MemberJoined { member } => self.joined(member, room),
            Event::MemberLeft { member } => {
                self.tell("left", member, Some("left the room."), room);
                self.forget(member);
            }
            Event::MemberRemoved { member } => {
                self.tell("removed", member, Some("was removed by the owner."), room);
                self.forget(member);
            }
            Event::MemberHere { member } => {
                self.joined(member, room);
                self.tell("here", member, None, room);
            }
            Event::MemberAway { member, cut: false } => self.tell("away", member, Some("went offline."), room),
            Event::MemberAway { member, cut: true } => self.tell("cut", member, Some("lost the connection."), room),
            Event::MemberNamed { member, name } if room.me != Some(*member) => self.named(member, name),
            Event::Knock { member } => {
                self.tell("knock", member, None, room);
                let tag = member.tag();
                self.console.notice(&format!("{tag} asks to come in. Type /admit {tag} or /decline {tag}"));
                self.console.notice(&format!("  key: {}", member.grouped()));
            }
            Event::KnockOver { member } => self.tell("knock_over", member, Some("does not ask any more."), room),
            Event::InviteUsed { by } => self.tell("invite_used", by, None, room),
            Event::Newer { from } => {
                self.tell("newer", from, Some("sent something that needs a newer Conversa."), room)
            }
            Event::Unreadable { from } => {
                self.tell("unreadable", from, Some("sent something that cannot be read."), room)
            }
            Event::Fork { from } => {
                self.tell(
                    "fork",
                    from,
                    Some("and you were shown different things: the host, or their app, is wrong."),
                    room,
                );
                self.console.notice("Compare the room code with the others by another way: /room-code shows it.");
            }
            Event::ClockDiffers { member, theirs_ms, ours_ms } => {
                let name = room.name_of(member);
                let text = format!("{} It says {}.", clock::differs(&name, *theirs_ms), clock::date(*ours_ms));
                let fields = json!({
                    "member": member.to_string(), "name": name, "text": text,
                    "theirs": rfc3339(*theirs_ms), "ours": rfc3339(*ours_ms),
                });
                self.console.event("clock", &fields);
                self.console.notice(&printable(&text));
            }
            event => self.missing_event(event, room),
        }
    }

    /// What somebody said and somebody did not get.
    fn missing_event(&mut self, event: &Event, room: &Room) {
        match event {
            Event::Lost { from, count } => {
                let name = room.name_of(from);
                let fields = json!({ "member": from.to_string(), "name": name, "count": count });
                self.console.event("lost", &fields);
                self.console.notice(&format!("Messages from {} are missing: {count}.", called(&name)));
            }
            Event::Missed { told_by, count, since_ms } => self.missed(told_by, *count, *since_ms),
            Event::LogGap { entries, since_ms } => {
                self.console.event("log_gap", &json!({ "entries": entries, "since": rfc3339(*since_ms) }));
                let since = rfc3339(*since_ms);
                self.console.notice(&format!(
                    "The host no longer has what was said since {since}: up to {entries} entries of the room's log."
                ));
            }
            Event::MissedBy { id, by } => {
                let called = room.name_of(by);
                let fields = json!({ "id": id.to_string(), "member": by.to_string(), "name": called });
                self.console.event("missed_by", &fields);
                self.console.notice(&printable(&format!("{called} went without having confirmed your last words.")));
            }
            _ => {}
        }
    }

    fn missed(&mut self, told_by: &Fingerprint, count: u64, since_ms: u64) {
        let since = rfc3339(since_ms);
        let fields = json!({ "count": count, "since": since, "told_by": told_by.to_string() });
        self.console.event("missed", &fields);
        let messages = if count == 1 { "one message".to_owned() } else { format!("{count} messages") };
        self.console.notice(&format!("You missed at least {messages} while you were away, since {since}."));
    }

    /// Shows what the members can read to each other.
    pub(super) fn room_code(&mut self, room: &Room) {
        let Some(code) = room.code() else { return };
        let members = room.members().len();
        let fields = json!({ "room": room_id(room), "code": code.to_string(), "members": members });
        self.console.event("room_code", &fields);
        self.console.notice(&format!("The room code, the same for all {members} members: {code}"));
    }

    fn named(&mut self, member: &Fingerprint, name: &str) {
        if self.names.insert(*member, name.to_owned()).as_deref() == Some(name) {
            return;
        }
        let key = member.to_string();
        self.console.event("named", &json!({ "member": key, "name": name }));
        self.console.notice(&happened(&member.tag(), &format!("is called {}.", called(name))));
    }

    /// Tells of something that happened with somebody.
    fn tell(&mut self, event: &str, member: &Fingerprint, notice: Option<&str>, room: &Room) {
        let name = room.name_of(member);
        self.console.event(event, &json!({ "member": member.to_string(), "name": name }));
        if let Some(notice) = notice {
            self.console.notice(&happened(&name, notice));
        }
    }

    /// Tells at once that somebody joined: by the tag of the key, for a name comes later or never.
    fn joined(&mut self, member: &Fingerprint, room: &Room) {
        // Before the room was entered all are told together, and what the host shows of them is no news after.
        let is_new = self.members.as_mut().is_some_and(|members| members.insert(*member));
        if is_new && room.me != Some(*member) {
            self.tell("joined", member, Some("joined."), room);
        }
    }

    fn forget(&mut self, member: &Fingerprint) {
        if let Some(members) = &mut self.members {
            members.remove(member);
        }
    }

    /// Tells who is in the room; the next times, who came and went meanwhile.
    fn all_members(&mut self, members: &[Fingerprint], room: &Room) {
        let now: BTreeSet<Fingerprint> = members.iter().copied().collect();
        let Some(before) = self.members.clone() else {
            self.members = Some(now);
            let fields = |member: &Fingerprint| {
                let (name, is_owner) = (room.name_of(member), room.owner == Some(*member));
                json!({ "member": member.to_string(), "name": name, "owner": is_owner })
            };
            let list: Vec<Value> = members.iter().map(fields).collect();
            return self.event_after_hosting("members", json!({ "room": room_id(room), "members": list }), room);
        };
        for member in before.difference(&now) {
            self.tell("gone", member, Some("is no member any more."), room);
        }
        for member in &now {
            self.joined(member, room);
        }
        self.members = Some(now);
    }

    fn invite(&mut self, invite: &str, room: &Room) {
        if std::mem::replace(&mut self.invited, true) {
            self.console.event("invite", &json!({ "room": room_id(room), "invite": invite }));
            return self.console.notice(&format!("Next invite: {invite}"));
        }
        let address = self.listening.take().or_else(|| room.info.addresses.first().cloned());
        let fields = json!({
            "room": room_id(room), "title": room.title(), "address": address, "invite": invite,
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
        if room.info.owned && !self.invited {
            self.held.push((name, fields));
        } else {
            self.console.event(name, &fields);
        }
    }

    fn ready(&mut self, members: usize, reachable: usize, room: &Room) {
        let code = room.code().map(ToString::to_string);
        let fields = json!({ "room": room_id(room), "members": members, "reachable": reachable, "code": code });
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

    fn rejected(&mut self, id: &str, problem: Problem) {
        let fields = json!({ "code": problem.code.as_str(), "text": problem.text(), "id": id });
        if self.console.is_json() {
            self.console.event("error", &fields);
        } else {
            self.console.problem(&problem);
        }
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
}

/// The fields of both.
fn merged(mut fields: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

fn room_id(room: &Room) -> Option<String> {
    room.info.room.map(|room| room.to_string())
}

/// A time as scripts like it, in UTC.
fn rfc3339(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(DateTime::<Utc>::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_never_fail() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
