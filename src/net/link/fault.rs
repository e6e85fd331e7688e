//! Why a connection cannot go on.

use std::io;

use super::learning_link::LearningFault;

/// Why a connection cannot go on.
#[derive(Debug, thiserror::Error)]
pub(in crate::net) enum LinkFault {
    /// The system reported an error.
    #[error("{0}")]
    Io(io::Error),
    /// TLS reported an error; an alert for the peer is queued.
    #[error("{0}")]
    Tls(rustls::Error),
    /// The TLS handshake is done, but not for this protocol.
    #[error("TLS for another protocol")]
    OtherProtocol,
    /// A learning link could not be established.
    #[error("no learning link: {0:?}")]
    Learning(LearningFault),
    /// A learning room's host answered where a secure one was expected.
    #[error("a learning room's host")]
    LearningHost,
}
