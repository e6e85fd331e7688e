//! How a room's messages are closed to everybody but its members: sender keys wrapped under prekeys, padding, and what
//! a learning room uses instead. [`Sealing`] is the state of either; nobody outside asks which.
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
use crate::wire::{Frame, FrameKind, Msg, Signed, Welcome, Wrap, encode};

/// The fixed part of a message, counted as if it were content.
const FIXED_BYTES: usize = 256;

/// The others who would get a message sent now, with the index of each one's prekey; 0 where there are no prekeys.
pub(super) type Reachable = BTreeMap<Fingerprint, u64>;

/// Whether everybody reachable can read the next message.
pub(super) enum Introduction {
    /// They can read it, and know who speaks.
    Done,
    /// They can after this frame, if any, and an introduction.
    First(Option<Box<Frame>>),
    /// It takes a new key, and no more may be announced for now.
    Later,
}

/// Why a message was not sealed.
#[derive(PartialEq, Debug)]
pub(super) enum Unsealed {
    /// Only this many bytes of content fit into a frame.
    TooLarge { limit: usize },
    /// The room cannot go on.
    Fault(Fault),
}

/// The outcome of a chain's announcement.
pub(super) enum Announced {
    /// A key of ours, or nothing that concerns us.
    Taken,
    /// Its sender has a different roster from ours.
    Fork(Fingerprint),
    /// It has a key for us that does not open.
    Unreadable(Fingerprint),
}

/// The circumstances in which another member's prekey arrives.
pub(super) struct Arrival<'a> {
    /// Who is connected.
    pub present: &'a BTreeSet<Fingerprint>,
    /// Whether we were up to date, so it was made just now.
    pub is_live: bool,
    /// Whether it comes after a cut, in which nobody told us who came and went.
    pub missed_presence: bool,
}

/// The outcome of another member's prekey.
pub(super) struct PrekeyNews {
    pub member: Fingerprint,
    /// Its member restarted: what it has not confirmed it never will.
    pub begins_anew: bool,
    /// It had none before.
    pub is_back: bool,
    /// When it was made, by its member's clock.
    pub made_ms: u64,
}

/// One member's keys in one room, and what is known of the others'.
pub(super) trait Sealing: Send {
    /// The host has let us in, and says which numbers we used last. If the room was known before, only those numbers
    /// of its keys remain valid.
    fn begin(&mut self, welcome: &Welcome);

    /// The link is gone: the chain that was announced on it may not have arrived.
    fn link_lost(&mut self);

    /// The roster has changed to this one: what was announced before is no longer usable, and nothing is kept of the
    /// messages of somebody who is no longer on it.
    fn new_epoch(&mut self, roster: &Roster);

    /// The program saw nothing for this much awake time: nobody could have announced a new key, and nothing that
    /// arrived was read.
    fn slept(&mut self, ms: u64);

