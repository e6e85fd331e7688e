//! What is said is there after a restart, stored for its identity alone.

use std::fs;
use std::path::{Path, PathBuf};

use conversa::app::conversation::{Page, Progress, ROWS_MAX, Room, RowKind};
use conversa::app::{Code, MembershipId, SessionEvent};
use conversa::protocol::RoomCrypto;

use super::front_end::FrontEnd;
use super::messages;

impl FrontEnd {
    /// Starts again and has what was said before.
    pub(super) fn remember(self, count: usize) -> (Self, MembershipId) {
        let mut again = self.restart();
        let membership = again.chat.rooms().next().unwrap().membership;
        again.session.enter(membership);
        again.until_room("what was said before", membership, |room| room.me.is_some() && messages(room).len() >= count);
        (again, membership)
    }

    fn stores(&self) -> PathBuf {
        self.directory.path().join("store")
    }
}

/// The only file there with this ending.
fn file_in(stores: &Path, ending: &str) -> PathBuf {
    let files = fs::read_dir(stores).unwrap().map(|file| file.unwrap().path());
    let mut found = files.filter(|path| path.extension().is_some_and(|of| of == ending));
    let file = found.next().unwrap_or_else(|| panic!("no .{ending} in {}", stores.display()));
    assert!(found.next().is_none(), "one identity, one file");
    file
}

pub(super) fn progress_of_own(room: &Room) -> Vec<Progress> {
    let rows = room.page(Page::Newest, ROWS_MAX).into_iter();
    let own = rows.filter_map(|row| match &row.kind {
        RowKind::Message(message) => message.delivery.as_ref(),
        RowKind::Notice(_) => None,
    });
    own.map(|delivery| delivery.progress).collect()
}

fn told_of(front_end: &FrontEnd, code: Code) -> bool {
    front_end.told.iter().any(|event| matches!(event, SessionEvent::Warning(problem) if problem.code == code))
}

#[test]
fn what_was_said_is_there_after_a_restart_of_both() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let of_ann = ann.host_friday();
    let of_bo = bo.come_in(ann.invite(of_ann));
    ann.until_room("Bo", of_ann, |room| room.members().len() == 2);
    for text in ["one", "two", "three"] {
        ann.session.send(of_ann, text).unwrap();
        bo.until_told(of_bo, text);
    }
    bo.session.send(of_bo, "four").unwrap();
    ann.until_told(of_ann, "four");
    let is_delivered = |room: &Room| {
        let rows = room.page(Page::Newest, ROWS_MAX).into_iter();
        let own = rows.filter_map(|row| match &row.kind {
            RowKind::Message(message) => message.delivery.as_ref(),
            RowKind::Notice(_) => None,
        });
        own.filter(|delivery| delivery.is_complete()).count() == 3
    };
    ann.until_room("three receipts", of_ann, is_delivered);

    // Each by itself: nobody has to be there.
    let said = ["one", "two", "three", "four"];
    let (ann, of_ann) = ann.remember(4);
    assert_eq!(messages(ann.room(of_ann)), said);
    assert!(is_delivered(ann.room(of_ann)), "how far each got is kept too");
    let (mut bo, of_bo) = bo.remember(4);
    assert_eq!(messages(bo.room(of_bo)), said);
    let room = bo.room(of_bo);
    let ann_key = ann.room(of_ann).me.unwrap();
    assert_eq!(room.name_of(&ann_key), "ann", "people are called what they were called");
    let notices = room.page(Page::Newest, ROWS_MAX).into_iter();
    assert_eq!(notices.filter(|row| matches!(row.kind, RowKind::Notice(_))).count(), 0, "nobody joined anew");

    // And it goes on from there, once each, over another restart.
    let mut ann = ann;
    bo.until_connected(of_bo);
    ann.until_connected(of_ann);
    ann.until_room("Bo", of_ann, |room| room.members().iter().all(|member| member.name.is_some()));
    bo.session.send(of_bo, "five").unwrap();
    ann.until_told(of_ann, "five");
    let (ann, of_ann) = ann.remember(5);
    assert_eq!(messages(ann.room(of_ann)), ["one", "two", "three", "four", "five"]);
}

#[test]
fn what_was_not_read_is_unread_after_a_restart() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let of_ann = ann.host_friday();
    let of_bo = bo.come_in(ann.invite(of_ann));
    ann.until_room("Bo", of_ann, |room| room.members().len() == 2);
    for text in ["one", "two", "three"] {
        bo.session.send(of_bo, text).unwrap();
        ann.until_told(of_ann, text);
    }
    let unread = |front_end: &FrontEnd, membership| front_end.chat.room(membership).unwrap().unread;
    assert_eq!(unread(&ann, of_ann), 3);
    let rows = ann.room(of_ann).page(Page::Newest, ROWS_MAX).into_iter();
    let mut heard = rows.filter_map(|row| match &row.kind {
        RowKind::Message(message) if row.is_heard() => Some((message.from, message.id)),
        _ => None,
    });
    let (from, first) = heard.next().unwrap();
    ann.session.read_up_to(of_ann, from, first);
    let (mut ann, of_ann) = ann.remember(3);
    assert_eq!(unread(&ann, of_ann), 2);
    // All of it was said by the other one.
    let (bo, of_bo) = bo.remember(3);
    assert_eq!(unread(&bo, of_bo), 0);
    let last = ann.room(of_ann).last_heard().map(|message| (message.from, message.id)).unwrap();
    ann.chat.view(Some(of_ann));
    ann.session.read_up_to(of_ann, last.0, last.1);
    let (ann, of_ann) = ann.remember(3);
    assert_eq!(unread(&ann, of_ann), 0);
}

