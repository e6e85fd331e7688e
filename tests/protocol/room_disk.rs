//! A host's disk in memory: what was handed over to be written, and what is on it.

use std::collections::{BTreeMap, VecDeque};

use super::{Fingerprint, HostWrite, ItemEffect, KeptItem, KeptMember, RestoredRoom, RoomId, RoomSnapshot};

/// What a host's store does, without one.
#[derive(Default)]
pub(crate) struct RoomDisk {
    rooms: BTreeMap<RoomId, RoomSnapshot>,
    /// What would be lost with the power.
    waiting: VecDeque<(RoomId, u64, HostWrite)>,
}

impl RoomDisk {
    pub(crate) fn write(&mut self, room: RoomId, number: u64, what: HostWrite) {
        self.waiting.push_back((room, number, what));
    }

    /// How many writes are not on the disk.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Puts so many of them onto the disk, and says up to where it got for each room.
    pub(crate) fn commit(&mut self, count: usize) -> BTreeMap<RoomId, u64> {
        let mut done = BTreeMap::new();
        for (room, number, what) in self.waiting.drain(..count.min(self.waiting.len())) {
            done.insert(room, number);
            apply(&mut self.rooms, room, what);
        }
        done
    }

    /// What is on it.
    pub(crate) fn image(&self) -> BTreeMap<RoomId, RoomSnapshot> {
        self.rooms.clone()
    }

    /// An older image takes the place of what is on it.
    pub(crate) fn put_back(&mut self, image: BTreeMap<RoomId, RoomSnapshot>) {
        self.rooms = image;
    }

    /// What was not written yet is lost.
    pub(crate) fn forget_waiting(&mut self) {
        self.waiting.clear();
    }

    /// The rooms on the disk; closed ones in the order in which they were closed, after the others.
    pub(crate) fn rooms(&self) -> Vec<RestoredRoom> {
        let mut rooms: Vec<&RoomSnapshot> = self.rooms.values().collect();
        rooms.sort_by_key(|kept| kept.closed_ms);
        rooms.into_iter().map(|kept| RestoredRoom::new(kept.clone()).unwrap()).collect()
    }

    pub(crate) fn room(&self, room: &RoomId) -> Option<RestoredRoom> {
        self.snapshot(room).map(|kept| RestoredRoom::new(kept.clone()).unwrap())
    }

    pub(crate) fn snapshot(&self, room: &RoomId) -> Option<&RoomSnapshot> {
        self.rooms.get(room)
    }
}

fn apply(rooms: &mut BTreeMap<RoomId, RoomSnapshot>, room: RoomId, what: HostWrite) {
    match what {
        HostWrite::Opened { genesis } => {
            let (entries, members, items) = (Vec::new(), Vec::new(), Vec::new());
            let (base, hash, closed_ms) = ((0, room.0), room.0, None);
            rooms.insert(room, RoomSnapshot { genesis, entries, members, base, items, hash, closed_ms });
        }
        HostWrite::Forgotten => drop(rooms.remove(&room)),
        what => change(rooms.get_mut(&room).unwrap(), what),
    }
}

fn change(kept: &mut RoomSnapshot, what: HostWrite) {
    match what {
        HostWrite::Item(item) => {
            let newest = kept.items.last().map_or(kept.base.0, |item| item.position);
            assert_eq!(item.position, newest + 1, "two items for one number, or none");
            match item.effect {
                ItemEffect::Entry { removed } => {
                    kept.entries.push((item.position, item.exact.clone()));
                    kept.members.retain(|known| Some(known.member) != removed);
                }
                ItemEffect::End { at_ms } => {
                    kept.entries.push((item.position, item.exact));
                    (kept.base, kept.hash) = ((item.position, item.hash), item.hash);
                    (kept.items, kept.members, kept.closed_ms) = (Vec::new(), Vec::new(), Some(at_ms));
                    return;
                }
                ItemEffect::Prekey { member, index } => {
                    let of = of(&mut kept.members, member);
                    (of.prekey, of.prekey_index) = (Some((item.position, item.exact.clone())), index);
                }
                ItemEffect::Chain { member, epoch, number } => {
                    let of = of(&mut kept.members, member);
                    (of.chain_epoch, of.chain_number) = (epoch, number);
                }
                ItemEffect::Nothing => {}
            }
            let (position, kind, exact, wraps) = (item.position, item.kind, item.exact, item.wraps);
            kept.items.push(KeptItem { position, kind, exact, wraps });
            kept.items.retain(|kept| kept.position > item.base.0);
            (kept.base, kept.hash) = (item.base, item.hash);
        }
        HostWrite::PrekeyGone(member) => of(&mut kept.members, member).prekey = None,
        HostWrite::Opened { .. } | HostWrite::Forgotten => unreachable!("not of one room's file"),
    }
}

fn of(members: &mut Vec<KeptMember>, member: Fingerprint) -> &mut KeptMember {
    if let Some(at) = members.iter().position(|known| known.member == member) {
        return &mut members[at];
    }
    members.push(KeptMember::new(member));
    members.last_mut().unwrap()
}
