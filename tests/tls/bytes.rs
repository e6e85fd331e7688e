//! The handshake with each byte of each flight flipped, doubled, or the last before a cut; and records
//! after it changed, dropped, repeated or swapped. What is signed or sealed never comes through changed.

use std::sync::{Arc, LazyLock};

use conversa::crypto::Fingerprint;
use rustls::{AlertDescription, ClientConfig, ConnectionCommon, Error, ServerConfig};

use super::{Pair, bo_hosts, fingerprint, output, peer_fingerprint, pinned, records};

/// The parts of a handshake, in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flight {
    /// The client's hello.
    Hello,
    /// The host's hello, key and proof.
    Answer,
    /// The client's key and proof.
    Finish,
}

/// Ann at Bo's. Their keys are read once: reading checks all of a key's numbers.
fn new_pair() -> Pair {
    static ENDS: LazyLock<(Arc<ClientConfig>, Arc<ServerConfig>)> =
        LazyLock::new(|| (pinned("ann", "bo").0, bo_hosts()));
    Pair::new(Arc::clone(&ENDS.0), Arc::clone(&ENDS.1))
}

static ANN: LazyLock<Fingerprint> = LazyLock::new(|| fingerprint("ann"));
static BO: LazyLock<Fingerprint> = LazyLock::new(|| fingerprint("bo"));

/// Gives bytes to one end, as they come from a socket.
fn feed<S>(end: &mut ConnectionCommon<S>, mut bytes: &[u8]) -> Result<(), Error> {
    while !bytes.is_empty() {
        // More than rustls keeps of a handshake is an error too.
        if end.read_tls(&mut bytes).map_err(|error| Error::General(error.to_string()))? == 0 {
            break;
        }
        end.process_new_packets()?;
    }
    Ok(())
}

/// Shakes hands with one flight changed by `change`. Both are done, or not.
fn shake_hands(flight: Flight, change: impl FnOnce(&mut Vec<u8>)) -> (Pair, bool) {
    let mut pair = new_pair();
    let mut change = Some(change);
    let mut on_its_way = |of: Flight, mut bytes: Vec<u8>| {
        if of == flight
            && let Some(change) = change.take()
        {
            change(&mut bytes);
        }
        bytes
    };
    let hello = on_its_way(Flight::Hello, output(|bytes| pair.client.write_tls(bytes)));
    let host = feed(&mut pair.host, &hello);
    let answer = on_its_way(Flight::Answer, output(|bytes| pair.host.write_tls(bytes)));
    let client = feed(&mut pair.client, &answer);
    if host.is_err() || client.is_err() || pair.client.is_handshaking() {
        return (pair, false);
    }
    let finish = on_its_way(Flight::Finish, output(|bytes| pair.client.write_tls(bytes)));
    let host = feed(&mut pair.host, &finish);
    let done = host.is_ok() && !pair.host.is_handshaking();
    (pair, done)
}

/// A flight as it is when nothing is changed. Each has its own lengths, always.
fn unchanged(flight: Flight) -> Vec<u8> {
    let mut seen = Vec::new();
    let (pair, done) = shake_hands(flight, |bytes| seen.clone_from(bytes));
    assert!(done, "unchanged, it completes");
    assert_eq!(peer_fingerprint(&pair.host), Some(*ANN));
    seen
}

/// Whether a byte is none of the handshake's: the version before a record in the clear, which must be
/// ignored, type and version before a sealed one, which are constants, and the record that is there for
/// old middleboxes (RFC 8446, 5.1, 5.2 and D.4).
fn is_outside(flight: &[u8], offset: usize) -> bool {
    let mut start = 0;
    for length in records(flight) {
        let end = start + 5 + length;
        if (start..end).contains(&offset) {
            return match flight[start] {
                20 => true,
                22 => (1..3).contains(&(offset - start)),
                _ => offset - start < 3,
            };
        }
        start = end;
    }
    false
}

/// Changes each byte of a flight in turn.
fn change_each_byte(flight: Flight) {
    let whole = unchanged(flight);
    for offset in 0..whole.len() {
        let flip = |bytes: &mut Vec<u8>| bytes[offset] ^= 1 << (offset % 8);
        let double = |bytes: &mut Vec<u8>| bytes.insert(offset, bytes[offset]);
        for (what, (pair, done)) in [("flipped", shake_hands(flight, flip)), ("doubled", shake_hands(flight, double))] {
            // The last byte doubled comes after the handshake: it is the first of the next record.
            let is_after = what == "doubled" && offset + 1 == whole.len();
            assert!(!done || is_after || is_outside(&whole, offset), "{flight:?}: byte {offset} {what} went unnoticed");
            if done {
                assert_eq!(peer_fingerprint(&pair.client), Some(*BO));
                assert_eq!(peer_fingerprint(&pair.host), Some(*ANN));
            }
        }
    }
}

