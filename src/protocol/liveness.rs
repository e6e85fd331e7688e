//! Whether the other side of a link is still there.
//!
//! A link can die silently: a pulled cable, a stopped process, a router that forgot it. While nobody sends anything,
//! that hurts nobody, and an occasional ping is enough. Once something was sent, the other side has to show soon that
//! it is there, or the sender waits for nothing.

use super::limits::{
    ANSWER_PING_MS, DEAD_AFTER_MS, LATE_MS, PING_AFTER_MS, PING_AFTER_SAYING_MS, SLOW_LINE_BYTES_A_MS,
};

/// What to do about a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sign {
    /// Nothing at present.
    Fine,
    /// A `Ping` with this number is to be sent.
    Ask(u64),
    /// It is dead.
    Dead,
}

/// What one side knows about the other being alive. All times are monotonic milliseconds.
#[derive(Clone, Debug)]
pub(super) struct Liveness {
    heard_ms: u64,
    asked_ms: u64,
    /// The number of the last ping: each has its own, to match its answer.
    last_number: u64,
    /// What was sent and not answered yet.
    said: Option<Said>,
}

/// Something was sent and nothing shows yet that it arrived.
#[derive(Clone, Debug)]
struct Said {
    since_ms: u64,
    /// Bytes on their way at most: they take time on a slow line.
    bytes: u64,
    probe: Option<Probe>,
}

/// A `Ping` sent because something was said.
#[derive(Clone, Debug)]
struct Probe {
    number: u64,
    /// How long its answer may take.
    patience_ms: u64,
    /// Bytes sent after it: its answer says nothing about those.
    later_bytes: u64,
}

impl Liveness {
    /// The link has just come up.
    pub(super) const fn new(now_ms: u64) -> Self {
        Self { heard_ms: now_ms, asked_ms: now_ms, last_number: 0, said: None }
    }

    /// A frame arrived. It may have been on its way before we sent anything, so it only postpones the ping.
    pub(super) const fn heard(&mut self, now_ms: u64) {
        self.heard_ms = now_ms;
    }

    /// The answer to our `Ping` of that number arrived.
    pub(super) fn answered(&mut self, number: u64, now_ms: u64) {
        let is_it = |said: &mut Said| said.probe.as_ref().is_some_and(|probe| probe.number == number);
        let Some(probe) = self.said.take_if(is_it).and_then(|said| said.probe) else { return };
        if probe.later_bytes > 0 {
            self.said = Some(Said { since_ms: now_ms, bytes: probe.later_bytes, probe: None });
        }
    }

    /// This many bytes went out in frames that are not themselves pings.
    pub(super) fn said(&mut self, bytes: u64, now_ms: u64) {
        let said = self.said.get_or_insert(Said { since_ms: now_ms, bytes: 0, probe: None });
        said.bytes = said.bytes.saturating_add(bytes);
        if let Some(probe) = &mut said.probe {
            probe.later_bytes = probe.later_bytes.saturating_add(bytes);
        }
    }

    /// A `Ping` goes out; returns its number.
    pub(super) fn ask(&mut self, now_ms: u64) -> u64 {
        self.asked_ms = now_ms;
        let number = now_ms.max(self.last_number.saturating_add(1));
        self.last_number = number;
        if let Some(said) = self.said.as_mut().filter(|said| said.probe.is_none()) {
            let patience_ms = ANSWER_PING_MS + on_its_way_ms(said.bytes);
            said.probe = Some(Probe { number, patience_ms, later_bytes: 0 });
        }
        number
    }

    /// What to do now.
    pub(super) fn check(&mut self, now_ms: u64) -> Sign {
        let dead_ms = self.dead_ms();
        if now_ms >= dead_ms {
            // Nobody checked in time: this computer slept, or this process was stopped, and what the other side sent
            // meanwhile is still unread.
            let is_late = now_ms.saturating_sub(dead_ms) >= LATE_MS;
            return if is_late { Sign::Ask(self.ask_anew(now_ms)) } else { Sign::Dead };
        }
        if now_ms < self.ask_ms() {
            return Sign::Fine;
        }
        Sign::Ask(self.ask(now_ms))
    }

    /// The latest time by which [`Self::check`] has something to do.
    pub(super) fn due_ms(&self) -> u64 {
        self.ask_ms().min(self.dead_ms())
    }

    /// After a break in time: the silence was ours, so ping at once to see whether the link still holds. Returns the
    /// number of that `Ping`.
    pub(super) fn ask_anew(&mut self, now_ms: u64) -> u64 {
        let bytes = self.said.take().map_or(0, |said| said.bytes);
        self.heard_ms = now_ms;
        self.said(bytes, now_ms);
        self.ask(now_ms)
    }

    fn ask_ms(&self) -> u64 {
        let idle_ms = self.heard_ms.max(self.asked_ms) + PING_AFTER_MS;
        match &self.said {
            Some(Said { since_ms, probe: None, .. }) => {
                idle_ms.min(self.heard_ms.max(*since_ms) + PING_AFTER_SAYING_MS)
            }
            _ => idle_ms,
        }
    }

    fn dead_ms(&self) -> u64 {
        let Some(said) = &self.said else { return self.heard_ms + DEAD_AFTER_MS };
        match &said.probe {
            Some(probe) => self.heard_ms.max(probe.number) + probe.patience_ms,
            None => self.heard_ms + DEAD_AFTER_MS + on_its_way_ms(said.bytes),
        }
    }
}

