//! What a host wants kept of a room, and the room made again from it. Pure data: where it is kept, and how, is not known
//! here.

use std::collections::VecDeque;
use std::sync::Arc;

use super::room_log::Numbered;
use crate::crypto::Fingerprint;
use crate::crypto::primitives::Digest;
use crate::protocol::RoomId;
use crate::protocol::room::log_hash::LogHash;
use crate::protocol::room::roster::Roster;
use crate::wire::{ItemKind, Signed, Wrap, decode, encode};

/// One change to what is kept of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostWrite {
    /// A new room, with an empty log. Whatever was kept under its name is not to be used any more.
    Opened {
        /// Its genesis, encoded.
        genesis: Vec<u8>,
    },
    /// The next item of the log.
    Item(Box<ItemWrite>),
    /// A member's prekey is not handed out any more.
    PrekeyGone(Fingerprint),
    /// Nothing is kept of the room any more.
    Forgotten,
}

/// An item of the log, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemWrite {
    /// Its position.
    pub position: u64,
    /// Its kind's number on the wire.
    pub kind: u8,
    /// Its exact bytes.
    pub exact: Vec<u8>,
    /// What each recipient gets beside them.
    pub wraps: Vec<KeptWrap>,
    /// The log hash with it.
    pub hash: Digest,
    /// The position before the oldest item that is kept from now on, and the log hash there.
    pub base: (u64, Digest),
    /// What else it changes.
    pub effect: ItemEffect,
}

/// What an item changes beside the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ItemEffect {
    /// It is an entry of the roster, which is kept for as long as the room.
    Entry {
        /// Whom it removed: of that member nothing else is kept.
        removed: Option<Fingerprint>,
    },
    /// It is the entry of the roster that closes the room. Genesis and roster remain, and nothing else.
    End {
        /// When, in milliseconds since 1970.
        at_ms: u64,
    },
    /// It is a member's newest prekey.
    Prekey {
        /// Whose.
        member: Fingerprint,
        /// Its index.
        index: u64,
    },
    /// It announces a member's newest chain.
    Chain {
        /// Whose.
        member: Fingerprint,
        /// The chain's epoch.
        epoch: u64,
        /// The chain's number in that epoch.
        number: u64,
    },
    /// Nothing.
    Nothing,
}

/// What one recipient gets beside an announcement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptWrap {
    /// The recipient.
    pub member: Fingerprint,
    /// The wrap, encoded.
    pub exact: Vec<u8>,
}

impl KeptWrap {
    pub(super) fn of(wrap: &Wrap) -> Self {
        Self { member: wrap.recipient, exact: encode(wrap) }
    }
}

/// All that was kept of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomSnapshot {
    /// Its genesis, encoded.
    pub genesis: Vec<u8>,
    /// The entries of its roster, each with its position in the log.
    pub entries: Vec<(u64, Vec<u8>)>,
    /// What is known of its members, in any order.
    pub members: Vec<KeptMember>,
    /// The position before the oldest item that is kept, and the log hash there.
    pub base: (u64, Digest),
    /// The items, the oldest first.
    pub items: Vec<KeptItem>,
    /// The log hash after the newest item.
    pub hash: Digest,
    /// When the room was closed, if it was, in milliseconds since 1970.
    pub closed_ms: Option<u64>,
}

/// What was kept of an item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptItem {
    /// Its position.
    pub position: u64,
    /// Its kind's number on the wire.
    pub kind: u8,
    /// Its exact bytes.
    pub exact: Vec<u8>,
    /// What each recipient gets beside them.
    pub wraps: Vec<KeptWrap>,
}

/// What was kept of a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptMember {
    /// Who it is.
    pub member: Fingerprint,
    /// Its newest prekey, if that may still be used, with its position in the log.
    pub prekey: Option<(u64, Vec<u8>)>,
    /// The index of its newest prekey, or 0.
    pub prekey_index: u64,
    /// The epoch of its newest chain, or 0.
    pub chain_epoch: u64,
    /// The number of its newest chain in that epoch, or 0.
    pub chain_number: u64,
}

