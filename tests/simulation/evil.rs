//! A host that is not honest: what it does to the frames on their way to a member.

use std::collections::{BTreeMap, BTreeSet};

use super::dice::Dice;
use super::forger::Forger;
use super::person::Person;
use crate::crypto::Fingerprint;
use crate::crypto::primitives::Digest;
use crate::protocol::ByeCode;
use crate::protocol::payload::HeaderPayload;
use crate::wire::{Bye, Frame, Item, ItemKind, Msg, Welcome, decode};

/// The ways of a host that is not honest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Evil {
    /// Leaves frames out.
    Drop,
    /// Leaves an item out and numbers the rest as if nothing were missing.
    Renumber,
    /// Lets two items change places.
    Swap,
    /// Sends an item again under the next number.
    Repeat,
    /// Keeps two histories: neither half of the members hears the other.
    Fork,
    /// Puts in members, removals and words of its own making.
    Ghost,
    /// Shows what was true once: old items, old prekeys, a roster without its last entries.
    Stale,
    /// Changes bits, signatures, wraps and numbers.
    Forge,
    /// Shows whoever comes in the members of some time before, as often as it can.
    Rollback,
    /// Says for the owner that somebody was removed, or that the room is closed.
    Goodbye,
}

impl Evil {
    pub(super) const ALL: [Self; 10] = [
        Self::Drop,
        Self::Renumber,
        Self::Swap,
        Self::Repeat,
        Self::Fork,
        Self::Ghost,
        Self::Stale,
        Self::Forge,
        Self::Rollback,
        Self::Goodbye,
    ];
}

/// Items that a host keeps to show them again.
const OLD_KEPT: usize = 64;

/// What an evil host has in hand.
pub(super) struct EvilHost {
    pub(super) evil: Evil,
    forger: Forger,
    /// One of the two halves of the members.
    side: BTreeSet<Fingerprint>,
    old: Vec<Item>,
    old_prekeys: BTreeMap<Fingerprint, Item>,
}

/// What was done on one link, since its welcome.
#[derive(Default)]
pub(super) struct Deeds {
    /// How far the numbers of its items are from the true ones.
    shift: i64,
    held: Option<Item>,
    /// How many roster entries its welcome still shows, if it hides some.
    roster_left: Option<u64>,
    /// How many it showed in all.
    pub(super) roster_shown: Option<u64>,
    welcomed_at: u64,
    pub(super) count: usize,
    /// Whether the link ends with what was sent last.
    pub(super) ends: bool,
    /// Chains whose keys were spoilt or taken away, and how many signs of anything their reader had before.
    pub(super) spoilt: BTreeMap<Digest, usize>,
}

impl EvilHost {
    pub(super) fn new(evil: Evil, forger: Forger, side: BTreeSet<Fingerprint>) -> Self {
        Self { evil, forger, side, old: Vec::new(), old_prekeys: BTreeMap::new() }
    }

    /// Keeps in step with the room, whose host knows it all.
    pub(super) fn knows(&mut self, newest: (u64, Digest)) {
        self.forger.newest = newest;
    }

    /// What goes out to `reader` instead of this frame. `now`: whether it may strike.
    pub(super) fn pass_on(
        &mut self,
        deeds: &mut Deeds,
        reader: &Person,
        frame: Frame,
        now: bool,
        dice: &mut Dice,
    ) -> Vec<Vec<u8>> {
        let frames = match frame {
            frame if self.evil == Evil::Goodbye && now && dice.happens(3) => {
                deeds.count += 1;
                deeds.ends = true;
                let code = if dice.happens(50) { ByeCode::Removed } else { ByeCode::Closed };
                vec![frame, Frame::Bye(Bye { code: code.code() })]
            }
            Frame::Welcome(welcome) => self.welcome(deeds, welcome, now, dice),
            Frame::Item(item) if item.position <= deeds.welcomed_at => self.snapshot(deeds, item, now),
            Frame::Item(item) => self.item(deeds, reader, item, now, dice),
            _ if self.evil == Evil::Drop && now && dice.happens(4) => {
                deeds.count += 1;
                vec![]
            }
            frame => vec![frame],
        };
        let mut bytes: Vec<Vec<u8>> = frames.iter().map(|frame| frame.to_bytes().to_vec()).collect();
        if self.evil == Evil::Forge
            && now
            && dice.happens(1)
            && let Some(byte) = bytes.iter_mut().flatten().nth(dice.below(300))
        {
            *byte ^= 1 << dice.below(8);
            deeds.count += 1;
        }
        bytes
    }

