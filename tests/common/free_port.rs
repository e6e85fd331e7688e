//! An address where nobody listens.

use std::net::{SocketAddr, TcpListener};

/// An address of this computer whose port was free a moment ago.
pub(crate) fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}
