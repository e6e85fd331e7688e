//! Random sequences, beside a model that keeps everything in memory and is too simple to be wrong.

use std::collections::{BTreeMap, BTreeSet};

use conversa::crypto::Fingerprint;
use conversa::protocol::{Content, MessageId, Private, RoomId};
use conversa::store::{Answer, Held, Placed, Question, StoredMessage, StoredRow, Write};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::harness::{DAY_MS, Open, Place, START_MS, id, looking_for, room, sender};

/// Sequences, and steps of each.
const SEQUENCES: u64 = 12;
const STEPS: usize = 300;
/// No word begins like another, so that to have it is to be found by it.
const WORDS: [&str; 6] = ["red", "green", "Blue", "会議", "設定", "café"];

#[test]
fn random_sequences_leave_what_a_simple_model_says() {
    for seed in 0..SEQUENCES {
        let place = Place::new();
        let (mut open, mut model) = (place.open(), Model::default());
        let mut dice = StdRng::seed_from_u64(seed);
        for step in 0..STEPS {
            model.now_ms += dice.random_range(0..DAY_MS / 2);
            let write = model.draw(&mut dice);
            let expected = model.apply(&write);
            let is_sweep = matches!(write, Write::Sweep { .. });
            let forgets = matches!(write, Write::Forget { .. }) && expected.is_none();
            assert_eq!(open.write(write.clone()), expected, "seed {seed}, step {step}: {write:?}");
            if is_sweep || forgets {
                assert_eq!(open.until_erased(), model.erased, "seed {seed}, step {step}: {write:?}");
            }
            if step % 25 == 24 {
                model.compare(&open, &format!("seed {seed}, step {step}"));
            }
            if dice.random_range(0..100) == 0 {
                open.close();
                open = place.open();
            }
        }
        open.close();
    }
}

#[derive(Default)]
struct Model {
    now_ms: u64,
    /// In the order in which they came.
    order: Vec<RoomId>,
    rooms: BTreeMap<RoomId, Room>,
    /// What the last sweep or forgetting took.
    erased: u64,
}

#[derive(Default)]
struct Room {
    next: u64,
    rows: BTreeMap<u64, Row>,
    seen: BTreeMap<(Fingerprint, MessageId), u64>,
    read_up_to: u64,
    draft: Option<String>,
    keep_days: Option<u32>,
}

struct Row {
    name: (Fingerprint, MessageId),
    got_ms: u64,
    /// The order in which all came.
    number: u64,
    message: Option<StoredMessage>,
}

impl Model {
    fn draw(&self, dice: &mut StdRng) -> Write {
        let of = RoomId([dice.random_range(1..=3); 32]);
        match dice.random_range(0..100) {
            0..5 => room(of),
            5..80 => {
                let words: Vec<&str> = (0..dice.random_range(0..4)).map(|_| WORDS[dice.random_range(0..6)]).collect();
                Write::Message(StoredMessage {
                    room: of,
                    sender: sender(dice.random_range(1..4)),
                    id: id(dice.random_range(0..150)),
                    content: Content::text(words.join(" ")),
                    sent_ms: dice.random(),
                    // Some clocks go wrong.
                    got_ms: START_MS + self.now_ms.saturating_sub(dice.random_range(0..3) * DAY_MS),
                    own: None,
                })
            }
            80..84 => {
                let (sender, id) = (sender(dice.random_range(1..4)), id(dice.random_range(0..150)));
                Write::ReadUpTo { room: of, sender, id }
            }
            84..88 => {
                let text = dice.random_bool(0.5).then(|| Private::new(WORDS[dice.random_range(0..6)].to_owned()));
                Write::Draft { room: of, text }
            }
            88..92 => Write::KeepDays { room: of, days: dice.random_bool(0.7).then(|| dice.random_range(0..20)) },
            92..94 => Write::Forget { room: of },
            _ => Write::Sweep { now_ms: START_MS + self.now_ms },
        }
    }

    fn apply(&mut self, write: &Write) -> Option<Placed> {
        if let Write::Room { room, .. } = write {
            if !self.rooms.contains_key(room) {
                self.order.push(*room);
            }
            self.rooms.entry(*room).or_default();
            return None;
        }
        if let Write::Sweep { now_ms } = write {
            self.erased = self.rooms.values_mut().map(|room| room.sweep(*now_ms)).sum();
            return None;
        }
        let (Write::Message(StoredMessage { room: of, .. })
        | Write::ReadUpTo { room: of, .. }
        | Write::Draft { room: of, .. }
        | Write::KeepDays { room: of, .. }
        | Write::Forget { room: of }) = write
        else {
            panic!("{write:?} is never drawn")
        };
        let number = self.rooms.values().flat_map(|room| room.rows.values()).map(|row| row.number + 1).max();
        let Some(room) = self.rooms.get_mut(of) else { return Some(Placed::NoRoom) };
        match write {
            Write::Message(message) => return Some(room.add(message, number.unwrap_or(0))),
            Write::ReadUpTo { sender, id, .. } => {
                let read =
                    room.rows.iter().find(|(_, row)| row.name == (*sender, *id)).map_or(0, |(place, _)| place + 1);
                room.read_up_to = room.read_up_to.max(read);
            }
            Write::Draft { text, .. } => room.draft = text.as_ref().map(|text| text.to_string()),
            Write::KeepDays { days, .. } => room.keep_days = *days,
            _ => {
                self.erased = room.rows.len() as u64;
                self.rooms.remove(of);
                self.order.retain(|room| room != of);
            }
        }
        None
    }

