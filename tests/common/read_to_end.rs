//! All that comes over a connection.

use std::io::{ErrorKind, Read};

/// All that comes until the other side hangs up, politely or not. The socket has a deadline for each piece.
pub(crate) fn read_to_end(socket: &mut impl Read) -> Vec<u8> {
    let (mut bytes, mut chunk) = (Vec::new(), [0; 64 * 1024]);
    loop {
        match socket.read(&mut chunk) {
            Ok(0) => return bytes,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the other side does not hang up")
            }
            Err(_) => return bytes,
        }
    }
}
