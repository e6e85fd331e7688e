//! Every callback of the globals in `ui/globals/`, and the verb behind it, topic by topic.
//!
//! Nothing is decided or kept here: a callback goes to the part of its topic, or to the presenter if it concerns
//! several parts.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use slint::{CloseRequestResponse, ComponentHandle, Timer};

use super::focus::FocusKeeper;
use super::generated::{
    AppWindow, Backups, Comparing, Hosting, Identity, Joining, OpenRoom, People, Preferences, Questions, Rooms,
    Talking, WindowState,
};
use super::language::bind_direction;
use super::presenter::Presenter;
use super::strength::score;

/// The presenter owns the window and the window owns the callbacks, so these hold the presenter only weakly.
#[derive(Clone)]
struct Handle {
    presenter: Weak<RefCell<Presenter>>,
    focus: FocusKeeper,
}

impl Handle {
    /// Does something with the presenter: at once, or right after the presenter has finished if the window called back
    /// while the presenter was working.
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
    bind_window(app, &handle);
    bind_rooms(app, &handle);
    bind_talking(app, &handle);
    bind_people(app, &handle);
    bind_hosting(app, &handle);
    bind_joining(app, &handle);
    bind_identity(app, &handle);
    bind_settings(app, &handle);
}

/// Binds a callback to a verb of the presenter, or of one of its parts, which receives the desk. Texts come as
/// `SharedString`s, which are cheap to keep.
macro_rules! verb {
    ($global:ident.$on:ident => $handle:ident.$($verb:ident).+()) => {{
        let handle = $handle.clone();
        $global.$on(move || handle.with(|presenter| presenter.$($verb).+()));
    }};
    ($global:ident.$on:ident => $handle:ident.$($verb:ident).+(text)) => {{
        let handle = $handle.clone();
        $global.$on(move |text| handle.with(move |presenter| presenter.$($verb).+(&text)));
    }};
    ($global:ident.$on:ident => $handle:ident.$($verb:ident).+(number)) => {{
        let handle = $handle.clone();
        $global.$on(move |number| handle.with(move |presenter| presenter.$($verb).+(number)));
    }};
    ($global:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident()) => {{
        let handle = $handle.clone();
        $global.$on(move || handle.with(|presenter| presenter.$($part).+.$verb(&mut presenter.desk)));
    }};
    ($global:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident(text)) => {{
        let handle = $handle.clone();
        $global.$on(move |text| handle.with(move |presenter| presenter.$($part).+.$verb(&mut presenter.desk, &text)));
    }};
    ($global:ident.$on:ident => $handle:ident[$($part:ident).+].$verb:ident(number)) => {{
        let handle = $handle.clone();
        $global.$on(move |number| handle.with(move |presenter| presenter.$($part).+.$verb(&mut presenter.desk, number)));
    }};
}

fn bind_window(app: &AppWindow, handle: &Handle) {
    let window = app.global::<WindowState>();
    verb!(window.on_copy => handle.desk.copy(text));
    verb!(window.on_open_link => handle.desk.open_link(text));
    verb!(window.on_quit => handle.quit());
    let questions = app.global::<Questions>();
    verb!(questions.on_act => handle[troubles].act());
    let handle = handle.clone();
    // While the presenter is busy the window stays open: nobody would say goodbye to the rooms.
    app.window().on_close_requested(move || {
        let may_close = handle
            .presenter
            .upgrade()
            .is_none_or(|presenter| presenter.try_borrow_mut().is_ok_and(|mut presenter| presenter.close_requested()));
        if may_close { CloseRequestResponse::HideWindow } else { CloseRequestResponse::KeepWindowShown }
    });
}

fn bind_rooms(app: &AppWindow, handle: &Handle) {
    let rooms = app.global::<Rooms>();
    verb!(rooms.on_select => handle.select_room(text));
    verb!(rooms.on_step => handle.step_room(number));
    verb!(rooms.on_pick => handle.pick_room(number));
    verb!(rooms.on_find => handle.find_rooms(text));
    let room = app.global::<OpenRoom>();
    verb!(room.on_retry => handle[room].retry());
    verb!(room.on_remedy => handle[room].remedy());
    verb!(room.on_refresh_keys => handle[room].refresh_keys());
    verb!(room.on_forget_host => handle[room].forget_host());
    verb!(room.on_answer_host => handle[room].answer_host(number));
    verb!(room.on_leave => handle[room].leave());
    verb!(room.on_close => handle[room].close());
    verb!(room.on_let_ask => handle[room].let_ask(number));
}

