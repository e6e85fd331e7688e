//! What is held, confirmed and sent again.

use super::*;
use crate::patience::{PATIENCE, deadline};

/// The number of a client's report, as it is told to be stored.
fn stored(outcomes: &[Outcome]) -> Vec<u64> {
    let numbers = outcomes.iter().filter_map(|outcome| match outcome {
        Outcome::Stored(CLIENT, number) => Some(*number),
        _ => None,
    });
    numbers.collect()
}

const CLIENT: ClientId = ClientId(5);

#[test]
fn what_others_say_is_confirmed_once_it_is_stored_and_not_before() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    for number in 1..=3 {
        run.hears(number);
        assert!(!run.saved.is_received(MEMBERSHIP, CLIENT, u64::from(number)), "it is not on the disk");
    }
    let mut told = Vec::new();
    while told.last() != Some(&3) {
        let outcomes = run.until(|news| matches!(news, News::Committed(_)));
        told.extend(stored(&outcomes));
        let mut other = Run::begin(profile.path());
        assert!(other.saved.is_received(MEMBERSHIP, CLIENT, 1), "where nothing is stored, nothing is waited for");
    }
    assert!(run.saved.is_received(MEMBERSHIP, CLIENT, 4), "there is nothing new");
    // What was left out is not confirmed, nor is anything after it.
    run.saved.left_out(KeyKind::Textbook);
    run.hears(5);
    assert!(!run.saved.is_received(MEMBERSHIP, CLIENT, 5));
    assert_eq!(stored(&run.until(|news| matches!(news, News::Committed(_)))), [0_u64; 0]);
    assert!(run.saved.close().is_some(), "and that is told");
}

#[test]
fn what_came_before_is_known_in_this_run_and_the_next() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    let has = |run: &Run, from: Fingerprint, number: u8| run.saved.has(MEMBERSHIP, &from, MessageId([number; 16]));
    assert!(!has(&run, OTHER, 1));
    run.hears(1);
    assert!(has(&run, OTHER, 1) && !has(&run, ann.fingerprint(), 1));
    assert_eq!(run.saved.close(), None);
    let (run, _) = Run::open(profile.path(), &ann);
    assert!(has(&run, OTHER, 1) && !has(&run, OTHER, 2));
}

#[test]
fn what_a_person_says_is_held_until_it_is_stored() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    let unsent = |number: u8| Unsent { id: MessageId([number; 16]), content: Content::text("word"), said_ms: 1 };
    let said = |outcomes: Vec<Outcome>| -> Vec<u8> {
        let said = outcomes.into_iter().filter_map(|outcome| match outcome {
            Outcome::Said(MEMBERSHIP, unsent) => Some(unsent.id.0[0]),
            _ => None,
        });
        said.collect()
    };
    run.types(1);
    assert!(run.saved.holds(MEMBERSHIP, unsent(1)));
    let mut shown = Vec::new();
    while shown.is_empty() {
        // The room may be in a commit of its own.
        shown.extend(said(run.until(|news| matches!(news, News::Committed(_)))));
    }
    assert_eq!(shown, [1]);
    // A disk that takes nothing holds up nobody: what is held goes out, and what follows is not held.
    run.types(2);
    assert!(run.saved.holds(MEMBERSHIP, unsent(2)));
    let failed = run.saved.told(KeyKind::Textbook, News::Failed(crate::store::StoreError::DiskFull));
    assert_eq!(said(failed), [2]);
    run.types(3);
    assert!(!run.saved.holds(MEMBERSHIP, unsent(3)));
    run.saved.told(KeyKind::Textbook, News::Recovered);
    // One that says nothing at all is not waited for either.
    run.types(4);
    assert!(run.saved.holds(MEMBERSHIP, unsent(4)) && run.saved.next_due().is_some());
    assert_eq!(said(run.saved.overdue()), [0_u8; 0]);
    run.saved.held.iter_mut().for_each(|held| held.until = deadline() - PATIENCE);
    assert_eq!(said(run.saved.overdue()), [4]);
    // Where nothing is kept, nothing is waited for.
    let mut other = Run::begin(profile.path());
    assert!(!other.saved.holds(MEMBERSHIP, unsent(5)));
}

