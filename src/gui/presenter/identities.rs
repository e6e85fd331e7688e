//! The person's identities: making them, unlocking them, and what their suites cost here.

use super::{Presenter, views};
use crate::app::{Code, IdentityState, KeyStep, Passphrase, Problem, say, suggested_name};
use crate::crypto::{Fingerprint, KeyKind, Suite};
use crate::gui::generated as ui;
use crate::gui::{Costs, format, measure};
use crate::protocol::check_name;

/// An identity that can be used.
#[derive(Clone, Copy)]
struct Known {
    fingerprint: Fingerprint,
    bits: u32,
    protected: bool,
}

/// What is known of the identities.
#[derive(Default)]
pub(super) struct Identities {
    secure: Option<Known>,
    learning: Option<Known>,
    /// Whether a passphrase is being set just now.
    protecting: bool,
}

impl Identities {
    /// Whether a key is one of the person's own.
    pub(super) fn is_own(&self, key: Fingerprint) -> bool {
        [self.secure, self.learning].into_iter().flatten().any(|known| known.fingerprint == key)
    }
}

impl Presenter {
    /// Uses another name, if it can be one.
    pub(in crate::gui) fn choose_name(&mut self, text: &str) {
        match check_name(text) {
            Ok(name) => {
                self.state().set_name_error(ui::TroubleView::default());
                self.settings.name.clone_from(&name);
                self.show_identity();
                self.session.change_settings(|settings| settings.name = name);
            }
            Err(error) => self.state().set_name_error(views::trouble(&Problem::bad_name(error))),
        }
    }

    pub(in crate::gui) fn unlock(&self, passphrase: &str) {
        let passphrase = match Passphrase::read(passphrase.as_bytes()) {
            Ok(passphrase) => passphrase,
            Err(problem) => return self.state().set_unlock_error(views::trouble(&problem)),
        };
        self.state().set_unlock_error(ui::TroubleView::default());
        self.state().set_unlocking(true);
        self.session.unlock(passphrase);
    }

    /// Keeps the passphrase in the desktop's keyring, or takes it out.
    pub(in crate::gui) fn keep_in_keyring(&self, keep: bool) {
        self.session.keep_in_keyring(keep);
    }

    pub(in crate::gui) fn set_passphrase(&mut self, passphrase: &str) {
        let passphrase = match Passphrase::read(passphrase.as_bytes()) {
            Ok(passphrase) => passphrase,
            Err(problem) => return self.state().set_passphrase_error(views::trouble(&problem)),
        };
        self.identities.protecting = true;
        self.state().set_passphrase_error(ui::TroubleView::default());
        self.session.protect_identity(KeyKind::Rsa, Some(passphrase));
    }

    /// Makes the secure identity anew. The session refuses while it has rooms, as the sheet says.
    pub(in crate::gui) fn replace_identity(&self, bits: i32) {
        if let Ok(bits) = u32::try_from(bits) {
            self.session.replace_identity(KeyKind::Rsa, bits);
        }
    }

    pub(in crate::gui) fn make_learning_identity(&self, bits: i32) {
        self.session.ensure_identity(KeyKind::Textbook, u32::try_from(bits).ok());
    }

    /// Measures both suites on a worker: it makes keys, which takes seconds.
    pub(in crate::gui) fn measure(&self) {
        if let Err(error) = measure(self.work.clone()) {
            log::warn!("nothing can be measured: {error}");
            return;
        }
        self.state().set_measuring(true);
    }

    pub(super) fn measured(&mut self, costs: Costs) {
        self.state().set_measuring(false);
        self.show_suites(&costs);
    }

    /// The key is read, or made if this is the first time. A learning key is only read.
    pub(super) fn start_identities(&self) {
        let bits = (self.settings.key_bits > 0).then_some(self.settings.key_bits);
        self.session.ensure_identity(KeyKind::Rsa, bits);
        if crate::app::Keystore::new(self.place.as_ref(), KeyKind::Textbook).exists() {
            self.session.ensure_identity(KeyKind::Textbook, None);
        }
    }

    pub(super) fn identity_changed(&mut self, kind: KeyKind, state: IdentityState) {
        match state {
            IdentityState::Ready { fingerprint, bits, protected } => {
                let known = Some(Known { fingerprint, bits, protected });
                if kind.is_learning() {
                    self.identities.learning = known;
                } else {
                    self.identities.secure = known;
                    self.secure_ready();
                }
                self.show_identity();
            }
            IdentityState::Making(step) if kind == KeyKind::Rsa => self.show_step(step),
            IdentityState::Making(_) => {}
            IdentityState::Locked(problem) => self.locked(&problem),
            IdentityState::Failed(problem) => self.identity_failed(kind, problem),
        }
    }

