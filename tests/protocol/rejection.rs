//! A wrap that does not open tells nobody why: whatever is wrong with it, the same frames go out at
//! the same time, and the person is told the same. (How long it takes is measured by `cargo bench
//! --bench rejection`.)

use conversa::crypto::Suite;
use conversa::protocol::Event;
use conversa::wire::{Frame, FrameKind};

use crate::announcer::{Announcer, Flaw};

/// When a frame went out, of which kind, and how long it was. Signatures are salted, so the bytes
/// themselves differ each time.
type Sent = (u64, FrameKind, usize);

#[test]
fn what_is_wrong_with_a_wrap_does_not_show() {
    for suite in Suite::ALL.into_iter().filter(|suite| !suite.is_learning()) {
        let [opened, flawed @ ..] = Flaw::ALL.map(|flaw| taken(suite, flaw));
        for (flaw, answer) in Flaw::ALL[1..].iter().zip(&flawed) {
            assert_eq!(answer.frames, flawed[0].frames, "{suite:?}: {flaw:?}");
            assert_eq!(answer.unreadable, 1, "{suite:?}: {flaw:?} is told to the person");
        }
        // An announcement that opens is answered by nothing either.
        assert_eq!(opened.frames, flawed[0].frames, "{suite:?}");
        assert_eq!(opened.unreadable, 0, "{suite:?}: the announcer follows the specification");
        assert!(!opened.frames.is_empty(), "{suite:?}: there is something to compare");
    }
}

struct Answer {
    frames: Vec<Sent>,
    unreadable: usize,
}

/// All that Bo sends and is shown in ten minutes after Ann announced a chain with `flaw`.
fn taken(suite: Suite, flaw: Flaw) -> Answer {
    let (mut net, mut announcer) = Announcer::in_a_room(suite);
    let (packet, _) = announcer.announce(flaw, &mut net.random);
    let (shown, began_ms) = (net.people["bo"].events.len(), net.now.monotonic_ms);
    net.sent_by = Some(("bo", Vec::new()));
    net.slip_in("ann", &Frame::SkPacket(packet));
    net.wait(10 * 60_000);
    let (_, frames) = net.sent_by.take().unwrap();
    let frames = frames.into_iter().map(|(at_ms, frame)| {
        let kind = FrameKind::from_code(frame[4]).unwrap();
        (at_ms - began_ms, kind, frame.len())
    });
    let unreadable = net.people["bo"].events[shown..].iter().filter(|event| matches!(event, Event::Unreadable { .. }));
    Answer { frames: frames.collect(), unreadable: unreadable.count() }
}
