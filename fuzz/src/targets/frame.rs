//! The stream of a link: however it is split, the same frames come out, and each is in its one encoding.

use conversa::protocol::limits::{JOINER_BODY_BYTES_MAX, MEMBER_BODY_BYTES_MAX};
use conversa::wire::{DecodeError, Frame, FrameKind, FrameReader};

use super::input::Input;

/// Reads a stream, and its bytes as the body of a frame of each kind.
pub fn run(input: &[u8]) {
    let mut input = Input::new(input);
    let limit = input.choose(&[JOINER_BODY_BYTES_MAX, MEMBER_BODY_BYTES_MAX]);
    let size = usize::from(input.byte()) + 1;
    let stream = input.rest();
    let whole = read(stream, limit, stream.len().max(1));
    assert_eq!(whole, read(stream, limit, size), "the same frames however the stream is split");
    let (frames, _) = whole;
    let again: Vec<u8> = frames.iter().flat_map(|frame| frame.to_bytes().to_vec()).collect();
    assert!(stream.starts_with(&again), "accepted frames encode again to the same bytes");
    for kind in FrameKind::ALL {
        if let Ok(frame) = Frame::decode(*kind, stream) {
            assert_eq!(&frame.to_bytes()[5..], stream, "an accepted body encodes again to the same bytes");
        }
    }
}

fn read(stream: &[u8], limit: usize, size: usize) -> (Vec<Frame>, Option<DecodeError>) {
    let mut reader = FrameReader::new(limit);
    let mut frames = Vec::new();
    for piece in stream.chunks(size) {
        reader.push(piece);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}
