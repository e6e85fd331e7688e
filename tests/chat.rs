//! The conversations' state, told as stories: events in, changes and words out.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use conversa::app::conversation::{
    Change, Chat, Connection, Delivery, MemberNews, Message, News, Notice, Page, Presence, Progress, Question,
    ROWS_BYTES_MAX, ROWS_MAX, Room, Row, RowKind, Security, Step,
};
use conversa::app::{
    Code, EarlierMessage, EarlierMessages, KnownRoom, MembershipEvent, MembershipId, MembershipInfo, Problem,
    SessionEvent,
};
use conversa::crypto::{Fingerprint, Suite};
use conversa::protocol::{Content, Event, LinkError, MessageId, RoomCode, RoomId, Stop};
use conversa::wire::Signed;

const MEMBERSHIP: MembershipId = MembershipId(1);

fn person(name: &str) -> Fingerprint {
    Fingerprint::of(name.as_bytes())
}

fn info(suite: Suite, owned: bool) -> MembershipInfo {
    let addresses = vec!["192.168.1.7:9000".to_owned()];
    MembershipInfo { room: None, suite, title: String::new(), addresses, owned, hosted_here: owned, knocking: false }
}

/// A chat of Bo in Ann's room.
struct Story {
    chat: Chat,
    now_ms: u64,
    /// What the last event told that is no row.
    news: Vec<News>,
}

impl Story {
    /// Bo begins.
    fn begin(suite: Suite) -> Self {
        let mut story = Self { chat: Chat::default(), now_ms: 1_000, news: Vec::new() };
        story.membership(MembershipEvent::Begun(info(suite, false)));
        story.membership(MembershipEvent::Identity(person("bo")));
        story
    }

    /// Bo is in the room with Ann, who is there.
    fn in_the_room() -> Self {
        let mut story = Self::begin(Suite::Classical);
        story.tell(entered());
        story.tell(Event::Members(vec![person("ann"), person("bo")]));
        story.tell(Event::MemberHere { member: person("ann") });
        story.tell(Event::Ready { members: 2, reachable: 1 });
        story.tell(named("ann", "Ann"));
        story
    }

    fn membership(&mut self, event: MembershipEvent) -> Vec<Change> {
        self.now_ms += 1;
        let mut changes = self.chat.apply(&SessionEvent::Membership { membership: MEMBERSHIP, event }, self.now_ms);
        self.news.clear();
        for change in changes.extract_if(.., |change| matches!(change, Change::News { .. })) {
            if let Change::News { membership: MEMBERSHIP, news } = change {
                self.news.push(news);
            }
        }
        changes
    }

    /// What an event tells that is no row.
    fn news_of(&mut self, event: Event) -> Vec<News> {
        self.tell(event);
        std::mem::take(&mut self.news)
    }

    fn tell(&mut self, event: Event) -> Vec<Change> {
        self.membership(MembershipEvent::Protocol(event))
    }

    fn says(&mut self, who: &str, number: u32, text: &str) -> Vec<Change> {
        let sent_ms = self.now_ms;
        self.tell(Event::Message { id: message(number), from: person(who), content: Content::text(text), sent_ms })
    }

    fn types(&mut self, number: u32, text: &str) -> Vec<Change> {
        let sent_ms = self.now_ms;
        self.membership(MembershipEvent::Sent { id: message(number), content: Content::text(text), sent_ms })
    }

    fn room(&self) -> &Room {
        self.chat.room(MEMBERSHIP).unwrap()
    }

    /// All rows that are kept.
    fn kept(&self) -> Vec<&Row> {
        self.room().page(Page::Newest, usize::MAX)
    }

    /// The rows in words.
    fn rows(&self) -> Vec<String> {
        let words = |kind: &RowKind| match kind {
            RowKind::Message(message) => {
                format!("{}: {}", self.room().name_of(&message.from), message.content.words().unwrap())
            }
            RowKind::Notice(notice) => notice_text(self.room(), notice),
        };
        self.kept().into_iter().map(|row| words(&row.kind)).collect()
    }

    fn last_row(&self) -> String {
        self.rows().pop().unwrap()
    }
}

/// What happened, in words for the tests alone: the front ends have their own.
fn notice_text(room: &Room, notice: &Notice) -> String {
    let name = |member: &Fingerprint| room.name_of(member);
    match notice {
        Notice::Opened => "You opened the room.".to_owned(),
        Notice::Entered => "You joined the room.".to_owned(),
        Notice::Joined(member) => format!("{} joined.", name(member)),
        Notice::Left(member) => format!("{} left the room.", name(member)),
        Notice::Removed(member) => format!("The owner removed {}.", name(member)),
        Notice::Gone(member) => format!("{} is not in the room any more.", name(member)),
        Notice::Renamed { before, now, .. } => format!("{before} is now called {now}."),
        Notice::Titled(title) => format!("The room is now called “{title}”."),
        Notice::Newer(member) => format!("{} sent something that needs a newer Conversa.", name(member)),
        Notice::Unreadable(member) => format!("A message from {} could not be read.", name(member)),
        Notice::Lost { member, count: 1 } => format!("A message from {} is missing.", name(member)),
        Notice::Lost { member, count } => format!("{count} messages from {} are missing.", name(member)),
        Notice::Missed { count, since_ms, .. } => format!("You missed at least {count} since {since_ms}."),
        Notice::LogGap { entries, since_ms } => format!("Up to {entries} entries are gone since {since_ms}."),
        Notice::Fork(member) => {
            format!("{} saw another history of this room: the host may not be honest.", name(member))
        }
        Notice::ClockDiffers { member, theirs_ms, .. } => format!("The clock of {} says {theirs_ms}.", name(member)),
        Notice::Over(None) => "You left the room.".to_owned(),
        Notice::Over(Some(problem)) => problem.text(),
    }
}

