//! What a session keeps on disk: settings and records, written soon after a change and retried on failure, and what
//! the identities' keys seal.
//!
//! Not here: how a file is written (`app::files`), and what is in each (`settings`, `record`, `memories`, `vault`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use super::input::Input;
use super::membership::Membership;
use super::saved_messages::SavedMessages;
use super::{MembershipId, Memberships, lock};
use crate::app::vault::{Private, Vault};
use crate::app::{Memories, Problem, Profile, Records, Settings, say};
use crate::crypto::KeyKind;
use crate::protocol::{Identity, Invite, Memory, RoomId};

/// How long changed settings wait for more changes before they are written: a draft changes with every keystroke.
const SETTINGS_WAIT: Duration = Duration::from_secs(1);
/// How long changed records wait for more changes.
const RECORDS_WAIT: Duration = Duration::from_millis(20);
/// How long until a failed write is tried again.
const RETRY_WRITE: Duration = Duration::from_secs(10);

/// A write that is due, or failed and is retried.
#[derive(Default)]
struct Due {
    at: Option<Instant>,
    /// The last reported problem: each failure is reported once, not at each retry.
    failed: Option<Problem>,
}

impl Due {
    /// Schedules a write within this time, or sooner if one was already scheduled.
    fn within(&mut self, wait: Duration) {
        let due = Instant::now() + wait;
        self.at = Some(self.at.map_or(due, |known| known.min(due)));
    }

    fn is_due(&self, now: Instant) -> bool {
        self.at.is_some_and(|due| due <= now)
    }

    /// A write was tried: if it failed, it is retried.
    fn tried(&mut self, failed: Option<&Problem>) {
        self.at = failed.map(|_| Instant::now() + RETRY_WRITE);
    }

    /// What to report about a try, if that is new.
    fn news(&mut self, failed: Option<Problem>) -> Option<Problem> {
        if self.failed == failed {
            return None;
        }
        self.failed.clone_from(&failed);
        failed.map(tried_again)
    }
}

/// What one identity's keys seal, once it is open, and the last stored state.
type Opened = Option<(Vault, Private)>;

/// The result of writing records.
#[derive(Default)]
pub(super) struct WrittenRecords {
    /// What to report.
    pub(super) news: Option<Problem>,
    /// The clients whose entries now survive a crash, and the numbers under which that was requested.
    pub(super) kept: Vec<(MembershipId, u64)>,
    /// Those whose entries do not.
    pub(super) not_kept: Vec<(MembershipId, u64)>,
}

/// Everything on disk, as it should be there.
pub(super) struct Disk {
    /// Locked for as long as the session lives.
    profile: Profile,
    pub(super) settings: Settings,
    pub(super) records: Records,
    /// What is remembered about every room, whatever happened to its record.
    pub(super) memories: Memories,
    /// What is said. Behind a cell, because whatever is told is kept, and much is told from where nothing else changes.
    pub(super) saved: RefCell<SavedMessages>,
    secure_vault: Opened,
    learning_vault: Opened,
    /// The invites that are open, by room.
    invites: BTreeMap<RoomId, Vec<Invite>>,
    settings_due: Due,
    records_due: Due,
}

impl Disk {
    pub(super) fn new(
        profile: Profile,
        settings: Settings,
        records: Records,
        memories: Memories,
        inputs: Sender<Input>,
    ) -> Self {
        Self {
            saved: RefCell::new(SavedMessages::new(profile.directory(), inputs)),
            profile,
            settings,
            records,
            memories,
            secure_vault: None,
            learning_vault: None,
            invites: BTreeMap::new(),
            settings_due: Due::default(),
            records_due: Due::default(),
        }
    }

    /// When something is due to be written.
    pub(super) fn next_due(&self) -> Option<Instant> {
        [self.settings_due.at, self.records_due.at].into_iter().flatten().min()
    }

