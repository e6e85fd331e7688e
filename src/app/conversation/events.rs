//! What each event does to a room.

use std::collections::BTreeMap;

use super::delivery::{Delivery, Progress};
use super::member::Presence;
use super::room::{Connection, Hosting, Room};
use super::row::{Message, Notice, RowKind};
use super::{Change, Question};
use crate::app::{MembershipEvent, MembershipInfo, Problem};
use crate::crypto::Fingerprint;
use crate::protocol::limits::TALKATIVE_MEMBERS_MAX;
use crate::protocol::{Content, Event, LinkError, MessageId, Stop};

impl Room {
    /// It begins, again or for the first time.
    pub(super) fn taken(&mut self, info: &MembershipInfo) {
        let title = std::mem::take(&mut self.info.title);
        self.info = info.clone();
        if self.info.title.is_empty() {
            self.info.title = title;
        }
        self.connection = Connection::Preparing;
        self.changed_host = None;
        self.knocks.clear();
        self.invite = None;
    }

    pub(super) fn apply(&mut self, event: &MembershipEvent, viewed: bool, now_ms: u64) -> Vec<Change> {
        match event {
            MembershipEvent::Begun(_) | MembershipEvent::Forgotten => Vec::new(),
            MembershipEvent::Identity(me) => {
                self.is_me(*me);
                vec![Change::RoomChanged(self.membership)]
            }
            MembershipEvent::Hosting { address, addresses, host } => {
                self.hosting =
                    Some(Hosting { address: *address, addresses: addresses.clone(), tests: BTreeMap::new() });
                self.info.addresses.clone_from(addresses);
                self.host = Some(*host);
                vec![Change::RoomChanged(self.membership)]
            }
            MembershipEvent::RoomCode(code) => {
                self.code = Some(code.clone());
                vec![Change::RoomChanged(self.membership)]
            }
            MembershipEvent::Reach { address, test } => {
                // As many as there are addresses, which an invite bounds.
                if let Some(hosting) = &mut self.hosting {
                    hosting.tests.insert(address.clone(), *test);
                }
                vec![Change::InviteChanged(self.membership)]
            }
            MembershipEvent::Sent { id, content, sent_ms } => self.sent(*id, content, *sent_ms, now_ms),
            MembershipEvent::CancelAsked(id) => self.progress(id, Progress::Cancelled),
            MembershipEvent::Failed(problem) => {
                let mut changes = self.connect(Connection::Ended(Some(problem.clone())));
                changes.push(Change::Problem { membership: Some(self.membership), problem: problem.clone() });
                changes
            }
            MembershipEvent::Protocol(event) => self.apply_protocol(event, viewed, now_ms),
        }
    }

    fn apply_protocol(&mut self, event: &Event, viewed: bool, now_ms: u64) -> Vec<Change> {
        match event {
            Event::Connecting => self.connect(Connection::Connecting),
            Event::FirstUse { host } => self.ask(Question::FirstUse(*host)),
            Event::Lobby(rooms) => self.ask(Question::Lobby(rooms.clone())),
            Event::Waiting => self.connect(Connection::WaitingForOwner),
            Event::Entered { room, owner, host, .. } => {
                self.info.room = Some(*room);
                self.entered(*owner, *host, now_ms)
            }
            Event::Ready { members, reachable } => self.ready(*members, *reachable),
            Event::Offline { error, retry_in_ms } => self.offline(Problem::from(error), now_ms + retry_in_ms),
            Event::Stopped(stop) => self.stopped(stop, now_ms),
            Event::Titled { title } => self.titled(title, now_ms),
            Event::InviteMade(invite) => {
                self.invite = Some(invite.clone());
                vec![Change::InviteChanged(self.membership)]
            }
            Event::SafetyNumber(number) => {
                vec![Change::SafetyNumber { membership: self.membership, number: number.clone() }]
            }
            Event::Knock { member } => {
                self.knocks.retain(|knock| knock != member);
                self.knocks.push(*member);
                vec![Change::KnocksChanged(self.membership)]
            }
            Event::KnockOver { member } => {
                self.knocks.retain(|knock| knock != member);
                vec![Change::KnocksChanged(self.membership)]
            }
            Event::InviteUsed { .. } => Vec::new(),
            event => self.apply_conversation(event, viewed, now_ms),
        }
    }