fn message(number: u32) -> MessageId {
    let mut id = [0; 16];
    id[..4].copy_from_slice(&number.to_be_bytes());
    MessageId(id)
}

fn entered() -> Event {
    let genesis = Signed { payload: vec![1].into(), signature: vec![2].into() };
    Event::Entered { room: RoomId([7; 32]), genesis, owner: person("ann"), host: person("ann") }
}

fn named(who: &str, name: &str) -> Event {
    Event::MemberNamed { member: person(who), name: name.to_owned() }
}

fn cut() -> Event {
    Event::Offline { error: LinkError::Cut, retry_in_ms: 2_000 }
}

#[test]
fn joining_is_told_step_by_step() {
    let mut story = Story { chat: Chat::default(), now_ms: 0, news: Vec::new() };
    assert_eq!(
        story.membership(MembershipEvent::Begun(info(Suite::Classical, false))),
        [Change::RoomAdded(MEMBERSHIP)]
    );
    assert_eq!(story.room().connection, Connection::Preparing);
    assert_eq!(story.room().title(), "192.168.1.7:9000", "an address is all one knows");
    story.tell(Event::Connecting);
    assert_eq!(story.room().connection, Connection::Connecting);
    let question = Question::FirstUse(person("host"));
    let changes = story.tell(Event::FirstUse { host: person("host") });
    assert_eq!(
        changes,
        [Change::RoomChanged(MEMBERSHIP), Change::Question { membership: MEMBERSHIP, question: question.clone() }]
    );
    assert_eq!(story.room().connection, Connection::Asking(question));
    story.tell(Event::Waiting);
    assert_eq!(story.room().connection, Connection::WaitingForOwner);
    story.membership(MembershipEvent::Identity(person("bo")));
    story.tell(entered());
    story.tell(Event::Members(vec![person("ann"), person("bo")]));
    story.tell(Event::Ready { members: 2, reachable: 1 });
    assert_eq!(story.room().connection, Connection::Connected { members: 2, reachable: 1 });
    assert_eq!(story.rows(), ["You joined the room."], "who is there already is no news");
    let changes = story.tell(Event::Titled { title: "Friday".into() });
    assert_eq!((story.room().title(), changes), ("Friday", vec![Change::RoomChanged(MEMBERSHIP)]));
}

#[test]
fn members_are_the_owner_oneself_and_then_by_name() {
    let mut story = Story::in_the_room();
    for (who, name) in [("zoe", "Zoe"), ("carl", "carl")] {
        story.tell(Event::MemberJoined { member: person(who) });
        story.tell(named(who, name));
    }
    story.tell(named("bo", "Bo"));
    let members: Vec<_> = story.room().members().iter().map(|member| member.name.clone().unwrap()).collect();
    assert_eq!(members, ["Ann", "Bo", "carl", "Zoe"]);
    let [ann, bo, ..] = story.room().members() else { panic!("two members at least") };
    assert!(ann.is_owner && ann.is_host && !ann.is_me && bo.is_me && !bo.is_owner);
    assert_eq!((ann.presence, bo.presence), (Presence::Here, Presence::Here));
}

#[test]
fn an_own_message_is_one_row_from_queued_to_delivered() {
    let mut story = Story::in_the_room();
    let changes = story.types(1, "hello");
    let row = story.kept().last().unwrap().id;
    assert_eq!(changes, [Change::RowAdded { membership: MEMBERSHIP, row }, Change::RoomChanged(MEMBERSHIP)]);
    let progress = |story: &Story| story.room().own_message(&message(1)).unwrap().delivery.clone().unwrap();
    assert_eq!(progress(&story).progress, Progress::Queued);

    let changed = [Change::RowChanged { membership: MEMBERSHIP, row }];
    assert_eq!(story.tell(Event::OnHost { id: message(1), without: vec![] }), changed);
    let delivery = progress(&story);
    assert_eq!((delivery.progress, delivery.of, delivery.is_complete()), (Progress::OnHost, 1, false));
    assert_eq!(story.tell(Event::Delivered { id: message(1), to: person("ann") }), changed);
    story.tell(Event::Delivered { id: message(1), to: person("ann") });
    let delivery = progress(&story);
    assert!(delivery.is_complete() && delivery.to == [person("ann")]);
    assert_eq!(story.rows(), ["You joined the room.", &format!("{}: hello", person("bo").tag())]);
}

#[test]
fn a_message_says_who_cannot_read_it() {
    let mut story = Story::in_the_room();
    story.tell(Event::MemberJoined { member: person("carol") });
    story.types(1, "hello");
    story.tell(Event::OnHost { id: message(1), without: vec![person("carol")] });
    let delivery = story.room().own_message(&message(1)).unwrap().delivery.clone().unwrap();
    assert_eq!((delivery.of, delivery.without), (1, vec![person("carol")]));
}

#[test]
fn a_message_that_cannot_go_says_so() {
    let mut story = Story::in_the_room();
    for number in 1..=3 {
        story.types(number, "hello");
    }
    story.tell(Event::Rejected { id: message(1), limit: 100 });
    story.tell(Event::OutboxFull { id: message(2) });
    story.membership(MembershipEvent::CancelAsked(message(3)));
    let progress = |number| story.room().own_message(&message(number)).unwrap().delivery.clone().unwrap().progress;
    assert_eq!(progress(1), Progress::TooLong { limit: 100 });
    assert_eq!((progress(2), progress(3)), (Progress::OutboxFull, Progress::Cancelled));
    assert!(story.tell(Event::OnHost { id: message(99), without: vec![] }).is_empty(), "an unknown one is nothing");
}

