//! The session's identities, one a suite: read or made on a worker thread when first needed.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};

use super::engine::Input;
use super::{IdentityState, KeyStep, SessionEvent, thread};
use crate::app::clock::now;
use crate::app::identity::keystore::Making;
use crate::app::identity::{backup, keyring};
use crate::app::{Code, Keys, Keystore, Passphrase, Problem, say};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::Identity;

/// An identity as the session knows it.
enum State {
    /// Nobody needed it yet.
    Unread,
    /// A worker reads or makes it.
    Working,
    /// It can be used.
    Ready(Arc<Identity>),
    /// It cannot; the next who needs it makes the session try again.
    Stuck,
}

/// What a worker found.
pub(super) struct Found {
    /// Which identity.
    pub(super) suite: Suite,
    /// The identity and whether its files are protected.
    pub(super) result: Result<Arc<Identity>, Problem>,
    /// Whether its files are under a passphrase.
    pub(super) protected: bool,
    /// The size of its keys in bits.
    pub(super) bits: u32,
}

/// The identities of a profile.
pub(super) struct Identities {
    profile: PathBuf,
    states: [(Suite, State); Suite::WITH_KEYS.len()],
    passphrase: Option<Passphrase>,
    /// What the passphrase is once a worker has written the files under it.
    next_passphrase: Option<(Suite, Option<Passphrase>)>,
    /// Whether the secure identity's passphrase is in the keyring.
    uses_keyring: bool,
    /// Whether what a worker does is to restore an identity, and how that was before.
    restoring: Option<State>,
    inputs: mpsc::Sender<Input>,
    events: async_channel::Sender<SessionEvent>,
}

impl Identities {
    pub(super) fn new(
        profile: &Path,
        uses_keyring: bool,
        inputs: mpsc::Sender<Input>,
        events: async_channel::Sender<SessionEvent>,
    ) -> Self {
        Self {
            profile: profile.to_owned(),
            states: Suite::WITH_KEYS.map(|suite| (suite, State::Unread)),
            passphrase: None,
            next_passphrase: None,
            uses_keyring,
            restoring: None,
            inputs,
            events,
        }
    }

    /// The identity for rooms of `suite`, if it can be used now; otherwise a worker is set to it.
    pub(super) fn want(&mut self, suite: Suite, bits: Option<u32>) -> Option<Arc<Identity>> {
        let suite = suite.key_suite();
        match self.state(suite) {
            State::Ready(identity) => return Some(Arc::clone(identity)),
            State::Working => return None,
            State::Unread | State::Stuck => *self.state(suite) = State::Working,
        }
        let store = Keystore::new(&self.profile, suite);
        let events = self.events.clone();
        let mut passphrase = self.passphrase.clone();
        let asks_keyring = self.uses_keyring && passphrase.is_none() && !suite.is_learning();
        let inputs = self.inputs.clone();
        self.work(suite, move || {
            if asks_keyring {
                passphrase = recall(&store, &inputs, &events);
            }
            read_or_make(&store, suite, bits, passphrase.as_ref(), &events)
        });
        None
    }

    /// Whether the keyring has the passphrase from now on.
    pub(super) const fn use_keyring(&mut self, uses: bool) {
        self.uses_keyring = uses;
    }

    /// The passphrase for what is read from now on.
    pub(super) fn unlock(&mut self, passphrase: Passphrase) {
        self.passphrase = Some(passphrase);
    }

    /// Whether the identity could not be read the last time.
    pub(super) fn is_stuck(&self, suite: Suite) -> bool {
        self.states.iter().any(|(of, state)| *of == suite && matches!(state, State::Stuck))
    }

