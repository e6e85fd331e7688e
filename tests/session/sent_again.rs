//! What is said reaches everybody who was a member then, once: whoever ended meanwhile, and in whatever order they come
//! back.

use conversa::app::MembershipId;
use conversa::app::conversation::{Message, Notice, Page, Presence, Progress, ROWS_MAX, Room, RowKind};

use super::front_end::FrontEnd;
use super::messages;
use super::saved_messages::progress_of_own;

impl FrontEnd {
    /// Starts again and is in its room.
    fn come_back(self) -> (Self, MembershipId) {
        let (mut again, membership) = self.remember(0);
        again.until_connected(membership);
        (again, membership)
    }

    fn until_says(&mut self, membership: MembershipId, texts: &[&str]) {
        self.until_room("what was said", membership, |room| messages(room) == texts);
    }

    fn until_everybody_has(&mut self, membership: MembershipId, text: &str) {
        self.until_room("receipts", membership, |room| {
            let own = said(room).into_iter().filter(|message| message.content.words() == Some(text));
            let mut deliveries = own.filter_map(|message| message.delivery.as_ref());
            deliveries.any(|delivery| delivery.is_complete() && delivery.missed.is_empty())
        });
    }
}

fn here(room: &Room) -> usize {
    room.members().iter().filter(|member| member.presence == Presence::Here).count()
}

fn said(room: &Room) -> Vec<&Message> {
    let rows = room.page(Page::Newest, ROWS_MAX).into_iter();
    let messages = rows.filter_map(|row| match &row.kind {
        RowKind::Message(message) => Some(message),
        RowKind::Notice(_) => None,
    });
    messages.collect()
}

fn notices(room: &Room, wanted: impl Fn(&Notice) -> bool) -> usize {
    let rows = room.page(Page::Newest, ROWS_MAX).into_iter();
    rows.filter(|row| matches!(&row.kind, RowKind::Notice(notice) if wanted(notice))).count()
}

/// Ann hosts; Bo and Carol are in.
fn room_of_three() -> [(FrontEnd, MembershipId); 3] {
    let (mut ann, mut bo, mut carol) = (FrontEnd::of("ann"), FrontEnd::of("bo"), FrontEnd::of("carol"));
    let of_ann = ann.host_friday();
    let first = ann.invite(of_ann);
    let of_bo = bo.come_in(first.clone());
    ann.until_room("another invite", of_ann, |room| room.invite.as_ref().is_some_and(|invite| *invite != first));
    let of_carol = carol.come_in(ann.invite(of_ann));
    bo.until_room("Carol", of_bo, |room| room.members().len() == 3);
    [(ann, of_ann), (bo, of_bo), (carol, of_carol)]
}

#[test]
fn what_was_not_sent_goes_out_in_the_next_run_as_it_was_said() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let of_ann = ann.host_friday();
    let of_bo = bo.come_in(ann.invite(of_ann));
    ann.quit();
    bo.until_room("the host's end", of_bo, |room| !matches!(room.connection, super::Connection::Connected { .. }));
    for text in ["one", "two", "three"] {
        bo.session.send(of_bo, text).unwrap();
        bo.until_told(of_bo, text);
    }
    let (mut bo, of_bo) = bo.remember(3);
    assert_eq!(progress_of_own(bo.room(of_bo)), [Progress::Queued; 3], "they wait");
    let said_ms: Vec<u64> = said(bo.room(of_bo)).iter().map(|message| message.sent_ms).collect();
    // One of them is taken back, and what is said now comes after them.
    bo.session.cancel(of_bo, said(bo.room(of_bo))[1].id);
    bo.session.send(of_bo, "four").unwrap();
    let (mut ann, of_ann) = FrontEnd::open(ann.directory).come_back();
    ann.until_says(of_ann, &["one", "three", "four"]);
    bo.until_everybody_has(of_bo, "four");
    let heard_ms: Vec<u64> = said(ann.room(of_ann)).iter().map(|message| message.sent_ms).collect();
    assert_eq!(heard_ms[..2], [said_ms[0], said_ms[2]], "as of when they were said");
    let told = notices(ann.room(of_ann), |notice| matches!(notice, Notice::ClockDiffers { .. }));
    assert_eq!(told, 0, "and that is no wrong clock");
    // Nothing of it goes out a second time.
    let (bo, of_bo) = bo.come_back();
    bo.session.send(of_bo, "five").unwrap();
    ann.until_says(of_ann, &["one", "three", "four", "five"]);
}