    /// What members do and say.
    fn apply_conversation(&mut self, event: &Event, viewed: bool, now_ms: u64) -> Vec<Change> {
        match event {
            Event::Members(members) => self.all_members(members, now_ms),
            Event::MemberJoined { member } => self.joined(*member, now_ms),
            Event::MemberHere { member } => self.here(*member, now_ms),
            Event::MemberAway { member, cut } => self.away(*member, *cut),
            Event::MemberLeft { member } => self.gone(*member, Notice::Left(*member), now_ms),
            Event::MemberRemoved { member } => self.gone(*member, Notice::Removed(*member), now_ms),
            Event::MemberNamed { member, name } => self.named(*member, name, now_ms),
            Event::Message { id, from, content, sent_ms } => {
                let content = content.clone();
                let message = Message { id: *id, from: *from, content, sent_ms: *sent_ms, delivery: None };
                self.message_came(message, viewed, now_ms)
            }
            Event::Newer { from } => self.notice(now_ms, Notice::Newer(*from)),
            Event::Unreadable { from } => self.notice(now_ms, Notice::Unreadable(*from)),
            Event::Lost { from, count } => self.notice(now_ms, Notice::Lost { member: *from, count: *count }),
            Event::Missed { count, since_ms, .. } => self.missed(*count, *since_ms, now_ms),
            Event::LogGap { entries, since_ms } => {
                self.notice(now_ms, Notice::LogGap { entries: *entries, since_ms: *since_ms })
            }
            Event::Fork { from } => {
                if !self.forked_by.contains(from) {
                    self.forked_by.push(*from);
                }
                let mut changes = self.notice(now_ms, Notice::Fork(*from));
                changes.push(Change::RoomChanged(self.membership));
                changes
            }
            Event::ClockDiffers { member, theirs_ms, .. } => {
                self.notice(now_ms, Notice::ClockDiffers { member: *member, theirs_ms: *theirs_ms })
            }
            Event::Queued { id } => self.progress(id, Progress::Queued),
            Event::OnHost { id, without } => self.on_host(id, without),
            Event::Delivered { id, to } => self.delivered(id, *to),
            Event::MissedBy { id, by } => self.missed_by(id, *by),
            Event::Rejected { id, limit } => self.progress(id, Progress::TooLong { limit: *limit }),
            Event::OutboxFull { id } => self.progress(id, Progress::OutboxFull),
            _ => Vec::new(),
        }
    }

    fn connect(&mut self, connection: Connection) -> Vec<Change> {
        self.connection = connection;
        vec![Change::RoomChanged(self.membership)]
    }

    fn ask(&mut self, question: Question) -> Vec<Change> {
        let mut changes = self.connect(Connection::Asking(question.clone()));
        changes.push(Change::Question { membership: self.membership, question });
        changes
    }

    fn entered(&mut self, owner: Fingerprint, host: Fingerprint, now_ms: u64) -> Vec<Change> {
        let first = self.owner.is_none();
        self.owner = Some(owner);
        self.host = Some(host);
        self.member_mut(owner).is_owner = true;
        let me = self.me;
        if let Some(me) = me {
            let member = self.member_mut(me);
            member.is_me = true;
            member.presence = Presence::Here;
        }
        for member in &mut self.members {
            member.is_host = member.fingerprint == host;
        }
        self.sort_members();
        let mut changes = vec![Change::RoomChanged(self.membership), Change::MembersChanged(self.membership)];
        if first {
            self.active_ms = now_ms;
            let notice = if me == Some(owner) { Notice::Opened } else { Notice::Entered };
            changes.extend(self.notice(now_ms, notice));
        }
        changes
    }

    fn ready(&mut self, members: usize, reachable: usize) -> Vec<Change> {
        self.was_ready = true;
        let mut changes = self.connect(Connection::Connected { members, reachable });
        if let Some(me) = self.me {
            self.member_mut(me).presence = Presence::Here;
            changes.push(Change::MembersChanged(self.membership));
        }
        changes
    }

