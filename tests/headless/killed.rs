//! Four people talk, and their programs are killed in the middle of it, the host's too, again and again. What they were
//! told holds all the same:
//!
//! 1. no loss: whatever a program printed as `queued` is in everybody's history;
//! 2. once: nothing is in a history twice, or printed twice in one run, or printed again in a later run once it is stored;
//! 3. truth: whoever is told that somebody has a message is right.
//!
//! `CONVERSA_KILLS` says how many are killed, and `CONVERSA_KILL_SEED` repeats what was drawn in a run that failed. When
//! the programs do what is up to the computer: the same seed makes the same trouble, not the same run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io::Write as _;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::person::{Hosting, Person, Profile};
use crate::until::{try_until, until};

/// How many programs are killed, and with which seed.
const KILLS: &str = "CONVERSA_KILLS";
const SEED: &str = "CONVERSA_KILL_SEED";
/// How many are killed where nothing else is said.
const FEW: u32 = 12;

const NAMES: [&str; 4] = ["ann", "bo", "carol", "dave"];
/// Ann, who hosts.
const HOST: usize = 0;

/// How often somebody is killed while reading.
const READS: u64 = 6;
/// For how many steps a host stands still.
const STILL: usize = 100;

/// Between two draws.
const STEP: Duration = Duration::from_millis(50);
/// In how many of a hundred steps each of them says something: six times a second, well below what a host accepts.
const TALKS: usize = 30;
/// In how many of a hundred steps somebody is killed.
const DIES: usize = 5;
/// For how many steps they are gone at most.
const GONE_MAX: usize = 30;
/// After how many looks at nothing new it is quiet.
const QUIET: usize = 1_500;
/// How often everybody comes back, as long as something is missing.
const ROUNDS: usize = 3;

/// Chance that comes out the same for the same seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn happens(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// A message's id.
type Id = String;

/// What the programs printed, in all their runs.
#[derive(Default)]
struct Told {
    /// What was said.
    queued: BTreeSet<Id>,
    /// Who has what, as its author was told.
    delivered: BTreeSet<(Id, usize)>,
    /// Who has what, as far as is known by now.
    has: BTreeSet<(Id, usize)>,
    /// Who certainly has stored what: it must not be shown to them again, in no run.
    stored: BTreeSet<(Id, usize)>,
    /// How often each event came that tells of something that is not as it should be.
    notices: BTreeMap<String, usize>,
    wrong: Vec<String>,
    /// All of it, in order, with who began and was killed in between: to find out why something is wrong.
    journal: Vec<String>,
}

/// One of the four.
struct Member {
    profile: Profile,
    key: String,
    run: Option<Person>,
    /// After how many steps it comes back.
    gone_for: usize,
    said: usize,
    /// What this run printed.
    is_ready: bool,
    heard: BTreeSet<Id>,
    /// What it was shown, since it said something last; and before each of the words that it has not printed yet.
    fresh: Vec<Id>,
    before_words: VecDeque<Vec<Id>>,
}

impl Member {
    fn of(name: &str) -> Self {
        let profile = Profile::of(name);
        let (_, shown, _) = profile.run(&["identity", "--json"]);
        let shown: Value = serde_json::from_str(shown.trim()).unwrap();
        let key = shown["fingerprint"].as_str().unwrap().to_owned();
        Self {
            profile,
            key,
            run: None,
            gone_for: 0,
            said: 0,
            is_ready: false,
            heard: BTreeSet::new(),
            fresh: Vec::new(),
            before_words: VecDeque::new(),
        }
    }
}

/// What is in somebody's history: who said it, its id, and the words.
struct Saved {
    from: usize,
    id: Id,
    text: String,
}

struct Room {
    members: Vec<Member>,
    hosting: Hosting,
    told: Told,
}

