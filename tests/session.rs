//! The session's verbs as a front end uses them: two sessions in one process, over the loopback, with
//! ready-made keys.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../examples/bot.rs"]
mod bot;
#[path = "common/events.rs"]
mod events;
#[path = "common/front_end.rs"]
mod front_end;
#[path = "common/joined.rs"]
mod joined;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/profiles.rs"]
mod profiles;
#[path = "session/saved_messages.rs"]
mod saved_messages;
#[path = "session/sent_again.rs"]
mod sent_again;
#[path = "common/until.rs"]
mod until;

use std::fs;
use std::net::SocketAddr;

use conversa::app::conversation::{Change, Connection, Page, Progress, ROWS_MAX, Room, RowKind};
use conversa::app::{
    Code, HostPlace, HostRequest, IdentityState, JoinRequest, JoinTarget, MembershipId, Passphrase, Problem, Reach,
    SessionEvent, Settings,
};
use conversa::crypto::{Fingerprint, KeyKind, Suite};
use conversa::protocol::limits::OUTBOX_MAX;
use conversa::protocol::{Invite, LearningConsent, RoomCrypto};

use self::front_end::FrontEnd;
use self::joined::joined;
use self::profiles::{empty_profile, profile_of};

impl FrontEnd {
    /// With the test keys of `name`, and called so.
    fn of(name: &str) -> Self {
        let front_end = Self::open(profile_of(name));
        let name = name.to_owned();
        front_end.session.change_settings(move |settings| settings.name = name);
        front_end
    }

    /// Quits and starts again, on the same profile.
    fn restart(mut self) -> Self {
        self.quit();
        Self::open(self.directory)
    }

    fn quit(&mut self) {
        self.session.quit();
        self.until("the end", |front_end| front_end.told.contains(&SessionEvent::Ended));
    }

    fn room(&self, membership: MembershipId) -> &Room {
        self.chat.room(membership).unwrap_or_else(|| panic!("no room at {membership:?}"))
    }

    fn until_room(&mut self, what: &str, membership: MembershipId, is_so: impl Fn(&Room) -> bool) {
        self.until(what, |front_end| front_end.chat.room(membership).is_some_and(&is_so));
    }

    fn host(&mut self, title: &str, listen: SocketAddr, crypto: RoomCrypto) -> MembershipId {
        self.session.host(HostRequest {
            title: title.to_owned(),
            crypto,
            place: HostPlace::Here(listen),
            knock: true,
            members_max: 8,
        })
    }

    /// Hosts a room on a free port, and waits for its invite.
    fn host_friday(&mut self) -> MembershipId {
        let membership = self.host("Friday", ([127, 0, 0, 1], 0).into(), RoomCrypto::trusted(Suite::Hybrid).unwrap());
        self.until_room("an invite", membership, |room| room.invite.is_some());
        membership
    }

    fn invite(&self, membership: MembershipId) -> Invite {
        self.room(membership).invite.clone().unwrap()
    }

    fn join(&mut self, invite: Invite) -> MembershipId {
        self.session.join(join(invite)).unwrap()
    }

    /// Joins and waits until in the room.
    fn come_in(&mut self, invite: Invite) -> MembershipId {
        let membership = self.join(invite);
        self.until_connected(membership);
        membership
    }

    fn until_connected(&mut self, membership: MembershipId) {
        self.until_room("the room", membership, |room| matches!(room.connection, Connection::Connected { .. }));
    }

    fn until_told(&mut self, membership: MembershipId, text: &str) {
        self.until_room(text, membership, |room| messages(room).iter().any(|known| known == text));
    }

    fn problem(&self, membership: MembershipId) -> Option<&Problem> {
        self.changes.iter().rev().find_map(|change| match change {
            Change::Problem { membership: of, problem } if *of == membership => Some(problem),
            _ => None,
        })
    }

    fn until_problem(&mut self, membership: MembershipId) -> Code {
        self.until("a problem", |front_end| front_end.problem(membership).is_some());
        self.problem(membership).unwrap().code
    }

    fn identity(&self, kind: KeyKind) -> Option<&IdentityState> {
        self.told.iter().rev().find_map(|event| match event {
            SessionEvent::Identity { kind: of, state } if *of == kind => Some(state),
            _ => None,
        })
    }
}

fn join(invite: Invite) -> JoinRequest {
    JoinRequest { target: JoinTarget::Invite(Box::new(invite)), learning: None, pin: None, look: false }
}

