//! Somebody who comes to a listener of the test's own.

use std::net::{TcpListener, TcpStream};

use crate::patience::PATIENCE;
use crate::until::until;

/// The next connection, which has to come; it waits for nothing for good.
pub(crate) fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let (socket, _) = until("a connection", || listener.accept().ok());
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}
