//! A connection that waits for nothing for good.

use std::net::{SocketAddr, TcpStream};

use crate::patience::PATIENCE;

/// Connects to a host that is there.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.set_write_timeout(Some(PATIENCE)).unwrap();
    socket
}