#[test]
fn a_call_back_that_came_too_late_changes_nothing() {
    let mut story = Story::in_the_room();
    story.types(1, "hello");
    story.tell(Event::OnHost { id: message(1), without: vec![] });
    story.membership(MembershipEvent::CancelAsked(message(1)));
    assert_eq!(story.room().own_message(&message(1)).unwrap().delivery.as_ref().unwrap().progress, Progress::OnHost);
}

#[test]
fn what_is_typed_before_one_knows_who_one_is_gets_its_name_later() {
    let mut story = Story { chat: Chat::default(), now_ms: 0, news: Vec::new() };
    story.membership(MembershipEvent::Begun(info(Suite::Classical, false)));
    story.types(1, "early");
    story.membership(MembershipEvent::Identity(person("bo")));
    story.tell(named("bo", "Bo"));
    assert_eq!(story.rows(), ["Bo: early"]);
}

#[test]
fn unread_messages_are_counted_unless_they_are_on_screen() {
    let mut story = Story::in_the_room();
    story.says("ann", 1, "one");
    story.says("ann", 2, "two");
    story.types(3, "own words are never unread");
    assert_eq!(story.room().unread, 2);
    assert_eq!(story.chat.view(Some(MEMBERSHIP)), [Change::RoomChanged(MEMBERSHIP)]);
    assert!(story.chat.view(Some(MEMBERSHIP)).is_empty());
    story.says("ann", 4, "seen");
    assert_eq!(story.room().unread, 0);
    story.chat.view(None);
    story.says("ann", 5, "not seen");
    assert_eq!(story.room().unread, 1);
    assert_eq!(story.room().last_message().unwrap().content.words(), Some("not seen"));
}

#[test]
fn joining_and_going_are_told_apart() {
    let mut story = Story::in_the_room();
    story.tell(Event::MemberJoined { member: person("carol") });
    assert_eq!(story.last_row(), format!("{} joined.", person("carol").tag()));
    let changes = story.tell(named("carol", "Carol"));
    assert!(changes.contains(&Change::NamesChanged(MEMBERSHIP)), "the name goes into the row");
    assert_eq!(story.last_row(), "Carol joined.");

    // Who is there is seen at the members. Among the messages it would be noise, however often it changes.
    let rows = story.rows().len();
    let here = Event::MemberHere { member: person("carol") };
    let away = |cut| Event::MemberAway { member: person("carol"), cut };
    for (event, presence) in [
        (here.clone(), Presence::Here),
        (away(true), Presence::Cut),
        (here.clone(), Presence::Here),
        (away(false), Presence::Away),
        (here, Presence::Here),
        (away(false), Presence::Away),
    ] {
        assert_eq!(story.tell(event), [Change::MembersChanged(MEMBERSHIP)]);
        assert_eq!(story.room().member(&person("carol")).unwrap().presence, presence);
    }
    assert_eq!(story.rows().len(), rows);
    story.tell(named("carol", "Caroline"));
    assert_eq!(story.last_row(), "Carol is now called Caroline.");
    story.tell(Event::MemberLeft { member: person("carol") });
    assert_eq!(story.last_row(), "Caroline left the room.");
    assert!(story.room().member(&person("carol")).is_none());
    story.tell(Event::MemberJoined { member: person("dave") });
    story.tell(Event::MemberRemoved { member: person("dave") });
    assert_eq!(story.last_row(), format!("The owner removed {}.", person("dave").tag()));
}

#[test]
fn who_came_and_went_while_one_was_away_is_news_on_coming_back() {
    let mut story = Story::in_the_room();
    story.tell(cut());
    let Connection::Offline { problem, retry_at_ms } = &story.room().connection else { panic!("offline") };
    assert_eq!((problem.code, *retry_at_ms), (Code::Cut, story.now_ms + 2_000));
    assert!(story.room().members().iter().all(|member| member.presence == Presence::Unknown));
    story.tell(Event::Members(vec![person("bo"), person("carol")]));
    story.tell(Event::Ready { members: 2, reachable: 1 });
    let rows = story.rows();
    assert!(rows.contains(&"Ann is not in the room any more.".to_owned()), "{rows:?}");
    assert!(rows.contains(&format!("{} joined.", person("carol").tag())), "{rows:?}");
}

#[test]
fn somebody_the_host_shows_first_is_told_as_joined() {
    let mut story = Story::in_the_room();
    story.tell(cut());
    story.tell(Event::MemberHere { member: person("carol") });
    assert_eq!(story.last_row(), format!("{} joined.", person("carol").tag()));
    story.tell(Event::Members(vec![person("ann"), person("bo"), person("carol")]));
    story.tell(Event::MemberJoined { member: person("carol") });
    assert_eq!(story.rows().iter().filter(|row| row.ends_with("joined.")).count(), 1, "and once");
}

#[test]
fn whoever_takes_the_name_of_another_is_seen_to() {
    let mut story = Story::in_the_room();
    story.tell(Event::MemberJoined { member: person("eve") });
    story.tell(named("eve", "Eve"));
    story.tell(named("eve", "Ａｎｎ"));
    assert_eq!(story.last_row(), format!("Eve is now called Ａｎｎ ({}).", person("eve").tag()));
}

