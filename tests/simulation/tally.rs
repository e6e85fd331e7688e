//! What happened over all rooms together: a simulation in which nothing happens proves nothing.

use std::sync::atomic::{AtomicU64, Ordering};

use super::evil::Evil;

macro_rules! chances {
    ($($(#[$doc:meta])* $name:ident >= $least:literal,)*) => {
        /// What may happen in a room, and how often it must in all of them.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Chance { $($(#[$doc])* $name,)* }

        impl Chance {
            const ALL: &[(Self, u64)] = &[$((Self::$name, $least),)*];
        }
    };
}

chances! {
    /// Words that somebody was shown.
    Shown >= 50_000,
    Cut >= 10_000,
    Crash >= 10_000,
    /// The log went on where a cut had ended it.
    Resumed >= 5_000,
    /// It did not, and the member began anew.
    Gone >= 500,
    Removed >= 2_000,
    /// Left by their own wish.
    Left >= 500,
    /// Admitted again after a removal.
    Rejoined >= 500,
    /// Did not read fast enough and was sent away.
    Slow >= 100,
    Knocked >= 1_000,
    Declined >= 100,
    /// An invite that was used, withdrawn or made up.
    BadInvite >= 300,
    /// Words that were called back.
    Cancelled >= 500,
    OutboxFull >= 10,
    /// Somebody who came back was told that others said something meanwhile.
    Missed >= 2_000,
    /// Somebody was told that what they said was not confirmed by a member who went.
    MissedBy >= 500,
    /// Words that a member missed, and that somebody who had them was there to tell of.
    MissedAndWitnessed >= 1_500,
    /// More was said than a host keeps for those who were away.
    LogFull >= 2,
    /// A frame that arrived in pieces.
    Split >= 100_000,
    /// A chain's key that a stolen prekey opened, as it should: its owner was a member then.
    Stolen >= 1_000,
    /// Keys of former members, tried in vain.
    StolenInVain >= 1_000,
    /// A computer that slept, and one whose program was stopped.
    Slept >= 1_000,
    Stopped >= 1_000,
    /// A date that was set, and an app that began in 1970.
    DateSet >= 1_000,
    Began1970 >= 100,
    /// Somebody was told of a clock that differs, and somebody that it keeps them out.
    ClockTold >= 500,
    ClockRefused >= 50,
    /// A room that its owner closed in the end.
    Closed >= 1_000,
    /// A member's record of the room went, with all but what is remembered of rooms.
    RecordLost >= 1_000,
    /// Somebody who had seen more was shown an older roster: coming in by their record,
    LedBackByRecord >= 200,
    /// by an invite,
    LedBackByInvite >= 300,
    /// by knocking or coming back at an address,
    LedBackByAddress >= 150,
    /// and in the run in which they had seen it.
    LedBackInTheSameRun >= 500,
    /// The host alone said that somebody was removed, or the room closed.
    SaidToBeOver >= 500,
    /// The host's process ended, and another went on from what was on its disk.
    HostCrashed >= 2_000,
    /// Something that it had numbered was not on the disk by then.
    HostLostItems >= 150,
    /// The host's disk took nothing more for a while.
    DiskFailed >= 1_000,
    /// Somebody came back to a host of after a crash as after a cut.
    ResumedAfterCrash >= 200,
}

pub(super) struct Tally {
    chances: [AtomicU64; Chance::ALL.len()],
    struck: [AtomicU64; Evil::ALL.len()],
    noticed: [AtomicU64; Evil::ALL.len()],
}

impl Default for Tally {
    fn default() -> Self {
        let none = || AtomicU64::new(0);
        Self {
            chances: std::array::from_fn(|_| none()),
            struck: std::array::from_fn(|_| none()),
            noticed: std::array::from_fn(|_| none()),
        }
    }
}

impl Tally {
    pub(super) fn count(&self, chance: Chance) {
        self.chances[chance as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// An evil host has done something.
    pub(super) fn struck(&self, evil: Evil) {
        self.struck[evil as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody was told of it.
    pub(super) fn noticed(&self, evil: Evil) {
        self.noticed[evil as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Prints all counts.
    pub(super) fn print(&self) {
        for (chance, _) in Chance::ALL {
            eprintln!("{:>9} {chance:?}", self.of(*chance));
        }
        for evil in Evil::ALL {
            let [struck, noticed] = self.of_evil(evil);
            eprintln!("{struck:>9} times {evil:?}, and {noticed} rooms in which it was noticed");
        }
    }

    /// Each thing happened often enough in so many rooms to mean something. The floors are those of ten thousand.
    pub(super) fn check(&self, rooms: u64) {
        let least_of = |of_ten_thousand: u64| of_ten_thousand * rooms / 10_000;
        for (chance, least) in Chance::ALL {
            assert!(self.of(*chance) >= least_of(*least), "{chance:?} happened only {} times", self.of(*chance));
        }
        for evil in Evil::ALL {
            let [struck, noticed] = self.of_evil(evil);
            assert!(struck >= least_of(500), "{evil:?} happened only {struck} times");
            assert!(noticed >= least_of(200), "{evil:?} was noticed in only {noticed} rooms");
        }
    }

    fn of(&self, chance: Chance) -> u64 {
        self.chances[chance as usize].load(Ordering::Relaxed)
    }

    fn of_evil(&self, evil: Evil) -> [u64; 2] {
        [&self.struck, &self.noticed].map(|counts| counts[evil as usize].load(Ordering::Relaxed))
    }
}