    /// Writes the files of `suite` anew, under another passphrase or none.
    pub(super) fn protect(&mut self, suite: Suite, passphrase: Option<Passphrase>) {
        let store = Keystore::new(&self.profile, suite);
        let old = self.passphrase.clone();
        self.next_passphrase = Some((suite, passphrase.clone()));
        *self.state(suite) = State::Working;
        self.work(suite, move || {
            let keys = store.load(old.as_ref())?.ok_or_else(no_identity)?;
            store.protect(&keys, passphrase.as_ref())?;
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// Makes the identity of `suite` anew, with keys of `bits` bits; the old files are set aside. Does
    /// nothing where there is none that can be used.
    pub(super) fn replace(&mut self, suite: Suite, bits: u32) {
        if !matches!(self.state(suite), State::Ready(_)) {
            return;
        }
        *self.state(suite) = State::Working;
        let store = Keystore::new(&self.profile, suite);
        let passphrase = self.passphrase.clone();
        let events = self.events.clone();
        self.work(suite, move || {
            let keys = make(&store, suite, Some(bits), &events)?;
            store.replace(&keys, passphrase.as_ref().filter(|_| !suite.is_learning()))?;
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// Keeps the secure identity's passphrase in the keyring, or takes it out, on a worker; `Input::Kept`
    /// follows.
    pub(super) fn keep_in_keyring(&self, keep: bool) -> Result<(), Problem> {
        let identity = self.known().ok_or_else(no_identity)?;
        let passphrase = self.passphrase.clone();
        let inputs = self.inputs.clone();
        thread("keyring", move || {
            let result = match (keep, passphrase) {
                (true, Some(passphrase)) => keyring::remember(identity, passphrase),
                (true, None) => Err(no_passphrase()),
                (false, _) => keyring::forget(identity),
            };
            let _ = inputs.send(Input::Kept { keep, result });
        })
    }

    /// Writes a backup on a worker, from the files: nobody has to be ready.
    pub(super) fn back_up(&self, file: PathBuf, passphrase: Passphrase) {
        let store = Keystore::new(&self.profile, Suite::Classical);
        let (own, events) = (self.passphrase.clone(), self.events.clone());
        let work = move || {
            let keys = store.load(own.as_ref())?.ok_or_else(no_identity)?;
            backup::write(&file, &keys, &passphrase)
        };
        let told = self.events.clone();
        let started = thread("backup", move || {
            let _ = events.try_send(SessionEvent::BackedUp(work()));
        });
        if let Err(problem) = started {
            let _ = told.try_send(SessionEvent::BackedUp(Err(problem)));
        }
    }

    /// Opens a backup on a worker; `Input::Opened` follows.
    pub(super) fn open_backup(&self, file: PathBuf, passphrase: Passphrase) {
        let inputs = self.inputs.clone();
        let started = thread("backup", move || {
            let keys = backup::read(&file, &passphrase);
            let _ = inputs.send(Input::Opened { keys, passphrase });
        });
        if let Err(problem) = started {
            let _ = self.events.try_send(SessionEvent::Restored(Err(problem)));
        }
    }

    /// Puts the keys of a backup in the place of those that are there. If that fails, all is as before.
    pub(super) fn restore(&mut self, keys: Keys, passphrase: Passphrase) {
        let suite = Suite::Classical;
        if matches!(self.state(suite), State::Working) {
            let hint = say!("Try again when the key is made.");
            let problem = Problem::new(Code::Identity, say!("Your key is just being made or changed."), hint);
            let _ = self.events.try_send(SessionEvent::Restored(Err(problem)));
            return;
        }
        self.restoring = Some(std::mem::replace(self.state(suite), State::Working));
        self.next_passphrase = Some((suite, Some(passphrase.clone())));
        let store = Keystore::new(&self.profile, suite);
        self.work(suite, move || {
            if store.exists() {
                store.replace(&keys, Some(&passphrase))?;
            } else {
                store.store(&keys, Some(&passphrase))?;
            }
            Ok(Identity::new(keys.signing, keys.decryption, now())?)
        });
    }

    /// A worker is done. Says whether seats can go on (`true`), or must wait or fail.
    pub(super) fn found(&mut self, found: Found) -> Result<(), Problem> {
        let Found { suite, result, protected, bits } = found;
        let next = self.next_passphrase.take_if(|(of, _)| *of == suite).filter(|_| result.is_ok());
        let is_changed = next.is_some();
        if let Some((_, passphrase)) = next {
            self.passphrase = passphrase;
        }
        let before = if suite == Suite::Classical { self.restoring.take() } else { None };
        let is_restored = before.is_some();
        if let (Some(before), Err(problem)) = (before, &result) {
            let outcome = if matches!(before, State::Ready(_)) { Ok(()) } else { Err(problem.clone()) };
            *self.state(suite) = before;
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
        *self.state(suite) = state;
        let ready = self.ready(suite).map(|identity| identity.fingerprint());
        let _ = self.events.try_send(SessionEvent::Identity { suite, state: event });
        if let Some(fingerprint) = ready.filter(|_| is_restored) {
            self.tell_restored(Ok(fingerprint));
        }
        // What the keyring has would not open the files any more.
        if is_changed
            && self.uses_keyring
            && let Err(problem) = self.keep_in_keyring(self.passphrase.is_some())
        {
            let _ = self.events.try_send(SessionEvent::Warning(problem));
        }
        outcome
    }

    /// Whose the secure identity is, as far as that is known without its passphrase.
    pub(super) fn known(&self) -> Option<Fingerprint> {
        let ready = self.ready(Suite::Classical).map(|identity| identity.fingerprint());
        ready.or_else(|| Keystore::new(&self.profile, Suite::Classical).said_fingerprint())
    }

    fn tell_restored(&self, result: Result<Fingerprint, Problem>) {
        let _ = self.events.try_send(SessionEvent::Restored(result));
    }

    /// The identity of `suite` if it is there already.
    pub(super) fn ready(&self, suite: Suite) -> Option<&Arc<Identity>> {
        self.states.iter().find_map(|(of, state)| match state {
            State::Ready(identity) if *of == suite.key_suite() => Some(identity),
            _ => None,
        })
    }

    fn state(&mut self, suite: Suite) -> &mut State {
        let [first, second] = &mut self.states;
        if first.0 == suite { &mut first.1 } else { &mut second.1 }
    }

    /// Runs `work` on a thread of its own, for it takes seconds, and brings its result back.
    fn work(&self, suite: Suite, work: impl FnOnce() -> Result<Identity, Problem> + Send + 'static) {
        let inputs = self.inputs.clone();
        let store = Keystore::new(&self.profile, suite);
        let started = thread("identity", move || {
            let result = work().map(Arc::new);
            let bits = result.as_ref().map_or(0, |identity| identity.signing().public().bits());
            let _ = inputs.send(Input::Found(Found { suite, result, protected: store.is_protected(), bits }));
        });
        if let Err(problem) = started {
            let _ = self.inputs.send(Input::Found(Found { suite, result: Err(problem), protected: false, bits: 0 }));
        }
    }
}

/// Whether a passphrase would help.
pub(super) fn is_locked(problem: &Problem) -> bool {
    matches!(problem.code, Code::PassphraseNeeded | Code::WrongPassphrase)
}

/// The passphrase out of the keyring, if the files need one. Without it the person is asked.
fn recall(
    store: &Keystore,
    inputs: &mpsc::Sender<Input>,
    events: &async_channel::Sender<SessionEvent>,
) -> Option<Passphrase> {
    let identity = store.said_fingerprint().filter(|_| store.is_protected())?;
    match keyring::recall(identity) {
        Ok(passphrase) => {
            let recalled = passphrase.clone()?;
            let _ = inputs.send(Input::Recalled(recalled));
            passphrase
        }
        Err(problem) => {
            let _ = events.try_send(SessionEvent::Warning(problem));
            None
        }
    }
}

fn read_or_make(
    store: &Keystore,
    suite: Suite,
    bits: Option<u32>,
    passphrase: Option<&Passphrase>,
    events: &async_channel::Sender<SessionEvent>,
) -> Result<Identity, Problem> {
    tell(suite, KeyStep::Reading, events);
    let keys = match store.load(passphrase)? {
        Some(keys) => keys,
        None => {
            let keys = make(store, suite, bits, events)?;
            // A learning key takes no passphrase: it protects nothing.
            store.store(&keys, passphrase.filter(|_| !suite.is_learning()))?;
            keys
        }
    };
    Ok(Identity::new(keys.signing, keys.decryption, now())?)
}

fn make(
    store: &Keystore,
    suite: Suite,
    bits: Option<u32>,
    events: &async_channel::Sender<SessionEvent>,
) -> Result<Keys, Problem> {
    let keys = store.generate(bits, |making| {
        let step = match making {
            Making::Signing => KeyStep::Signing,
            Making::Decryption => KeyStep::Decryption,
        };
        tell(suite, step, events);
    })?;
    tell(suite, KeyStep::Saving, events);
    Ok(keys)
}

fn tell(suite: Suite, step: KeyStep, events: &async_channel::Sender<SessionEvent>) {
    let _ = events.try_send(SessionEvent::Identity { suite, state: IdentityState::Making(step) });
}

fn no_passphrase() -> Problem {
    let what = say!("There is no passphrase to keep in a keyring.");
    Problem::new(Code::Identity, what, say!("Set one first."))
}

fn no_identity() -> Problem {
    Problem::new(Code::Identity, say!("There is no identity yet."), say!("Make one first."))
}