    fn welcome(&mut self, deeds: &mut Deeds, mut welcome: Welcome, now: bool, dice: &mut Dice) -> Vec<Frame> {
        deeds.welcomed_at = welcome.position;
        let strikes = now && dice.happens(30);
        if self.evil == Evil::Stale && strikes && welcome.roster_length > 1 {
            welcome.roster_length -= 1 + u64::from(welcome.roster_length > 2 && dice.happens(50));
            deeds.roster_left = Some(welcome.roster_length);
            deeds.count += 1;
        }
        deeds.roster_shown = None;
        if self.evil == Evil::Rollback && now && welcome.roster_length > 0 && dice.happens(70) {
            let length = usize::try_from(welcome.roster_length).unwrap();
            welcome.roster_length = dice.below(length) as u64;
            deeds.roster_left = Some(welcome.roster_length);
            deeds.roster_shown = Some(welcome.roster_length);
            deeds.count += 1;
        } else if self.evil == Evil::Rollback {
            deeds.roster_left = None;
        }
        if self.evil == Evil::Forge && strikes {
            deeds.count += 1;
            self.forger.welcome(&mut welcome, dice);
        }
        vec![Frame::Welcome(welcome)]
    }

    /// What comes with a welcome is in no log that could tell.
    fn snapshot(&mut self, deeds: &mut Deeds, item: Item, now: bool) -> Vec<Frame> {
        if item.kind == ItemKind::Roster.code()
            && let Some(left) = &mut deeds.roster_left
        {
            let is_hidden = *left == 0;
            *left = left.saturating_sub(1);
            return if is_hidden { vec![] } else { vec![Frame::Item(item)] };
        }
        if self.evil == Evil::Stale
            && now
            && let Some(old) = Forger::prekey_of(&item).and_then(|member| self.old_prekeys.get(&member))
        {
            deeds.count += usize::from(old.exact != item.exact);
            return vec![Frame::Item(Item { position: item.position, ..old.clone() })];
        }
        vec![Frame::Item(item)]
    }

    fn item(&mut self, deeds: &mut Deeds, reader: &Person, mut item: Item, now: bool, dice: &mut Dice) -> Vec<Frame> {
        self.remember(&item);
        item.position = item.position.saturating_add_signed(deeds.shift);
        if let Some(mut held) = deeds.held.take() {
            std::mem::swap(&mut held.position, &mut item.position);
            return vec![Frame::Item(item), Frame::Item(held)];
        }
        let is_struck = match self.evil {
            Evil::Fork => now && dice.happens(70) && self.is_of_the_other_half(reader.fingerprint(), &item),
            Evil::Rollback | Evil::Goodbye => false,
            _ => now && dice.happens(4),
        };
        if !is_struck {
            return vec![Frame::Item(item)];
        }
        deeds.count += 1;
        if self.evil == Evil::Forge {
            return vec![Frame::Item(self.forge(deeds, reader, item, dice))];
        }
        match self.evil {
            Evil::Drop => vec![],
            Evil::Renumber | Evil::Fork => {
                deeds.shift -= 1;
                vec![]
            }
            Evil::Swap => {
                deeds.held = Some(item);
                vec![]
            }
            Evil::Repeat => with_another(deeds, item.clone(), item),
            Evil::Stale => {
                let old = self.old.get(dice.below(self.old.len())).cloned().unwrap_or_else(|| item.clone());
                with_another(deeds, old, item)
            }
            Evil::Ghost | Evil::Forge => with_another(deeds, self.forger.ghost(dice), item),
            // These strike elsewhere.
            Evil::Rollback | Evil::Goodbye => vec![Frame::Item(item)],
        }
    }

    fn forge(&mut self, deeds: &mut Deeds, reader: &Person, mut item: Item, dice: &mut Dice) -> Item {
        match &mut item.wrap {
            // A wrap is not in the log, so only its reader can tell.
            Some(_) if dice.happens(70) => {
                deeds.spoilt.extend(Forger::chain_of(&item).map(|chain| (chain, reader.signs)));
                Forger::spoil(&mut item.wrap, dice);
            }
            _ => self.forger.change(&mut item, dice),
        }
        item
    }

    fn remember(&mut self, item: &Item) {
        if self.evil != Evil::Stale {
            return;
        }
        if self.old.len() < OLD_KEPT {
            self.old.push(item.clone());
        }
        if let Some(member) = Forger::prekey_of(item) {
            self.old_prekeys.entry(member).or_insert_with(|| item.clone());
        }
    }

    /// Whether it is a message of the half that the reader is not in.
    fn is_of_the_other_half(&self, reader: Fingerprint, item: &Item) -> bool {
        let header = decode::<Msg>(&item.exact).and_then(|message| decode::<HeaderPayload>(&message.header));
        item.kind == ItemKind::Msg.code()
            && header.is_ok_and(|header| self.side.contains(&header.sender) != self.side.contains(&reader))
    }
}

/// `first` under the number that is due, then `item` under the next.
fn with_another(deeds: &mut Deeds, first: Item, mut item: Item) -> Vec<Frame> {
    deeds.shift += 1;
    let first = Item { position: item.position, ..first };
    item.position += 1;
    vec![Frame::Item(first), Frame::Item(item)]
}
