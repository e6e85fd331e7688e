//! A window with its presenter and the session behind it, and how events travel between them.
//!
//! It needs no display, so tests can drive it. `launch` adds what a desktop needs.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, EventLoopError, Timer, TimerMode};

use super::Work;
use super::bind::bind;
use super::focus::FocusKeeper;
use super::generated::AppWindow;
use super::presenter::Presenter;
use crate::app::{Problem, Profile, Session, SessionEvent};

/// How often the window checks what no event reports: the time, and whether it has the keyboard.
const TICK: Duration = Duration::from_millis(500);
/// How many events are taken in before the window may draw: a few milliseconds of work.
const EVENTS_AT_ONCE: usize = 256;

/// An open window. Public for the tests of the window alone.
pub struct FrontEnd {
    app: AppWindow,
    presenter: Rc<RefCell<Presenter>>,
    events: async_channel::Receiver<SessionEvent>,
    work: async_channel::Receiver<Work>,
    work_sender: async_channel::Sender<Work>,
    focus: FocusKeeper,
    /// Runs as long as the window does.
    _tick: Timer,
}

impl FrontEnd {
    /// Opens the session of a profile behind a window, and fills the window. Nothing is sent or created yet: see
    /// [`Self::start`].
    ///
    /// # Errors
    /// A [`Problem`] if the profile cannot be read.
    pub fn open(app: AppWindow, profile: Profile) -> Result<Self, Problem> {
        let place = profile.directory().display().to_string();
        let (session, opening, events) = Session::open(profile)?;
        let (work_sender, work) = async_channel::unbounded();
        let presenter = Presenter::new(app.clone_strong(), session, opening, place, work_sender.clone());
        let presenter = Rc::new(RefCell::new(presenter));
        let focus = FocusKeeper::bind(&app);
        bind(&app, &presenter, &focus);
        let tick = Timer::default();
        let (ticking, window, watched) = (Rc::downgrade(&presenter), app.as_weak(), focus.clone());
        tick.start(TimerMode::Repeated, TICK, move || {
            if let (Some(presenter), Some(app)) = (ticking.upgrade(), window.upgrade())
                && let Ok(mut presenter) = presenter.try_borrow_mut()
            {
                presenter.tick(is_active(&app));
                watched.look_after_it();
            }
        });
        Ok(Self { app, presenter, events, work, work_sender, focus, _tick: tick })
    }

    /// The window.
    #[must_use]
    pub const fn app(&self) -> &AppWindow {
        &self.app
    }

    /// Reads or creates the key, and enters the rooms of the profile.
    pub fn start(&self) {
        self.presenter.borrow_mut().start(is_active(&self.app));
    }

    /// Takes in everything that has arrived, without waiting. Returns whether the session has ended.
    pub fn pump(&self) -> bool {
        let waiting = std::iter::from_fn(|| self.work.try_recv().ok());
        waiting.for_each(|work| take_work(&self.presenter, work));
        let ended = take_all(&self.presenter, std::iter::from_fn(|| self.events.try_recv().ok()));
        self.focus.look_after_it();
        ended
    }

    /// Takes in one event as if the session had sent it: for what no honest host does, such as a fork.
    pub fn tell(&self, event: SessionEvent) {
        take_all(&self.presenter, std::iter::once(event));
    }

    /// A function that ends the program cleanly, from any thread.
    pub(super) fn quitter(&self) -> impl Fn() + Send + 'static {
        let work = self.work_sender.clone();
        move || {
            // Nobody is left to be told if this fails.
            let _ = work.try_send(Work::Quit);
        }
    }

    /// A function that tells the window, from any thread, that the program was started again. It returns whether the
    /// window takes the link; once it closes it does not.
    pub fn starter(&self) -> impl Fn(Option<String>) -> bool + Send + use<> {
        let work = self.work_sender.clone();
        move |link| work.try_send(Work::StartedAgain(link)).is_ok()
    }

    /// What could not be written at the end, and is lost.
    pub(super) fn unwritten(&self) -> Option<Problem> {
        self.presenter.borrow().unwritten()
    }

    /// Shows an invite that was clicked outside the window, as soon as possible.
    pub(super) fn open_link(&self, link: String) {
        self.presenter.borrow_mut().open_link_when_free(link);
    }

    /// Receives events while the event loop runs; calls `ended` after the last.
    pub(super) fn listen(&self, ended: impl Fn() + 'static) -> Result<(), EventLoopError> {
        let (events, presenter, focus) = (self.events.clone(), Rc::clone(&self.presenter), self.focus.clone());
        slint::spawn_local(async move {
            while let Ok(first) = events.recv().await {
                let waiting = std::iter::from_fn(|| events.try_recv().ok()).take(EVENTS_AT_ONCE);
                if take_all(&presenter, std::iter::once(first).chain(waiting)) {
                    break;
                }
                focus.look_after_it();
                Pause::default().await;
            }
            ended();
        })?;
        let (work, presenter) = (self.work.clone(), Rc::clone(&self.presenter));
        slint::spawn_local(async move {
            while let Ok(done) = work.recv().await {
                take_work(&presenter, done);
            }
        })?;
        Ok(())
    }
}

/// Takes events in and shows what they changed. Returns whether the session has ended.
fn take_all(presenter: &RefCell<Presenter>, events: impl Iterator<Item = SessionEvent>) -> bool {
    let mut presenter = presenter.borrow_mut();
    events.for_each(|event| presenter.take(event));
    presenter.refresh();
    presenter.is_ended()
}

fn take_work(presenter: &RefCell<Presenter>, work: Work) {
    let mut presenter = presenter.borrow_mut();
    presenter.take_work(work);
    presenter.refresh();
}

/// Whether the window has the keyboard. This version of Slint has no public API for it, so Cargo.toml pins it to 1.18.
fn is_active(app: &AppWindow) -> bool {
    WindowInner::from_pub(app.window()).active()
}

/// Gives the event loop one turn: input and drawing come before further events.
#[derive(Default)]
struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
