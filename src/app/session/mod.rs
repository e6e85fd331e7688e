//! The local user's verbs, one session for each open profile.
//!
//! A [`Session`] is a cheap handle that can be cloned and moved to any thread. No call of it blocks: the work is done
//! on a thread of its own (files, signatures), on workers (making keys) and on the net's threads. What happened comes
//! as [`SessionEvent`]s, in order, over one channel: read in them what the session reports about itself, and feed each
//! to [`Chat::apply`](super::conversation::Chat::apply) to get rows to show.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use conversa::app::conversation::{Change, Chat};
//! use conversa::app::{Profile, Session, SessionEvent};
//!
//! # let directory = tempfile::tempdir()?;
//! # let place = directory.path().join("ann");
//! let (session, opening, events) = Session::open(Profile::open(Some(place))?)?;
//! let mut chat = Chat::new(&opening.rooms);
//! session.change_settings(|settings| settings.name = "Ann".to_owned());
//! session.quit();
//! loop {
//!     let event = events.recv_blocking()?;
//!     let now_ms = 1_800_000_000_000; // The date: what rows without one of their own stand under.
//!     for change in chat.apply(&event, now_ms) {
//!         if let Change::RowAdded { membership, row } = change {
//!             // Here a front end shows the row.
//!         }
//!     }
//!     match event {
//!         SessionEvent::Settings(settings) => assert_eq!(settings.name, "Ann"),
//!         SessionEvent::Ended => break,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The crate's own page has two sessions that talk with each other.
//!
//! Identities are created automatically when a room needs one; [`Session::ensure_identity`] only starts that earlier.
//! Owners get a fresh invite automatically: after the first `Ready`, and each time one was used.

mod address_probe;
mod address_test;
mod address_tests;
mod asking;
mod clients;
mod disk;
mod engine;
mod entering;
mod errands;
mod events;
mod front_end;
mod hosting;
mod input;
mod listeners;
mod membership;
mod membership_events;
mod outbox;
mod quitting;
mod requests;
mod saved_messages;
mod stores;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};

pub use self::address_test::{AddressTest, Reach};
pub use self::events::{EarlierMessage, EarlierMessages, MembershipEvent, SessionEvent};
pub use self::requests::{HostPlace, HostRequest, JoinRequest, KnownRoom, MembershipId, MembershipInfo, Opening};
use super::settings::Settings;
use super::worker::thread;
use super::{Code, JoinTarget, LoadedRecords, Memories, Passphrase, Problem, Profile, Records, clock, say, sendable};
use crate::crypto::{Fingerprint, KeyKind, Random, SystemRandom};
use crate::net::{self, NetLimits, Reports};
use crate::protocol::{self, Content, MessageId, RoomId};
use engine::{Engine, Parts};
use input::Input;
use saved_messages::Reading;

/// Events that may wait for a front end before the session waits for it: a large room's burst, below a megabyte.
const EVENTS_WAITING_MAX: usize = 4_096;

/// The handle to a session.
#[derive(Clone)]
pub struct Session {
    inputs: mpsc::Sender<Input>,
    next_membership: Arc<AtomicU64>,
    memberships: Memberships,
}

/// Which membership belongs to which known room: shared, so that an invite to a known room finds its membership.
type Memberships = Arc<Mutex<HashMap<RoomId, KnownMembership>>>;

/// A membership in a known room.
#[derive(Clone, Copy)]
struct KnownMembership {
    membership: MembershipId,
    /// The kind of keys that the room is made for.
    kind: KeyKind,
    owned: bool,
}

