//! What each event does to a room.

use std::collections::BTreeMap;

use super::delivery::{Delivery, Progress, Step};
use super::member::Presence;
use super::news::{MemberNews, News};
use super::room::{Connection, Hosting, Room};
use super::row::{Message, Notice, RowKind};
use super::{Change, Page, Question};
use crate::app::{EarlierMessages, MembershipEvent, MembershipInfo, Problem};
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
        self.stop = None;
        self.changed_host = None;
        self.knocks.clear();
        self.invite = None;
    }

    pub(super) fn apply(&mut self, event: &MembershipEvent, viewed: bool, now_ms: u64) -> Vec<Change> {
        match event {
            MembershipEvent::Begun(_) | MembershipEvent::Forgotten => Vec::new(),
            MembershipEvent::Earlier(page) => self.remembered(page, viewed),
            MembershipEvent::Identity(me) => {
                self.is_me(*me);
                vec![Change::RoomChanged(self.membership)]
            }
            MembershipEvent::Hosting { address, addresses, host } => {
                self.hosting =
                    Some(Hosting { address: *address, addresses: addresses.clone(), tests: BTreeMap::new() });
                self.info.addresses.clone_from(addresses);
                self.host = Some(*host);
                vec![Change::RoomChanged(self.membership), self.news(News::Hosting)]
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
            MembershipEvent::CancelAsked(id) => self.step(*id, Step::CalledBack),
            MembershipEvent::Failed(problem) => {
                let mut changes = self.connect(Connection::Ended(Some(problem.clone())));
                changes.push(Change::Problem { membership: self.membership, problem: problem.clone() });
                changes
            }
            MembershipEvent::Protocol(event) => self.apply_protocol(event, viewed, now_ms),
        }
    }

    /// What was said before this run stands above everything else.
    fn remembered(&mut self, page: &EarlierMessages, viewed: bool) -> Vec<Change> {
        for (member, name) in &page.names {
            if self.names.chosen(member).is_none() {
                self.names.tell(*member, name);
            }
        }
        let newest_ms = page.messages.last().map_or(0, |newest| newest.came_ms);
        self.active_ms = self.active_ms.max(newest_ms);
        let rows = page.messages.iter().map(|past| (past.came_ms, RowKind::Message(past.message.clone()))).collect();
        // What still waits is waited for.
        let is_queued = |delivery: &Delivery| delivery.progress == Progress::Queued;
        let waiting = page.messages.iter().map(|past| &past.message);
        let waiting = waiting.filter(|message| message.delivery.as_ref().is_some_and(is_queued));
        let taken: Vec<Change> =
            waiting.map(|message| self.news(News::Delivery { message: message.id, step: Step::Taken })).collect();
        let count = self.rows.put_before(rows);
        self.shows_past |= count > 0;
        // With no room for more, what is further up stays where it is.
        self.earlier = if count < page.messages.len() { 0 } else { page.earlier };
        if !viewed {
            self.unread = self.unread.saturating_add(usize::try_from(page.unread).unwrap_or(usize::MAX));
        }
        let new = page.new.min(count);
        let new_from = self.page(Page::From(count - new), new).into_iter().find(|row| row.is_heard()).map(|row| row.id);
        let membership = self.membership;
        let mut changes = vec![
            Change::RowsBefore { membership, count, new_from },
            Change::RoomChanged(membership),
            Change::NamesChanged(membership),
        ];
        changes.extend(taken);
        changes
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
                vec![Change::KnocksChanged(self.membership), self.member_news(*member, MemberNews::Knock)]
            }
            Event::KnockOver { member } => {
                self.knocks.retain(|knock| knock != member);
                vec![Change::KnocksChanged(self.membership), self.member_news(*member, MemberNews::KnockOver)]
            }
            Event::InviteUsed { by } => vec![self.member_news(*by, MemberNews::InviteUsed)],
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
            Event::Missed { told_by, count, since_ms } => {
                self.missed(Notice::Missed { count: *count, since_ms: *since_ms, told_by: *told_by }, now_ms)
            }
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
            Event::ClockDiffers { member, theirs_ms, ours_ms } => {
                let notice = Notice::ClockDiffers { member: *member, theirs_ms: *theirs_ms, ours_ms: *ours_ms };
                self.notice(now_ms, notice)
            }
            event => self.apply_delivery(event),
        }
    }

    /// What happens to our own messages.
    fn apply_delivery(&mut self, event: &Event) -> Vec<Change> {
        match event {
            // This was reported when the session accepted it. Reported again, it would count as one that never left.
            Event::Queued { id } => self.step_of_row(id, &Step::Taken),
            Event::Sealed { id } => self.step(*id, Step::Sealed),
            Event::OnHost { id, without } => self.step(*id, Step::OnHost { without: without.clone() }),
            Event::Delivered { id, to } => self.step(*id, Step::Delivered { to: *to }),
            Event::MissedBy { id, by } => self.step(*id, Step::MissedBy { member: *by }),
            Event::Rejected { id, limit } => self.step(*id, Step::TooLong { limit: *limit }),
            Event::OutboxFull { id } => self.step(*id, Step::OutboxFull),
            _ => Vec::new(),
        }
    }

    pub(super) fn news(&self, news: News) -> Change {
        Change::News { membership: self.membership, news }
    }

    pub(super) fn member_news(&self, member: Fingerprint, news: MemberNews) -> Change {
        self.news(News::Member { member, news })
    }

    fn connect(&mut self, connection: Connection) -> Vec<Change> {
        self.connection = connection;
        self.stop = None;
        vec![Change::RoomChanged(self.membership), self.news(News::Connection)]
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
        // Whoever reads what was said before knows that they are a member.
        if first && !self.shows_past {
            self.active_ms = now_ms;
            let notice = if me == Some(owner) { Notice::Opened } else { Notice::Entered };
            changes.extend(self.notice(now_ms, notice));
        }
        changes
    }

    fn ready(&mut self, members: usize, reachable: usize) -> Vec<Change> {
        let mut changes = self.connect(Connection::Connected { members, reachable });
        if let Some(me) = self.me {
            self.member_mut(me).presence = Presence::Here;
            changes.push(Change::MembersChanged(self.membership));
        }
        changes
    }

    /// Presence is unknown while the host is away.
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
        self.stop = Some(stop.clone());
        changes.extend([
            Change::MembersChanged(self.membership),
            Change::InviteChanged(self.membership),
            Change::KnocksChanged(self.membership),
        ]);
        if self.owner.is_some() && *stop != Stop::Offline {
            changes.extend(self.notice(now_ms, Notice::Over(problem.clone())));
        }
        changes.extend(problem.map(|problem| Change::Problem { membership: self.membership, problem }));
        changes
    }

    fn nobody_known(&mut self) {
        for member in &mut self.members {
            member.presence = Presence::Unknown;
        }
    }

    fn titled(&mut self, title: &str, now_ms: u64) -> Vec<Change> {
        let before = std::mem::replace(&mut self.info.title, title.to_owned());
        let mut changes = vec![Change::RoomChanged(self.membership), self.news(News::Titled)];
        if !before.is_empty() && before != title {
            changes.extend(self.notice(now_ms, Notice::Titled(title.to_owned())));
        }
        changes
    }

    fn sent(&mut self, id: MessageId, content: &Content, sent_ms: u64, now_ms: u64) -> Vec<Change> {
        // Our own identity may not be known yet; the row gets it later.
        let from = self.me.unwrap_or(Fingerprint::from_bytes([0; 32]));
        let delivery = Some(Delivery::queued());
        self.active_ms = now_ms;
        let mut changes =
            self.push(now_ms, RowKind::Message(Message { id, from, content: content.clone(), sent_ms, delivery }));
        changes.push(Change::RoomChanged(self.membership));
        changes.extend(self.step(id, Step::Taken));
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

    /// One of our messages took a step: it is reported, and shown beside the message if that is still kept.
    fn step(&mut self, message: MessageId, step: Step) -> Vec<Change> {
        // A row is not redrawn for something invisible.
        let is_shown = !matches!(step, Step::Taken | Step::Sealed);
        let mut changes = if is_shown { self.step_of_row(&message, &step) } else { Vec::new() };
        changes.push(self.news(News::Delivery { message, step }));
        changes
    }

    /// The others, who confirm what is sent. Large rooms do not, so nobody has to be waited for there.
    pub(in crate::app) fn readers(&self) -> Vec<Fingerprint> {
        let others = self.members.iter().filter(|member| !member.is_me).map(|member| member.fingerprint);
        if self.members.len() > TALKATIVE_MEMBERS_MAX { Vec::new() } else { others.collect() }
    }

    fn step_of_row(&mut self, message: &MessageId, step: &Step) -> Vec<Change> {
        let readers = self.readers();
        self.change_message(message, |message| {
            if let Some(delivery) = &mut message.delivery {
                delivery.step(step, &readers);
            }
        })
    }

    /// Several members count what we missed: only the highest count is shown.
    fn missed(&mut self, notice: Notice, now_ms: u64) -> Vec<Change> {
        match self.rows.renew_newest(&notice) {
            Some(row) => vec![Change::RowChanged { membership: self.membership, row }],
            None => self.notice(now_ms, notice),
        }
    }
}