    /// The name others see.
    pub(super) fn name(&self) -> String {
        if !self.settings.name.is_empty() {
            return self.settings.name.clone();
        }
        suggested_name().unwrap_or_else(|| self.say(&say!("Somebody")))
    }

    /// Makes sure that there is a name before somebody is met. Says whether there is one.
    pub(super) fn commit_name(&mut self) -> bool {
        if self.settings.name.is_empty() && !self.is_name_wrong() {
            let name = self.name();
            self.choose_name(&name);
        }
        !self.is_name_wrong()
    }

    fn is_name_wrong(&self) -> bool {
        self.state().get_name_error() != ui::TroubleView::default()
    }

    pub(super) fn show_identity(&self) {
        let name = self.name();
        let Identities { secure, learning, .. } = self.identities;
        let bits = |known: Option<Known>| known.map_or(0, |known| i32::try_from(known.bits).unwrap_or(i32::MAX));
        self.state().set_identity(ui::IdentityView {
            initials: format::initials(&name).into(),
            name: name.into(),
            hue: secure.map_or(0, |known| format::hue(known.fingerprint.as_bytes())),
            code: views::key_code(secure.map(|known| known.fingerprint)),
            key_bits: bits(secure),
            has_passphrase: secure.is_some_and(|known| known.protected),
            learning_code: views::key_code(learning.map(|known| known.fingerprint)),
            learning_bits: bits(learning),
        });
    }

    pub(super) fn show_suites(&self, costs: &Costs) {
        let row = |suite: ui::Suite, of: Suite, cost: Option<&crate::crypto::cost::Cost>| {
            let bits = of.backend().key_bits().first().and_then(|bits| i32::try_from(*bits).ok()).unwrap_or_default();
            let mut row = ui::SuiteRow { suite, bits, ..ui::SuiteRow::default() };
            if let Some(cost) = cost {
                row.sign = views::span(cost.sign);
                row.verify = views::span(cost.verify);
                row.encrypt = views::span(cost.encrypt);
                row.decrypt = views::span(cost.decrypt);
            }
            row
        };
        self.lists.suites.set_vec(vec![
            row(ui::Suite::Hybrid, Suite::Hybrid, costs.secure.as_ref()),
            row(ui::Suite::Classical, Suite::Classical, costs.secure.as_ref()),
            row(ui::Suite::Textbook, Suite::Textbook, costs.learning.as_ref()),
        ]);
    }

    fn secure_ready(&mut self) {
        let state = self.state();
        state.set_key_stage(ui::KeyStage::Ready);
        state.set_unlocking(false);
        if state.get_page() == ui::Page::Unlock {
            state.set_page(self.home());
            // Ticked before it was known whether the passphrase is right.
            if state.get_keyring() != self.settings.keyring {
                self.session.keep_in_keyring(state.get_keyring());
            }
        }
        if std::mem::take(&mut self.identities.protecting) {
            let state = self.state();
            if state.get_sheet() == ui::Sheet::Passphrase {
                state.set_sheet(ui::Sheet::None);
            }
            self.toast(views::only(&say!("The passphrase is set")));
        }
    }

    fn show_step(&self, step: KeyStep) {
        let state = self.state();
        let (stage, step) = match step {
            // Most of the time there is a key, and nothing has to be made.
            KeyStep::Reading => (ui::KeyStage::None, ui::KeyStep::Reading),
            KeyStep::Signing => (ui::KeyStage::Making, ui::KeyStep::Signing),
            KeyStep::Decryption => (ui::KeyStage::Making, ui::KeyStep::Decryption),
            KeyStep::Saving => (ui::KeyStage::Making, ui::KeyStep::Saving),
        };
        state.set_key_step(step);
        state.set_key_stage(stage);
    }

    fn locked(&self, problem: &Problem) {
        let state = self.state();
        state.set_unlocking(false);
        // Before the first try there is nothing wrong: the page itself asks for the passphrase.
        let wrong = problem.code == Code::WrongPassphrase;
        state.set_unlock_error(if wrong { views::trouble(problem) } else { ui::TroubleView::default() });
        state.set_sheet(ui::Sheet::None);
        state.set_page(ui::Page::Unlock);
    }

    fn identity_failed(&mut self, kind: KeyKind, problem: Problem) {
        let state = self.state();
        state.set_unlocking(false);
        if kind == KeyKind::Rsa {
            state.set_key_stage(ui::KeyStage::Failed);
            state.set_key_problem(views::sentence(&problem.what));
        }
        if std::mem::take(&mut self.identities.protecting) {
            return self.state().set_passphrase_error(views::trouble(&problem));
        }
        self.warn(problem);
    }
}
