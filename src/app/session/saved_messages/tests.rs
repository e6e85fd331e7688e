mod reading;
mod sending;

use std::sync::mpsc::Receiver;

use super::backlog::{Backlog, WAITING_MAX};
use super::*;
use crate::app::conversation::{Delivery, Progress};
use crate::app::store_key::store_path;
use crate::app::{Code, MembershipInfo};
use crate::crypto::Suite;
use crate::patience::PATIENCE;
use crate::protocol::limits::OUTBOX_MAX;
use crate::protocol::{Content, Event, MessageId, Now};
use crate::store::{Answer, News, ProgressState, StoredMessage};
use crate::wire::Signed;

const MEMBERSHIP: MembershipId = MembershipId(1);
const ROOM: RoomId = RoomId([1; 32]);
const OTHER: Fingerprint = Fingerprint::from_bytes([2; 32]);

/// Somebody in a room, over several runs.
struct Run {
    saved: SavedMessages,
    told: Receiver<Input>,
}

impl Run {
    fn begin(profile: &Path) -> Self {
        let (inputs, told) = mpsc::channel();
        let mut run = Self { saved: SavedMessages::new(profile, inputs), told };
        run.happens(MembershipEvent::Begun(info(Some(ROOM))));
        run
    }

    /// With the store open; gives what earlier runs kept.
    fn open(profile: &Path, identity: &Arc<Identity>) -> (Self, Vec<String>) {
        let mut run = Self::begin(profile);
        let kept = run.opens(identity, true).unwrap();
        let texts = kept.iter().flat_map(|kept| kept.page.messages.iter().map(text)).collect();
        (run, texts)
    }

    /// Opens the store, for the room if it is known already.
    fn opens(&mut self, identity: &Arc<Identity>, is_known: bool) -> Result<Vec<Kept>, Problem> {
        let rooms = if is_known { vec![(MEMBERSHIP, ROOM)] } else { Vec::new() };
        assert!(self.saved.open(identity, rooms) && self.saved.is_opening(KeyKind::Textbook));
        loop {
            match self.told.recv_timeout(PATIENCE) {
                Ok(Input::StoreOpened(kind)) => return self.saved.opened(kind),
                // What an earlier run began to erase.
                Ok(Input::Store { kind, news }) => drop(self.saved.told(kind, news)),
                _ => panic!("the store is not opened"),
            }
        }
    }

    fn happens(&mut self, event: MembershipEvent) {
        self.saved.record(&SessionEvent::Membership { membership: MEMBERSHIP, event });
    }

    fn types(&mut self, number: u8) {
        let content = Content::text(format!("own {number}"));
        self.happens(MembershipEvent::Sent { id: MessageId([number; 16]), content, sent_ms: 1 });
    }

    /// Says something as a person does. Whether it is held back until it is stored.
    fn says(&mut self, number: u8) -> bool {
        self.types(number);
        let content = Content::text(format!("own {number}"));
        self.saved.holds(MEMBERSHIP, Unsent { id: MessageId([number; 16]), content, said_ms: 1 })
    }

    fn hears(&mut self, number: u8) {
        let content = Content::text(format!("theirs {number}"));
        let id = MessageId([number; 16]);
        self.happens(MembershipEvent::Protocol(Event::Message { id, from: OTHER, content, sent_ms: 1 }));
    }

    fn reads(&mut self, number: u8) {
        self.saved.reads(MEMBERSHIP, Reading::UpTo { from: OTHER, message: MessageId([number; 16]) });
    }

    fn enters(&mut self) {
        self.happens(entered());
    }

    /// Waits for what the store tells until it is this; gives what follows from all of it.
    fn until(&mut self, is_it: impl Fn(&News) -> bool) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        loop {
            let Ok(Input::Store { kind, news }) = self.told.recv_timeout(PATIENCE) else { panic!("it is not told") };
            let is_over = is_it(&news);
            outcomes.extend(self.saved.told(kind, news));
            if is_over {
                return outcomes;
            }
        }
    }
}

fn entered() -> MembershipEvent {
    let genesis = Signed { payload: vec![1].into(), signature: vec![2].into() };
    MembershipEvent::Protocol(Event::Entered { room: ROOM, genesis, owner: OTHER, host: OTHER })
}

fn info(room: Option<RoomId>) -> MembershipInfo {
    MembershipInfo {
        room,
        suite: Suite::Textbook,
        title: "Friday".to_owned(),
        addresses: Vec::new(),
        owned: false,
        hosted_here: false,
        knocking: false,
    }
}

fn identity() -> Arc<Identity> {
    let backend = Suite::Textbook.backend();
    let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
    Arc::new(Identity::new(signing, decryption, Now::default()).unwrap())
}

fn text(message: &crate::app::EarlierMessage) -> String {
    message.message.content.words().unwrap_or_default().to_owned()
}

/// How far each own message had got, as a later run finds it.
fn deliveries(profile: &Path, identity: &Arc<Identity>) -> Vec<Delivery> {
    let mut run = Run::begin(profile);
    let kept = run.opens(identity, true).unwrap();
    kept[0].page.messages.iter().map(|past| past.message.delivery.clone().unwrap()).collect()
}

