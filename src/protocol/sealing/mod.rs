//! How the text of a room is closed to everybody but its members: sender keys wrapped under prekeys, padding, and
//! what a learning room has in their place. [`Sealing`] is the state that takes, whichever of the two it is; nobody
//! outside asks which.
//!
//! Not here: who is a member (`room`), what is said and when it goes out (`client`).

mod chains;
pub(super) mod learning;
mod member_prekey;
mod own_prekeys;
pub(super) mod padding;
pub(super) mod prekey;
pub(super) mod sender_key;
mod sender_keys;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use self::learning::Learning;
pub(super) use self::sender_key::{Opened, Unopened};
use self::sender_keys::SenderKeys;
use super::Now;
use super::content::Body;
use super::identity::Identity;
use super::payload::{Fault, HeaderPayload};
use super::rate::Bucket;
use super::room::log_hash::LogHash;
use super::room::roster::Roster;
use crate::crypto::{CryptoError, Fingerprint, Random};
use crate::wire::{Frame, Msg, Signed, Welcome, Wrap};

/// The others who would get a message sent now, with the index of the prekey each has; 0 where there are none.
pub(super) type Reachable = BTreeMap<Fingerprint, u64>;

/// Whether what is said next is understood by all who are reachable.
pub(super) enum Introduction {
    /// They can read it, and know who speaks.
    Done,
    /// They can once this frame, if any, and who speaks have gone before it.
    First(Option<Box<Frame>>),
    /// It takes a new key, and no more of those may be announced for now.
    Later,
}

/// Why a message was not sealed.
#[derive(PartialEq, Debug)]
pub(super) enum Unsealed {
    /// Of what a person made, only so many bytes fit into a frame.
    TooLarge { limit: usize },
    /// The room cannot go on.
    Fault(Fault),
}

/// What an announcement of a chain told.
pub(super) enum Announced {
    /// A key of ours, or nothing that concerns us.
    Taken,
    /// Its sender is at another roster than we are.
    Fork(Fingerprint),
    /// It has a key for us that does not open.
    Unreadable(Fingerprint),
}

/// How things stand when another member's prekey comes.
pub(super) struct Arrival<'a> {
    /// Who is connected.
    pub present: &'a BTreeSet<Fingerprint>,
    /// Whether we were up to date, so that it was made just now.
    pub is_live: bool,
    /// Whether it comes after a cut, in which nobody told us who came and went.
    pub missed_presence: bool,
}

/// What another member's prekey told.
pub(super) struct PrekeyNews {
    pub member: Fingerprint,
    /// Its member begins anew: what it has not confirmed it never will.
    pub begins_anew: bool,
    /// It had none before.
    pub is_back: bool,
    /// When it was made, by its member's clock.
    pub made_ms: u64,
}

/// The keys of one member in one room, and what is known of the others'.
pub(super) trait Sealing: Send {
    /// The host has let us in, and this is its word on the numbers we used last. Where the room was known before,
    /// nothing of its keys holds any more but those numbers.
    fn begin(&mut self, welcome: &Welcome);

    /// The link is gone: the chain that was announced on it may not have arrived.
    fn link_lost(&mut self);

    /// The roster has changed: what was announced before it is of no more use.
    fn new_epoch(&mut self);

    /// Of so much awake time the program saw nothing: nobody could have told of a new key either, and nothing that
    /// came was read.
    fn slept(&mut self, ms: u64);