#[test]
fn names_that_look_alike_carry_their_tag() {
    let mut story = Story::in_the_room();
    story.tell(Event::MemberJoined { member: person("eve") });
    story.tell(named("eve", "Аnn"));
    let room = story.room();
    assert_eq!(room.name_of(&person("ann")), format!("Ann ({})", person("ann").tag()));
    assert_eq!(room.name_of(&person("eve")), format!("Аnn ({})", person("eve").tag()));
    story.tell(Event::MemberRemoved { member: person("eve") });
    assert_eq!(
        story.room().name_of(&person("ann")),
        format!("Ann ({})", person("ann").tag()),
        "what was said before stays told apart"
    );
}

#[test]
fn what_is_wrong_is_said_in_the_room() {
    let mut story = Story::in_the_room();
    assert_eq!(story.room().security(), Security::Encrypted);
    story.tell(Event::Lost { from: person("ann"), count: 1 });
    assert_eq!(story.last_row(), "A message from Ann is missing.");
    story.tell(Event::Lost { from: person("ann"), count: 3 });
    assert_eq!(story.last_row(), "3 messages from Ann are missing.");
    story.tell(Event::Unreadable { from: person("ann") });
    assert_eq!(story.last_row(), "A message from Ann could not be read.");
    story.tell(Event::Newer { from: person("ann") });
    assert_eq!(story.last_row(), "Ann sent something that needs a newer Conversa.");
    story.tell(Event::Fork { from: person("ann") });
    assert!(story.last_row().starts_with("Ann saw another history"));
    assert_eq!(story.room().security(), Security::Forked);
    assert_eq!(Story::begin(Suite::Textbook).room().security(), Security::Learning);
}

#[test]
fn a_fork_names_everybody_who_saw_another_history() {
    let mut story = Story::in_the_room();
    assert_eq!(story.room().forked_by(), []);
    for name in ["ann", "carol", "ann"] {
        story.tell(Event::Fork { from: person(name) });
    }
    assert_eq!(story.room().forked_by(), [person("ann"), person("carol")]);
    assert_eq!(story.room().security(), Security::Forked, "it stays");
}

#[test]
fn the_room_code_is_the_newest_one() {
    let mut story = Story::in_the_room();
    assert_eq!(story.room().code(), None, "nothing was told yet");
    for code in [RoomCode::of(&[7; 32]), RoomCode::of(&[8; 32])] {
        assert_eq!(story.membership(MembershipEvent::RoomCode(code.clone())), [Change::RoomChanged(MEMBERSHIP)]);
        assert_eq!(story.room().code(), Some(&code));
    }
}

#[test]
fn each_end_is_told_as_what_it_is() {
    for (stop, words) in [
        (Stop::Removed, "The owner removed you from this room."),
        (Stop::Closed, "The owner closed this room."),
        (Stop::Replaced, "You joined this room from somewhere else."),
        (Stop::Left, "You left the room."),
    ] {
        let mut story = Story::in_the_room();
        let changes = story.tell(Event::Stopped(stop.clone()));
        assert!(story.last_row().starts_with(words), "{}", story.last_row());
        let problem = Problem::of_stop(&stop);
        assert_eq!(story.room().connection, Connection::Ended(problem.clone()));
        let told = changes.iter().any(|change| matches!(change, Change::Problem { membership: MEMBERSHIP, .. }));
        assert_eq!(told, problem.is_some());
    }
    let mut story = Story::in_the_room();
    story.tell(Event::Stopped(Stop::Offline));
    assert_eq!(story.room().connection, Connection::Idle);
    assert_eq!(story.last_row(), "You joined the room.", "going offline is no end");
}

#[test]
fn a_try_that_failed_leaves_a_problem_and_can_be_made_again() {
    let mut story = Story::begin(Suite::Classical);
    let problem = Problem::from(&LinkError::Refused { address: "192.168.1.7:9000".into() });
    let changes = story.membership(MembershipEvent::Failed(problem.clone()));
    assert_eq!(changes.last(), Some(&Change::Problem { membership: MEMBERSHIP, problem: problem.clone() }));
    assert_eq!(story.room().connection, Connection::Ended(Some(problem)));
    assert_eq!(
        story.membership(MembershipEvent::Begun(info(Suite::Classical, false))),
        [Change::RoomChanged(MEMBERSHIP)]
    );
    assert_eq!(story.room().connection, Connection::Preparing);
    assert_eq!(story.membership(MembershipEvent::Forgotten), [Change::RoomRemoved(MEMBERSHIP)]);
    assert!(story.chat.room(MEMBERSHIP).is_none());
}

#[test]
fn an_owner_sees_who_knocks_until_it_is_over() {
    let mut story = Story::in_the_room();
    let changed = [Change::KnocksChanged(MEMBERSHIP)];
    assert_eq!(story.tell(Event::Knock { member: person("carol") }), changed);
    story.tell(Event::Knock { member: person("carol") });
    story.tell(Event::Knock { member: person("dave") });
    assert_eq!(story.room().knocks, [person("carol"), person("dave")]);
    assert_eq!(story.tell(Event::KnockOver { member: person("carol") }), changed);
    assert_eq!(story.room().knocks, [person("dave")]);
    assert_eq!(
        story.tell(Event::MemberJoined { member: person("dave") }).last(),
        Some(&Change::KnocksChanged(MEMBERSHIP))
    );
    assert!(story.room().knocks.is_empty(), "who was admitted does not knock any more");
}