impl Room {
    /// Ann hosts, the others have come in, and everybody knows of everybody.
    fn open() -> Self {
        let mut members: Vec<Member> = NAMES.iter().map(|name| Member::of(name)).collect();
        let (mut host, hosting) = members[HOST].profile.host("ann", &[]);
        let mut invite = hosting.invite.clone();
        let mut runs: Vec<Person> = Vec::new();
        for (name, member) in NAMES.iter().zip(&members).skip(1) {
            let guest = member.profile.join(name, &invite, &[]);
            invite = host.next_invite();
            for other in runs.iter_mut().chain([&mut host]) {
                other.expect_where("named", |event| event["name"] == *name);
            }
            runs.push(guest);
        }
        runs.insert(0, host);
        for (member, run) in members.iter_mut().zip(runs) {
            (member.run, member.is_ready) = (Some(run), true);
        }
        Self { members, hosting, told: Told::default() }
    }

    fn start(&mut self, who: usize) {
        let address = &self.hosting.address;
        let host = ["host", "--room", "Friday", "--listen", address, "--json"];
        let join = ["join", &self.hosting.room, "--json"];
        let member = &mut self.members[who];
        self.told.journal.push(format!("{} begins", NAMES[who]));
        let run = member.profile.start(if who == HOST { &host } else { &join });
        (member.run, member.is_ready, member.gone_for) = (Some(run), false, 0);
        member.heard.clear();
        member.fresh.clear();
        member.before_words.clear();
    }

    fn say(&mut self, who: usize) {
        let member = &mut self.members[who];
        let Some(run) = &mut member.run else { return };
        run.say(&format!("{} {}", NAMES[who], member.said));
        member.said += 1;
        member.before_words.push_back(std::mem::take(&mut member.fresh));
    }

    fn kill(&mut self, who: usize, gone_for: usize) {
        let Some(mut run) = self.members[who].run.take() else { return };
        let last = run.kill_and_read();
        self.take(who, &last);
        self.told.journal.push(format!("{} is killed", NAMES[who]));
        self.members[who].gone_for = gone_for;
    }

    /// Takes in what came since. How much that was.
    fn look(&mut self) -> usize {
        (0..NAMES.len())
            .map(|who| {
                let events = self.members[who].run.as_mut().map(Person::events).unwrap_or_default();
                self.take(who, &events);
                events.len()
            })
            .sum()
    }

    fn take(&mut self, who: usize, events: &[Value]) {
        let keys: Vec<String> = self.members.iter().map(|member| member.key.clone()).collect();
        let (member, told) = (&mut self.members[who], &mut self.told);
        for event in events {
            told.journal.push(format!("{}: {event}", NAMES[who]));
            let id = || event["id"].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str().unwrap_or_default() {
                "ready" => member.is_ready = true,
                "queued" => {
                    told.queued.insert(id());
                    told.has.insert((id(), who));
                    // What is said is printed once it is stored, and so is what was shown before it was said.
                    let before = member.before_words.pop_front().unwrap_or_default();
                    told.stored.extend(before.into_iter().map(|id| (id, who)));
                }
                "delivered" => {
                    let to = keys.iter().position(|key| event["to"] == key.as_str()).unwrap();
                    told.delivered.insert((id(), to));
                    told.has.insert((id(), to));
                }
                "message" => {
                    if !member.heard.insert(id()) {
                        told.wrong.push(format!("twice: {} was shown {} again in one run", NAMES[who], event["text"]));
                    }
                    if told.stored.contains(&(id(), who)) {
                        told.wrong
                            .push(format!("twice: {} was shown {} again in a later run", NAMES[who], event["text"]));
                    }
                    member.fresh.push(id());
                    told.has.insert((id(), who));
                }
                name @ ("fork" | "error" | "closed" | "removed" | "gone" | "left") => {
                    told.wrong.push(format!("{name}: {} was told {event}", NAMES[who]));
                }
                name @ ("missed" | "missed_by" | "lost" | "log_gap" | "unreadable" | "newer") => {
                    *told.notices.entry(name.to_owned()).or_default() += 1;
                }
                _ => {}
            }
        }
    }

    /// Everybody talks, and one after the other is killed and comes back.
    fn storm(&mut self, kills: u32, chance: &mut Chance) {
        let mut left = kills;
        while left > 0 {
            // It is what they say and do meanwhile that matters.
            thread::sleep(STEP);
            self.look();
            for who in 0..NAMES.len() {
                if self.members[who].run.is_none() {
                    self.members[who].gone_for -= 1;
                    if self.members[who].gone_for == 0 {
                        self.start(who);
                    }
                } else if chance.happens(TALKS) {
                    self.say(who);
                }
            }
            let (who, gone_for) = (chance.below(NAMES.len()), 1 + chance.below(GONE_MAX));
            if chance.happens(DIES) && self.members[who].run.is_some() {
                self.kill(who, gone_for);
                left -= 1;
            }
        }
    }

