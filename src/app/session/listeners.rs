//! Where this computer listens: one listener for each address and kind of keys, shared by the rooms hosted there.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::MembershipId;
use crate::app::Profile;
use crate::crypto::KeyKind;
use crate::net::{Command, Handle, ListenerId, LogDirectory, NetLimits};
use crate::protocol::{Identity, OpenPolicy, RoomId};

/// One listening socket.
struct Listener {
    id: ListenerId,
    kind: KeyKind,
    asked: SocketAddr,
    /// The address with its real port, once it listens.
    bound: Option<SocketAddr>,
    memberships: BTreeSet<MembershipId>,
}

/// All listening sockets of the session.
pub(super) struct Listeners {
    all: Vec<Listener>,
    next: u64,
    /// Where the logs of the rooms are kept, if they are.
    logs: Option<PathBuf>,
}

impl Listeners {
    /// None yet, for rooms of this profile.
    pub(super) fn new(profile: &Profile) -> Self {
        Self { all: Vec::new(), next: 0, logs: profile.logs_in(profile.directory()) }
    }

    /// Deletes what is kept of a room that is hosted here no more.
    pub(super) fn forget_log(&self, room: RoomId, net: &Handle) {
        if let Some(directory) = self.logs.clone() {
            net.send(Command::ForgetLog { directory, room });
        }
    }

    /// Lets `membership` use the listener at `address`, starting it if needed. `Some` if it already listens; otherwise
    /// the net will report it.
    pub(super) fn share(
        &mut self,
        membership: MembershipId,
        address: SocketAddr,
        identity: &Arc<Identity>,
        net: &Handle,
    ) -> Option<SocketAddr> {
        let kind = identity.kind();
        let fits = |listener: &&mut Listener| {
            listener.kind == kind && (listener.asked == address || listener.bound == Some(address))
        };
        if let Some(listener) = self.all.iter_mut().find(fits) {
            listener.memberships.insert(membership);
            return listener.bound;
        }
        let id = ListenerId(self.next);
        self.next += 1;
        // What is said in a learning room anybody can read, so it is not left on a disk.
        let logs = self.logs.clone().filter(|_| !kind.is_learning());
        self.all.push(Listener { id, kind, asked: address, bound: None, memberships: BTreeSet::from([membership]) });
        net.send(Command::Listen {
            listener: id,
            address,
            identity: Arc::clone(identity),
            policy: OpenPolicy::Only(vec![identity.fingerprint()]),
            limits: NetLimits::default(),
            log: logs.map(|path| LogDirectory { path, all: false }),
        });
        None
    }

    /// A listener listens: which memberships wait for it?
    pub(super) fn bound(&mut self, id: ListenerId, address: SocketAddr) -> Vec<MembershipId> {
        let Some(listener) = self.all.iter_mut().find(|listener| listener.id == id) else { return Vec::new() };
        listener.bound = Some(address);
        listener.memberships.iter().copied().collect()
    }

    /// A listener could not start, or failed: who used it?
    pub(super) fn failed(&mut self, id: ListenerId) -> Vec<MembershipId> {
        let Some(index) = self.all.iter().position(|listener| listener.id == id) else { return Vec::new() };
        self.all.swap_remove(index).memberships.into_iter().collect()
    }

    /// Who uses a listener.
    pub(super) fn memberships_of(&self, id: ListenerId) -> Vec<MembershipId> {
        let listener = self.all.iter().find(|listener| listener.id == id);
        listener.into_iter().flat_map(|listener| listener.memberships.iter().copied()).collect()
    }

    /// `membership` no longer needs its listener; the last user closes it.
    pub(super) fn release(&mut self, membership: MembershipId, net: &Handle) {
        for listener in &mut self.all {
            if listener.memberships.remove(&membership) && listener.memberships.is_empty() {
                net.send(Command::Unlisten(listener.id));
            }
        }
        self.all.retain(|listener| !listener.memberships.is_empty());
    }
}
