//! Invite links as people paste them.

use conversa::crypto::Suite;
use conversa::protocol::limits::{ADDRESS_BYTES_MAX, INVITE_ADDRESSES_MAX};
use conversa::protocol::{Entry, Invite};

use super::client_harness::ClientHarness;
use super::people::DAVE;

/// A link that is read is all there, letter after letter, and reads back from any wrapping; and somebody can try it.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(invite) = text.parse::<Invite>() else { return };
    let link = invite.to_string();
    // What is coded has other letters.
    if text.is_ascii() && !text.contains(['%', '&', '=', '\\']) {
        let plain = text.to_ascii_lowercase();
        let mut letters = plain.chars();
        assert!(link.chars().all(|letter| letters.any(|found| found == letter)), "no letter is made up");
    }
    assert!(link.parse() == Ok(invite.clone()), "a link reads back");
    let lines: Vec<&str> = link.as_bytes().chunks(60).filter_map(|line| str::from_utf8(line).ok()).collect();
    assert!(
        format!("Hi,\r\n> {}\r\nBye", lines.join("\r\n> ")).parse() == Ok(invite.clone()),
        "broken over lines, too"
    );
    assert!((1..=INVITE_ADDRESSES_MAX).contains(&invite.addresses.len()));
    let is_sound = |address: &String| address.len() <= ADDRESS_BYTES_MAX && !address.contains(char::is_control);
    assert!(invite.addresses.iter().all(is_sound), "addresses within their limits");
    let suite = if invite.suite.is_learning() { Suite::Textbook } else { invite.suite };
    let mut harness = ClientHarness::new(suite, DAVE, Entry::Invite(invite), None);
    harness.client.start(harness.now);
    harness.drain();
    assert!(harness.dialing, "whoever has a link dials its host");
    harness.connect();
}