/// What is shown and sent now.
fn numbers(outcomes: &[Outcome]) -> Vec<u8> {
    let said = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Said(MEMBERSHIP, unsent) => Some(unsent.id.0[0]),
        _ => None,
    });
    said.collect()
}

/// A program that is killed meanwhile must not have said that it was said.
#[test]
fn what_is_said_before_the_store_is_open_is_shown_once_it_is_stored() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let mut run = Run::begin(profile.path());
    run.saved.knows(MEMBERSHIP, KeyKind::Textbook, ROOM);
    assert!(run.says(1) && run.says(2));
    run.opens(&ann, true).unwrap();
    assert!(run.says(3));
    let mut shown = Vec::new();
    while shown.len() < 3 {
        shown.extend(numbers(&run.until(|news| matches!(news, News::Committed(_)))));
        assert_eq!(run.saved.held.len(), 3 - shown.len());
    }
    assert_eq!(shown, [1, 2, 3]);
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, ["own 1", "own 2", "own 3"]);
}

#[test]
fn what_was_typed_while_the_identity_was_locked_is_saved_once_it_is_open() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let mut run = Run::begin(profile.path());
    run.types(1);
    run.types(2);
    assert!(!profile.path().join(STORES).exists(), "nothing is made before");
    run.opens(&ann, true).unwrap();
    run.hears(3);
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, ["own 1", "own 2", "theirs 3"]);
}

#[test]
fn what_was_said_before_the_room_was_known_is_saved_once_it_is() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (inputs, told) = mpsc::channel();
    let mut run = Run { saved: SavedMessages::new(profile.path(), inputs), told };
    run.happens(MembershipEvent::Begun(info(None)));
    run.opens(&ann, false).unwrap();
    run.types(1);
    assert!(run.saved.waiting.is_empty());
    run.enters();
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, ["own 1"]);
}

#[test]
fn each_step_of_an_own_message_is_saved() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    (1..=5).for_each(|number| run.types(number));
    let id = |number: u8| MessageId([number; 16]);
    run.happens(MembershipEvent::Protocol(Event::Members(vec![ann.fingerprint(), OTHER])));
    for event in [
        Event::Sealed { id: id(2) },
        Event::Sealed { id: id(3) },
        Event::OnHost { id: id(3), without: Vec::new() },
        Event::Delivered { id: id(3), to: OTHER },
        Event::Rejected { id: id(4), limit: 1 },
    ] {
        run.happens(MembershipEvent::Protocol(event));
    }
    run.happens(MembershipEvent::CancelAsked(id(5)));
    assert_eq!(run.saved.close(), None);
    let deliveries = deliveries(profile.path(), &ann);
    let progress: Vec<Progress> = deliveries.iter().map(|delivery| delivery.progress).collect();
    // The first two wait again.
    assert_eq!(progress[..3], [Progress::Queued, Progress::Queued, Progress::OnHost]);
    assert!(matches!(progress[3], Progress::TooLong { .. }) && progress[4] == Progress::Cancelled);
    assert_eq!(deliveries[2].reached(), 1);
}

#[test]
fn a_room_that_is_removed_is_erased_from_the_store() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.hears(1);
    run.saved.forget(MEMBERSHIP);
    run.until(|news| matches!(news, News::Erased { messages: 1, .. }));
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, Vec::<String>::new());
}

#[test]
fn nothing_waits_for_a_store_that_cannot_be_used() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let stores = profile.path().join(STORES);
    std::fs::create_dir_all(&stores).unwrap();
    std::fs::write(store_path(&stores, &ann.fingerprint()), b"somebody else's").unwrap();
    let mut run = Run::begin(profile.path());
    run.saved.knows(MEMBERSHIP, KeyKind::Textbook, ROOM);
    assert!(run.says(1));
    assert_eq!(run.opens(&ann, true).map(drop).unwrap_err().code, Code::StoreUnreadable);
    assert_eq!(numbers(&run.saved.overdue()), [1], "it waits for nothing any more");
    assert!(!run.says(10));
    (2..=9).for_each(|number| run.hears(number));
    run.reads(9);
    run.saved.write_due(run.saved.next_due().unwrap());
    assert_eq!(run.saved.next_due(), None, "nothing is tried again and again");
    assert!(run.saved.rooms.values().all(|room| room.waits() == 0));
    assert_eq!(run.saved.close(), None, "it was told when it was opened");
}

#[test]
fn a_try_that_is_given_up_erases_nothing() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.hears(1);
    assert_eq!(run.saved.close(), None);
    // An old invite to the same room leads nowhere.
    let mut run = Run::begin(profile.path());
    run.types(2);
    run.opens(&ann, false).unwrap();
    run.saved.forget(MEMBERSHIP);
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, ["theirs 1"], "and what was typed at it is gone");
}

