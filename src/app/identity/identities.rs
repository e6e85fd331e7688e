//! A person's identities, one for each kind of key: read or made on a worker thread when first needed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::keystore::Making;
use super::report::{Found, IdentityState, KeyStep, Report, Reporter, WorkReport};
use super::{backup, keyring};
use crate::app::clock::now;
use crate::app::worker::thread;
use crate::app::{Code, Keys, Keystore, Passphrase, Problem, say};
use crate::crypto::{Fingerprint, KeyKind};
use crate::protocol::Identity;

/// An identity as the session knows it.
enum State {
    /// Nobody needed it yet.
    Unread,
    /// A worker reads or makes it.
    Working,
    /// It can be used.
    Ready(Arc<Identity>),
    /// It cannot be used; the next need makes the session try again.
    Stuck,
}

/// The identities of a profile.
pub(in crate::app) struct Identities {
    profile: PathBuf,
    states: [(KeyKind, State); KeyKind::ALL.len()],
    passphrase: Option<Passphrase>,
    /// The new passphrase, once a worker has written the files under it.
    next_passphrase: Option<(KeyKind, Option<Passphrase>)>,
    /// Whether the secure identity's passphrase is in the keyring.
    uses_keyring: bool,
    /// If a worker is restoring an identity, the state before.
    restoring: Option<State>,
    report: Reporter,
}

impl Identities {
    pub(in crate::app) fn new(profile: &Path, uses_keyring: bool, report: Reporter) -> Self {
        Self {
            profile: profile.to_owned(),
            states: KeyKind::ALL.map(|kind| (kind, State::Unread)),
            passphrase: None,
            next_passphrase: None,
            uses_keyring,
            restoring: None,
            report,
        }
    }

    /// The identity for rooms of `kind`, if it can be used now; otherwise starts a worker for it.
    pub(in crate::app) fn want(&mut self, kind: KeyKind, bits: Option<u32>) -> Option<Arc<Identity>> {
        match self.state(kind) {
            State::Ready(identity) => return Some(Arc::clone(identity)),
            State::Working => return None,
            State::Unread | State::Stuck => *self.state(kind) = State::Working,
        }
        let store = Keystore::new(&self.profile, kind);
        let report = Arc::clone(&self.report);
        let mut passphrase = self.passphrase.clone();
        let asks_keyring = self.uses_keyring && passphrase.is_none() && !kind.is_learning();
        self.work(kind, move || {
            if asks_keyring {
                passphrase = recall(&store, &report);
            }
            read_or_make(&store, kind, bits, passphrase.as_ref(), &report)
        });
        None
    }

    /// Sets whether the keyring has the passphrase.
    pub(in crate::app) const fn use_keyring(&mut self, uses: bool) {
        self.uses_keyring = uses;
    }

    /// Sets the passphrase for reading files from now on.
    pub(in crate::app) fn unlock(&mut self, passphrase: Passphrase) {
        self.passphrase = Some(passphrase);
    }

    /// Whether the identity could not be read the last time.
    pub(in crate::app) fn is_stuck(&self, kind: KeyKind) -> bool {
        self.states.iter().any(|(of, state)| *of == kind && matches!(state, State::Stuck))
    }