    /// The settings changed. They are written a while after the first change, however many follow.
    pub(super) fn write_settings_soon(&mut self) {
        self.settings_due.at.get_or_insert_with(|| Instant::now() + SETTINGS_WAIT);
    }

    /// Writes the settings if due, and returns what to report.
    pub(super) fn write_due_settings(&mut self, now: Instant) -> Option<Problem> {
        if !self.settings_due.is_due(now) {
            return None;
        }
        let failed = self.try_settings();
        self.settings_due.news(failed)
    }

    /// Writes the settings and what is sealed; each even if the other fails.
    fn try_settings(&mut self) -> Option<Problem> {
        let (settings, vault) = (self.settings.save(self.profile.directory()).err(), self.write_vaults().err());
        let failed = settings.or(vault);
        self.settings_due.tried(failed.as_ref());
        failed
    }

    /// What is remembered of a room, if it is known.
    pub(super) fn memory_of(&self, room: Option<RoomId>) -> Option<Memory> {
        self.memories.of(&room?)
    }

    /// The invites to a room that are open.
    pub(super) fn invites_of(&self, room: Option<RoomId>) -> Vec<Invite> {
        room.and_then(|room| self.invites.get(&room)).cloned().unwrap_or_default()
    }

    /// An identity is open, and so is what it seals. For a new secure identity it is written again: what a person
    /// knows about others does not change with their own key. `known` are the rooms of the profile. Returns what to
    /// report even so.
    ///
    /// # Errors
    /// A [`Problem`] if it cannot be read; it is left alone until then.
    pub(super) fn open_vault(&mut self, identity: &Identity, known: &Memberships) -> Result<Option<Problem>, Problem> {
        let kind = identity.kind();
        let vault = Vault::of(self.profile.directory(), identity)?;
        let (private, warning) = if self.vault(kind).is_some() { Default::default() } else { vault.load()? };
        self.take_private(kind, &private, known);
        *self.vault(kind) = Some((vault, private));
        Ok(warning)
    }

    const fn vault(&mut self, kind: KeyKind) -> &mut Opened {
        match kind {
            KeyKind::Rsa => &mut self.secure_vault,
            KeyKind::Textbook => &mut self.learning_vault,
        }
    }

    /// Takes over what the lock of `kind` has sealed. What was typed, marked or made meanwhile is newer.
    ///
    /// Textbook keys can be broken, and whoever has done so can put anything under the learning lock. So nothing is
    /// taken from there that anybody relies on: only invites to learning rooms, which keep nobody out anyway. And no
    /// lock gives an invite to a room of the other kind.
    fn take_private(&mut self, kind: KeyKind, private: &Private, known: &Memberships) {
        let known: BTreeMap<RoomId, KeyKind> = lock(known).iter().map(|(room, known)| (*room, known.kind)).collect();
        for (room, invites) in private.invites.iter().filter(|(room, _)| known.get(room) == Some(&kind)) {
            let is_meant = |invite: &&Invite| invite.room == *room && invite.suite.key_kind() == kind;
            let meant = || invites.iter().filter(is_meant).cloned().collect();
            self.invites.entry(*room).or_insert_with(meant);
        }
        match kind {
            KeyKind::Textbook => {}
            KeyKind::Rsa => {
                for (room, text) in private.drafts.iter().filter(|(room, _)| known.contains_key(room)) {
                    self.settings.drafts.entry(*room).or_insert_with(|| text.clone());
                }
                for (member, mark) in &private.verified {
                    self.settings.verified.entry(*member).or_insert_with(|| mark.clone());
                }
            }
        }
    }

    /// A room's open invites changed. A used or withdrawn one is removed from disk at once, or it would be back after
    /// a crash; and a new one is on disk before anybody sees it.
    pub(super) fn keep_invites(&mut self, room: RoomId, invites: &[Invite]) {
        self.invites.insert(room, invites.to_vec());
        if self.write_vaults().is_err() {
            self.settings_due.within(RECORDS_WAIT);
        }
    }