    fn compare(&self, open: &Open, when: &str) {
        let rooms = open.rooms();
        assert_eq!(rooms.iter().map(|room| room.room).collect::<Vec<_>>(), self.order, "{when}");
        for stored in rooms {
            let room = &self.rooms[&stored.room];
            let all: Vec<StoredRow> = room.rows.iter().map(|(place, row)| row.stored(*place)).collect();
            let first = room.rows.keys().next().copied().unwrap_or(room.next);
            assert_eq!((stored.first, stored.count), (first, room.next - first), "{when}");
            assert_eq!(stored.newest, all.last().cloned(), "{when}");
            assert_eq!((stored.read_up_to, stored.keep_days), (room.read_up_to, room.keep_days), "{when}");
            let unread = room.rows.range(room.read_up_to..).filter(|(_, row)| row.message.is_some()).count();
            assert_eq!(open.unread(stored.room), (room.read_up_to, unread as u64), "{when}");
            assert_eq!(stored.draft.map(|draft| draft.to_string()), room.draft, "{when}");
            let mut found = Vec::new();
            let mut from = stored.first;
            while from < room.next {
                let page = open.page_of(stored.room, from, 7);
                from = page.last().unwrap().place + 1;
                found.extend(page);
            }
            assert_eq!(found, all, "{when}");
            let day_ms = START_MS + self.now_ms / 2;
            let days = room.rows.iter().filter(|(_, row)| row.message.is_some() && row.got_ms >= day_ms);
            let expected = days.map(|(place, row)| (row.got_ms, *place)).min().map(|(_, place)| place);
            assert_eq!(open.ask(Question::PlaceOf { room: stored.room, day_ms }), Answer::Place(expected), "{when}");
        }
        for word in WORDS {
            let rows = self.rooms.values().flat_map(|room| &room.rows);
            let has = |row: &Row| row.message.as_ref().is_some_and(|said| said.content.words().unwrap().contains(word));
            let expected: BTreeSet<(u64, u64)> =
                rows.filter(|(_, row)| has(row)).map(|(place, row)| (row.number, *place)).collect();
            let hits = open.search(&looking_for(word));
            let expected: Vec<u64> = expected.into_iter().rev().map(|(_, place)| place).collect();
            assert_eq!(hits.iter().map(|hit| hit.place).collect::<Vec<_>>(), expected, "{when}: {word}");
            for hit in hits {
                let text = hit.message.content.words().unwrap().to_owned();
                assert!(!hit.ranges.is_empty() && hit.ranges.into_iter().all(|range| text[range] == *word));
            }
        }
    }
}

impl Room {
    fn add(&mut self, message: &StoredMessage, number: u64) -> Placed {
        let name = (message.sender, message.id);
        if let Some((place, _)) = self.rows.iter().find(|(_, row)| row.name == name) {
            return Placed::Known(*place);
        }
        if self.seen.contains_key(&name) {
            return Placed::Deleted;
        }
        let row = Row { name, got_ms: message.got_ms, number, message: Some(message.clone()) };
        self.rows.insert(self.next, row);
        self.next += 1;
        Placed::New(self.next - 1)
    }

    fn sweep(&mut self, now_ms: u64) -> u64 {
        let mut erased = 0;
        if let Some(days) = self.keep_days {
            let limit_ms = now_ms.saturating_sub(u64::from(days) * DAY_MS);
            while let Some(oldest) = self.rows.first_entry() {
                if oldest.get().got_ms >= limit_ms {
                    break;
                }
                self.seen.insert(oldest.remove().name, now_ms / DAY_MS);
                erased += 1;
            }
            for row in self.rows.values_mut().filter(|row| row.got_ms < limit_ms) {
                erased += u64::from(row.message.take().is_some());
            }
        }
        self.seen.retain(|_, day| *day + 60 >= now_ms / DAY_MS);
        erased
    }
}

impl Row {
    fn stored(&self, place: u64) -> StoredRow {
        StoredRow { place, held: self.message.clone().map_or(Held::Erased, Held::Message), members: Vec::new() }
    }
}