#[test]
fn whoever_was_away_gets_what_was_said_once_it_is_back() {
    let [(mut ann, of_ann), (mut bo, of_bo), (mut carol, of_carol)] = room_of_three();
    ann.session.send(of_ann, "with Bo").unwrap();
    bo.until_told(of_bo, "with Bo");
    ann.until_everybody_has(of_ann, "with Bo");
    bo.quit();
    ann.until_room("Bo's end", of_ann, |room| here(room) == 2);
    for text in ["one", "two", "three"] {
        ann.session.send(of_ann, text).unwrap();
        carol.until_told(of_carol, text);
    }
    carol.session.send(of_carol, "of Carol").unwrap();
    ann.until_told(of_ann, "of Carol");
    let (mut bo, of_bo) = FrontEnd::open(bo.directory).come_back();
    bo.until_room("all of it", of_bo, |room| messages(room).len() >= 5);
    let heard = messages(bo.room(of_bo));
    assert_eq!(heard.iter().filter(|text| *text != "of Carol").collect::<Vec<_>>(), ["with Bo", "one", "two", "three"]);
    ann.until_everybody_has(of_ann, "three");
    carol.until_everybody_has(of_carol, "of Carol");
    let missed = |notice: &Notice| matches!(notice, Notice::Missed { .. });
    assert_eq!(notices(bo.room(of_bo), missed), 0, "nothing is missing");
    // Nobody sees anything twice, whoever else comes back.
    for text in ["four", "five"] {
        ann.session.send(of_ann, text).unwrap();
        bo.until_told(of_bo, text);
        carol.until_told(of_carol, text);
    }
    assert_eq!(messages(carol.room(of_carol)), ["with Bo", "one", "two", "three", "of Carol", "four", "five"]);
    let (bo, of_bo) = bo.come_back();
    assert_eq!(messages(bo.room(of_bo)).len(), 7);
}

#[test]
fn what_somebody_missed_comes_also_after_a_restart_of_whoever_said_it() {
    let [(mut ann, of_ann), (mut bo, of_bo), (mut carol, _)] = room_of_three();
    carol.quit();
    bo.until_room("Carol's end", of_bo, |room| here(room) == 2);
    bo.session.send(of_bo, "to Carol").unwrap();
    ann.until_told(of_ann, "to Carol");
    bo.until_everybody_has(of_bo, "to Carol");
    let (mut bo, of_bo) = bo.come_back();
    let delivery = |room: &Room| said(room)[0].delivery.clone().unwrap();
    let known = delivery(bo.room(of_bo));
    assert_eq!((known.to.len(), known.missed.len()), (1, 1), "who has it, and who has not, is still known");
    let (mut carol, of_carol) = FrontEnd::open(carol.directory).come_back();
    carol.until_told(of_carol, "to Carol");
    bo.until_room("her receipt", of_bo, |room| delivery(room).to.len() == 2);
    assert_eq!(messages(ann.room(of_ann)), ["to Carol"], "the others see it once");
}

/// A chain is for all who are there: what was said before somebody came would be theirs to read.
#[test]
fn nothing_is_sent_again_to_whoever_came_later() {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let of_ann = ann.host_friday();
    let first = ann.invite(of_ann);
    bo.come_in(first.clone());
    ann.until_room("another invite", of_ann, |room| room.invite.as_ref().is_some_and(|invite| *invite != first));
    bo.quit();
    ann.until_room("Bo's end", of_ann, |room| here(room) == 1);
    // Alone, one's words wait for somebody to read them; so Dave is there for these, and Carol comes after them.
    let second = ann.invite(of_ann);
    let mut dave = FrontEnd::of("dave");
    let of_dave = dave.come_in(second.clone());
    ann.until_room("another invite", of_ann, |room| room.invite.as_ref().is_some_and(|invite| *invite != second));
    ann.session.send(of_ann, "before Carol").unwrap();
    dave.until_told(of_dave, "before Carol");
    let mut carol = FrontEnd::of("carol");
    let of_carol = carol.come_in(ann.invite(of_ann));
    let (mut bo, of_bo) = FrontEnd::open(bo.directory).come_back();
    bo.until_room("that something is missing", of_bo, |room| {
        notices(room, |notice| matches!(notice, Notice::Missed { count: 1, .. })) == 1
    });
    ann.session.send(of_ann, "after").unwrap();
    bo.until_told(of_bo, "after");
    carol.until_told(of_carol, "after");
    assert_eq!(
        (messages(bo.room(of_bo)), messages(carol.room(of_carol))),
        (vec!["after".to_owned()], vec!["after".to_owned()])
    );
}
