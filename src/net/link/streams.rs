//! The two ways bytes go over a socket: as TLS records, and in the clear.

use std::io::{self, BufRead, ErrorKind, IoSlice, Write};

use mio::net::TcpStream;

use super::fault::LinkFault;
use super::send_queue::SendQueue;
use crate::net::limits::PIECES_A_WRITE;
use crate::wire::FrameReader;

/// Decrypts received records into `frames`; returns whether the peer announced the end.
pub(in crate::net) fn decrypt(
    tls: &mut rustls::Connection,
    mut bytes: &[u8],
    frames: &mut FrameReader,
) -> Result<bool, LinkFault> {
    while !bytes.is_empty() {
        if tls.read_tls(&mut bytes).map_err(LinkFault::Io)? == 0 {
            return Ok(true);
        }
        let state = tls.process_new_packets().map_err(LinkFault::Tls)?;
        drain_plaintext(tls, frames).map_err(LinkFault::Io)?;
        if state.peer_has_closed() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Moves what is already decrypted into `frames`.
pub(in crate::net) fn drain_plaintext(tls: &mut rustls::Connection, frames: &mut FrameReader) -> io::Result<()> {
    loop {
        let mut reader = tls.reader();
        let count = match reader.fill_buf() {
            Ok([]) => return Ok(()),
            Ok(chunk) => {
                frames.push(chunk);
                chunk.len()
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        reader.consume(count);
    }
}

/// Seals and writes. Nothing is sealed while sealed bytes are waiting, so what a slow peer leaves waiting stays shared
/// with the others.
pub(in crate::net) fn flush_tls(
    tls: &mut rustls::Connection,
    socket: &mut TcpStream,
    queue: &mut SendQueue,
    writable: &mut bool,
) -> io::Result<()> {
    while *writable {
        while tls.wants_write() {
            match tls.write_tls(socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    *writable = false;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if queue.is_empty() || tls.is_handshaking() || !seal(tls, queue)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Seals as much as rustls holds (64 KiB), many small frames to a record; returns whether there was anything.
fn seal(tls: &mut rustls::Connection, queue: &mut SendQueue) -> io::Result<bool> {
    let mut sealed = 0;
    while !queue.is_empty() {
        let mut slices = [IoSlice::new(&[]); PIECES_A_WRITE];
        let filled = queue.slices(&mut slices);
        let count = tls.writer().write_vectored(slices.get(..filled).unwrap_or_default())?;
        if count == 0 {
            break;
        }
        queue.advance(count);
        sealed += count;
    }
    Ok(sealed > 0)
}

/// Writes as much as the socket takes, without first copying it into one buffer.
pub(in crate::net) fn flush_plain(
    socket: &mut TcpStream,
    queue: &mut SendQueue,
    writable: &mut bool,
) -> io::Result<()> {
    while *writable && !queue.is_empty() {
        let mut slices = [IoSlice::new(&[]); PIECES_A_WRITE];
        let filled = queue.slices(&mut slices);
        match socket.write_vectored(slices.get(..filled).unwrap_or_default()) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(count) => queue.advance(count),
            Err(error) if error.kind() == ErrorKind::WouldBlock => *writable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