#[test]
fn a_long_talk_keeps_its_newest_rows() {
    let mut story = Story::in_the_room();
    story.types(0, "the first");
    let before = story.kept().len();
    for number in 1..=u32::try_from(ROWS_MAX).unwrap() {
        story.says("ann", number, "again");
    }
    assert_eq!(story.kept().len(), ROWS_MAX);
    assert!(story.room().own_message(&message(0)).is_none(), "it was dropped");
    assert!(story.tell(Event::Delivered { id: message(0), to: person("ann") }).is_empty());
    let oldest = story.kept().first().unwrap().id;
    let changes = story.says("ann", u32::MAX, "the newest");
    let newest = story.kept().last().unwrap().id;
    let expected = [
        Change::RowDropped { membership: MEMBERSHIP, row: oldest },
        Change::RowAdded { membership: MEMBERSHIP, row: newest },
    ];
    assert_eq!(changes[..2], expected);
    assert!(story.room().row(oldest).is_none() && story.room().row(newest).is_some());
    story.types(u32::MAX - 1, "mine");
    let changes = story.tell(Event::OnHost { id: message(u32::MAX - 1), without: vec![] });
    let row = story.kept().last().unwrap().id;
    assert_eq!(changes, [Change::RowChanged { membership: MEMBERSHIP, row }]);
    assert!(before < ROWS_MAX);
}

/// An id is its sender's choice: whoever takes mine for their words has said something else.
#[test]
fn a_member_who_uses_the_id_of_my_message_changes_nothing_of_it() {
    for mine_is_first in [true, false] {
        let mut story = Story::in_the_room();
        story.tell(Event::MemberJoined { member: person("mallory") });
        if mine_is_first {
            story.types(1, "mine");
        }
        story.says("mallory", 1, "not mine");
        if !mine_is_first {
            story.types(1, "mine");
        }
        let own = |story: &Story| story.room().own_message(&message(1)).cloned().unwrap();
        assert_eq!(own(&story).content.words(), Some("mine"));
        let row = story.kept().iter().find(|row| row.kind == RowKind::Message(own(&story))).unwrap().id;
        let changed = [Change::RowChanged { membership: MEMBERSHIP, row }];
        assert_eq!(story.tell(Event::OnHost { id: message(1), without: vec![] }), changed);
        assert_eq!(story.tell(Event::Delivered { id: message(1), to: person("ann") }), changed);
        let delivery = own(&story).delivery.unwrap();
        assert_eq!((delivery.progress, delivery.to), (Progress::OnHost, vec![person("ann")]));
        let others = story.kept().into_iter().filter_map(|row| match &row.kind {
            RowKind::Message(message) if !message.is_mine() => Some(message.delivery.clone()),
            _ => None,
        });
        assert_eq!(others.collect::<Vec<_>>(), [None], "another's words have no delivery of mine");
    }
}

/// At the rates that a host allows, messages of 16 KiB come for hours.
#[test]
fn long_messages_take_no_more_memory_than_a_long_talk() {
    let mut story = Story::in_the_room();
    story.types(0, "the first");
    let words = "x".repeat(16 * 1024);
    let most = ROWS_BYTES_MAX / words.len();
    let mut gone = 0;
    for number in 1..=u32::try_from(2 * most).unwrap() {
        let changes = story.says("mallory", number, &words);
        gone +=
            changes.iter().filter(|change| matches!(change, Change::RowDropped { membership: MEMBERSHIP, .. })).count();
        assert!(matches!(
            changes.as_slice(),
            [.., Change::RowAdded { membership: MEMBERSHIP, .. }, Change::RoomChanged(MEMBERSHIP)]
        ));
    }
    let kept: usize = story.kept().iter().map(|row| words_of(&row.kind)).sum();
    assert!((ROWS_BYTES_MAX * 9 / 10..=ROWS_BYTES_MAX).contains(&kept), "{kept} bytes");
    assert!(gone > most && story.room().own_message(&message(0)).is_none());
    // What grows in its place counts as well.
    story.types(u32::MAX, "mine");
    let readers: Vec<Fingerprint> = (0..200).map(|number: u32| person(&number.to_string())).collect();
    story.tell(Event::OnHost { id: message(u32::MAX), without: readers });
    let before = story.kept().len();
    story.says("mallory", u32::MAX - 1, &words);
    assert!(story.kept().len() <= before, "a long list beside a message takes the place of words");
    assert_eq!(story.room().own_message(&message(u32::MAX)).unwrap().content.words(), Some("mine"));
}

fn words_of(kind: &RowKind) -> usize {
    if let RowKind::Message(message) = kind { message.content.size() } else { 0 }
}

