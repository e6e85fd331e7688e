//! The end of a session: first the clients say goodbye, then the net, which may be relaying for them, ends.

use std::time::{Duration, Instant};

use super::clients::Clients;
use crate::net;
use crate::protocol::Command;

/// How long a goodbye may take: the net itself gives links two seconds to flush.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long the net may take to end after that.
const NET_END: Duration = Duration::from_secs(3);

/// How far ending has got.
pub(super) enum Quitting {
    /// Nobody asked for it.
    No,
    /// Clients say goodbye, up to this time.
    Clients(Instant),
    /// The net flushes and ends, up to this time.
    Net(Instant),
    /// It ended.
    Done,
}

impl Quitting {
    pub(super) const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// When the next step is due, even if some are not finished.
    pub(super) const fn due(&self) -> Option<Instant> {
        match self {
            Self::Clients(due) | Self::Net(due) => Some(*due),
            Self::No | Self::Done => None,
        }
    }

    /// Tells the clients to say goodbye.
    pub(super) fn begin(&mut self, clients: &Clients) {
        if matches!(self, Self::No) {
            clients.command_all(&Command::GoOffline);
            *self = Self::Clients(Instant::now() + GOODBYE);
        }
    }

    /// Takes the next step if it is due, or if there is nobody left to wait for.
    pub(super) fn go_on(&mut self, clients: &Clients) {
        match self {
            Self::Clients(due) if clients.is_empty() || *due <= Instant::now() => {
                clients.net().send(net::Command::Shutdown);
                *self = Self::Net(Instant::now() + NET_END);
            }
            Self::Net(due) if *due <= Instant::now() => *self = Self::Done,
            _ => {}
        }
    }
}