fn messages(room: &Room) -> Vec<String> {
    let text = |kind: &RowKind| match kind {
        RowKind::Message(message) => message.content.words().map(str::to_owned),
        RowKind::Notice(_) => None,
    };
    room.page(Page::Newest, ROWS_MAX).iter().filter_map(|row| text(&row.kind)).collect()
}

#[test]
fn names_and_titles_change_for_everybody() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let at_bo = bo.come_in(ann.invite(at_ann));
    bo.until_room("the title", at_bo, |room| room.title() == "Friday");
    let me = bo.room(at_bo).me.unwrap();
    ann.until_room("Bo's name", at_ann, |room| room.name_of(&me) == "bo");
    bo.session.change_settings(|settings| settings.name = "Robert".to_owned());
    ann.until_room("the new name", at_ann, |room| room.name_of(&me) == "Robert");
    bo.until_room("the own name", at_bo, |room| room.name_of(&me) == "Robert");
    ann.session.retitle(at_ann, "Saturday".to_owned());
    bo.until_room("the new title", at_bo, |room| room.title() == "Saturday");

    ann.session.change_settings(|settings| settings.name = "bad\u{202e}name".to_owned());
    ann.until("a warning", |front_end| front_end.told.iter().any(|event| matches!(event, SessionEvent::Warning(_))));
}

#[test]
fn the_bot_of_the_examples_answers_until_the_room_is_closed() {
    let mut ann = FrontEnd::of("ann");
    let at_ann = ann.host_friday();
    let (directory, invite) = (profile_of("bo"), ann.invite(at_ann).to_string());
    let profile = directory.path().to_owned();
    let running = std::thread::spawn(move || bot::run(profile, &invite).map_err(|error| error.to_string()));
    ann.session.send(at_ann, "!echo anybody there?").unwrap();
    ann.until_told(at_ann, "anybody there?");
    ann.session.close_room(at_ann);
    assert_eq!(joined(running, "the end of the bot"), Ok(()));
}

#[test]
fn words_typed_before_the_room_is_entered_go_out() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let at_bo = bo.join(ann.invite(at_ann));
    let id = bo.session.send(at_bo, "early").unwrap();
    ann.until_told(at_ann, "early");
    bo.until_room("a confirmation", at_bo, |room| {
        room.own_message(&id)
            .and_then(|message| message.delivery.as_ref())
            .is_some_and(|delivery| delivery.is_complete())
    });
    assert_eq!(messages(bo.room(at_bo)), ["early"], "one's own words stand there once");
}

#[test]
fn what_cannot_be_sent_is_said_at_once() {
    let mut ann = FrontEnd::of("ann");
    let membership = ann.host_friday();
    assert_eq!(ann.session.send(membership, " \n").unwrap_err().code, Code::Usage);
    assert_eq!(ann.session.send(membership, &"x".repeat(16 * 1024 + 1)).unwrap_err().code, Code::TooLong);
}

#[test]
fn so_many_messages_wait_for_a_room_and_no_more() {
    let mut ann = FrontEnd::of("ann");
    let membership = ann.host_friday();
    let ids: Vec<_> = (0..=OUTBOX_MAX).map(|_| ann.session.send(membership, "anybody?").unwrap()).collect();
    let progress_of = |room: &Room, id| {
        room.own_message(id).and_then(|message| message.delivery.as_ref()).map(|delivery| delivery.progress)
    };
    let last = &ids[OUTBOX_MAX];
    ann.until_room("no room for the last", membership, |room| progress_of(room, last) == Some(Progress::OutboxFull));
    assert!(ids.iter().take(OUTBOX_MAX).all(|id| progress_of(ann.room(membership), id) == Some(Progress::Queued)));
    ann.session.cancel(membership, ids[0]);
    let next = ann.session.send(membership, "there is a place").unwrap();
    ann.until_room("a place", membership, |room| progress_of(room, &next) == Some(Progress::Queued));
}

#[test]
fn a_message_that_still_waits_is_called_back() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let first = ann.session.send(at_ann, "never said").unwrap();
    ann.session.send(at_ann, "said").unwrap();
    ann.session.cancel(at_ann, first);
    ann.until_room("the call-back", at_ann, |room| {
        let delivery = room.own_message(&first).and_then(|message| message.delivery.as_ref());
        delivery.is_some_and(|delivery| delivery.progress == Progress::Cancelled)
    });
    let at_bo = bo.come_in(ann.invite(at_ann));
    bo.until_told(at_bo, "said");
    assert_eq!(messages(bo.room(at_bo)), ["said"]);
}

