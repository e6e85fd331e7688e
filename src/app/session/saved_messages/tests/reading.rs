//! What is read in one run, and told as unread in the next.

use super::*;

/// What the next run is told: how many others' messages were not read, and how many rows are after those that were.
fn unread(profile: &Path, identity: &Arc<Identity>) -> (Run, u64, usize) {
    let mut run = Run::begin(profile);
    let kept = run.opens(identity, true).unwrap();
    (run, kept[0].page.unread, kept[0].page.new)
}

#[test]
fn what_is_read_is_saved_soon_and_the_rest_is_unread_in_later_runs() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    run.hears(1);
    run.hears(2);
    run.types(3);
    run.hears(4);
    run.reads(1);
    let due = run.saved.next_due().unwrap();
    run.reads(2);
    run.saved.write_due(due - Duration::from_millis(1));
    assert_eq!(run.saved.next_due(), Some(due), "many are read at once");
    run.saved.write_due(due);
    assert_eq!(run.saved.next_due(), None);
    // The room, four messages and what was read are on the disk while the program runs.
    run.until(|news| matches!(news, News::Committed(6..)));
    assert_eq!(run.saved.close(), None);
    let (mut run, count, new) = unread(profile.path(), &ann);
    assert_eq!((count, new), (1, 2), "own messages are shown and not counted");
    // Nobody looks in this run.
    run.hears(5);
    assert_eq!(run.saved.close(), None);
    let (mut run, count, new) = unread(profile.path(), &ann);
    assert_eq!((count, new), (2, 3));
    // What was read before it was said is nothing, and what is read last is saved at the end.
    run.reads(77);
    run.reads(5);
    assert_eq!(run.saved.close(), None);
    let (mut run, count, new) = unread(profile.path(), &ann);
    assert_eq!((count, new), (0, 0));
    run.reads(1);
    assert_eq!(run.saved.close(), None);
    assert_eq!(unread(profile.path(), &ann).1, 0, "it only goes forward");
}

#[test]
fn a_page_tells_what_is_new_in_it_and_only_the_first_how_much_there_is() {
    let (profile, ann) = (tempfile::tempdir().unwrap(), identity());
    let (mut run, _) = Run::open(profile.path(), &ann);
    (0..=220).for_each(|number| run.hears(number));
    run.reads(9);
    assert_eq!(run.saved.close(), None);
    let (mut run, count, new) = unread(profile.path(), &ann);
    assert_eq!((count, new), (211, 200));
    run.saved.reads(MEMBERSHIP, Reading::Earlier);
    let outcomes = run.until(|news| matches!(news, News::Answer { .. }));
    let [Outcome::Earlier(MEMBERSHIP, page)] = &outcomes[..] else { panic!("a page is told") };
    assert_eq!((page.messages.len(), page.new, page.unread, page.earlier), (21, 11, 0, 0));
    run.saved.close();
}
