//! The members of a room, all in one loop: some send as fast as the host takes it, all receive.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};

use crate::crowd::Crowd;
use crate::member::Member;

/// Messages a sender has on their way at once: it waits for its own to come back, as clients do.
const WINDOW: u64 = 64;

/// Everybody in the room.
pub struct Load {
    poll: Poll,
    members: Vec<Member>,
    messages: Vec<Vec<u8>>,
    scratch: Vec<u8>,
    /// By the mark of the message: how many were sent, and how many came back to their sender.
    sent: Vec<u64>,
    returned: Vec<u64>,
    delivered: u64,
}

impl Load {
    /// The first `present` of `crowd` enter the room.
    pub fn enter(crowd: &Crowd, address: SocketAddr, present: usize) -> Self {
        let poll = Poll::new().unwrap();
        let mut members = Vec::new();
        for (index, person) in crowd.people.iter().take(present).enumerate() {
            let mut member = Member::connect(address, person.signing(), crowd.host());
            poll.registry()
                .register(&mut member.socket, Token(index), Interest::READABLE.add(Interest::WRITABLE))
                .unwrap();
            if index == 0 {
                crowd.opening().iter().for_each(|frame| member.send(frame));
            } else {
                member.send(&crowd.joining(person));
            }
            members.push(member);
        }
        let messages = (0..present).map(|index| crowd.message(index, index as u8).to_vec()).collect();
        let nothing = vec![0; 256];
        let scratch = vec![0; 256 * 1024];
        let mut load =
            Self { poll, members, messages, scratch, sent: nothing.clone(), returned: nothing, delivered: 0 };
        load.wait_until_all_hear();
        load
    }

    /// `senders` of them talk for `time`; how many messages were delivered.
    pub fn talk(&mut self, senders: usize, time: Duration) -> u64 {
        let (before, until) = (self.delivered, Instant::now() + time);
        while Instant::now() < until {
            for sender in 0..senders {
                let room = WINDOW.saturating_sub(self.sent[sender] - self.returned[sender]);
                if room > 0 {
                    self.say(sender, room);
                }
            }
            self.turn(until);
        }
        let delivered = self.delivered - before;
        self.settle();
        delivered
    }

    /// The first says something every `beat` for `time`; how long each took to the last member.
    pub fn beat(&mut self, beat: Duration, time: Duration) -> Vec<Duration> {
        let until = Instant::now() + time;
        let mut times = Vec::new();
        let mut next = Instant::now();
        while next < until {
            while Instant::now() < next {
                self.turn(next);
            }
            next += beat;
            let (start, goal) = (Instant::now(), self.delivered + self.members.len() as u64);
            self.say(0, 1);
            while self.delivered < goal {
                self.turn(start + Duration::from_secs(10));
                assert!(start.elapsed() < Duration::from_secs(10), "a message was lost");
            }
            times.push(start.elapsed());
        }
        times
    }

    fn say(&mut self, sender: usize, times: u64) {
        for _ in 0..times {
            self.members[sender].send(&self.messages[sender]);
        }
        self.sent[sender] += times;
    }

    /// Until what is on its way has arrived.
    fn settle(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        let on_its_way = |load: &Self| load.sent.iter().sum::<u64>() * load.members.len() as u64 > load.delivered;
        while on_its_way(self) {
            self.turn(deadline);
            assert!(Instant::now() < deadline, "messages were lost");
        }
    }

    /// The members come in one after the other, and the first word is heard by whoever is in.
    fn wait_until_all_hear(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        let quiet = Duration::from_millis(500);
        let mut last = Instant::now();
        while last.elapsed() < quiet && Instant::now() < deadline {
            if self.turn(Instant::now() + quiet) {
                last = Instant::now();
            }
        }
        self.say(0, 1);
        self.settle();
    }

    /// Waits for sockets, not longer than `until`, and reads them; whether there was anything.
    fn turn(&mut self, until: Instant) -> bool {
        let mut events = Events::with_capacity(512);
        self.poll.poll(&mut events, Some(until.saturating_duration_since(Instant::now()))).unwrap();
        for event in &events {
            let index = event.token().0;
            let (delivered, returned) = (&mut self.delivered, &mut self.returned);
            self.members[index].flush();
            self.members[index].receive(&mut self.scratch, |mark| {
                *delivered += 1;
                if usize::from(mark) == index {
                    returned[index] += 1;
                }
            });
        }
        !events.is_empty()
    }
}