    /// Whoever is not there comes back, and everybody is in the room.
    fn everybody_comes(&mut self) {
        for who in 0..NAMES.len() {
            if self.members[who].run.is_none() {
                self.start(who);
            }
        }
        let all = try_until(|| {
            self.look();
            self.members.iter().all(|member| member.is_ready).then_some(())
        });
        if all.is_none() {
            let late = NAMES.iter().zip(&self.members).filter(|(_, member)| !member.is_ready).map(|(name, _)| *name);
            self.told.wrong.push(format!("not in the room: {:?}", late.collect::<Vec<_>>()));
        }
    }

    /// Whether everybody has everything, as far as is known.
    fn nothing_is_missing(&self) -> bool {
        self.told.queued.iter().flat_map(to_all).all(|to| self.told.has.contains(&to))
    }

    /// Waits until nothing is missing, or nothing happens any more.
    fn settle(&mut self) {
        let (mut quiet, mut is_over) = (0, self.nothing_is_missing());
        try_until(|| {
            if self.look() == 0 {
                quiet += 1;
            } else {
                (quiet, is_over) = (0, self.nothing_is_missing());
            }
            (is_over || quiet > QUIET).then_some(())
        });
    }

    /// Everybody says goodbye, the host last.
    fn everybody_goes(&mut self) {
        for who in (0..NAMES.len()).rev() {
            let Some(mut run) = self.members[who].run.take() else { continue };
            self.take(who, &run.events());
            let before = run.last_events().len();
            let exit = run.finish();
            let last = run.last_events().split_off(before);
            self.take(who, &last);
            if exit != 0 {
                let errors = run.errors();
                self.told.wrong.push(format!("{} ended with {exit}: {errors}\n{last:#?}", NAMES[who]));
            }
        }
    }

    fn history(&self, who: usize) -> Vec<Saved> {
        let (exit, output, errors) = self.members[who].profile.run(&["history", &self.hosting.room, "--json"]);
        assert_eq!(exit, 0, "{errors}");
        let rows = output.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let saved = rows.map(|row| {
            let text = |key: &str| row[key].as_str().unwrap_or_default().to_owned();
            let from = self.members.iter().position(|member| row["from"] == member.key.as_str()).unwrap();
            Saved { from, id: text("id"), text: text("text") }
        });
        saved.collect()
    }

    fn histories(&self) -> Vec<Vec<Saved>> {
        (0..NAMES.len()).map(|who| self.history(who)).collect()
    }

    /// What was said and is not in the histories of all.
    fn lost(&self, histories: &[Vec<Saved>]) -> Vec<(Id, usize)> {
        let ids = |history: &Vec<Saved>| history.iter().map(|saved| saved.id.clone()).collect::<BTreeSet<Id>>();
        let ids: Vec<BTreeSet<Id>> = histories.iter().map(ids).collect();
        let all = self.told.queued.iter().flat_map(to_all);
        all.filter(|(id, to)| !ids[*to].contains(id)).collect()
    }

    /// Ends it: everybody comes and goes until nothing is missing. What is wrong then, and how it went.
    fn verdict(mut self) -> (Vec<String>, String) {
        let mut missing = Vec::new();
        for round in 1..=ROUNDS {
            self.everybody_comes();
            self.settle();
            self.everybody_goes();
            let histories = self.histories();
            let lost = self.lost(&histories);
            missing.push(lost.len());
            if lost.is_empty() || round == ROUNDS {
                return self.judge(&histories, &lost, &missing);
            }
            // Somebody may have it and not have told: now it is known who has not.
            self.told.has.retain(|has| !lost.contains(has));
        }
        unreachable!("the last round has its verdict");
    }

    /// What was printed of a message, and who began and was killed meanwhile.
    fn story(&self, id: &Id) -> String {
        let is_of_it = |line: &&String| !line.contains(": {") || line.contains(id);
        let lines: Vec<&str> = self.told.journal.iter().filter(is_of_it).map(String::as_str).collect();
        format!("what is known of {id}:\n{}", lines.join("\n"))
    }