    /// Who is there is not known while the host is away.
    fn offline(&mut self, problem: Problem, retry_at_ms: u64) -> Vec<Change> {
        self.nobody_known();
        let mut changes = self.connect(Connection::Offline { problem, retry_at_ms });
        changes.push(Change::MembersChanged(self.membership));
        changes
    }

    fn stopped(&mut self, stop: &Stop, now_ms: u64) -> Vec<Change> {
        self.nobody_known();
        if let Stop::Unreachable(LinkError::HostKeyChanged { expected, seen }) = stop {
            self.changed_host = Some((*expected, *seen));
        }
        self.hosting = None;
        self.invite = None;
        self.knocks.clear();
        let problem = Problem::of_stop(stop);
        let connection = match stop {
            Stop::Offline => Connection::Idle,
            _ => Connection::Ended(problem.clone()),
        };
        let mut changes = self.connect(connection);
        changes.extend([
            Change::MembersChanged(self.membership),
            Change::InviteChanged(self.membership),
            Change::KnocksChanged(self.membership),
        ]);
        if self.owner.is_some() && *stop != Stop::Offline {
            changes.extend(self.notice(now_ms, Notice::Over(problem.clone())));
        }
        changes.extend(problem.map(|problem| Change::Problem { membership: Some(self.membership), problem }));
        changes
    }

    fn nobody_known(&mut self) {
        for member in &mut self.members {
            member.presence = Presence::Unknown;
        }
    }

    fn titled(&mut self, title: &str, now_ms: u64) -> Vec<Change> {
        let before = std::mem::replace(&mut self.info.title, title.to_owned());
        let mut changes = vec![Change::RoomChanged(self.membership)];
        if !before.is_empty() && before != title {
            changes.extend(self.notice(now_ms, Notice::Titled(title.to_owned())));
        }
        changes
    }

    /// The members as they are now. Whoever came or went while one was away is news.
    fn all_members(&mut self, members: &[Fingerprint], now_ms: u64) -> Vec<Change> {
        let known: Vec<Fingerprint> = self.members.iter().map(|member| member.fingerprint).collect();
        let mut changes = Vec::new();
        for member in known.iter().filter(|member| !members.contains(member)) {
            changes.extend(self.gone(*member, Notice::Gone(*member), now_ms));
        }
        for member in members.iter().filter(|member| !known.contains(member)) {
            changes.extend(self.joined(*member, now_ms));
        }
        changes.push(Change::MembersChanged(self.membership));
        changes
    }

    fn joined(&mut self, member: Fingerprint, now_ms: u64) -> Vec<Change> {
        let is_news = self.was_ready && self.me != Some(member) && self.member(&member).is_none();
        self.member_mut(member);
        self.sort_members();
        let mut changes = vec![Change::MembersChanged(self.membership)];
        if is_news {
            changes.extend(self.notice(now_ms, Notice::Joined(member)));
        }
        if self.knocks.contains(&member) {
            self.knocks.retain(|knock| *knock != member);
            changes.push(Change::KnocksChanged(self.membership));
        }
        changes
    }

    /// Who is there is told of the members, not among what they say: people come and go all day.
    fn here(&mut self, member: Fingerprint, now_ms: u64) -> Vec<Change> {
        // The host may tell of somebody before it told that they joined: that is told first.
        let mut changes = if self.member(&member).is_none() { self.joined(member, now_ms) } else { Vec::new() };
        self.member_mut(member).presence = Presence::Here;
        changes.push(Change::MembersChanged(self.membership));
        changes
    }

    fn away(&mut self, member: Fingerprint, cut: bool) -> Vec<Change> {
        // Whoever left for good hangs up after that, and is no member any more.
        if self.member(&member).is_none() {
            return Vec::new();
        }
        self.member_mut(member).presence = if cut { Presence::Cut } else { Presence::Away };
        vec![Change::MembersChanged(self.membership)]
    }