    /// Who would get a message sent now, of those who are `present` or can fetch it soon.
    fn reachable(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Reachable;

    /// Whether somebody who came back may be about to tell of a new key: what is said before would be without
    /// them. Until when that may be, in monotonic milliseconds.
    fn awaits_keys(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Option<u64>;

    /// Whether somebody who connects is told who we are at once; otherwise their prekey, which follows, brings that
    /// about.
    fn introduces_on_sight(&self) -> bool;

    /// Makes sure that `reachable` can read what follows. `keys` is how many keys may be announced.
    fn introduce(
        &mut self,
        roster: &Roster,
        reachable: &Reachable,
        keys: &mut Bucket,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Introduction, Fault>;

    /// Whether `reachable` have the key of what follows already.
    fn is_read_by(&self, roster: &Roster, reachable: &Reachable, now: Now) -> bool;

    /// Seals `body` for `reachable`, telling them up to where the sender has seen the `log`. After
    /// [`Self::introduce`], which says when.
    fn seal(
        &mut self,
        body: &Body,
        roster: &Roster,
        log: &LogHash,
        reachable: &Reachable,
        now: Now,
    ) -> Result<Msg, Unsealed>;

    /// Opens another member's message that stands at `position`.
    fn open(
        &mut self,
        header: &HeaderPayload,
        message: &Msg,
        position: u64,
        roster: &Roster,
    ) -> Result<Opened, Unopened>;

    /// Takes in a chain's announcement. What does not hold is dropped; nothing is ever sent back.
    fn announced(&mut self, exact: &[u8], wrap: Option<&Wrap>, roster: &Roster) -> Announced;

    /// Takes in another member's prekey. One that does not hold is dropped: its member just cannot be reached.
    fn prekey(&mut self, exact: &[u8], arrival: &Arrival<'_>, roster: &Roster, now: Now) -> Option<PrekeyNews>;

    /// A member is connected again.
    fn member_is_back(&mut self, member: Fingerprint, now: Now);

    /// A member is not connected any more.
    fn member_went(&mut self, member: &Fingerprint);

    /// What a member did not read by now it never can: it said goodbye, or is a member no more.
    fn forget(&mut self, member: &Fingerprint);

    /// When the clock of each who is connected was, as their newest prekeys tell: milliseconds since 1970.
    fn clocks(&self, present: &BTreeSet<Fingerprint>) -> Vec<(Fingerprint, RangeInclusive<u64>)>;

    /// Makes a new prekey, to be announced; `None` where there are none. The old one's private half goes soon.
    fn new_prekey(&mut self, roster: &Roster, now: Now, random: &mut dyn Random) -> Result<Option<Signed>, Fault>;

    /// The person wants another prekey: at once, or when the link is up again.
    fn want_prekey(&mut self);

    /// Whether another prekey is due, as time and the person will have it.
    fn is_prekey_due(&mut self, now: Now) -> bool;

    /// Whether it is due after a cut: the others may lack the last one, too.
    fn is_prekey_due_after_cut(&self, now: Now) -> bool;

    /// A prekey has its place in the log; if it is ours, whoever speaks from there on has it.
    fn prekey_logged(&mut self, exact: &[u8], position: u64);

    /// The position of our own prekey in the log from which on whoever speaks should seal for us too.
    fn reached_since(&self) -> Option<u64>;

    /// Erases the private halves whose time has come: what was recorded for them stays closed.
    fn erase(&mut self, now: Now);

    /// When [`Self::erase`] has something to do, in monotonic milliseconds.
    fn next_erasure(&self, now: Now) -> Option<u64>;

    /// When [`Self::is_prekey_due`] or [`Self::awaits_keys`] will say something else, in monotonic milliseconds.
    fn next_timeout(&self, now: Now) -> Option<u64>;

    /// What it keeps, counted, and the most it should keep in a room of so many members.
    #[cfg(test)]
    fn held(&self, members: usize) -> Vec<(&'static str, usize, usize)>;
}

/// The sealing of a room with this roster. The one place that asks which kind it is.
pub(super) fn sealing_of(roster: &Roster, identity: &Arc<Identity>) -> Box<dyn Sealing> {
    if roster.suite().has_sender_keys() {
        Box::new(SenderKeys::new(Arc::clone(identity)))
    } else {
        Box::new(Learning::new(Arc::clone(identity)))
    }
}

impl From<CryptoError> for Unsealed {
    fn from(error: CryptoError) -> Self {
        Self::Fault(error.into())
    }
}
