//! Every callback of the window, and the verb behind it. Nothing is decided here.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use slint::{CloseRequestResponse, ComponentHandle, Timer};

use super::focus::FocusKeeper;
use super::generated::{AppWindow, Backend};
use super::language::bind_direction;
use super::presenter::Presenter;
use super::strength::score;

/// The presenter as callbacks hold it: the window owns the callbacks, so they must not own it back.
#[derive(Clone)]
struct Handle {
    presenter: Weak<RefCell<Presenter>>,
    focus: FocusKeeper,
}

impl Handle {
    /// Does something with the presenter: at once, or, if the window called back out of something
    /// the presenter is doing to it, right after that.
    fn with(&self, verb: impl FnOnce(&mut Presenter) + 'static) {
        let Some(presenter) = self.presenter.upgrade() else { return };
        match presenter.try_borrow_mut() {
            Ok(mut presenter) => {
                verb(&mut presenter);
                presenter.refresh();
                self.focus.look_after_it();
            }
            Err(_) => {
                let handle = self.clone();
                Timer::single_shot(Duration::ZERO, move || handle.with(verb));
            }
        };
    }
}

/// Connects the window with its presenter.
pub(super) fn bind(app: &AppWindow, presenter: &Rc<RefCell<Presenter>>, focus: &FocusKeeper) {
    bind_direction(app);
    let handle = Handle { presenter: Rc::downgrade(presenter), focus: focus.clone() };
    let backend = app.global::<Backend>();
    bind_person(&backend, &handle);
    bind_rooms(&backend, &handle);
    bind_hosting(&backend, &handle);
    bind_joining(&backend, &handle);
    backend.on_strength(|passphrase, name| score(&passphrase, &[name.as_str(), "conversa"]));
    app.window().on_close_requested(move || {
        let may_close = handle
            .presenter
            .upgrade()
            .is_none_or(|presenter| presenter.try_borrow_mut().is_ok_and(|mut presenter| presenter.close_requested()));
        if may_close { CloseRequestResponse::HideWindow } else { CloseRequestResponse::KeepWindowShown }
    });
}

/// Binds a callback to the presenter's verb of the same name. Texts come as `SharedString`s, which
/// are cheap to keep.
macro_rules! verb {
    ($backend:ident.$on:ident => $handle:ident.$verb:ident()) => {{
        let handle = $handle.clone();
        $backend.$on(move || handle.with(|presenter| presenter.$verb()));
    }};
    ($backend:ident.$on:ident => $handle:ident.$verb:ident(text)) => {{
        let handle = $handle.clone();
        $backend.$on(move |text| handle.with(move |presenter| presenter.$verb(&text)));
    }};
    ($backend:ident.$on:ident => $handle:ident.$verb:ident(number)) => {{
        let handle = $handle.clone();
        $backend.$on(move |number| handle.with(move |presenter| presenter.$verb(number)));
    }};
}

fn bind_person(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_choose_name => handle.choose_name(text));
    verb!(backend.on_unlock => handle.unlock(text));
    verb!(backend.on_set_passphrase => handle.set_passphrase(text));
    verb!(backend.on_keep_in_keyring => handle.keep_in_keyring(number));
    verb!(backend.on_open_backup => handle.open_backup());
    verb!(backend.on_open_restore => handle.open_restore());
    verb!(backend.on_choose_backup_file => handle.choose_backup_file());
    verb!(backend.on_back_up => handle.back_up(text));
    verb!(backend.on_restore => handle.restore(text));
    verb!(backend.on_replace_identity => handle.replace_identity(number));
    verb!(backend.on_make_learning_identity => handle.make_learning_identity(number));
    verb!(backend.on_settings_changed => handle.keep_preferences());
    verb!(backend.on_measure => handle.measure());
    verb!(backend.on_trouble_action => handle.trouble_action());
    verb!(backend.on_copy => handle.copy(text));
    verb!(backend.on_open_link => handle.open_link(text));
    verb!(backend.on_quit => handle.quit());
}

fn bind_rooms(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_select_room => handle.select_room(text));
    verb!(backend.on_step_room => handle.step_room(number));
    verb!(backend.on_pick_room => handle.pick_room(number));
    verb!(backend.on_filter_rooms => handle.filter_rooms(text));
    verb!(backend.on_send => handle.send(text));
    verb!(backend.on_draft_changed => handle.draft_changed(text));
    verb!(backend.on_draft_refused => handle.draft_refused());
    verb!(backend.on_cancel_message => handle.cancel_message(text));
    verb!(backend.on_edit_message => handle.edit_message(text));
    verb!(backend.on_reached_end => handle.reached_end());
    verb!(backend.on_retry_now => handle.retry_now());
    verb!(backend.on_room_remedy => handle.room_remedy());
    verb!(backend.on_send_anyway => handle.send_anyway());
    verb!(backend.on_refresh_keys => handle.refresh_keys());
    verb!(backend.on_forget_host => handle.forget_host());
    verb!(backend.on_answer_host => handle.answer_host(number));
    verb!(backend.on_open_compare => handle.open_compare(text));
    verb!(backend.on_compare_with => handle.compare_with(text));
    verb!(backend.on_mark_verified => handle.mark_verified(number));
    verb!(backend.on_remove_member => handle.remove_member(text));
    verb!(backend.on_leave_room => handle.leave_room());
    verb!(backend.on_close_room => handle.close_room());
    let paste = handle.clone();
    backend.on_may_paste(move || {
        let presenter = paste.presenter.upgrade();
        presenter.is_none_or(|presenter| presenter.try_borrow().is_ok_and(|presenter| presenter.may_paste()))
    });
    verb!(backend.on_let_ask => handle.let_ask(number));
    let answer = handle.clone();
    backend.on_answer_knock(move |id, admit| answer.with(move |presenter| presenter.answer_knock(&id, admit)));
}

fn bind_hosting(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_open_host => handle.open_host());
    verb!(backend.on_start_hosting => handle.start_hosting());
    verb!(backend.on_consent_to_hosting => handle.consent_to_hosting());
    verb!(backend.on_cancel_hosting => handle.cancel_hosting());
    verb!(backend.on_show_invite => handle.show_invite());
    verb!(backend.on_new_invite => handle.new_invite());
    verb!(backend.on_reset_invites => handle.reset_invites());
}

fn bind_joining(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_open_join => handle.open_join());
    verb!(backend.on_look_up => handle.look_up(text));
    verb!(backend.on_consent_to_learning => handle.consent_to_learning());
    verb!(backend.on_confirm_join => handle.confirm_join());
    verb!(backend.on_choose_lobby => handle.choose_lobby(text));
    verb!(backend.on_cancel_join => handle.cancel_join());
}
