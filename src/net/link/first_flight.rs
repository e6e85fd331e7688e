//! Whether the first flight of a TLS handshake has arrived whole (RFC 8446, 4 and 5.1). Until then nothing is spent on
//! it: a peer that sends it byte by byte costs as little as one that sends nothing.

/// A record's header: type, version, length.
const RECORD_HEAD: usize = 5;
/// A handshake message's header: type, length.
const MESSAGE_HEAD: usize = 4;
/// The record type of a handshake.
const HANDSHAKE: u8 = 22;
/// The message type of a ClientHello.
const CLIENT_HELLO: u8 = 1;
/// The longest record's content.
const RECORD_BYTES_MAX: usize = 16 * 1024;

/// How much of a client's first flight has arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::net) enum FirstFlight {
    /// Not all of it.
    Part,
    /// All of it.
    Whole,
    /// It is not one, or longer than any honest one.
    Foreign,
}

/// Classifies `bytes`, the first of a connection. A complete flight has at most `bytes_max` bytes.
pub(in crate::net) fn first_flight(bytes: &[u8], bytes_max: usize) -> FirstFlight {
    let mut rest = bytes;
    let (mut head, mut arrived) = (Vec::with_capacity(MESSAGE_HEAD), 0);
    while let Some(kind) = rest.first() {
        if *kind != HANDSHAKE {
            return FirstFlight::Foreign;
        }
        let Some((record_head, content)) = rest.split_at_checked(RECORD_HEAD) else { return FirstFlight::Part };
        let &[.., high, low] = record_head else { return FirstFlight::Part };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > RECORD_BYTES_MAX {
            return FirstFlight::Foreign;
        }
        let here = content.get(..length).unwrap_or(content);
        arrived += here.len();
        head.extend(here.iter().take(MESSAGE_HEAD - head.len()));
        if head.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return FirstFlight::Foreign;
        }
        if let &[_, high, middle, low] = head.as_slice() {
            let whole = MESSAGE_HEAD + u32::from_be_bytes([0, high, middle, low]) as usize;
            if whole > bytes_max {
                return FirstFlight::Foreign;
            }
            if arrived >= whole {
                return FirstFlight::Whole;
            }
        }
        rest = content.get(length..).unwrap_or_default();
    }
    if bytes.len() > bytes_max { FirstFlight::Foreign } else { FirstFlight::Part }
}

/// Whether `bytes` hold at least one whole record.
pub(in crate::net) fn has_record(bytes: &[u8]) -> bool {
    let length =
        bytes.get(3..RECORD_HEAD).map(|length| length.iter().fold(0, |all, byte| all << 8 | usize::from(*byte)));
    length.is_some_and(|length| bytes.len() >= RECORD_HEAD + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 8 * 1024;

    fn record(content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[HANDSHAKE, 3, 1][..], &length, content].concat()
    }

    fn hello(length: u32) -> Vec<u8> {
        let mut hello = (length | u32::from(CLIENT_HELLO) << 24).to_be_bytes().to_vec();
        hello.resize(MESSAGE_HEAD + length as usize, 7);
        hello
    }

    #[test]
    fn it_is_whole_with_its_last_byte_however_it_is_split_into_records() {
        for (length, piece) in
            [(0, 9), (1, 9), (300, 16_000), (1_500, 500), (1_500, 3), (20, 1), (MAX as u32 - 4, 4_000)]
        {
            let bytes: Vec<u8> = hello(length).chunks(piece).flat_map(record).collect();
            if bytes.len() <= MAX {
                let states: Vec<_> = (0..=bytes.len()).map(|end| first_flight(&bytes[..end], MAX)).collect();
                assert!(states[..bytes.len()].iter().all(|state| *state == FirstFlight::Part), "{length} {piece}");
            }
            assert_eq!(first_flight(&bytes, MAX), FirstFlight::Whole, "{length} {piece}");
        }
    }

    #[test]
    fn what_no_client_begins_with_is_foreign_as_soon_as_that_shows() {
        let longer = hello(MAX as u32 - 3);
        let cases: [&[u8]; 8] = [
            b"GET / HTTP/1.1\r\n\r\n",
            b"\0",
            &[21],
            &[HANDSHAKE, 3, 1, 0, 0],
            &[HANDSHAKE, 3, 1, 0x40, 1],
            &[HANDSHAKE, 3, 1, 0, 4, 2],
            &record(&longer[..4]),
            &[record(&[CLIENT_HELLO]), vec![23]].concat(),
        ];
        for bytes in cases {
            assert_eq!(first_flight(bytes, MAX), FirstFlight::Foreign, "{bytes:?}");
            assert_ne!(first_flight(&bytes[..bytes.len() - 1], MAX), FirstFlight::Whole);
        }
    }

    #[test]
    fn nobody_has_more_kept_than_the_most() {
        let endless = record(&[CLIENT_HELLO]).repeat(MAX);
        let kept = (0..endless.len()).find(|end| first_flight(&endless[..*end], MAX) != FirstFlight::Part);
        assert!(kept.is_some_and(|kept| kept <= MAX + 1), "{kept:?}");
    }

    #[test]
    fn a_record_is_there_with_its_last_byte() {
        let one = record(b"abc");
        assert!((0..one.len()).all(|end| !has_record(&one[..end])));
        assert!(has_record(&one) && has_record(&[&one[..], &one[..2]].concat()));
    }
}