impl Session {
    /// Opens a session on a profile: reads the settings and the rooms' records, and starts the threads. Identities are
    /// read when needed.
    ///
    /// # Errors
    /// A [`Problem`] if the profile cannot be read or the system provides no threads.
    pub fn open(profile: Profile) -> Result<(Self, Opening, async_channel::Receiver<SessionEvent>), Problem> {
        let mut warnings = Vec::from_iter(clock::doubt(clock::now()));
        let (settings, warning) = Settings::load(profile.directory());
        warnings.extend(warning);
        let records = Records::new(profile.directory());
        let LoadedRecords { records: known, stale, lost, warnings: damaged } = records.load_all()?;
        warnings.extend(damaged);
        let (memories, damaged) = Memories::load(profile.directory(), &known)?;
        warnings.extend(damaged);
        let lost = memories.lost(&known, &lost);

        let (inputs, inbox) = mpsc::channel();
        let (events, receiver) = async_channel::bounded(EVENTS_WAITING_MAX);
        let told = inputs.clone();
        let reports = Reports::new(move |event| drop(told.send(Input::Net(event))));
        let net = net::spawn_reporting(NetLimits::default(), Arc::clone(&reports));
        let net = net.map_err(|error| Problem::cannot_start(&error))?;
        let next_membership = Arc::new(AtomicU64::new(1));
        let memberships = Memberships::default();
        let session = Self { inputs: inputs.clone(), next_membership, memberships: Arc::clone(&memberships) };

        let with_memberships: Vec<_> = known.into_iter().map(|record| (session.new_membership(), record)).collect();
        let rooms = with_memberships
            .iter()
            .map(|(membership, record)| KnownRoom { membership: *membership, info: record.info() })
            .collect();
        for (membership, record) in &with_memberships {
            let (kind, owned) = (record.suite().key_kind(), record.is_owned());
            lock(&memberships).insert(record.room, KnownMembership { membership: *membership, kind, owned });
        }
        let parts = Parts {
            profile,
            settings: settings.clone(),
            records,
            memories,
            known: with_memberships,
            stale,
            by_room: memberships,
        };
        let engine = Engine::new(parts, net, reports, inputs, events);
        thread("session", move || engine.run(&inbox))?;
        Ok((session, Opening { settings, rooms, lost, warnings }, receiver))
    }

    /// Reads the identity of `kind`, or makes one of `bits` bits (by default the kind's default) if there is none. A
    /// damaged identity is reported, never replaced.
    pub fn ensure_identity(&self, kind: KeyKind, bits: Option<u32>) {
        self.input(Input::EnsureIdentity { kind, bits });
    }

    /// Replaces the identity of `kind` by a new one with keys of `bits` bits, and sets the old files aside: to
    /// everybody, a new person. Does nothing while there is a room of the suite, because its members know the old one;
    /// nor if no identity can be used yet.
    pub fn replace_identity(&self, kind: KeyKind, bits: u32) {
        self.input(Input::ReplaceIdentity { kind, bits });
    }

    /// Supplies the passphrase of the identity's files, and continues reading what waits for it.
    pub fn unlock(&self, passphrase: Passphrase) {
        self.input(Input::Unlock(passphrase));
    }

    /// Stores the secure identity's passphrase in the desktop's keyring, or removes it. [`SessionEvent::Settings`]
    /// follows, after a warning if there is no keyring.
    pub fn keep_in_keyring(&self, keep: bool) {
        self.input(Input::KeepInKeyring(keep));
    }

    /// Rewrites the identity of `kind` under a passphrase, or under none.
    pub fn protect_identity(&self, kind: KeyKind, passphrase: Option<Passphrase>) {
        self.input(Input::Protect { kind, passphrase });
    }

    /// Writes a backup of the secure identity to a new file, under a passphrase of its own.
    /// [`SessionEvent::BackedUp`] follows.
    pub fn back_up(&self, file: PathBuf, passphrase: Passphrase) {
        self.input(Input::BackUp { file, passphrase });
    }

    /// Replaces the secure identity by a backup's, under the backup's passphrase; the old files are set aside. Refused
    /// if a room knows a different identity. [`SessionEvent::Restored`] follows.
    pub fn restore(&self, file: PathBuf, passphrase: Passphrase) {
        self.input(Input::Restore { file, passphrase });
    }