impl KeptMember {
    /// A member of whom nothing is known yet.
    #[must_use]
    pub const fn new(member: Fingerprint) -> Self {
        Self { member, prekey: None, prekey_index: 0, chain_epoch: 0, chain_number: 0 }
    }
}

/// What was kept of a room does not fit together, so it is not what was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(&'static str);

/// A room made again from what was kept of it, and checked: the owner signed its roster, and its items give its log hash.
/// Making one verifies a signature for each entry of the roster, which is nothing for a network loop.
pub struct RestoredRoom {
    pub(super) roster: Roster,
    /// The roster's items, each with its position in the log.
    pub(super) roster_items: Vec<(u64, Arc<[u8]>)>,
    pub(super) hash: LogHash,
    pub(super) items: VecDeque<Arc<Numbered>>,
    pub(super) members: Vec<KeptMember>,
    closed_ms: Option<u64>,
}

impl RestoredRoom {
    /// Makes the room.
    ///
    /// # Errors
    /// [`Unfit`] if that cannot be what was written.
    pub fn new(kept: RoomSnapshot) -> Result<Self, Unfit> {
        let genesis: Signed = decode(&kept.genesis).map_err(|_| Unfit("the genesis is none"))?;
        let mut roster = Roster::open(&genesis).map_err(|_| Unfit("the genesis does not hold"))?;
        let mut roster_items = Vec::with_capacity(kept.entries.len());
        for (position, exact) in kept.entries {
            let entry: Signed = decode(&exact).map_err(|_| Unfit("an entry of the roster is none"))?;
            let is_next = roster.apply(&entry).is_ok_and(|change| change.is_some());
            let is_later = roster_items.last().is_none_or(|(before, _)| *before < position);
            if !is_next || !is_later {
                return Err(Unfit("an entry of the roster does not follow"));
            }
            roster_items.push((position, Numbered::new(position, ItemKind::Roster, &exact, Vec::new()).same()));
        }
        if roster.is_closed() != kept.closed_ms.is_some() {
            return Err(Unfit("it is not clear whether the room is closed"));
        }
        let (base, base_hash) = kept.base;
        if base == 0 && base_hash != roster.room().0 {
            return Err(Unfit("the log begins with another hash"));
        }
        let mut hash = LogHash::at(base, base_hash);
        let mut items = VecDeque::with_capacity(kept.items.len());
        for item in kept.items {
            let kind = ItemKind::from_code(item.kind).ok_or(Unfit("an item is of no kind"))?;
            hash.roll(kind, &item.exact);
            if item.position != hash.position() {
                return Err(Unfit("an item is missing"));
            }
            let wraps = item.wraps.iter().map(|wrap| decode(&wrap.exact)).collect::<Result<Vec<Wrap>, _>>();
            let wraps = wraps.map_err(|_| Unfit("a wrap is none"))?;
            items.push_back(Arc::new(Numbered::new(item.position, kind, &item.exact, wraps)));
        }
        if *hash.hash() != kept.hash {
            return Err(Unfit("the items do not give the log hash"));
        }
        let is_past = |position: u64| position <= hash.position();
        let positions = roster_items.last().map(|(position, _)| *position).into_iter();
        let prekeys = kept.members.iter().filter_map(|member| member.prekey.as_ref().map(|(position, _)| *position));
        if !positions.chain(prekeys).all(is_past) || !kept.members.iter().all(|known| roster.contains(&known.member)) {
            return Err(Unfit("something is known that the log does not have"));
        }
        Ok(Self { roster, roster_items, hash, items, members: kept.members, closed_ms: kept.closed_ms })
    }

    /// Which room it is.
    #[must_use]
    pub const fn room(&self) -> RoomId {
        self.roster.room()
    }

    /// When it was closed, if it was, in milliseconds since 1970.
    #[must_use]
    pub const fn closed_ms(&self) -> Option<u64> {
        self.closed_ms
    }
}
