//! The person's identities: their name, the creation of their keys, and the lock on them.
//!
//! The keys themselves never come here: the session holds them, and reports their fingerprints and sizes.

use super::desk::Desk;
use super::views;
use crate::app::identity::keyring;
use crate::app::{Code, IdentityState, KeyStep, Keystore, Passphrase, Problem, say};
use crate::crypto::{Fingerprint, KeyKind};
use crate::gui::format;
use crate::gui::generated as ui;
use crate::protocol::check_name;

/// What is known of the identities.
pub(in crate::gui) struct Identities {
    /// The profile's directory.
    place: String,
    secure: Option<Known>,
    learning: Option<Known>,
    /// Whether a passphrase is being set.
    protecting: bool,
}

/// An identity that can be used.
#[derive(Clone, Copy)]
struct Known {
    fingerprint: Fingerprint,
    bits: u32,
    protected: bool,
}

impl Identities {
    pub(super) fn new(desk: &Desk, place: String) -> Self {
        let identities = Self { place, secure: None, learning: None, protecting: false };
        let state = desk.global::<ui::Identity>();
        state.set_key_stage(ui::KeyStage::None);
        state.set_suggested_name(desk.name().into());
        desk.global::<ui::Preferences>().set_profile_place((&identities.place).into());
        state.set_keyring(desk.settings.keyring);
        state.set_keyring_supported(keyring::is_supported());
        identities.show(desk);
        identities
    }

    /// Changes the person's name, if the text can be one.
    pub(in crate::gui) fn choose_name(&self, desk: &mut Desk, text: &str) {
        match check_name(text) {
            Ok(name) => {
                desk.global::<ui::Identity>().set_name_error(ui::TroubleView::default());
                desk.settings.name.clone_from(&name);
                self.show(desk);
                desk.session.change_settings(|settings| settings.name = name);
            }
            Err(error) => desk.global::<ui::Identity>().set_name_error(views::trouble(&Problem::bad_name(error))),
        }
    }

    pub(in crate::gui) fn unlock(&self, desk: &Desk, passphrase: &str) {
        let state = desk.global::<ui::Identity>();
        let passphrase = match Passphrase::read(passphrase.as_bytes()) {
            Ok(passphrase) => passphrase,
            Err(problem) => return state.set_unlock_error(views::trouble(&problem)),
        };
        state.set_unlock_error(ui::TroubleView::default());
        state.set_unlocking(true);
        desk.session.unlock(passphrase);
    }

    /// Keeps the passphrase in the desktop's keyring, or removes it from there.
    pub(in crate::gui) fn keep_in_keyring(&self, desk: &Desk, keep: bool) {
        desk.session.keep_in_keyring(keep);
    }

    pub(in crate::gui) fn set_passphrase(&mut self, desk: &Desk, passphrase: &str) {
        let state = desk.global::<ui::Identity>();
        let passphrase = match Passphrase::read(passphrase.as_bytes()) {
            Ok(passphrase) => passphrase,
            Err(problem) => return state.set_passphrase_error(views::trouble(&problem)),
        };
        self.protecting = true;
        state.set_passphrase_error(ui::TroubleView::default());
        desk.session.protect_identity(KeyKind::Rsa, Some(passphrase));
    }

    /// Replaces the secure identity by a new one. The session refuses while it has rooms, as the sheet says.
    pub(in crate::gui) fn replace(&self, desk: &Desk, bits: i32) {
        if let Ok(bits) = u32::try_from(bits) {
            desk.session.replace_identity(KeyKind::Rsa, bits);
        }
    }

    pub(in crate::gui) fn make_learning(&self, desk: &Desk, bits: i32) {
        desk.session.ensure_identity(KeyKind::Textbook, u32::try_from(bits).ok());
    }

    /// Reads the key, or creates it on the first start. A learning key is only read.
    pub(super) fn start(&self, desk: &Desk) {
        let bits = (desk.settings.key_bits > 0).then_some(desk.settings.key_bits);
        desk.session.ensure_identity(KeyKind::Rsa, bits);
        if Keystore::new(self.place.as_ref(), KeyKind::Textbook).exists() {
            desk.session.ensure_identity(KeyKind::Textbook, None);
        }
    }

    /// An identity changed. Returns a problem that no page of its own shows.
    pub(super) fn changed(&mut self, desk: &Desk, kind: KeyKind, state: IdentityState) -> Option<Problem> {
        match state {
            IdentityState::Ready { fingerprint, bits, protected } => {
                let known = Some(Known { fingerprint, bits, protected });
                if kind.is_learning() {
                    self.learning = known;
                } else {
                    self.secure = known;
                    self.secure_ready(desk);
                }
                self.show(desk);
            }
            IdentityState::Making(step) if kind == KeyKind::Rsa => show_step(desk, step),
            // A learning key is created too fast to show progress.
            IdentityState::Making(_) => {}
            IdentityState::Locked(problem) => locked(desk, &problem),
            IdentityState::Failed(problem) => return self.failed(desk, kind, problem),
        }
        None
    }