#[test]
fn a_hello_changed_at_every_byte_completes_no_handshake() {
    change_each_byte(Flight::Hello);
}

#[test]
fn an_answer_changed_at_every_byte_completes_no_handshake() {
    change_each_byte(Flight::Answer);
}

#[test]
fn a_finish_changed_at_every_byte_completes_no_handshake() {
    change_each_byte(Flight::Finish);
}

/// Byte by byte: before the last one of a flight, nobody goes on.
#[test]
fn a_handshake_cut_at_every_byte_stays_unfinished() {
    let mut pair = new_pair();
    let hello = output(|bytes| pair.client.write_tls(bytes));
    for byte in &hello {
        assert!(output(|bytes| pair.host.write_tls(bytes)).is_empty());
        feed(&mut pair.host, &[*byte]).unwrap();
    }
    let answer = output(|bytes| pair.host.write_tls(bytes));
    for (sent, byte) in answer.iter().enumerate() {
        assert!(pair.client.is_handshaking(), "done after {sent} bytes");
        feed(&mut pair.client, &[*byte]).unwrap();
    }
    assert!(!pair.client.is_handshaking());
    let finish = output(|bytes| pair.client.write_tls(bytes));
    for (sent, byte) in finish.iter().enumerate() {
        assert!(pair.host.is_handshaking(), "done after {sent} bytes");
        assert_eq!(peer_fingerprint(&pair.host), None, "nobody is known before all is proven");
        feed(&mut pair.host, &[*byte]).unwrap();
    }
    assert!(!pair.host.is_handshaking());
}

/// Three records from Ann, one of which is not as she sent it; what comes of them at Bo's.
fn after_the_handshake(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> (Vec<u8>, Result<(), Error>, Pair) {
    use std::io::{Read, Write};
    let (mut pair, done) = shake_hands(Flight::Hello, |_| {});
    assert!(done);
    let mut sent: Vec<Vec<u8>> = Vec::new();
    for words in [b"one", b"two", b"six"] {
        pair.client.writer().write_all(words).unwrap();
        sent.push(output(|bytes| pair.client.write_tls(bytes)));
    }
    change(&mut sent);
    let result = sent.iter().try_for_each(|record| feed(&mut pair.host, record));
    let mut heard = Vec::new();
    // What came before the bad record may be there; the end is an error or "would block".
    let _ = pair.host.reader().read_to_end(&mut heard);
    (heard, result, pair)
}

#[test]
fn a_record_that_is_changed_dropped_repeated_or_swapped_ends_the_link() {
    type Change = fn(&mut Vec<Vec<u8>>);
    let (heard, result, _) = after_the_handshake(|_| {});
    assert_eq!((&heard[..], result), (&b"onetwosix"[..], Ok(())));
    let changes: [(&str, Change); 4] = [
        ("changed", |sent| *sent[1].last_mut().unwrap() ^= 1),
        ("dropped", |sent| drop(sent.remove(1))),
        ("repeated", |sent| sent.insert(1, sent[0].clone())),
        ("swapped", |sent| sent.swap(1, 2)),
    ];
    for (what, change) in changes {
        let (heard, result, mut pair) = after_the_handshake(change);
        assert_eq!(result, Err(Error::DecryptError), "a record {what}");
        assert_eq!(heard, b"one", "a record {what}");
        let alert = output(|bytes| pair.host.write_tls(bytes));
        let told = feed(&mut pair.client, &alert);
        assert_eq!(told, Err(Error::AlertReceived(AlertDescription::BadRecordMac)), "a record {what}");
    }
}

#[test]
fn a_record_changed_at_every_byte_ends_the_link() {
    let (_, _, mut pair) = after_the_handshake(|_| {});
    let length = {
        use std::io::Write;
        pair.client.writer().write_all(b"two").unwrap();
        output(|bytes| pair.client.write_tls(bytes)).len()
    };
    for offset in 0..length {
        let (heard, result, _) = after_the_handshake(|sent| sent[1][offset] ^= 1 << (offset % 8));
        match offset {
            // The type and version outside are constants (RFC 8446, 5.2); rustls seals with what they must be.
            0..3 if result.is_ok() => assert_eq!(heard, b"onetwosix", "byte {offset}"),
            // A longer record never ends, a shorter one does not open.
            3..5 => assert_eq!(heard, b"one", "byte {offset}"),
            _ => assert!(heard == b"one" && result.is_err(), "byte {offset}: {heard:?} {result:?}"),
        }
    }
}