fn bind_talking(app: &AppWindow, handle: &Handle) {
    let talking = app.global::<Talking>();
    verb!(talking.on_send => handle[talking].send(text));
    verb!(talking.on_send_anyway => handle[talking].send_anyway());
    verb!(talking.on_cancel => handle[talking].cancel(text));
    verb!(talking.on_edit => handle[talking].edit(text));
    verb!(talking.on_reached_end => handle[talking].reached_end());
    verb!(talking.on_read_at => handle[talking].read_at(number));
    verb!(talking.on_draft_changed => handle[talking.drafts].changed(text));
    verb!(talking.on_draft_refused => handle[talking.drafts].put_back());
    let paste = handle.clone();
    // The answer cannot wait: while the presenter is busy, nothing is pasted.
    talking.on_may_paste(move || {
        let may_paste = |presenter: &Presenter| presenter.talking.drafts.may_paste(&presenter.desk);
        let presenter = paste.presenter.upgrade();
        presenter.is_none_or(|presenter| presenter.try_borrow().is_ok_and(|presenter| may_paste(&presenter)))
    });
}

fn bind_people(app: &AppWindow, handle: &Handle) {
    let people = app.global::<People>();
    verb!(people.on_remove => handle[people].remove(text));
    let answer = handle.clone();
    people.on_answer_knock(move |id, admit| {
        answer.with(move |presenter| presenter.people.answer_knock(&presenter.desk, &id, admit));
    });
    let comparing = app.global::<Comparing>();
    verb!(comparing.on_open => handle[people.comparing].open(text));
    verb!(comparing.on_compare_with => handle[people.comparing].compare_with(text));
    verb!(comparing.on_mark_verified => handle[people.comparing].mark_verified(number));
}

fn bind_hosting(app: &AppWindow, handle: &Handle) {
    let hosting = app.global::<Hosting>();
    verb!(hosting.on_open => handle.open_host());
    verb!(hosting.on_start => handle[hosting].start());
    verb!(hosting.on_consent => handle[hosting].consent());
    verb!(hosting.on_cancel => handle[hosting].cancel());
    verb!(hosting.on_show_invite => handle[hosting].show_invite());
    verb!(hosting.on_new_invite => handle[hosting].new_invite());
    verb!(hosting.on_reset_invites => handle[hosting].reset_invites());
}

fn bind_joining(app: &AppWindow, handle: &Handle) {
    let joining = app.global::<Joining>();
    verb!(joining.on_open => handle.open_join());
    verb!(joining.on_look_up => handle.look_up(text));
    verb!(joining.on_consent => handle[joining].consent());
    verb!(joining.on_confirm => handle[joining].confirm());
    verb!(joining.on_choose => handle[joining].choose(text));
    verb!(joining.on_cancel => handle[joining].cancel());
}

fn bind_identity(app: &AppWindow, handle: &Handle) {
    let identity = app.global::<Identity>();
    verb!(identity.on_choose_name => handle[identities].choose_name(text));
    verb!(identity.on_unlock => handle[identities].unlock(text));
    verb!(identity.on_set_passphrase => handle[identities].set_passphrase(text));
    verb!(identity.on_keep_in_keyring => handle[identities].keep_in_keyring(number));
    verb!(identity.on_replace => handle[identities].replace(number));
    verb!(identity.on_make_learning => handle[identities].make_learning(number));
    identity.on_strength(|passphrase, name| score(&passphrase, &[name.as_str(), "conversa"]));
    let backups = app.global::<Backups>();
    verb!(backups.on_open_backup => handle[backups].open_backup());
    verb!(backups.on_open_restore => handle[backups].open_restore());
    verb!(backups.on_choose_file => handle[backups].choose_file());
    verb!(backups.on_back_up => handle[backups].back_up(text));
    verb!(backups.on_restore => handle[backups].restore(text));
}

fn bind_settings(app: &AppWindow, handle: &Handle) {
    let preferences = app.global::<Preferences>();
    verb!(preferences.on_keep => handle[preferences].keep());
    verb!(preferences.on_measure => handle[preferences].measure());
}