#[test]
fn withdrawn_invites_let_nobody_in() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let old = ann.invite(at_ann);
    ann.session.reset_invites(at_ann);
    let host = old.clone();
    ann.until_room("another invite", at_ann, |room| room.invite.as_ref().is_some_and(|invite| *invite != host));
    let at_bo = bo.join(old);
    assert_eq!(bo.until_problem(at_bo), Code::InviteRefused);
    bo.come_in(ann.invite(at_ann));
}

#[test]
fn rooms_are_there_after_a_restart_of_both() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let at_bo = bo.come_in(ann.invite(at_ann));
    bo.until_room("the title", at_bo, |room| room.title() == "Friday");
    let room = ann.room(at_ann).info.room.unwrap();
    ann.until_room("Bo", at_ann, |room| room.members().len() == 2);

    let mut bo = bo.restart();
    let mut ann = ann.restart();
    assert_eq!(ann.opening.rooms.len(), 1);
    let known = ann.opening.rooms.first().unwrap().clone();
    assert!(known.info.owned && known.info.hosted_here && known.info.room == Some(room));
    assert_eq!(ann.room(known.membership).connection, Connection::Idle);
    ann.session.enter(known.membership);
    ann.until_connected(known.membership);

    let at_bo = bo.opening.rooms.first().unwrap().membership;
    assert_eq!(bo.room(at_bo).title(), "Friday");
    bo.session.enter(at_bo);
    bo.until_connected(at_bo);
    bo.session.send(at_bo, "back").unwrap();
    ann.until_told(known.membership, "back");
    // A second invite leads to the same membership.
    ann.until_room("an invite", known.membership, |room| room.invite.is_some());
    assert_eq!(bo.join(ann.invite(known.membership)), at_bo);
    assert_eq!(ann.session.join(join(ann.invite(known.membership))).unwrap_err().code, Code::OwnAddress);
}

#[test]
fn nobody_comes_in_before_the_owner_has_written_it_down() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let (rooms, away) = (ann.directory.path().join("rooms"), ann.directory.path().join("away"));
    ann.until("the record", |_| rooms.read_dir().is_ok_and(|mut entries| entries.next().is_some()));
    // What stands in the place of the directory takes no file.
    fs::rename(&rooms, &away).unwrap();
    fs::write(&rooms, b"").unwrap();
    let at_bo = bo.join(ann.invite(at_ann));
    let is_warned =
        |event: &SessionEvent| matches!(event, SessionEvent::Warning(problem) if problem.code == Code::CannotWrite);
    ann.until("two warnings", |ann| ann.told.iter().filter(|event| is_warned(event)).count() == 2);
    assert_eq!(bo.until_problem(at_bo), Code::Unstored, "it need not wait for the disk");
    assert_eq!(ann.room(at_ann).members().len(), 1);

    fs::remove_file(&rooms).unwrap();
    fs::rename(&away, &rooms).unwrap();
    ann.session.retitle(at_ann, "Saturday".to_owned());
    ann.until_room("Bo", at_ann, |room| room.members().len() == 2);
    bo.session.enter(at_bo);
    bo.until_connected(at_bo);
}

#[test]
fn one_can_go_offline_and_come_back_or_forget_a_room() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let at_ann = ann.host_friday();
    let at_bo = bo.come_in(ann.invite(at_ann));
    bo.session.go_offline(at_bo);
    bo.until_room("offline", at_bo, |room| room.connection == Connection::Idle);
    bo.session.send(at_bo, "typed while offline").unwrap();
    bo.session.enter(at_bo);
    ann.until_told(at_ann, "typed while offline");
    bo.session.forget(at_bo);
    bo.until("forgotten", |front_end| front_end.chat.room(at_bo).is_none());
    let bo = bo.restart();
    assert!(bo.opening.rooms.is_empty());
}

#[test]
fn rooms_share_a_listener_and_kinds_do_not() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let first = ann.host_friday();
    let address = ann.room(first).hosting.clone().unwrap().address;
    let second = ann.host("Second", address, RoomCrypto::trusted(Suite::Hybrid).unwrap());
    ann.until_room("an invite", second, |room| room.invite.is_some());
    assert_eq!(ann.room(second).hosting.clone().unwrap().address, address);
    let consent = LearningConsent::given_by_a_person();
    let third = ann.host("Third", address, RoomCrypto::Learning(consent));
    assert_eq!(ann.until_problem(third), Code::PortInUse);

    let in_first = bo.come_in(ann.invite(first));
    let in_second = bo.come_in(ann.invite(second));
    bo.session.send(in_first, "to the first").unwrap();
    bo.session.send(in_second, "to the second").unwrap();
    ann.until_told(first, "to the first");
    ann.until_told(second, "to the second");
    // One room ends; the other goes on over the same listener.
    ann.session.close_room(first);
    bo.until_room("the end", in_first, |room| matches!(room.connection, Connection::Ended(Some(_))));
    bo.session.send(in_second, "still here").unwrap();
    ann.until_told(second, "still here");
}