    fn judge(mut self, histories: &[Vec<Saved>], lost: &[(Id, usize)], missing: &[usize]) -> (Vec<String>, String) {
        let mut wrong = std::mem::take(&mut self.told.wrong);
        let texts: BTreeMap<&Id, &str> = histories.iter().flatten().map(|saved| (&saved.id, &*saved.text)).collect();
        let text = |id: &Id| texts.get(id).copied().unwrap_or("what nobody has");
        wrong.extend(lost.iter().map(|(id, to)| format!("lost: {} never got {} ({id})", NAMES[*to], text(id))));
        for (id, to) in &self.told.delivered {
            if !histories[*to].iter().any(|saved| saved.id == *id) {
                wrong.push(format!("untrue: {} was said to have {} ({id})", NAMES[*to], text(id)));
            }
        }
        let mut late = 0;
        for (name, history) in NAMES.iter().zip(histories) {
            let (mut seen, mut newest) = (BTreeSet::new(), [None; NAMES.len()]);
            for saved in history {
                if !seen.insert(&saved.text) {
                    wrong.push(format!("twice: {name} has {} twice", saved.text));
                }
                let number = saved.text.split(' ').next_back().and_then(|number| number.parse::<usize>().ok());
                late += usize::from(number < newest[saved.from]);
                newest[saved.from] = newest[saved.from].max(number);
            }
        }
        wrong.extend(lost.first().map(|(id, _)| self.story(id)));
        let (said, rows) = (self.told.queued.len(), histories.iter().map(Vec::len).sum::<usize>());
        let how = format!(
            "{said} said, {rows} rows, {late} of them after later ones of the same author; missing after each round: \
             {missing:?}; told: {:?}",
            self.told.notices
        );
        (wrong, how)
    }
}

/// A message, with each of those who should have it, its author too.
fn to_all(id: &Id) -> impl Iterator<Item = (Id, usize)> {
    (0..NAMES.len()).map(|to| (id.clone(), to))
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|number| number.parse().unwrap())
}

/// The verdict on a room has to be good.
fn judge(room: Room, what: &str) {
    let (wrong, how) = room.verdict();
    // In one piece, for other tests print beside this one.
    std::io::stdout().write_all(format!("{what}: {how}\n").as_bytes()).unwrap();
    assert!(wrong.is_empty(), "{what}: {how}\n{}", wrong.join("\n"));
}

#[test]
fn what_was_said_reaches_everybody_once_whoever_is_killed() {
    let seed = number_of(SEED).unwrap_or_else(|| RandomState::new().hash_one(KILLS));
    let kills = number_of(KILLS).map_or(FEW, |kills| u32::try_from(kills).unwrap());
    let mut room = Room::open();
    room.storm(kills, &mut Chance(seed));
    judge(room, &format!("{SEED}={seed} {KILLS}={kills}"));
}

/// It was shown and may not be stored: whoever said it sends it again.
#[test]
fn what_was_shown_to_somebody_who_is_killed_right_then_is_not_lost() {
    let (mut room, reader) = (Room::open(), 1);
    for _ in 0..number_of(KILLS).unwrap_or(READS) {
        room.say(HOST);
        until("a message", || {
            room.look();
            (!room.members[reader].heard.is_empty()).then_some(())
        });
        room.kill(reader, 1);
        room.everybody_comes();
    }
    judge(room, "killed while reading");
}

/// Its computer sleeps, or has no time for it.
#[cfg(unix)]
#[test]
fn what_was_said_while_the_host_stood_still_reaches_everybody() {
    let mut room = Room::open();
    let signal = |room: &Room, name| room.members[HOST].run.as_ref().unwrap().signal(name);
    for step in 0..STILL + 40 {
        match step {
            20 => signal(&room, "STOP"),
            _ if step == STILL + 20 => signal(&room, "CONT"),
            _ => {}
        }
        // It is what they say meanwhile that matters.
        thread::sleep(STEP);
        room.look();
        (0..NAMES.len()).filter(|who| step % 4 == *who).for_each(|who| room.say(who));
    }
    judge(room, "the host stood still");
}
