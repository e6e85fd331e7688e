//! Cuts a stream of bytes into frames.

use super::codec::DecodeError;
use super::codes::FrameKind;
use super::frame::{FRAME_HEADER_BYTES, Frame};

/// Collects received bytes until they make a frame. It never holds more than one unfinished frame
/// and what was pushed last, checks a frame's length before it waits for the body, and holds no
/// memory while it waits for nothing.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    read: usize,
    body_bytes_max: usize,
}

impl FrameReader {
    /// A reader for frames whose bodies have at most `body_bytes_max` bytes, whatever their type
    /// allows.
    #[must_use]
    pub const fn new(body_bytes_max: usize) -> Self {
        Self { buffer: Vec::new(), read: 0, body_bytes_max }
    }

    /// From now on bodies may have up to `body_bytes_max` bytes: the peer has become a member.
    pub const fn allow(&mut self, body_bytes_max: usize) {
        self.body_bytes_max = body_bytes_max;
    }

    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame's type and body, `None` until it has arrived.
    ///
    /// # Errors
    /// [`DecodeError::FrameLength`] or [`DecodeError::UnknownFrame`]; the stream cannot go on.
    pub fn next_body(&mut self) -> Result<Option<(FrameKind, Vec<u8>)>, DecodeError> {
        let waiting = self.buffer.get(self.read..).unwrap_or_default();
        if let Some(length) = waiting.first_chunk() {
            self.check_length(u32::from_be_bytes(*length) as usize)?;
        }
        let Some((header, rest)) = waiting.split_first_chunk::<FRAME_HEADER_BYTES>() else {
            self.tidy();
            return Ok(None);
        };
        let [l0, l1, l2, l3, code] = *header;
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let kind = FrameKind::from_code(code).ok_or(DecodeError::UnknownFrame(code))?;
        let limit = kind.limit().min(self.body_bytes_max);
        let body_length = length.checked_sub(1).filter(|body| *body <= limit);
        let body_length = body_length.ok_or(DecodeError::FrameLength { length, limit: limit + 1 })?;
        let Some(body) = rest.get(..body_length) else {
            self.tidy();
            return Ok(None);
        };
        let body = body.to_vec();
        self.read += FRAME_HEADER_BYTES + body_length;
        Ok(Some((kind, body)))
    }

    /// The next whole frame, `None` until it has arrived.
    ///
    /// # Errors
    /// As [`Self::next_body`], or the body's [`DecodeError`].
    pub fn next_frame(&mut self) -> Result<Option<Frame>, DecodeError> {
        self.next_body()?.map(|(kind, body)| Frame::decode(kind, &body)).transpose()
    }

    /// Whether an unfinished frame is waiting.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.read >= self.buffer.len()
    }

    /// A length that no type may have here is refused before the type is known.
    fn check_length(&self, length: usize) -> Result<(), DecodeError> {
        let limit = self.body_bytes_max.saturating_add(1);
        if (1..=limit).contains(&length) { Ok(()) } else { Err(DecodeError::FrameLength { length, limit }) }
    }

    fn tidy(&mut self) {
        if self.is_empty() {
            self.buffer = Vec::new();
        } else {
            self.buffer.drain(..self.read);
        }
        self.read = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Bye, Ping};

    fn two_frames() -> (Vec<u8>, [Frame; 2]) {
        let frames = [Frame::Ping(Ping { number: 7 }), Frame::Bye(Bye { code: 1 })];
        (frames.iter().flat_map(|frame| frame.to_bytes().to_vec()).collect(), frames)
    }

    #[test]
    fn a_length_that_cannot_be_is_refused_with_its_last_byte() {
        for (length, body_bytes_max) in [(0, 100), (102, 100), (u32::MAX, 512 * 1024)] {
            let mut reader = FrameReader::new(body_bytes_max);
            let bytes = length.to_be_bytes();
            reader.push(&bytes[..3]);
            assert_eq!(reader.next_body(), Ok(None));
            reader.push(&bytes[3..]);
            let limit = body_bytes_max + 1;
            assert_eq!(reader.next_body(), Err(DecodeError::FrameLength { length: length as usize, limit }));
        }
        let mut reader = FrameReader::new(100);
        reader.push(&101_u32.to_be_bytes());
        assert_eq!(reader.next_body(), Ok(None), "the longest that can be");
    }

    #[test]
    fn frames_come_out_however_the_stream_is_split() {
        let (bytes, frames) = two_frames();
        for size in 1..=bytes.len() {
            let mut reader = FrameReader::new(usize::MAX);
            let mut seen = Vec::new();
            for piece in bytes.chunks(size) {
                reader.push(piece);
                while let Some(frame) = reader.next_frame().unwrap() {
                    seen.push(frame);
                }
            }
            assert_eq!(seen, frames, "pieces of {size}");
            assert!(reader.is_empty());
            assert_eq!(reader.buffer.capacity(), 0, "an idle reader holds no memory");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_its_body_arrives() {
        for kind in FrameKind::ALL {
            let mut reader = FrameReader::new(usize::MAX);
            let length = u32::try_from(kind.limit() + 2).unwrap();
            reader.push(&length.to_be_bytes());
            reader.push(&[kind.code()]);
            let limit = kind.limit() + 1;
            assert_eq!(reader.next_body(), Err(DecodeError::FrameLength { length: limit + 1, limit }));
        }
    }

    #[test]
    fn a_stranger_gets_a_smaller_limit_until_it_is_a_member() {
        let header = [0, 1, 0, 0, FrameKind::SkPacket.code()];
        let mut reader = FrameReader::new(8 * 1024);
        reader.push(&header);
        assert!(reader.next_body().is_err());
        let mut reader = FrameReader::new(8 * 1024);
        reader.allow(usize::MAX);
        reader.push(&header);
        assert_eq!(reader.next_body(), Ok(None));
    }

    #[test]
    fn length_zero_and_unknown_types_end_the_stream() {
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(&[0, 0, 0, 0, 0x20]);
        assert!(matches!(reader.next_body(), Err(DecodeError::FrameLength { length: 0, .. })));
        let mut reader = FrameReader::new(usize::MAX);
        reader.push(b"GET / HTTP/1.1\r\n");
        assert_eq!(reader.next_body(), Err(DecodeError::UnknownFrame(b'/')));
    }
}