#[test]
fn where_nobody_looks_only_the_rows_of_the_last_event_are_kept_and_all_else_is_known() {
    let known = [KnownRoom { membership: MEMBERSHIP, info: info(Suite::Classical, true) }];
    let mut chat = Chat::with_passing_rows(&known);
    for membership in [MEMBERSHIP, MembershipId(2)] {
        let tell = |chat: &mut Chat, event| chat.apply(&SessionEvent::Membership { membership, event }, 1_000);
        let rows = |chat: &Chat, changes: &[Change]| -> Vec<RowKind> {
            let room = chat.room(membership).unwrap();
            let added = changes.iter().filter_map(|change| match change {
                Change::RowAdded { row, .. } => Some(room.row(*row).unwrap().kind.clone()),
                Change::RowDropped { .. } | Change::RowChanged { .. } => panic!("nobody keeps {change:?}"),
                _ => None,
            });
            added.collect()
        };
        tell(&mut chat, MembershipEvent::Begun(info(Suite::Classical, true)));
        tell(&mut chat, MembershipEvent::Protocol(Event::Members(vec![person("ann"), person("bo")])));
        tell(&mut chat, MembershipEvent::Protocol(named("ann", "Ann")));
        let mine = MembershipEvent::Sent { id: message(1), content: Content::text("mine"), sent_ms: 5 };
        let changes = tell(&mut chat, mine);
        assert!(matches!(rows(&chat, &changes).as_slice(), [RowKind::Message(mine)] if mine.is_mine()));
        let content = Content::text("hi");
        let said = Event::Message { id: message(2), from: person("ann"), content: content.clone(), sent_ms: 5 };
        let changes = tell(&mut chat, MembershipEvent::Protocol(said));
        assert!(matches!(rows(&chat, &changes).as_slice(), [RowKind::Message(said)] if said.content == content));
        let all_go = MembershipEvent::Protocol(Event::Members(vec![person("carol")]));
        let changes = tell(&mut chat, all_go);
        assert_eq!(rows(&chat, &changes).len(), 3, "all that one event brings: two are gone, one is new");
        let changes = tell(&mut chat, MembershipEvent::Protocol(Event::OnHost { id: message(1), without: vec![] }));
        assert_eq!(rows(&chat, &changes), []);
        let room = chat.room(membership).unwrap();
        assert!(
            room.page(Page::Newest, 1).is_empty()
                && room.last_message().is_none()
                && room.own_message(&message(1)).is_none()
        );
        assert_eq!((room.name_of(&person("ann")), room.members().len()), ("Ann".to_owned(), 1));
        assert_eq!(chat.outgoing(membership).unwrap().on_host(), 1);
    }
}

/// What a front end tells that shows no state: each thing once, and nothing that has a row.
#[test]
fn what_happens_and_is_no_row_is_news() {
    let mut story = Story::begin(Suite::Classical);
    let of = |who: &str, news| vec![News::Member { member: person(who), news }];
    assert_eq!(story.news_of(Event::Waiting), [News::Connection]);
    story.tell(entered());
    let all = Event::Members(vec![person("ann"), person("bo")]);
    assert_eq!(story.news_of(all.clone()), [News::Members]);
    assert_eq!(story.news_of(Event::Ready { members: 2, reachable: 1 }), [News::Connection]);
    assert_eq!(story.news_of(all), [], "who is there is told once");
    assert_eq!(story.news_of(Event::Titled { title: "Friday".into() }), [News::Titled]);
    assert_eq!(story.news_of(named("ann", "Ann")), of("ann", MemberNews::Named { before: None }));
    let again = of("ann", MemberNews::Named { before: Some("Ann".into()) });
    assert_eq!(story.news_of(named("ann", "Ann")), again);
    let knock = |member| Event::Knock { member };
    assert_eq!(story.news_of(knock(person("eve"))), of("eve", MemberNews::Knock));
    assert_eq!(story.news_of(Event::KnockOver { member: person("eve") }), of("eve", MemberNews::KnockOver));
    assert_eq!(story.news_of(Event::InviteUsed { by: person("eve") }), of("eve", MemberNews::InviteUsed));
    assert_eq!(story.news_of(Event::MemberJoined { member: person("eve") }), [], "it has a row");
    assert_eq!(story.news_of(Event::MemberHere { member: person("eve") }), of("eve", MemberNews::Here));
    assert_eq!(story.news_of(Event::MemberLeft { member: person("eve") }), []);
    let away = |cut| Event::MemberAway { member: person("eve"), cut };
    assert_eq!(story.news_of(away(false)), of("eve", MemberNews::Away), "whoever left hangs up, too");
    assert_eq!(story.news_of(away(true)), of("eve", MemberNews::Cut));
    assert!(story.room().member(&person("eve")).is_none());
    assert_eq!(story.news_of(Event::Stopped(Stop::Closed)), [News::Connection]);
    assert_eq!(story.room().stop(), Some(&Stop::Closed));
    assert_eq!(story.news_of(Event::Connecting), [News::Connection]);
    assert_eq!(story.room().stop(), None);
}

#[test]
fn between_being_told_who_is_there_and_being_ready_whoever_comes_is_new() {
    let mut story = Story::begin(Suite::Classical);
    story.tell(entered());
    story.tell(Event::Members(vec![person("ann"), person("bo")]));
    story.tell(Event::MemberJoined { member: person("carol") });
    assert_eq!(story.last_row(), format!("{} joined.", person("carol").tag()));
    story.tell(Event::MemberRemoved { member: person("carol") });
    assert_eq!(story.last_row(), format!("The owner removed {}.", person("carol").tag()));
}