#[test]
fn a_room_stays_saved_while_somebody_is_in_it_again() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.hears(1);
    let again = MembershipId(2);
    let events = [MembershipEvent::Begun(info(Some(ROOM))), entered()];
    for event in events {
        run.saved.record(&SessionEvent::Membership { membership: again, event });
    }
    run.saved.forget(MEMBERSHIP);
    assert_eq!(run.saved.close(), None);
    let (mut run, texts) = Run::open(profile.path(), &ann);
    assert_eq!(texts, ["theirs 1"]);
    run.saved.forget(MEMBERSHIP);
    assert_eq!(run.saved.close(), None);
    assert_eq!(Run::open(profile.path(), &ann).1, Vec::<String>::new());
}

#[test]
fn what_another_membership_takes_over_is_followed_and_shown() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.types(1);
    let other = MembershipId(2);
    run.saved.record(&SessionEvent::Membership { membership: other, event: MembershipEvent::Begun(info(Some(ROOM))) });
    run.saved.moved(MEMBERSHIP, other);
    run.until(|news| matches!(news, News::Answer { answer: Answer::Rows(_), .. }));
    let event = MembershipEvent::Protocol(Event::OnHost { id: MessageId([1; 16]), without: Vec::new() });
    run.saved.record(&SessionEvent::Membership { membership: other, event });
    assert_eq!(run.saved.close(), None);
    assert_eq!(deliveries(profile.path(), &ann)[0].progress, Progress::OnHost);
}

#[test]
fn what_was_taken_back_stays_so_and_what_was_under_way_may_have_arrived() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.types(1);
    run.types(2);
    run.happens(MembershipEvent::Protocol(Event::Sealed { id: MessageId([2; 16]) }));
    run.happens(MembershipEvent::CancelAsked(MessageId([2; 16])));
    assert_eq!(run.saved.close(), None);
    let (mut run, _) = Run::open(profile.path(), &ann);
    // In a later run.
    run.happens(MembershipEvent::CancelAsked(MessageId([1; 16])));
    assert_eq!(run.saved.close(), None);
    let progress: Vec<_> = deliveries(profile.path(), &ann).iter().map(|delivery| delivery.progress).collect();
    assert_eq!(progress, [Progress::Cancelled, Progress::Unconfirmed]);
}

#[test]
fn what_is_to_be_erased_is_erased_once_its_store_is_open() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.hears(1);
    assert_eq!(run.saved.close(), None);
    let mut run = Run::begin(profile.path());
    run.saved.erase(KeyKind::Textbook, ROOM);
    run.saved.erase(KeyKind::Textbook, RoomId([9; 32]));
    run.opens(&ann, false).unwrap();
    run.until(|news| matches!(news, News::Erased { messages: 1, .. }));
    assert_eq!(run.saved.close(), None, "and what was never there is no loss");
    assert_eq!(Run::open(profile.path(), &ann).1, Vec::<String>::new());
}

#[test]
fn so_much_waits_for_a_store_and_no_more() {
    let long = || {
        Write::Message(StoredMessage {
            room: ROOM,
            sender: OTHER,
            id: MessageId([1; 16]),
            content: Content::text("w".repeat(1024 * 1024)),
            sent_ms: 1,
            got_ms: 1,
            own: None,
        })
    };
    let mut backlog = Backlog::default();
    assert_eq!((0..40).filter(|_| backlog.add(long())).count(), 15, "by bytes");
    assert!(backlog.add(Write::Forget { room: ROOM }), "what is to be erased is not left out");
    let first = backlog.next().unwrap();
    backlog.put_back(first);
    assert!(!backlog.add(long()) && backlog.next().is_some() && backlog.add(long()));
    while backlog.next().is_some() {}
    assert_eq!(backlog.bytes, 0);
    let short = || Write::ReadUpTo { room: ROOM, sender: OTHER, id: MessageId([1; 16]) };
    assert_eq!((0..9_999).filter(|_| backlog.add(short())).count(), WAITING_MAX, "by number");
}

#[test]
fn what_waits_for_a_room_has_a_limit_and_what_may_still_be_sent_is_followed() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let mut run = Run::begin(profile.path());
    let id = |number: u16| {
        let mut id = [0; 16];
        id[..2].copy_from_slice(&number.to_be_bytes());
        MessageId(id)
    };
    // A full outbox, and a program that goes on and on.
    let outbox = u16::try_from(OUTBOX_MAX).unwrap();
    for number in 0..5 * outbox {
        run.happens(MembershipEvent::Sent { id: id(number), content: Content::text("word"), sent_ms: 1 });
        if number >= outbox {
            run.happens(MembershipEvent::Protocol(Event::OutboxFull { id: id(number) }));
        }
    }
    let room = &run.saved.rooms[&MEMBERSHIP];
    assert_eq!((room.waits(), room.follows()), (4 * OUTBOX_MAX, 2 * OUTBOX_MAX));
    run.opens(&ann, true).unwrap();
    run.happens(MembershipEvent::Protocol(Event::OnHost { id: id(0), without: Vec::new() }));
    assert_eq!(run.saved.rooms[&MEMBERSHIP].progress_of(&id(0)), Some(ProgressState::OnHost));
    run.saved.close();
}