#[test]
fn a_host_tries_its_own_addresses() {
    let learning = RoomCrypto::Learning(LearningConsent::given_by_a_person());
    for crypto in [RoomCrypto::trusted(Suite::Hybrid).unwrap(), learning] {
        let mut ann = FrontEnd::of("ann");
        // All addresses of this computer, as far as it has any.
        let membership = ann.host("Friday", ([0, 0, 0, 0], 0).into(), crypto);
        ann.until_room("an invite", membership, |room| room.invite.is_some());
        // Asked for once more while the first tests run: none is counted twice.
        ann.session.test_addresses(membership);
        ann.session.test_addresses(membership);
        ann.until_room("an answer at each address", membership, |room| {
            let hosting = room.hosting.as_ref().unwrap();
            let answers = |address| hosting.tests.get(address).is_some_and(|test| test.reach == Reach::Answers);
            !hosting.addresses.is_empty() && hosting.addresses.iter().all(answers)
        });
    }
}

#[test]
fn a_learning_invite_needs_consent_first() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let consent = LearningConsent::given_by_a_person();
    let at_ann = ann.host("Lab", ([127, 0, 0, 1], 0).into(), RoomCrypto::Learning(consent));
    ann.until_room("an invite", at_ann, |room| room.invite.is_some());
    let problem = bo.session.join(join(ann.invite(at_ann))).unwrap_err();
    assert_eq!(problem.code, Code::LearningRoom);
    let request = JoinRequest { learning: Some(consent), ..join(ann.invite(at_ann)) };
    let at_bo = bo.session.join(request).unwrap();
    bo.until_connected(at_bo);
    assert!(bo.room(at_bo).is_learning());
}

#[test]
fn an_identity_is_locked_and_unlocked() {
    let mut ann = FrontEnd::of("ann");
    ann.session.ensure_identity(KeyKind::Rsa, None);
    ann.until("the identity", |front_end| {
        matches!(front_end.identity(KeyKind::Rsa), Some(IdentityState::Ready { bits: 3072, .. }))
    });
    ann.session.protect_identity(KeyKind::Rsa, Some(Passphrase::new("correct horse".into())));
    let protected = |front_end: &FrontEnd| {
        matches!(front_end.identity(KeyKind::Rsa), Some(IdentityState::Ready { protected: true, .. }))
    };
    ann.until("its protection", protected);

    let mut ann = ann.restart();
    let membership = ann.host("Friday", ([127, 0, 0, 1], 0).into(), RoomCrypto::trusted(Suite::Hybrid).unwrap());
    let locked = |code: Code| {
        move |front_end: &FrontEnd| {
            let state = front_end.identity(KeyKind::Rsa);
            matches!(state, Some(IdentityState::Locked(problem)) if problem.code == code)
        }
    };
    ann.until("the lock", locked(Code::PassphraseNeeded));
    ann.session.unlock(Passphrase::new("wrong".into()));
    ann.until("the wrong passphrase", locked(Code::WrongPassphrase));
    ann.session.unlock(Passphrase::new("correct horse".into()));
    ann.until_room("the room, which waited", membership, |room| room.invite.is_some());
}

/// What the last backup or restore came to.
fn came_of(front_end: &FrontEnd) -> Option<Result<Fingerprint, Code>> {
    front_end.told.iter().rev().find_map(|event| match event {
        SessionEvent::BackedUp(result) | SessionEvent::Restored(result) => {
            Some(result.as_ref().copied().map_err(|problem| problem.code))
        }
        _ => None,
    })
}

