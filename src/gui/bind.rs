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
    bind_talking(&backend, &handle);
    bind_people(&backend, &handle);
    bind_hosting(&backend, &handle);
    bind_joining(&backend, &handle);
    app.window().on_close_requested(move || {
        let may_close = handle
            .presenter
            .upgrade()
            .is_none_or(|presenter| presenter.try_borrow_mut().is_ok_and(|mut presenter| presenter.close_requested()));
        if may_close { CloseRequestResponse::HideWindow } else { CloseRequestResponse::KeepWindowShown }
    });
}

/// Binds a callback to a verb of the presenter, or of one of its parts, which is handed the desk. Texts come as
/// `SharedString`s, which are cheap to keep.
macro_rules! verb {
    ($backend:ident.$on:ident => $handle:ident.$($verb:ident).+()) => {{
        let handle = $handle.clone();
        $backend.$on(move || handle.with(|presenter| presenter.$($verb).+()));
    }};
    ($backend:ident.$on:ident => $handle:ident.$($verb:ident).+(text)) => {{
        let handle = $handle.clone();
        $backend.$on(move |text| handle.with(move |presenter| presenter.$($verb).+(&text)));
    }};
    ($backend:ident.$on:ident => $handle:ident.$($verb:ident).+(number)) => {{
        let handle = $handle.clone();
        $backend.$on(move |number| handle.with(move |presenter| presenter.$($verb).+(number)));
    }};
    ($backend:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident()) => {{
        let handle = $handle.clone();
        $backend.$on(move || handle.with(|presenter| presenter.$($part).+.$verb(&mut presenter.desk)));
    }};
    ($backend:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident(text)) => {{
        let handle = $handle.clone();
        $backend.$on(move |text| handle.with(move |presenter| presenter.$($part).+.$verb(&mut presenter.desk, &text)));
    }};
    ($backend:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident(number)) => {{
        let handle = $handle.clone();
        $backend.$on(move |number| handle.with(move |presenter| presenter.$($part).+.$verb(&mut presenter.desk, number)));
    }};
}

fn bind_person(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_choose_name => handle[identities].choose_name(text));
    verb!(backend.on_unlock => handle[identities].unlock(text));
    verb!(backend.on_set_passphrase => handle[identities].set_passphrase(text));
    verb!(backend.on_keep_in_keyring => handle[identities].keep_in_keyring(number));
    verb!(backend.on_replace_identity => handle[identities].replace(number));
    verb!(backend.on_make_learning_identity => handle[identities].make_learning(number));
    verb!(backend.on_open_backup => handle[backups].open_backup());
    verb!(backend.on_open_restore => handle[backups].open_restore());
    verb!(backend.on_choose_backup_file => handle[backups].choose_file());
    verb!(backend.on_back_up => handle[backups].back_up(text));
    verb!(backend.on_restore => handle[backups].restore(text));
    backend.on_strength(|passphrase, name| score(&passphrase, &[name.as_str(), "conversa"]));
    verb!(backend.on_settings_changed => handle[preferences].keep());
    verb!(backend.on_measure => handle[preferences].measure());
    verb!(backend.on_trouble_action => handle[troubles].act());
    verb!(backend.on_copy => handle.desk.copy(text));
    verb!(backend.on_open_link => handle.desk.open_link(text));
    verb!(backend.on_quit => handle.quit());
}

fn bind_rooms(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_select_room => handle.select_room(text));
    verb!(backend.on_step_room => handle.step_room(number));
    verb!(backend.on_pick_room => handle.pick_room(number));
    verb!(backend.on_filter_rooms => handle.filter_rooms(text));
    verb!(backend.on_retry_now => handle[room].retry());
    verb!(backend.on_room_remedy => handle[room].remedy());
    verb!(backend.on_refresh_keys => handle[room].refresh_keys());
    verb!(backend.on_forget_host => handle[room].forget_host());
    verb!(backend.on_answer_host => handle[room].answer_host(number));
    verb!(backend.on_leave_room => handle[room].leave());
    verb!(backend.on_close_room => handle[room].close());
    verb!(backend.on_let_ask => handle[room].let_ask(number));
}

fn bind_talking(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_send => handle[talking].send(text));
    verb!(backend.on_send_anyway => handle[talking].send_anyway());
    verb!(backend.on_cancel_message => handle[talking].cancel(text));
    verb!(backend.on_edit_message => handle[talking].edit(text));
    verb!(backend.on_reached_end => handle[talking].reached_end());
    verb!(backend.on_draft_changed => handle[talking.drafts].changed(text));
    verb!(backend.on_draft_refused => handle[talking.drafts].put_back());
    let paste = handle.clone();
    // An answer cannot wait: while the presenter is busy, nothing is pasted.
    backend.on_may_paste(move || {
        let may_paste = |presenter: &Presenter| presenter.talking.drafts.may_paste(&presenter.desk);
        let presenter = paste.presenter.upgrade();
        presenter.is_none_or(|presenter| presenter.try_borrow().is_ok_and(|presenter| may_paste(&presenter)))
    });
}

fn bind_people(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_remove_member => handle[people].remove(text));
    verb!(backend.on_open_compare => handle[people.comparing].open(text));
    verb!(backend.on_compare_with => handle[people.comparing].compare_with(text));
    verb!(backend.on_mark_verified => handle[people.comparing].mark_verified(number));
    let answer = handle.clone();
    backend.on_answer_knock(move |id, admit| {
        answer.with(move |presenter| presenter.people.answer_knock(&presenter.desk, &id, admit));
    });
}

fn bind_hosting(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_open_host => handle.open_host());
    verb!(backend.on_start_hosting => handle[hosting].start());
    verb!(backend.on_consent_to_hosting => handle[hosting].consent());
    verb!(backend.on_cancel_hosting => handle[hosting].cancel());
    verb!(backend.on_show_invite => handle[hosting].show_invite());
    verb!(backend.on_new_invite => handle[hosting].new_invite());
    verb!(backend.on_reset_invites => handle[hosting].reset_invites());
}

fn bind_joining(backend: &Backend<'_>, handle: &Handle) {
    verb!(backend.on_open_join => handle.open_join());
    verb!(backend.on_look_up => handle.look_up(text));
    verb!(backend.on_consent_to_learning => handle[joining].consent());
    verb!(backend.on_confirm_join => handle[joining].confirm());
    verb!(backend.on_choose_lobby => handle[joining].choose(text));
    verb!(backend.on_cancel_join => handle[joining].cancel());
}