    /// Writes what the identities seal, if it changed and they are open.
    fn write_vaults(&mut self) -> Result<(), Problem> {
        for kind in KeyKind::ALL {
            let private = self.private_of(kind);
            if let Some((vault, kept)) = self.vault(kind).as_mut().filter(|(_, kept)| *kept != private) {
                vault.save(&private)?;
                *kept = private;
            }
        }
        Ok(())
    }

    /// What an identity seals: marks and drafts belong to the secure one, invites to that of their room.
    fn private_of(&self, kind: KeyKind) -> Private {
        let is_meant = |invites: &[Invite]| invites.first().is_some_and(|one| one.suite.key_kind() == kind);
        let meant = self.invites.iter().filter(|(_, invites)| is_meant(invites));
        let invites = meant.map(|(room, invites)| (*room, invites.clone())).collect();
        match kind {
            KeyKind::Rsa => {
                let (drafts, verified) = (self.settings.drafts.clone(), self.settings.verified.clone());
                Private { drafts, verified, invites }
            }
            KeyKind::Textbook => Private { invites, ..Private::default() },
        }
    }

    /// Schedules the changed records to be written in a moment: a room's roster arrives entry by entry.
    pub(super) fn write_records_soon(&mut self) {
        self.records_due.within(RECORDS_WAIT);
    }

    pub(super) fn are_records_due(&self, now: Instant) -> bool {
        self.records_due.is_due(now)
    }

    /// Why records could not be written the last time.
    pub(super) const fn records_failed(&self) -> Option<&Problem> {
        self.records_due.failed.as_ref()
    }

    /// Writes the changed records. What cannot be written stays in memory and is retried.
    pub(super) fn write_records(&mut self, memberships: &mut BTreeMap<MembershipId, Membership>) -> WrittenRecords {
        let (failed, written) = self.try_records(memberships);
        WrittenRecords { news: self.records_due.news(failed), ..written }
    }

    fn try_records(
        &mut self,
        memberships: &mut BTreeMap<MembershipId, Membership>,
    ) -> (Option<Problem>, WrittenRecords) {
        let mut written = WrittenRecords::default();
        // An entry may have used up an invite, which must not be back if this is all that reaches the disk.
        let uses_invite = memberships.values().any(|membership| membership.entry_unsaved.is_some());
        let mut failed = if uses_invite { self.write_vaults().err() } else { None };
        let is_blocked = failed.is_some();
        for (id, membership) in memberships.iter_mut().filter(|(_, membership)| membership.unsaved) {
            let Some(record) = &membership.record else { continue };
            if is_blocked && let Some(number) = membership.entry_unsaved {
                written.not_kept.push((*id, number));
                continue;
            }
            match self.records.save(record) {
                Ok(()) => {
                    membership.unsaved = false;
                    written.kept.extend(membership.entry_unsaved.take().map(|number| (*id, number)));
                }
                Err(problem) => {
                    failed = Some(problem);
                    written.not_kept.extend(membership.entry_unsaved.map(|number| (*id, number)));
                }
            }
        }
        // After the records: an owner's entry that is remembered must be one that is stored.
        let failed = failed.or_else(|| self.memories.save().err());
        self.records_due.tried(failed.as_ref());
        (failed, written)
    }

    /// Writes what is remembered at once; if that fails, it is retried and reported with the records.
    pub(super) fn write_memories(&mut self) {
        if let Err(problem) = self.memories.save() {
            log::debug!("{problem}");
            self.write_records_soon();
        }
    }

    /// Writes everything that changed, before the end, and returns what could not be written: it is lost.
    pub(super) fn write_all(&mut self, memberships: &mut BTreeMap<MembershipId, Membership>) -> Vec<Problem> {
        let settings = if self.settings_due.at.is_some() { self.try_settings() } else { None };
        self.try_records(memberships).0.into_iter().chain(settings).collect()
    }
}

