//! All connections, by a number that is never used twice.

use std::net::IpAddr;

use super::ClientId;
use super::link::connection::Connection;
use crate::protocol::LinkId;

/// The bits of a [`LinkId`] that are the slot; the others are the slot's generation counter.
const INDEX_BITS: u32 = 32;

/// Whom a connection serves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// A peer's connection to one of our listeners.
    Hosted {
        /// Which listener, by its place.
        listener: usize,
        /// The network it comes from.
        network: IpAddr,
        /// Whether one of our own clients made it.
        own: bool,
        /// Whether the host knows it.
        keyed: bool,
    },
    /// One of our clients' connection to its host.
    Dialled {
        /// Whose.
        client: ClientId,
        /// How far it has got.
        stage: DialStage,
    },
    /// Nobody's any more: it only has to say its goodbye.
    Leaving {
        /// Which listener still counts it.
        listener: Option<usize>,
    },
}

/// How far a dialled connection has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum DialStage {
    /// TCP is not connected yet.
    Connecting,
    /// The keys are not proven yet.
    Handshaking,
    /// Frames flow.
    Open,
}

/// A connection and what the loop knows about it.
pub(super) struct Link {
    pub(super) connection: Connection,
    pub(super) role: Role,
    /// The deadline, in monotonic milliseconds.
    pub(super) deadline_ms: Option<u64>,
    /// Whether the host is bringing this new member up to date.
    pub(super) catching_up: bool,
    /// Whether it is listed for the flush at the end of the turn.
    pub(super) dirty: bool,
    /// Whether it is listed for another turn.
    pub(super) listed: bool,
}

impl Link {
    /// A new one.
    pub(super) fn new(connection: Connection, role: Role, deadline_ms: u64) -> Self {
        let deadline_ms = Some(deadline_ms);
        Self { connection, role, deadline_ms, catching_up: false, dirty: false, listed: false }
    }
}

/// Where connections live.
#[derive(Default)]
pub(super) struct Connections {
    places: Vec<Place>,
    free: Vec<usize>,
}

#[derive(Default)]
struct Place {
    generation: u64,
    link: Option<Box<Link>>,
}

impl Connections {
    /// Adds a connection.
    pub(super) fn insert(&mut self, link: Link) -> LinkId {
        let index = self.free.pop().unwrap_or(self.places.len());
        if index == self.places.len() {
            self.places.push(Place::default());
        }
        let Some(place) = self.places.get_mut(index) else { return id(index, 0) };
        place.link = Some(Box::new(link));
        id(index, place.generation)
    }

    /// Removes it for good.
    pub(super) fn remove(&mut self, link: LinkId) -> Option<Link> {
        let place = self.places.get_mut(index(link)).filter(|place| id(index(link), place.generation) == link)?;
        let removed = place.link.take()?;
        place.generation += 1;
        self.free.push(index(link));
        Some(*removed)
    }

    /// A connection, if it is still there.
    pub(super) fn at(&mut self, link: LinkId) -> Option<&mut Link> {
        let place = self.places.get_mut(index(link))?;
        if id(index(link), place.generation) == link { place.link.as_deref_mut() } else { None }
    }

    /// The number of the connection in a slot.
    pub(super) fn id_at(&self, index: usize) -> Option<LinkId> {
        self.places.get(index).filter(|place| place.link.is_some()).map(|place| id(index, place.generation))
    }

    /// All numbers.
    pub(super) fn ids(&self) -> Vec<LinkId> {
        (0..self.places.len()).filter_map(|index| self.id_at(index)).collect()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.free.len() == self.places.len()
    }
}

/// A connection's slot: the token the system is given.
pub(super) fn index(link: LinkId) -> usize {
    usize::try_from(link.0 & ((1 << INDEX_BITS) - 1)).unwrap_or(usize::MAX)
}

fn id(index: usize, generation: u64) -> LinkId {
    LinkId(index as u64 | generation << INDEX_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_belongs_to_one_connection_for_ever() {
        assert_eq!(index(id(7, 9)), 7);
        assert_ne!(id(7, 9), id(7, 10));
        assert_ne!(id(7, 9), id(8, 9));
        let mut connections = Connections::default();
        assert!(connections.is_empty() && connections.at(id(0, 0)).is_none() && connections.id_at(0).is_none());
        let link = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let socket = mio::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let key = crate::crypto::Suite::Textbook.backend().generate_signing(64).unwrap().public();
            let handshake = crate::net::link::learning_link::LearningHandshake::host(&*key);
            Link::new(Connection::learning(socket, handshake, 0), Role::Leaving { listener: None }, 0)
        };
        let first = connections.insert(link());
        assert_eq!(connections.id_at(0), Some(first));
        assert!(connections.remove(first).is_some() && connections.remove(first).is_none());
        let second = connections.insert(link());
        assert_eq!(index(first), index(second), "the place is used again");
        assert!(connections.at(first).is_none() && connections.at(second).is_some());
        assert_eq!(connections.ids(), [second]);
    }
}