    /// Makes sure that the person has a name before they meet anybody. Returns whether they have one.
    pub(super) fn commit_name(&self, desk: &mut Desk) -> bool {
        if desk.settings.name.is_empty() && !is_name_wrong(desk) {
            let name = desk.name();
            self.choose_name(desk, &name);
        }
        !is_name_wrong(desk)
    }

    /// Whether a key is one of the person's own.
    pub(super) fn is_own(&self, key: Fingerprint) -> bool {
        [self.secure, self.learning].into_iter().flatten().any(|known| known.fingerprint == key)
    }

    /// The settings changed whether the keyring is used.
    pub(super) fn keyring_changed(&self, desk: &Desk) {
        // On the unlock page the tick is only a request.
        if desk.window().get_page() != ui::Page::Unlock {
            desk.global::<ui::Identity>().set_keyring(desk.settings.keyring);
        }
    }

    fn show(&self, desk: &Desk) {
        let name = desk.name();
        let bits = |known: Option<Known>| known.map_or(0, |known| i32::try_from(known.bits).unwrap_or(i32::MAX));
        desk.global::<ui::Identity>().set_view(ui::IdentityView {
            initials: format::initials(&name).into(),
            name: name.into(),
            hue: self.secure.map_or(0, |known| format::hue(known.fingerprint.as_bytes())),
            code: views::key_code(self.secure.map(|known| known.fingerprint)),
            key_bits: bits(self.secure),
            has_passphrase: self.secure.is_some_and(|known| known.protected),
            learning_code: views::key_code(self.learning.map(|known| known.fingerprint)),
            learning_bits: bits(self.learning),
        });
    }

    fn secure_ready(&mut self, desk: &Desk) {
        let state = desk.global::<ui::Identity>();
        state.set_key_stage(ui::KeyStage::Ready);
        state.set_unlocking(false);
        if desk.window().get_page() == ui::Page::Unlock {
            desk.window().set_page(desk.home());
            // The box was ticked before the passphrase proved right.
            if state.get_keyring() != desk.settings.keyring {
                desk.session.keep_in_keyring(state.get_keyring());
            }
        }
        // The session reports the same identity again once the new passphrase protects it.
        if std::mem::take(&mut self.protecting) {
            if desk.window().get_sheet() == ui::Sheet::Passphrase {
                desk.window().set_sheet(ui::Sheet::None);
            }
            desk.toast(views::only(&say!("The passphrase is set")));
        }
    }

    fn failed(&mut self, desk: &Desk, kind: KeyKind, problem: Problem) -> Option<Problem> {
        let state = desk.global::<ui::Identity>();
        state.set_unlocking(false);
        if kind == KeyKind::Rsa {
            state.set_key_stage(ui::KeyStage::Failed);
            state.set_key_problem(views::sentence(&problem.what));
        }
        if std::mem::take(&mut self.protecting) {
            state.set_passphrase_error(views::trouble(&problem));
            return None;
        }
        Some(problem)
    }
}

fn is_name_wrong(desk: &Desk) -> bool {
    desk.global::<ui::Identity>().get_name_error() != ui::TroubleView::default()
}

fn show_step(desk: &Desk, step: KeyStep) {
    let state = desk.global::<ui::Identity>();
    let (stage, step) = match step {
        // Usually there is a key already, and nothing has to be created.
        KeyStep::Reading => (ui::KeyStage::None, ui::KeyStep::Reading),
        KeyStep::Signing => (ui::KeyStage::Making, ui::KeyStep::Signing),
        KeyStep::Decryption => (ui::KeyStage::Making, ui::KeyStep::Decryption),
        KeyStep::Saving => (ui::KeyStage::Making, ui::KeyStep::Saving),
    };
    state.set_key_step(step);
    state.set_key_stage(stage);
}

fn locked(desk: &Desk, problem: &Problem) {
    let state = desk.global::<ui::Identity>();
    state.set_unlocking(false);
    // Before the first try nothing is wrong: the page itself asks for the passphrase.
    let wrong = problem.code == Code::WrongPassphrase;
    state.set_unlock_error(if wrong { views::trouble(problem) } else { ui::TroubleView::default() });
    desk.window().set_sheet(ui::Sheet::None);
    desk.window().set_page(ui::Page::Unlock);
}