    /// Who would get a message sent now, among those who are `present` or can fetch it soon.
    fn reachable(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Reachable;

    /// Whether a member who came back may be about to announce a new key, so that earlier messages would miss them.
    /// Until when, in monotonic milliseconds.
    fn awaits_keys(&self, present: &BTreeSet<Fingerprint>, now: Now) -> Option<u64>;

    /// Whether to introduce ourselves at once to somebody who connects; otherwise their prekey, which follows,
    /// triggers it.
    fn introduces_on_sight(&self) -> bool;

    /// Makes sure that `reachable` can read what follows. `keys` says how many keys may be announced.
    fn introduce(
        &mut self,
        roster: &Roster,
        reachable: &Reachable,
        keys: &mut Bucket,
        now: Now,
        random: &mut dyn Random,
    ) -> Result<Introduction, Fault>;

    /// Whether `reachable` already have the key for what follows.
    fn is_read_by(&self, roster: &Roster, reachable: &Reachable, now: Now) -> bool;

    /// Seals `body`, said at `said_ms` by our clock, for `reachable`, telling them how far the sender has seen the `log`. Call it after
    /// [`Self::introduce`], which says when. A body of any kind that fits no frame is [`Unsealed::TooLarge`], and
    /// nothing has changed.
    fn seal(
        &mut self,
        body: &Body,
        roster: &Roster,
        log: &LogHash,
        reachable: &Reachable,
        said_ms: u64,
    ) -> Result<Msg, Unsealed>;

    /// Opens another member's message at `position`.
    fn open(
        &mut self,
        header: &HeaderPayload,
        message: &Msg,
        position: u64,
        roster: &Roster,
    ) -> Result<Opened, Unopened>;

    /// Processes a chain's announcement. An invalid one is dropped; nothing is ever sent back.
    fn announced(&mut self, exact: &[u8], wrap: Option<&Wrap>, roster: &Roster) -> Announced;

    /// Processes another member's prekey. An invalid one is dropped: its member just cannot be reached.
    fn prekey(&mut self, exact: &[u8], arrival: &Arrival<'_>, roster: &Roster, now: Now) -> Option<PrekeyNews>;

    /// A member is connected again.
    fn member_is_back(&mut self, member: Fingerprint, now: Now);

    /// A member is no longer connected.
    fn member_went(&mut self, member: &Fingerprint);

    /// What a member has not read by now it never can: it said goodbye, or is no longer a member.
    fn forget(&mut self, member: &Fingerprint);

    /// Each connected member's clock, according to their newest prekey: milliseconds since 1970.
    fn clocks(&self, present: &BTreeSet<Fingerprint>) -> Vec<(Fingerprint, RangeInclusive<u64>)>;

    /// Makes a new prekey to announce; `None` where there are no prekeys. The old one's private half is erased soon.
    fn new_prekey(&mut self, roster: &Roster, now: Now, random: &mut dyn Random) -> Result<Option<Signed>, Fault>;

    /// The person wants a new prekey: now, or when the link is up again.
    fn want_prekey(&mut self);

    /// Whether a new prekey is due, by time or by the person's request.
    fn is_prekey_due(&mut self, now: Now) -> bool;

    /// Whether it is due after a cut: the others may also lack the last one.
    fn is_prekey_due_after_cut(&self, now: Now) -> bool;

    /// A prekey is now in the log; if it is ours, whoever speaks after it has it.
    fn prekey_logged(&mut self, exact: &[u8], position: u64);

    /// The position of our own prekey in the log from which on whoever speaks should seal for us too.
    fn reached_since(&self) -> Option<u64>;

    /// Erases the private halves that are due: what was recorded for them stays closed.
    fn erase(&mut self, now: Now);

    /// When [`Self::erase`] next has something to do, in monotonic milliseconds.
    fn next_erasure(&self, now: Now) -> Option<u64>;

    /// When the answer of [`Self::is_prekey_due`] or [`Self::awaits_keys`] changes, in monotonic milliseconds.
    fn next_timeout(&self, now: Now) -> Option<u64>;

    /// What it keeps, counted, and the most it should keep in a room of this many members.
    #[cfg(test)]
    fn held(&self, members: usize) -> Vec<(&'static str, usize, usize)>;
}

/// Refuses a message whose frame would be over the limit that the host insists on: it would cost the link. Each sealing
/// asks before it counts the message as sent, or the others would miss one that never went out.
fn check_size(body: &Body, message: &Msg) -> Result<(), Unsealed> {
    let bytes = encode(message).len();
    if bytes <= FrameKind::Msg.limit() { Ok(()) } else { Err(Unsealed::TooLarge { limit: content_limit(body, bytes) }) }
}

/// How much content would fit, given that it made a frame of `bytes`.
fn content_limit(body: &Body, bytes: usize) -> usize {
    let Body::Said { content, .. } = body else { return 0 };
    (content.size() * FrameKind::Msg.limit() / bytes.max(1)).saturating_sub(FIXED_BYTES)
}

/// The sealing for a room with this roster. The only place that asks which kind it is.
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