    /// Opens a new room. `Hosting` (if on this computer), `Entered`, `Ready` and an invite follow.
    #[must_use]
    pub fn host(&self, request: HostRequest) -> MembershipId {
        let membership = self.new_membership();
        self.input(Input::Host { membership, request });
        membership
    }

    /// Joins a room. An invite to a room of this profile returns to its membership.
    ///
    /// # Errors
    /// A [`Problem`] that needs no connection to find: a learning invite without consent, or an invite to one's own
    /// room.
    pub fn join(&self, request: JoinRequest) -> Result<MembershipId, Problem> {
        if let JoinTarget::Invite(invite) = &request.target {
            if let Some(known) = lock(&self.memberships).get(&invite.room).copied() {
                if known.owned {
                    return Err(Problem::own_address());
                }
                self.input(Input::EnterBy { membership: known.membership, invite: invite.clone() });
                return Ok(known.membership);
            }
            if invite.suite.is_learning() && request.learning.is_none() {
                return Err(Problem::learning_room());
            }
        }
        let membership = self.new_membership();
        self.input(Input::Join { membership, request });
        Ok(membership)
    }

    /// Returns to a room of this profile, or retries what failed. While the membership is connected or connecting, it
    /// does nothing but retry at once.
    pub fn enter(&self, membership: MembershipId) {
        self.input(Input::Enter(membership));
    }

    /// Hosts an owned room of this profile at another address from the next [`Self::enter`] on.
    pub fn host_at(&self, membership: MembershipId, address: SocketAddr) {
        self.input(Input::HostAt { membership, address });
    }

    /// Tests whether this computer answers at each address of a room hosted here: `MembershipEvent::Reach` follows for
    /// each, twice.
    pub fn test_addresses(&self, membership: MembershipId) {
        self.input(Input::TestAddresses(membership));
    }

    /// Answers `Event::FirstUse`: this is the host's key.
    pub fn trust_host(&self, membership: MembershipId, host: Fingerprint) {
        self.command(membership, protocol::Command::TrustHost(host));
    }

    /// Removes the pinned key of a room's host, when the person says that it is gone for good, and returns to the
    /// room: `Event::FirstUse` asks about the current key. Does nothing for a room that this computer hosts.
    pub fn forget_host(&self, membership: MembershipId) {
        self.input(Input::ForgetHost(membership));
    }

    /// Answers `Event::Lobby`: asks to be let into this room.
    pub fn knock(&self, membership: MembershipId, room: RoomId) {
        self.command(membership, protocol::Command::Knock(room));
    }

    /// Sends a text. See [`Self::say`].
    ///
    /// # Errors
    /// A [`Problem`] for a text that has nothing visible or is too long; nothing was sent.
    pub fn send(&self, membership: MembershipId, text: &str) -> Result<MessageId, Problem> {
        // A script may intend the white space before its text.
        let text = text.trim_end();
        if sendable(text).is_none() {
            return Err(Problem::new(Code::Usage, say!("There is nothing to send."), say!("")));
        }
        self.say(membership, Content::text(text))
    }

    /// Sends something. It waits if the host is away.
    ///
    /// # Errors
    /// A [`Problem`] for anything larger than its kind allows; nothing was sent.
    pub fn say(&self, membership: MembershipId, content: Content) -> Result<MessageId, Problem> {
        if !content.fits() {
            return Err(Problem::too_long(content.size(), content.bytes_max()));
        }
        let id = MessageId((&mut SystemRandom::new() as &mut dyn Random).bytes()?);
        self.input(Input::Send { membership, id, content });
        Ok(id)
    }

    /// Cancels a message that has not been sealed yet.
    pub fn cancel(&self, membership: MembershipId, id: MessageId) {
        self.input(Input::Cancel { membership, id });
    }

    /// Reads messages from before this run that stand above those that are known; `MembershipEvent::Earlier` follows.
    /// Does nothing if there are none, or while some are being read.
    pub fn read_earlier(&self, membership: MembershipId) {
        self.input(Input::Read { membership, reading: Reading::Earlier });
    }

