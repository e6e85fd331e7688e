//! The host's disk: what it takes, when it takes nothing, and what is there after a crash.

use super::room_disk::RoomDisk;
use super::tally::Chance;
use super::world::{World, host_of};
use crate::protocol::{HostOutput, HostWrite, LinkError, RoomId};

impl World {
    /// The next thing that the host wants. When there is none and nothing bad happens any more, its disk takes all that
    /// waits.
    pub(super) fn next_of_host(&mut self) -> Option<HostOutput> {
        let output = self.host.poll_output();
        if output.is_none() && !self.storm && self.disk.as_ref().is_some_and(|disk| disk.waiting() > 0) {
            self.commit(usize::MAX);
            return self.host.poll_output();
        }
        output
    }

    pub(super) fn host_writes(&mut self, room: RoomId, number: u64, what: HostWrite) {
        self.disk.as_mut().expect("a forgetful host writes nothing").write(room, number, what);
    }

    /// The host reads what is kept of a room, or cannot.
    pub(super) fn host_reads(&mut self, room: RoomId) {
        let now = self.host_now();
        if self.storm && self.dice.happens(30) {
            self.host.lost(room, now);
            return;
        }
        // Everything that came before it for this room is written, or lost with it.
        self.commit(usize::MAX);
        let kept = self.disk.as_ref().expect("a forgetful host reads nothing").room(&room);
        self.host.loaded(room, kept, now);
    }

    fn commit(&mut self, count: usize) {
        let Some(disk) = &mut self.disk else { return };
        for (room, number) in disk.commit(count) {
            self.host.committed(room, number);
        }
    }

    /// The disk takes some of what waits, or fails; or the whole computer of the host does.
    pub(super) fn trouble_the_disk(&mut self) {
        let Some(disk) = &self.disk else { return };
        let waiting = disk.waiting();
        match self.dice.below(100) {
            0..55 => self.commit(usize::MAX),
            55..72 => {
                let count = self.dice.below(waiting + 1);
                self.commit(count);
            }
            72..73 => self.crash_host(),
            73..74 => self.fail_disk(),
            _ => {}
        }
        self.drain_host();
    }

    /// The host's disk takes nothing more. Of what waits, some is there all the same.
    fn fail_disk(&mut self) {
        self.tally.count(Chance::DiskFailed);
        self.lose_what_waits();
        let (room, now) = (self.room, self.host_now());
        self.host.lost(room, now);
    }

    /// The host's process ends, and another goes on from what is on the disk.
    fn crash_host(&mut self) {
        self.tally.count(Chance::HostCrashed);
        self.tell(self.people.len(), &"crashes");
        self.lose_what_waits();
        let broken: Vec<(u64, usize)> =
            std::mem::take(&mut self.links).iter().map(|(id, link)| (*id, link.person)).collect();
        self.host = host_of(self.people[0].fingerprint(), true);
        for (id, who) in broken {
            if self.people[who].link == Some(id) {
                self.people[who].host_crashed = true;
                self.lose_link(who, LinkError::Cut);
            }
        }
        let now = self.host_now();
        let is_the_owners = self.dice.happens(50);
        for kept in self.disk.iter().flat_map(RoomDisk::rooms) {
            if is_the_owners { self.host.expect(kept.room()) } else { assert!(self.host.restore(kept, now)) }
        }
        if is_the_owners {
            self.crash(0);
        }
        self.everybody_was_shown_what_is_kept();
    }

    fn lose_what_waits(&mut self) {
        let Some(disk) = &mut self.disk else { return };
        let there = self.dice.below(disk.waiting() + 1);
        disk.commit(there);
        if disk.waiting() > 0 {
            self.tally.count(Chance::HostLostItems);
        }
        disk.forget_waiting();
    }

    /// Nobody was ever shown an item that a crash of the host can take back.
    fn everybody_was_shown_what_is_kept(&self) {
        let Some(kept) = self.disk.as_ref().and_then(|disk| disk.snapshot(&self.room)) else {
            assert!(self.people.iter().all(|person| person.log.is_none()), "a room that is nowhere was shown");
            return;
        };
        let newest = kept.items.last().map_or(kept.base.0, |item| item.position);
        for person in &self.people {
            // Whoever was shown the end of a membership was shown no log hash.
            let shown = person.log.as_ref().filter(|log| person.client.is_some() && log.hash != [0; 32]);
            let Some(log) = shown else { continue };
            assert!(log.position <= newest, "an item was shown that is not kept");
            assert!(log.position < newest || log.hash == kept.hash, "another log was shown than is kept");
        }
    }
}