    fn gone(&mut self, member: Fingerprint, notice: Notice, now_ms: u64) -> Vec<Change> {
        let is_news = self.was_ready && self.member(&member).is_some();
        self.remove_member(&member);
        let mut changes = vec![Change::MembersChanged(self.membership)];
        if is_news {
            changes.extend(self.notice(now_ms, notice));
        }
        changes
    }

    fn named(&mut self, member: Fingerprint, name: &str, now_ms: u64) -> Vec<Change> {
        // A name can come after its member left; it only helps to read the rows then.
        let is_member = self.member(&member).is_some();
        let called_before = self.name_of(&member);
        let told = self.name_member(member, name);
        if !is_member {
            self.remove_member(&member);
        }
        let mut changes = vec![Change::MembersChanged(self.membership)];
        match told.before {
            Some(before) if before != name && self.me != Some(member) => {
                // Told apart as then: whoever takes another's name is seen to.
                let (before, now) = (called_before, self.name_of(&member));
                changes.extend(self.notice(now_ms, Notice::Renamed { member, before, now }));
            }
            _ => {}
        }
        changes.extend(told.called_otherwise.iter().flat_map(|member| self.rows_of(member)));
        changes
    }

    fn sent(&mut self, id: MessageId, content: &Content, sent_ms: u64, now_ms: u64) -> Vec<Change> {
        // Who one is may not be known yet; the row gets it later.
        let from = self.me.unwrap_or(Fingerprint::from_bytes([0; 32]));
        let delivery = Some(Delivery::queued());
        self.active_ms = now_ms;
        let mut changes =
            self.push(now_ms, RowKind::Message(Message { id, from, content: content.clone(), sent_ms, delivery }));
        changes.push(Change::RoomChanged(self.membership));
        changes
    }

    fn message_came(&mut self, message: Message, viewed: bool, now_ms: u64) -> Vec<Change> {
        self.active_ms = now_ms;
        let mut changes = self.push(now_ms, RowKind::Message(message));
        if !viewed {
            self.unread += 1;
        }
        changes.push(Change::RoomChanged(self.membership));
        changes
    }

    fn progress(&mut self, id: &MessageId, progress: Progress) -> Vec<Change> {
        self.change_message(id, |message| {
            if let Some(delivery) = &mut message.delivery {
                // A call-back that came too late changes nothing.
                if !matches!((delivery.progress, progress), (Progress::OnHost, Progress::Cancelled)) {
                    delivery.progress = progress;
                }
            }
        })
    }

    fn on_host(&mut self, id: &MessageId, without: &[Fingerprint]) -> Vec<Change> {
        let others = self.members.iter().filter(|member| !member.is_me).count();
        // Large rooms do not confirm, so nobody is waited for.
        let of = if self.members.len() > TALKATIVE_MEMBERS_MAX { 0 } else { others.saturating_sub(without.len()) };
        self.change_message(id, |message| {
            if let Some(delivery) = &mut message.delivery {
                delivery.progress = Progress::OnHost;
                delivery.without = without.to_vec();
                delivery.of = of;
            }
        })
    }

    fn delivered(&mut self, id: &MessageId, to: Fingerprint) -> Vec<Change> {
        self.change_message(id, |message| {
            if let Some(delivery) = &mut message.delivery
                && !delivery.to.contains(&to)
            {
                delivery.progress = Progress::OnHost;
                delivery.to.push(to);
                delivery.of = delivery.of.max(delivery.to.len());
            }
        })
    }

    fn missed_by(&mut self, id: &MessageId, by: Fingerprint) -> Vec<Change> {
        self.change_message(id, |message| {
            if let Some(delivery) = &mut message.delivery
                && !delivery.to.contains(&by)
                && !delivery.missed.contains(&by)
            {
                delivery.missed.push(by);
            }
        })
    }

    /// Several members count what one missed: the most of it is shown, once.
    fn missed(&mut self, count: u64, since_ms: u64, now_ms: u64) -> Vec<Change> {
        let notice = Notice::Missed { count, since_ms };
        match self.rows.as_mut().and_then(|rows| rows.renew_newest(&notice)) {
            Some(row) => vec![Change::RowChanged { membership: self.membership, row }],
            None => self.notice(now_ms, notice),
        }
    }
}