#[test]
fn an_identity_is_backed_up_and_restored() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let file = ann.directory.path().join("backup.pem");
    let right = || Passphrase::new("battery staple".into());
    ann.session.back_up(file.clone(), right());
    ann.until("the backup", |ann| came_of(ann).is_some());
    let fingerprint = came_of(&ann).unwrap().unwrap();
    ann.told.clear();
    ann.session.back_up(file.clone(), right());
    ann.until("a refusal", |ann| came_of(ann) == Some(Err(Code::CannotWrite)));

    bo.session.ensure_identity(KeyKind::Rsa, None);
    bo.until("the identity", |bo| matches!(bo.identity(KeyKind::Rsa), Some(IdentityState::Ready { .. })));
    let was = |bo: &FrontEnd| match bo.identity(KeyKind::Rsa) {
        Some(IdentityState::Ready { fingerprint, protected, .. }) => Some((*fingerprint, *protected)),
        _ => None,
    };
    let before = was(&bo).unwrap();
    bo.session.restore(file.clone(), Passphrase::new("wrong".into()));
    bo.until("a refusal", |bo| came_of(bo) == Some(Err(Code::WrongPassphrase)));
    assert_eq!(was(&bo), Some(before), "nobody changed");
    // A room of the old identity does not know the new one.
    let membership = bo.host_friday();
    bo.session.restore(file.clone(), right());
    bo.until("a refusal", |bo| came_of(bo) == Some(Err(Code::Identity)));
    bo.session.close_room(membership);
    bo.until_room("the end", membership, |room| matches!(room.connection, Connection::Ended(Some(_))));
    bo.session.forget(membership);
    bo.until("forgotten", |bo| bo.chat.room(membership).is_none());
    bo.session.restore(file, right());
    bo.until("another person", |bo| came_of(bo) == Some(Ok(fingerprint)));
    assert_eq!(was(&bo), Some((fingerprint, true)), "under the passphrase of the backup");
    assert!(bo.directory.path().join("identity/set-aside-1/sign.pem").exists());

    let mut bo = bo.restart();
    bo.session.unlock(right());
    bo.session.ensure_identity(KeyKind::Rsa, None);
    bo.until("the same person", |bo| was(bo).is_some_and(|(key, _)| key == fingerprint));
}

#[test]
fn a_learning_identity_is_made_where_there_is_none() {
    let mut front_end = FrontEnd::open(empty_profile());
    front_end.session.ensure_identity(KeyKind::Textbook, None);
    front_end.until("the identity", |front_end| {
        matches!(front_end.identity(KeyKind::Textbook), Some(IdentityState::Ready { .. }))
    });
    assert!(front_end.directory.path().join("identity/learning/sign.pem").exists());
}

#[test]
fn settings_are_told_and_kept() {
    let mut ann = FrontEnd::of("ann");
    let membership = ann.host_friday();
    let room = ann.room(membership).info.room.unwrap();
    ann.session.change_settings(move |settings| settings.keep_draft(room, "half a thought"));
    ann.until("the settings", |front_end| {
        let kept =
            |event: &SessionEvent| matches!(event, SessionEvent::Settings(settings) if settings.drafts.contains_key(&room));
        front_end.told.iter().any(kept)
    });
    let mut ann = ann.restart();
    assert_eq!(ann.opening.settings.name, "ann");
    // What was typed lies under the identity's lock, and comes when that is open.
    assert!(ann.opening.settings.drafts.is_empty());
    let mark = |member: Fingerprint| move |settings: &mut Settings| settings.mark_verified(member, "Bo", 7);
    let bo = Fingerprint::from_bytes([7; 32]);
    ann.session.change_settings(mark(bo));
    ann.session.ensure_identity(KeyKind::Rsa, None);
    ann.until("the draft", |front_end| {
        let kept = |settings: &Settings| {
            settings.is_verified(&bo) && settings.drafts.get(&room).is_some_and(|draft| draft == "half a thought")
        };
        front_end.told.iter().any(|event| matches!(event, SessionEvent::Settings(settings) if kept(settings)))
    });
    let mut ann = ann.restart();
    ann.session.ensure_identity(KeyKind::Rsa, None);
    let is_marked =
        |event: &SessionEvent| matches!(event, SessionEvent::Settings(settings) if settings.is_verified(&bo));
    ann.until("the mark of before", |front_end| front_end.told.iter().any(is_marked));
    let bytes = fs::read(ann.directory.path().join("settings.cbor")).unwrap();
    assert!(!bytes.windows(4).any(|part| part == b"half"), "no word of it is in the clear");
    ann.told.clear();
    // A room that is left takes its draft with it.
    ann.session.leave(ann.opening.rooms.first().unwrap().membership);
    ann.until("the settings", |front_end| {
        front_end
            .told
            .iter()
            .any(|event| matches!(event, SessionEvent::Settings(settings) if settings.drafts.is_empty()))
    });
    assert!(ann.restart().opening.rooms.is_empty());
}