/// What failed will be retried, and nothing waits for it.
fn tried_again(problem: Problem) -> Problem {
    let path = problem.what.values().join(" ");
    Problem {
        what: say!("{} cannot be written yet. Messages go out as before, and it is tried again.", path),
        ..problem
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, mpsc};

    use zeroize::Zeroizing;

    use super::super::KnownMembership;
    use super::*;
    use crate::app::settings::Verified;
    use crate::crypto::{Fingerprint, Suite};
    use crate::protocol::{Name, Now};

    const SECURE: RoomId = RoomId([1; 32]);
    const LEARNING: RoomId = RoomId([2; 32]);
    const FORGOTTEN: RoomId = RoomId([3; 32]);
    const MARKED: Fingerprint = Fingerprint::from_bytes([4; 32]);

    fn disk_in(directory: &std::path::Path) -> Disk {
        let profile = Profile::open(Some(directory.to_owned())).unwrap();
        let memories = Memories::load(directory, &[]).unwrap().0;
        Disk::new(profile, Settings::default(), Records::new(directory), memories, mpsc::channel().0)
    }

    fn known() -> Memberships {
        let known = [(SECURE, KeyKind::Rsa), (LEARNING, KeyKind::Textbook)]
            .map(|(room, kind)| (room, KnownMembership { membership: MembershipId(1), kind, owned: true }));
        Arc::new(Mutex::new(known.into_iter().collect()))
    }

    fn invite(room: RoomId, suite: Suite) -> Invite {
        Invite {
            suite,
            addresses: vec!["192.168.1.7:9000".to_owned()],
            host: Fingerprint::from_bytes([5; 32]),
            room,
            secret: Zeroizing::new([6; 32]),
            expires_ms: 7,
        }
    }

    /// Everything there is, with every invite in the place of every other, as whoever broke a lock would write it.
    fn everything() -> Private {
        let rooms = [SECURE, LEARNING, FORGOTTEN];
        let all = || rooms.into_iter().flat_map(|room| Suite::ALL.map(|suite| invite(room, suite))).collect::<Vec<_>>();
        Private {
            drafts: rooms.map(|room| (room, "half a thought".to_owned())).into(),
            verified: BTreeMap::from([(MARKED, Verified { name: Name::kept("Mallory"), at_ms: 8 })]),
            invites: rooms.map(|room| (room, all())).into(),
        }
    }

    #[test]
    fn under_the_learning_lock_are_invites_to_learning_rooms_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let backend = Suite::Textbook.backend();
        let (signing, decryption) = (backend.generate_signing(256).unwrap(), backend.generate_decryption(256).unwrap());
        let broken = Identity::new(signing, decryption, Now::default()).unwrap();
        let mut disk = disk_in(directory.path());
        Vault::of(directory.path(), &broken).unwrap().save(&everything()).unwrap();
        assert_eq!(disk.open_vault(&broken, &known()).unwrap(), None);
        assert_eq!(disk.settings, Settings::default(), "neither a draft nor a mark is from there");
        assert_eq!(disk.invites, BTreeMap::from([(LEARNING, vec![invite(LEARNING, Suite::Textbook)])]));
        // What is true comes later, and nothing stands in its place.
        disk.take_private(KeyKind::Rsa, &everything(), &known());
        assert_eq!(disk.invites_of(Some(SECURE)).len(), 2);
    }

    #[test]
    fn under_the_secure_lock_are_drafts_and_marks_and_invites_to_secure_rooms() {
        let directory = tempfile::tempdir().unwrap();
        let mut disk = disk_in(directory.path());
        disk.take_private(KeyKind::Rsa, &everything(), &known());
        assert_eq!(disk.settings.drafts.keys().collect::<Vec<_>>(), [&SECURE, &LEARNING]);
        assert_eq!(disk.settings.verified.keys().collect::<Vec<_>>(), [&MARKED]);
        let secure = [Suite::Classical, Suite::Hybrid].map(|suite| invite(SECURE, suite));
        assert_eq!(disk.invites, BTreeMap::from([(SECURE, secure.to_vec())]));
    }
}