#[test]
fn own_messages_are_counted_from_the_moment_in_which_they_are_handed_over() {
    let mut story = Story { chat: Chat::default(), now_ms: 0, news: Vec::new() };
    assert!(story.chat.outgoing(MEMBERSHIP).is_none());
    // Before there is a room.
    story.chat.hand_over(MEMBERSHIP, message(1));
    let unsent = |story: &Story| story.chat.outgoing(MEMBERSHIP).unwrap().unsent();
    assert_eq!(unsent(&story), 1);
    story.membership(MembershipEvent::Begun(info(Suite::Classical, false)));
    story.types(1, "hello");
    assert_eq!((unsent(&story), story.news.clone()), (1, vec![step(1, Step::Taken)]));
    assert_eq!(story.news_of(Event::Queued { id: message(1) }), [], "it was told");
    assert_eq!(story.news_of(Event::Sealed { id: message(1) }), [step(1, Step::Sealed)]);
    // A new connection queues it anew, and it may have arrived by the one before.
    story.tell(Event::Queued { id: message(1) });
    assert!(story.chat.outgoing(MEMBERSHIP).unwrap().under_way().contains(&message(1)));
    let without = vec![person("carol")];
    let on_host = step(1, Step::OnHost { without: without.clone() });
    assert_eq!(story.news_of(Event::OnHost { id: message(1), without }), [on_host]);
    assert_eq!(unsent(&story), 0);
    let missed = step(1, Step::MissedBy { member: person("ann") });
    assert_eq!(story.news_of(Event::MissedBy { id: message(1), by: person("ann") }), [missed]);
    story.types(2, "long");
    assert_eq!(story.news_of(Event::Rejected { id: message(2), limit: 9 }), [step(2, Step::TooLong { limit: 9 })]);
    story.types(3, "much");
    assert_eq!(story.news_of(Event::OutboxFull { id: message(3) }), [step(3, Step::OutboxFull)]);
    let outgoing = story.chat.outgoing(MEMBERSHIP).unwrap();
    assert_eq!((outgoing.unsent(), outgoing.on_host(), outgoing.delivered()), (0, 1, 0));
    story.membership(MembershipEvent::Forgotten);
    assert!(story.chat.outgoing(MEMBERSHIP).is_none());
}

fn step(number: u32, step: Step) -> News {
    News::Delivery { message: message(number), step }
}

#[test]
fn known_rooms_are_listed_before_anything_happens_and_sorted_by_activity() {
    let known: Vec<KnownRoom> = (1..=3)
        .map(|membership| KnownRoom { membership: MembershipId(membership), info: info(Suite::Classical, false) })
        .collect();
    let mut chat = Chat::new(&known);
    assert!(chat.rooms().all(|room| room.connection == Connection::Idle));
    let event = Event::Message { id: message(1), from: person("ann"), content: Content::text("hi"), sent_ms: 5 };
    chat.apply(&SessionEvent::Membership { membership: MembershipId(2), event: MembershipEvent::Protocol(event) }, 10);
    assert_eq!(chat.by_activity().first().map(|room| room.membership), Some(MembershipId(2)));
    assert!(matches!(chat.room(MembershipId(2)).unwrap().page(Page::Newest, ROWS_MAX)[0].kind, RowKind::Message(_)));
    assert!(
        !chat
            .room(MembershipId(2))
            .unwrap()
            .page(Page::Newest, ROWS_MAX)
            .iter()
            .any(|row| row.kind == RowKind::Notice(Notice::Opened))
    );
}

#[test]
fn rooms_whose_titles_look_alike_have_their_ids_beside_them() {
    let mut chat = Chat::default();
    let mut take = |membership: u64, title: &str| {
        let info = MembershipInfo {
            room: Some(RoomId([u8::try_from(membership).unwrap(); 32])),
            title: title.to_owned(),
            ..info(Suite::Classical, false)
        };
        chat.apply(
            &SessionEvent::Membership { membership: MembershipId(membership), event: MembershipEvent::Begun(info) },
            1,
        );
        chat.rooms().map(Room::name).collect::<Vec<_>>()
    };
    assert_eq!(take(1, "Friday"), ["Friday"]);
    assert_eq!(take(2, "Monday"), ["Friday", "Monday"]);
    assert_eq!(take(3, "Frid\u{430}y"), ["Friday (01010101)", "Monday", "Frid\u{430}y (03030303)"]);
    let event = MembershipEvent::Protocol(Event::Titled { title: "Saturday".to_owned() });
    let changes = chat.apply(&SessionEvent::Membership { membership: MembershipId(3), event }, 2);
    assert!(changes.contains(&Change::RoomChanged(MembershipId(1))));
    assert_eq!(chat.rooms().map(Room::name).collect::<Vec<_>>(), ["Friday", "Monday", "Saturday"]);
}

/// What Ann said, and Bo, before this run.
fn earlier(from: u32, count: u32, more: u64) -> EarlierMessages {
    let said = |number: u32| {
        let is_own = number.is_multiple_of(3);
        let (from, delivery) = match is_own {
            true => (person("bo"), Some(Delivery::from_before(Progress::OnHost, 1, 1))),
            false => (person("ann"), None),
        };
        let content = Content::text(format!("earlier {number}"));
        let message = Message { id: message(10_000 + number), from, content, sent_ms: 1, delivery };
        EarlierMessage { came_ms: u64::from(number), message }
    };
    let names = vec![(person("ann"), "Ann as she was".to_owned())];
    let messages = (from..from + count).map(said).collect();
    EarlierMessages { messages, earlier: more, names, ..EarlierMessages::default() }
}

#[test]
fn earlier_messages_stand_above_the_others_under_the_names_of_then() {
    let mut story = Story::begin(Suite::Classical);
    let changes = story.membership(MembershipEvent::Earlier(earlier(4, 3, 4)));
    assert!(changes.contains(&Change::RowsBefore { membership: MEMBERSHIP, count: 3, new_from: None }));
    assert!(story.room().has_earlier());
    story.tell(entered());
    assert_eq!(
        story.rows(),
        ["Ann as she was: earlier 4", "Ann as she was: earlier 5", "Bo: earlier 6"].map(|row| {
            // Bo has no name here yet.
            row.replace("Bo:", &format!("{}:", story.room().name_of(&person("bo"))))
        }),
        "who reads what was said did not join just now"
    );
    assert!(story.room().own_message(&message(10_006)).unwrap().delivery.as_ref().unwrap().is_complete());
    story.tell(named("ann", "Ann"));
    story.says("ann", 1, "now");
    story.membership(MembershipEvent::Earlier(earlier(0, 4, 0)));
    assert_eq!(story.rows().len(), 9, "seven messages from before, a new name, and one from now");
    assert_eq!(story.rows()[1], "Ann: earlier 1", "the name of now, if there is one");
    assert_eq!(story.last_row(), "Ann: now");
    assert!(!story.room().has_earlier());
    assert_eq!(story.room().unread, 1, "nothing of it is new");
    let ids: Vec<i64> = story.kept().iter().map(|row| row.id.0).collect();
    assert!(ids.is_sorted(), "{ids:?}");
}