/// How long this many bytes may take on the slowest usable line.
const fn on_its_way_ms(bytes: u64) -> u64 {
    bytes / SLOW_LINE_BYTES_A_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worst case for a sender: the ping, and an answer that does not come.
    const NOTICED_MS: u64 = PING_AFTER_SAYING_MS + ANSWER_PING_MS;

    /// Checks whenever it is due, up to `until_ms`: when it pinged, and when it found the link dead.
    fn watch(life: &mut Liveness, until_ms: u64) -> (Vec<u64>, Option<u64>) {
        let mut asked = Vec::new();
        while life.due_ms() <= until_ms {
            let now_ms = life.due_ms();
            match life.check(now_ms) {
                Sign::Ask(number) => asked.push(number),
                Sign::Dead => return (asked, Some(now_ms)),
                Sign::Fine => panic!("woken for nothing at {now_ms}"),
            }
        }
        (asked, None)
    }

    #[test]
    fn a_quiet_link_is_asked_twice_and_given_up_after_the_third_wait() {
        let mut life = Liveness::new(100);
        let (asked, dead) = watch(&mut life, u64::MAX / 2);
        assert_eq!(asked, [100 + PING_AFTER_MS, 100 + 2 * PING_AFTER_MS]);
        assert_eq!(dead, Some(100 + DEAD_AFTER_MS));
    }

    #[test]
    fn who_speaks_into_a_dead_link_knows_within_ten_seconds() {
        const { assert!(NOTICED_MS < 10_000) };
        // However long it was quiet before, and whatever ping was open.
        for said_ms in [0, 1, 1_000, PING_AFTER_MS - 1, PING_AFTER_MS, 45_000, 61_000, DEAD_AFTER_MS - 1] {
            let mut life = Liveness::new(0);
            watch(&mut life, said_ms);
            life.said(500, said_ms);
            let (_, dead) = watch(&mut life, u64::MAX / 2);
            assert!(dead.is_some_and(|dead| dead <= said_ms + NOTICED_MS + 10), "{said_ms}: {dead:?}");
        }
    }

    #[test]
    fn an_answer_ends_the_wait_and_other_frames_only_put_it_off() {
        let mut life = Liveness::new(0);
        life.said(50, 0);
        // It was on its way before.
        life.heard(20);
        assert_eq!(life.due_ms(), 20 + PING_AFTER_SAYING_MS);
        let number = life.due_ms();
        assert_eq!(life.check(number), Sign::Ask(number));
        life.heard(number + 1_000);
        life.answered(number - 1, number + 1_000);
        assert_eq!(life.due_ms(), number + 1_000 + ANSWER_PING_MS, "the answer to another question is none");
        life.heard(number + 2_000);
        life.answered(number, number + 2_000);
        assert_eq!(life.due_ms(), number + 2_000 + PING_AFTER_MS, "all that was said has arrived");
    }

    #[test]
    fn what_was_said_after_the_question_is_asked_about_again() {
        let mut life = Liveness::new(0);
        life.said(50, 0);
        let number = life.due_ms();
        assert_eq!(life.check(number), Sign::Ask(number));
        life.said(50, number + 10);
        life.heard(number + 20);
        life.answered(number, number + 20);
        let (asked, dead) = watch(&mut life, u64::MAX / 2);
        assert_eq!(asked, [number + 20 + PING_AFTER_SAYING_MS]);
        assert_eq!(dead, Some(number + 20 + NOTICED_MS));
    }

    #[test]
    fn a_lively_link_is_never_given_up_and_talk_costs_a_question_every_few_seconds() {
        let mut life = Liveness::new(0);
        let (mut now_ms, mut asked) = (0, 0);
        while now_ms < 600_000 {
            life.said(700, now_ms);
            match life.check(now_ms) {
                Sign::Ask(number) => {
                    asked += 1;
                    life.heard(now_ms + 40);
                    life.answered(number, now_ms + 40);
                }
                Sign::Fine => {}
                Sign::Dead => panic!("dead at {now_ms}"),
            }
            now_ms += 50;
        }
        assert!(asked <= 600_000 / PING_AFTER_SAYING_MS && asked > 100, "{asked}");
    }

    #[test]
    fn a_large_thing_said_over_a_slow_line_has_its_time() {
        let bytes = 438 * 1024;
        let mut life = Liveness::new(0);
        life.said(bytes, 0);
        let (_, dead) = watch(&mut life, u64::MAX / 2);
        // 256 kbit/s are 32 bytes per millisecond.
        assert!(dead.is_some_and(|dead| dead > bytes / 32), "{dead:?}");
    }

    #[test]
    fn whoever_was_away_itself_asks_before_it_judges() {
        for (said, away_ms) in [(false, DEAD_AFTER_MS + LATE_MS), (true, NOTICED_MS + LATE_MS), (true, 1 << 40)] {
            let mut life = Liveness::new(0);
            if said {
                life.said(1, 0);
                life.check(PING_AFTER_SAYING_MS);
            }
            assert_eq!(life.check(away_ms), Sign::Ask(away_ms), "asleep for {away_ms}");
            let (asked, dead) = watch(&mut life.clone(), u64::MAX / 2);
            assert_eq!((asked, dead), (vec![], Some(away_ms + ANSWER_PING_MS)), "and it is really gone");
            life.heard(away_ms + 1);
            life.answered(away_ms, away_ms + 1);
            assert_eq!(life.check(away_ms + ANSWER_PING_MS), Sign::Fine, "and it is there");
        }
    }
}