#[test]
fn earlier_messages_come_page_by_page_as_they_are_asked_for() {
    // More than come at once; a room takes 20 a second from each member.
    const SAID: usize = 230;
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let membership = ann.host_friday();
    bo.come_in(ann.invite(membership));
    let texts: Vec<String> = (0..SAID).map(|number| format!("message {number}")).collect();
    for text in &texts {
        ann.session.send(membership, text).unwrap();
    }
    ann.until_room("all on the host", membership, |room| {
        progress_of_own(room).iter().filter(|progress| **progress == Progress::OnHost).count() == SAID
    });
    let (mut ann, membership) = ann.remember(200);
    assert_eq!(messages(ann.room(membership)), texts[SAID - 200..]);
    assert!(ann.room(membership).has_earlier());
    // Asked twice, they come once.
    ann.session.read_earlier(membership);
    ann.session.read_earlier(membership);
    ann.until_room("earlier ones", membership, |room| messages(room).len() > 200);
    assert_eq!(messages(ann.room(membership)), texts);
    assert!(!ann.room(membership).has_earlier());
    ann.session.read_earlier(membership);
    ann.quit();
    assert_eq!(messages(ann.room(membership)), texts, "and there are no more");
}

#[test]
fn a_room_that_was_left_is_stored_no_more() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let of_ann = ann.host_friday();
    let of_bo = bo.come_in(ann.invite(of_ann));
    bo.session.send(of_bo, "goodbye").unwrap();
    ann.until_told(of_ann, "goodbye");
    bo.session.leave(of_bo);
    bo.until_room("the end", of_bo, |room| room.stop().is_some());
    ann.until_room("Bo's leave", of_ann, |room| room.members().len() == 1);
    let mut bo = bo.restart();
    // The same room again, by a new invite.
    ann.session.invite(of_ann);
    let used = ann.invite(of_ann);
    ann.until_room("another invite", of_ann, |room| room.invite.as_ref().is_some_and(|invite| *invite != used));
    let of_bo = bo.come_in(ann.invite(of_ann));
    ann.session.send(of_ann, "welcome back").unwrap();
    bo.until_told(of_bo, "welcome back");
    let (bo, of_bo) = bo.remember(1);
    assert_eq!(messages(bo.room(of_bo)), ["welcome back"]);
}

#[test]
fn a_damaged_store_is_told_of_and_left_alone_and_the_room_works() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 4] = [
        ("another key", |stores| fs::write(file_in(stores, "key"), b"no key").unwrap()),
        ("no key", |stores| fs::remove_file(file_in(stores, "key")).unwrap()),
        ("no database", |stores| fs::write(file_in(stores, "db"), [7; 8_192]).unwrap()),
        ("cut", |stores| {
            let path = file_in(stores, "db");
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..5_000]).unwrap();
        }),
    ];
    for (what, damage) in damages {
        let mut ann = FrontEnd::of("ann");
        let membership = ann.host_friday();
        ann.session.send(membership, "before").unwrap();
        ann.until_told(membership, "before");
        ann.quit();
        damage(&ann.stores());
        let before = fs::read(file_in(&ann.stores(), "db")).unwrap();
        let mut ann = FrontEnd::open(ann.directory);
        let membership = ann.chat.rooms().next().unwrap().membership;
        ann.session.enter(membership);
        ann.until(what, |ann| told_of(ann, Code::StoreUnreadable));
        ann.until_connected(membership);
        ann.session.send(membership, "after").unwrap();
        ann.until_told(membership, "after");
        ann.quit();
        assert_eq!(fs::read(file_in(&ann.stores(), "db")).unwrap(), before, "{what}: it stays as it is");
    }
}

#[test]
fn nothing_that_is_said_can_be_read_in_any_file() {
    let mut ann = FrontEnd::of("ann");
    let membership =
        ann.host("Zebra crossing", ([127, 0, 0, 1], 0).into(), RoomCrypto::trusted(super::Suite::Hybrid).unwrap());
    ann.until_room("an invite", membership, |room| room.invite.is_some());
    ann.session.send(membership, "the password is xyzzy").unwrap();
    ann.until_told(membership, "the password is xyzzy");
    let is_in = |directory: &Path, word: &str| {
        let files = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
        files
            .map(|path| fs::read(path).unwrap())
            .any(|bytes| bytes.windows(word.len()).any(|part| part == word.as_bytes()))
    };
    for word in ["xyzzy", "Zebra", "message", "SQLite format"] {
        assert!(!is_in(&ann.stores(), word), "{word}");
    }
    let (ann, _) = ann.remember(1);
    assert!(!is_in(&ann.stores(), "xyzzy") && !is_in(ann.directory.path(), "xyzzy"));
}