#[test]
fn earlier_messages_change_no_count_and_no_row_of_whoever_keeps_none() {
    let mut chat = Chat::with_passing_rows(&[]);
    let mut apply = |event| chat.apply(&SessionEvent::Membership { membership: MEMBERSHIP, event }, 1);
    apply(MembershipEvent::Begun(info(Suite::Classical, false)));
    apply(MembershipEvent::Identity(person("bo")));
    let changes = apply(MembershipEvent::Earlier(earlier(0, 9, 0)));
    assert!(changes.contains(&Change::RowsBefore { membership: MEMBERSHIP, count: 0, new_from: None }));
    let changes = apply(MembershipEvent::Protocol(entered()));
    assert!(changes.iter().any(|change| matches!(change, Change::RowAdded { .. })), "it says that it entered");
    assert!(chat.outgoing(MEMBERSHIP).is_none());
}

#[test]
fn as_many_earlier_messages_come_as_there_is_room_for() {
    let mut story = Story::begin(Suite::Classical);
    story.membership(MembershipEvent::Earlier(earlier(100, u32::try_from(ROWS_MAX).unwrap() - 2, 100)));
    assert!(story.room().has_earlier());
    story.membership(MembershipEvent::Earlier(earlier(90, 10, 90)));
    assert_eq!(story.room().row_count(), ROWS_MAX);
    assert!(!story.room().has_earlier(), "nobody asks for more");
    // What is said now is worth more.
    story.says("ann", 1, "now");
    assert_eq!((story.room().row_count(), story.last_row().ends_with(": now")), (ROWS_MAX, true));
}

#[test]
fn what_was_not_read_before_counts_until_it_is_on_screen() {
    let mut story = Story::begin(Suite::Classical);
    let new_from = |changes: Vec<Change>| {
        changes.into_iter().find_map(|change| match change {
            Change::RowsBefore { new_from, .. } => Some(new_from),
            _ => None,
        })
    };
    let text = |story: &Story, row| match &story.room().row(row).unwrap().kind {
        RowKind::Message(message) => message.content.words().unwrap().to_owned(),
        RowKind::Notice(notice) => panic!("{notice:?}"),
    };
    // 12 is an own one.
    let page = EarlierMessages { new: 4, unread: 9, ..earlier(6, 10, 6) };
    let first = new_from(story.membership(MembershipEvent::Earlier(page))).unwrap().unwrap();
    assert_eq!((text(&story, first).as_str(), story.room().unread), ("earlier 13", 9));
    assert_eq!(story.room().last_heard().unwrap().content.words(), Some("earlier 14"), "15 is an own one");
    story.says("ann", 1, "now");
    assert_eq!(story.room().unread, 10);
    story.chat.view(Some(MEMBERSHIP));
    let page = EarlierMessages { new: 6, ..earlier(0, 6, 0) };
    let first = new_from(story.membership(MembershipEvent::Earlier(page))).unwrap().unwrap();
    assert_eq!((text(&story, first).as_str(), story.room().unread), ("earlier 1", 0));

    // Whoever looks at the room when that is told has it on screen.
    let mut story = Story::begin(Suite::Classical);
    story.chat.view(Some(MEMBERSHIP));
    story.membership(MembershipEvent::Earlier(EarlierMessages { new: 4, unread: 9, ..earlier(6, 10, 6) }));
    assert_eq!(story.room().unread, 0);
    // More than there is room for.
    let mut story = Story::begin(Suite::Classical);
    let all = u32::try_from(ROWS_MAX).unwrap() + 9;
    let page = EarlierMessages { new: ROWS_MAX + 9, unread: 1_000, ..earlier(0, all, 0) };
    let first = new_from(story.membership(MembershipEvent::Earlier(page))).unwrap().unwrap();
    assert_eq!(text(&story, first), "earlier 10", "the oldest that is kept and not an own one");
}

#[test]
fn what_stands_above_rows_that_went_is_not_asked_for() {
    let mut story = Story::begin(Suite::Classical);
    story.membership(MembershipEvent::Earlier(earlier(100, u32::try_from(ROWS_MAX).unwrap(), 100)));
    assert!(story.room().has_earlier());
    story.says("ann", 1, "now");
    assert_eq!(story.room().row_count(), ROWS_MAX);
    assert!(!story.room().has_earlier(), "the rows between are gone");
}

#[test]
fn an_own_message_that_was_never_sent_can_be_called_back() {
    let mut story = Story::begin(Suite::Classical);
    let mut page = earlier(3, 1, 0);
    page.messages[0].message.delivery = Some(Delivery::from_before(Progress::Unsent, 0, 0));
    story.membership(MembershipEvent::Earlier(page));
    story.membership(MembershipEvent::CancelAsked(message(10_003)));
    let delivery = story.room().own_message(&message(10_003)).unwrap().delivery.clone().unwrap();
    assert_eq!(delivery.progress, Progress::Cancelled);
}