/// What is sent again to a member who can read from now on.
fn sent_again_to(run: &mut Run, member: Fingerprint) -> Vec<MessageId> {
    run.saved.can_read(MEMBERSHIP, member);
    let mut outcomes = Vec::new();
    loop {
        run.saved.ask_due();
        if run.saved.asked.is_empty() && !run.saved.rooms[&MEMBERSHIP].owed.is_to_ask() {
            break;
        }
        outcomes.extend(run.until(|_| true));
    }
    let sent = outcomes.into_iter().filter_map(|outcome| match outcome {
        Outcome::SendAgain(MEMBERSHIP, messages) => Some(messages),
        _ => None,
    });
    sent.flatten().map(|again| again.unsent.id).collect()
}

/// Ann's messages are on the host; Bo has the first, and missed the second.
fn talk_with_bo(run: &mut Run, ann: &Identity, bo: Fingerprint) {
    run.happens(MembershipEvent::Identity(ann.fingerprint()));
    run.happens(MembershipEvent::Protocol(Event::Members(vec![ann.fingerprint(), bo, OTHER])));
    for number in 1..=3 {
        run.types(number);
    }
    let id = |number: u8| MessageId([number; 16]);
    for event in [
        Event::OnHost { id: id(1), without: Vec::new() },
        Event::Delivered { id: id(1), to: bo },
        Event::OnHost { id: id(2), without: vec![bo] },
        Event::OnHost { id: id(3), without: Vec::new() },
    ] {
        run.happens(MembershipEvent::Protocol(event));
    }
}

#[test]
fn what_a_member_missed_is_sent_again_when_they_can_read_and_what_they_may_have_only_in_another_run() {
    let bo = Fingerprint::from_bytes([3; 32]);
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let again = |run: &mut Run| -> Vec<u8> { sent_again_to(run, bo).iter().map(|id| id.0[0]).collect() };
    let (mut run, _) = Run::open(profile.path(), &ann);
    talk_with_bo(&mut run, &ann, bo);
    assert_eq!(again(&mut run), [2], "the third is under way to him");
    assert_eq!(run.saved.close(), None);
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.happens(MembershipEvent::Identity(ann.fingerprint()));
    run.happens(MembershipEvent::Protocol(Event::Members(vec![ann.fingerprint(), bo, OTHER])));
    assert_eq!(again(&mut run), [2, 3], "whether he has the third is not known");
    for number in [2, 3] {
        let delivered = Event::Delivered { id: MessageId([number; 16]), to: bo };
        run.happens(MembershipEvent::Protocol(delivered));
    }
    assert_eq!(again(&mut run), [0_u8; 0]);
    assert_eq!(run.saved.close(), None);
    // Somebody new would read it, too.
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    talk_with_bo(&mut run, &ann, bo);
    run.happens(MembershipEvent::Protocol(Event::MemberJoined { member: Fingerprint::from_bytes([4; 32]) }));
    assert_eq!(again(&mut run), [0_u8; 0]);
    run.saved.close();
}

#[test]
fn what_was_taken_back_too_late_is_not_sent_again() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.types(1);
    run.types(2);
    run.happens(MembershipEvent::Protocol(Event::Sealed { id: MessageId([1; 16]) }));
    run.happens(MembershipEvent::CancelAsked(MessageId([1; 16])));
    assert_eq!(run.saved.close(), None);
    let mut run = Run::begin(profile.path());
    let kept = run.opens(&ann, true).unwrap();
    let unsent: Vec<u8> = kept[0].unsent.iter().map(|unsent| unsent.id.0[0]).collect();
    assert_eq!(unsent, [2]);
    run.saved.close();
}

/// However much there is from before somebody new came.
#[test]
fn what_may_not_be_sent_again_hides_nothing_that_may() {
    let bo = Fingerprint::from_bytes([3; 32]);
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.happens(MembershipEvent::Identity(ann.fingerprint()));
    run.happens(MembershipEvent::Protocol(Event::Members(vec![ann.fingerprint(), bo, OTHER])));
    let id = |number: u16| {
        let [high, low] = number.to_be_bytes();
        MessageId([high, low].repeat(8).try_into().unwrap())
    };
    let count = 2 * ROWS_MAX + 10;
    for number in 0..=count {
        if number == count {
            run.happens(MembershipEvent::Protocol(Event::MemberJoined { member: Fingerprint::from_bytes([4; 32]) }));
        }
        let content = Content::text("word");
        run.happens(MembershipEvent::Sent { id: id(number), content, sent_ms: 1 });
        run.happens(MembershipEvent::Protocol(Event::OnHost { id: id(number), without: vec![bo] }));
    }
    let again = sent_again_to(&mut run, bo);
    assert_eq!(again, [id(count)]);
    run.saved.close();
}
