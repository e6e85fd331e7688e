//! Invite links as people paste them.

use conversa::crypto::Suite;
use conversa::protocol::limits::{ADDRESS_BYTES_MAX, INVITE_ADDRESSES_MAX};
use conversa::protocol::{Entry, Invite};

use super::people::DAVE;
use super::seat::Seat;

/// A link that is read is written again as it was, but for case and white space; and somebody can try it.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(invite) = text.parse::<Invite>() else { return };
    let plain: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    assert_eq!(invite.to_string(), plain.to_ascii_lowercase(), "an invite has one link");
    assert!(invite.to_string().parse() == Ok(invite.clone()), "a link reads back");
    assert!((1..=INVITE_ADDRESSES_MAX).contains(&invite.addresses.len()));
    let is_sound = |address: &String| address.len() <= ADDRESS_BYTES_MAX && !address.contains(char::is_control);
    assert!(invite.addresses.iter().all(is_sound), "addresses within their limits");
    let suite = if invite.suite.is_learning() { Suite::Textbook } else { invite.suite };
    let mut seat = Seat::new(suite, DAVE, Entry::Invite(invite), None);
    seat.client.start(seat.now);
    seat.drain();
    assert!(seat.dialing, "whoever has a link dials its host");
    seat.connect();
}