    /// Rewrites the files of `kind`, under a different passphrase or none.
    pub(in crate::app) fn protect(&mut self, kind: KeyKind, passphrase: Option<Passphrase>) {
        let store = Keystore::new(&self.profile, kind);
        let old = self.passphrase.clone();
        self.next_passphrase = Some((kind, passphrase.clone()));
        *self.state(kind) = State::Working;
        self.work(kind, move || {
            let keys = store.load(old.as_ref())?.ok_or_else(no_identity)?;
            store.protect(&keys, passphrase.as_ref())?;
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// Replaces the identity of `kind` by a new one, with keys of `bits` bits; the old files are set aside. Does
    /// nothing if no identity can be used.
    pub(in crate::app) fn replace(&mut self, kind: KeyKind, bits: u32) {
        if !matches!(self.state(kind), State::Ready(_)) {
            return;
        }
        *self.state(kind) = State::Working;
        let store = Keystore::new(&self.profile, kind);
        let passphrase = self.passphrase.clone();
        let report = Arc::clone(&self.report);
        self.work(kind, move || {
            let keys = make(&store, kind, Some(bits), &report)?;
            store.replace(&keys, passphrase.as_ref().filter(|_| !kind.is_learning()))?;
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// Stores the secure identity's passphrase in the keyring, or removes it, on a worker; `WorkReport::Kept` follows.
    pub(in crate::app) fn keep_in_keyring(&self, keep: bool) -> Result<(), Problem> {
        let identity = self.known().ok_or_else(no_identity)?;
        let passphrase = self.passphrase.clone();
        let report = Arc::clone(&self.report);
        thread("keyring", move || {
            let result = match (keep, passphrase) {
                (true, Some(passphrase)) => keyring::remember(identity, passphrase),
                (true, None) => Err(no_passphrase()),
                (false, _) => keyring::forget(identity),
            };
            report(Report::Work(WorkReport::Kept { keep, result }));
        })
    }

    /// Writes a backup on a worker, from the files: the identity need not be ready.
    pub(in crate::app) fn back_up(&self, file: PathBuf, passphrase: Passphrase) {
        let store = Keystore::new(&self.profile, KeyKind::Rsa);
        let (own, report) = (self.passphrase.clone(), Arc::clone(&self.report));
        let work = move || {
            let keys = store.load(own.as_ref())?.ok_or_else(no_identity)?;
            backup::write(&file, &keys, &passphrase)
        };
        let started = thread("backup", move || report(Report::BackedUp(work())));
        if let Err(problem) = started {
            (self.report)(Report::BackedUp(Err(problem)));
        }
    }

    /// Opens a backup on a worker; `WorkReport::Opened` follows.
    pub(in crate::app) fn open_backup(&self, file: PathBuf, passphrase: Passphrase) {
        let report = Arc::clone(&self.report);
        let started = thread("backup", move || {
            let keys = backup::read(&file, &passphrase);
            report(Report::Work(WorkReport::Opened { keys, passphrase }));
        });
        if let Err(problem) = started {
            self.tell_restored(Err(problem));
        }
    }

    /// Replaces the current keys by a backup's. If that fails, everything is as before.
    pub(in crate::app) fn restore(&mut self, keys: Keys, passphrase: Passphrase) {
        let kind = KeyKind::Rsa;
        if matches!(self.state(kind), State::Working) {
            let hint = say!("Try again when the key is ready.");
            let problem = Problem::new(Code::Identity, say!("Your key is being created or changed."), hint);
            self.tell_restored(Err(problem));
            return;
        }
        self.restoring = Some(std::mem::replace(self.state(kind), State::Working));
        self.next_passphrase = Some((kind, Some(passphrase.clone())));
        let store = Keystore::new(&self.profile, kind);
        self.work(kind, move || {
            if store.exists() {
                store.replace(&keys, Some(&passphrase))?;
            } else {
                store.store(&keys, Some(&passphrase))?;
            }
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// A worker is done. Returns whether memberships can go on (`true`), or must wait or fail.
    pub(in crate::app) fn found(&mut self, found: Found) -> Result<(), Problem> {
        let Found { kind, result, protected, bits } = found;
        let next = self.next_passphrase.take_if(|(of, _)| *of == kind).filter(|_| result.is_ok());
        let is_changed = next.is_some();
        if let Some((_, passphrase)) = next {
            self.passphrase = passphrase;
        }
        let before = if kind == KeyKind::Rsa { self.restoring.take() } else { None };
        let is_restored = before.is_some();
        if let (Some(before), Err(problem)) = (before, &result) {
            let outcome = if matches!(before, State::Ready(_)) { Ok(()) } else { Err(problem.clone()) };
            *self.state(kind) = before;
            self.tell_restored(Err(problem.clone()));
            return outcome;
        }
        let (state, event, outcome) = match result {
            Ok(identity) => {
                let fingerprint = identity.fingerprint();
                (State::Ready(identity), IdentityState::Ready { fingerprint, bits, protected }, Ok(()))
            }
            Err(problem) if is_locked(&problem) => (State::Stuck, IdentityState::Locked(problem.clone()), Err(problem)),
            Err(problem) => (State::Stuck, IdentityState::Failed(problem.clone()), Err(problem)),
        };
        *self.state(kind) = state;
        let ready = self.ready(kind).map(|identity| identity.fingerprint());
        (self.report)(Report::State { kind, state: event });
        if let Some(fingerprint) = ready.filter(|_| is_restored) {
            self.tell_restored(Ok(fingerprint));
        }
        // What the keyring has would no longer open the files.
        if is_changed
            && self.uses_keyring
            && let Err(problem) = self.keep_in_keyring(self.passphrase.is_some())
        {
            (self.report)(Report::Warning(problem));
        }
        outcome
    }

    /// The secure identity's fingerprint, if known without its passphrase.
    pub(in crate::app) fn known(&self) -> Option<Fingerprint> {
        let ready = self.ready(KeyKind::Rsa).map(|identity| identity.fingerprint());
        ready.or_else(|| Keystore::new(&self.profile, KeyKind::Rsa).said_fingerprint())
    }

    fn tell_restored(&self, result: Result<Fingerprint, Problem>) {
        (self.report)(Report::Restored(result));
    }

    /// The identity of `kind`, if it is ready.
    pub(in crate::app) fn ready(&self, kind: KeyKind) -> Option<&Arc<Identity>> {
        self.states.iter().find_map(|(of, state)| match state {
            State::Ready(identity) if *of == kind => Some(identity),
            _ => None,
        })
    }

    fn state(&mut self, kind: KeyKind) -> &mut State {
        let [first, second] = &mut self.states;
        if first.0 == kind { &mut first.1 } else { &mut second.1 }
    }

    /// Runs `work`, which takes seconds, on its own thread, and delivers the result.
    fn work(&self, kind: KeyKind, work: impl FnOnce() -> Result<Identity, Problem> + Send + 'static) {
        let report = Arc::clone(&self.report);
        let store = Keystore::new(&self.profile, kind);
        let started = thread("identity", move || {
            let result = work().map(Arc::new);
            let bits = result.as_ref().map_or(0, |identity| identity.signing().public().bits());
            report(Report::Work(WorkReport::Found(Found { kind, result, protected: store.is_protected(), bits })));
        });
        if let Err(problem) = started {
            (self.report)(Report::Work(WorkReport::Found(Found {
                kind,
                result: Err(problem),
                protected: false,
                bits: 0,
            })));
        }
    }
}

/// Whether a passphrase would help.
pub(in crate::app) fn is_locked(problem: &Problem) -> bool {
    matches!(problem.code, Code::PassphraseNeeded | Code::WrongPassphrase)
}

/// The passphrase from the keyring, if the files need one. Without it the person is asked.
fn recall(store: &Keystore, report: &Reporter) -> Option<Passphrase> {
    let identity = store.said_fingerprint().filter(|_| store.is_protected())?;
    match keyring::recall(identity) {
        Ok(passphrase) => {
            let recalled = passphrase.clone()?;
            report(Report::Work(WorkReport::Recalled(recalled)));
            passphrase
        }
        Err(problem) => {
            report(Report::Warning(problem));
            None
        }
    }
}

fn read_or_make(
    store: &Keystore,
    kind: KeyKind,
    bits: Option<u32>,
    passphrase: Option<&Passphrase>,
    report: &Reporter,
) -> Result<Identity, Problem> {
    tell(kind, KeyStep::Reading, report);
    let keys = match store.load(passphrase)? {
        Some(keys) => keys,
        None => {
            let keys = make(store, kind, bits, report)?;
            // A learning key takes no passphrase: it protects nothing.
            store.store(&keys, passphrase.filter(|_| !kind.is_learning()))?;
            keys
        }
    };
    Ok(Identity::new(keys.signing, keys.decryption, now())?)
}

fn make(store: &Keystore, kind: KeyKind, bits: Option<u32>, report: &Reporter) -> Result<Keys, Problem> {
    let keys = store.generate(bits, |making| {
        let step = match making {
            Making::Signing => KeyStep::Signing,
            Making::Decryption => KeyStep::Decryption,
        };
        tell(kind, step, report);
    })?;
    tell(kind, KeyStep::Saving, report);
    Ok(keys)
}

fn tell(kind: KeyKind, step: KeyStep, report: &Reporter) {
    report(Report::State { kind, state: IdentityState::Making(step) });
}

fn no_passphrase() -> Problem {
    let what = say!("There is no passphrase to keep in a keyring.");
    Problem::new(Code::Identity, what, say!("Set one first."))
}

fn no_identity() -> Problem {
    Problem::new(Code::Identity, say!("There is no identity yet."), say!("Make one first."))
}