    /// The person has read a message of somebody else, and all before it. It is stored soon: what came after it is told as
    /// unread in a later run.
    pub fn read_up_to(&self, membership: MembershipId, from: Fingerprint, message: MessageId) {
        self.input(Input::Read { membership, reading: Reading::UpTo { from, message } });
    }

    /// Makes another invite (owner).
    pub fn invite(&self, membership: MembershipId) {
        self.input(Input::Invite(membership));
    }

    /// Revokes all open invites and makes a fresh one (owner).
    pub fn reset_invites(&self, membership: MembershipId) {
        self.command(membership, protocol::Command::WithdrawInvites);
        self.input(Input::Invite(membership));
    }

    /// Answers `Event::Knock` (owner).
    pub fn answer_knock(&self, membership: MembershipId, member: Fingerprint, admit: bool) {
        self.input(Input::AnswerKnock { membership, member, admit });
    }

    /// Removes a member (owner).
    pub fn remove(&self, membership: MembershipId, member: Fingerprint) {
        self.command(membership, protocol::Command::Remove(member));
    }

    /// Asks for the safety number with a member; `Event::SafetyNumber` follows, except in a learning
    /// room.
    pub fn safety_number(&self, membership: MembershipId, member: Fingerprint) {
        self.command(membership, protocol::Command::SafetyNumber(member));
    }

    /// Refreshes the short-lived keys and announces them: what was recorded until now stays closed to anybody who
    /// captures the computer's memory five minutes from now.
    pub fn refresh_keys(&self, membership: MembershipId) {
        self.command(membership, protocol::Command::RefreshKeys);
    }

    /// Closes the room for everybody and for good (owner).
    pub fn close_room(&self, membership: MembershipId) {
        self.command(membership, protocol::Command::CloseRoom);
    }

    /// Gives the room a new title (owner).
    pub fn retitle(&self, membership: MembershipId, title: String) {
        self.input(Input::Retitle { membership, title });
    }

    /// Leaves a room for good.
    pub fn leave(&self, membership: MembershipId) {
        self.input(Input::Leave(membership));
    }

    /// Says goodbye for now; the room stays known.
    pub fn go_offline(&self, membership: MembershipId) {
        self.command(membership, protocol::Command::GoOffline);
    }

    /// Forgets a room without telling anybody: for a membership that failed or is over.
    pub fn forget(&self, membership: MembershipId) {
        self.input(Input::Forget(membership));
    }

    /// Tries to reach the host at once.
    pub fn retry(&self, membership: MembershipId) {
        self.input(Input::Enter(membership));
    }

    /// Tries to reach every host at once: when the window gets the focus or the network returns.
    pub fn retry_all(&self) {
        self.input(Input::RetryAll);
    }

    /// Changes the settings; `SessionEvent::Settings` follows, and they are written soon. A new name is announced to
    /// every room.
    pub fn change_settings(&self, change: impl FnOnce(&mut Settings) + Send + 'static) {
        self.input(Input::ChangeSettings(Box::new(change)));
    }

    /// Says goodbye everywhere, writes what is unwritten, and ends; `SessionEvent::Ended` follows within a few
    /// seconds, preceded by `SessionEvent::Unwritten` for what could not be written.
    pub fn quit(&self) {
        self.input(Input::Quit);
    }

    fn command(&self, membership: MembershipId, command: protocol::Command) {
        self.input(Input::Command { membership, command });
    }

    fn input(&self, input: Input) {
        // An ended session takes nothing more, and its user was told so.
        let _ = self.inputs.send(input);
    }

    fn new_membership(&self) -> MembershipId {
        MembershipId(self.next_membership.fetch_add(1, Ordering::Relaxed))
    }
}

/// A map of memberships stays consistent after any panic: it is only ever changed by single calls.
fn lock(memberships: &Memberships) -> std::sync::MutexGuard<'_, HashMap<RoomId, KnownMembership>> {
    memberships.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
