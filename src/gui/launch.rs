//! From a command line to a running window: the display, the renderer, the event loop.
//!
//! FemtoVG draws where there is a GPU, and the software renderer everywhere else. Slint does not fall
//! back by itself: without usable OpenGL its event loop runs without a window, so the program then starts
//! itself anew with the software renderer. That happens before any room is entered, and the new program
//! takes over the profile, for the system closes the old one's lock with it. The same way it goes from a Wayland
//! display that does not answer to X11, once.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use slint::{ComponentHandle, Timer};

use super::display::{Displays, WAYLAND_VARIABLES};
use super::fonts::{Emoji, add_fonts};
use super::front_end::FrontEnd;
use super::generated::{AppWindow, Page, Questions, Remedy, Sheet, TroubleView, WindowState};
use super::instance;
use super::language::choose_language;
use super::presenter::trouble;
use crate::app::{Code, Language, Problem, Profile, say};

/// How long the event loop runs until it is asked whether there is a window: it is made in the first turn.
const TRY_TO_DRAW: Duration = Duration::from_millis(20);
/// Slint's own choice of backend and renderer; whoever sets it is obeyed.
const BACKEND_VARIABLE: &str = "SLINT_BACKEND";

/// Opens the window on the profile in `directory` (or in the platform's own place) and shows the
/// invite in `link`, and returns when the window was closed and all goodbyes were said. Where a window
/// is open on this profile, that one is shown, and this returns at once.
///
/// # Errors
/// A [`Problem`] without a display, or if the profile cannot be used; the latter is also shown in a
/// window.
pub fn run(directory: Option<PathBuf>, link: Option<&str>) -> Result<(), Problem> {
    if !has_display() {
        return Err(no_display("neither DISPLAY nor WAYLAND_DISPLAY is set"));
    }
    let place = Profile::place(directory)?;
    let Some(profile) = instance::open_or_hand_over(&place, link).transpose() else {
        return Ok(());
    };
    let (emoji, app) = open_window().map_err(go_on_with_x11)?;
    add_fonts(emoji);
    // Until the profile says another.
    choose_language(Language::System);
    // The name by which the desktop finds the icon and the menu entry.
    if let Err(error) = slint::set_xdg_app_id("conversa") {
        log::info!("the desktop does not learn the program's name: {error}");
    }
    match profile.and_then(|profile| FrontEnd::open(app.clone_strong(), profile)) {
        Ok(front_end) => run_front_end(&front_end, &place, link),
        Err(problem) => {
            show_problem(&app, &problem)?;
            Err(problem)
        }
    }
}

fn open_window() -> Result<(Emoji, AppWindow), Problem> {
    let emoji = choose_renderer()?;
    Ok((emoji, AppWindow::new().map_err(no_display)?))
}

fn run_front_end(front_end: &FrontEnd, profile: &Path, link: Option<&str>) -> Result<(), Problem> {
    front_end.app().show().map_err(no_display)?;
    try_to_draw()?;
    if let Err(error) = instance::listen(profile, front_end.starter()) {
        log::warn!("a second start will not find this window: {error}");
    }
    front_end.listen(end_loop).map_err(no_display)?;
    // A signal is a goodbye, too.
    if let Err(error) = ctrlc::set_handler(front_end.quitter()) {
        log::info!("signals end the program without a goodbye: {error}");
    }
    front_end.start();
    if let Some(link) = link {
        front_end.open_link(link.to_owned());
    }
    slint::run_event_loop_until_quit().map_err(no_display)?;
    front_end.unwritten().map_or(Ok(()), Err)
}

/// Lets the event loop make the window, which tells whether it can be drawn: where it cannot, the loop
/// goes on without a window and says so only when it ends. Where OpenGL lacks a function, the renderer panics.
fn try_to_draw() -> Result<(), Problem> {
    Timer::single_shot(TRY_TO_DRAW, end_loop);
    match std::panic::catch_unwind(slint::run_event_loop_until_quit) {
        Ok(drawn) => drawn.or_else(draw_by_software),
        Err(_) => draw_by_software("the renderer ended in a panic"),
    }
}

fn end_loop() {
    if let Err(error) = slint::quit_event_loop() {
        log::error!("the window does not end: {error}");
    }
}

/// Shows why there is nothing else to show.
fn show_problem(app: &AppWindow, problem: &Problem) -> Result<(), Problem> {
    let state = app.global::<WindowState>();
    state.set_page(Page::Blank);
    app.global::<Questions>().set_trouble(TroubleView { remedy: Remedy::None, ..trouble(problem) });
    state.set_sheet(Sheet::Trouble);
    app.global::<Questions>().on_act(end_loop);
    app.show().map_err(no_display)?;
    try_to_draw()?;
    slint::run_event_loop().map_err(no_display)
}

/// Whether there is anything to open a window on. Only X11 and Wayland can tell beforehand.
fn has_display() -> bool {
    let is_chosen = std::env::var_os(BACKEND_VARIABLE).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || is_chosen || Displays::named().is_any()
}

/// Without a GPU the software renderer is several times faster than OpenGL by software. Says which emoji
/// the renderer can draw.
fn choose_renderer() -> Result<Emoji, Problem> {
    if let Some(chosen) = std::env::var_os(BACKEND_VARIABLE) {
        let is_software = chosen.to_string_lossy().contains("software");
        return Ok(if is_software { Emoji::Outlines } else { Emoji::OfTheSystem });
    }
    if has_gpu() {
        return Ok(Emoji::OfTheSystem);
    }
    let selector = slint::BackendSelector::new().backend_name("winit".to_owned()).renderer_name("software".to_owned());
    selector.select().map(|()| Emoji::Outlines).map_err(no_display)
}

/// Whether the kernel offers a GPU: a render node, or the driver that has none.
#[cfg(target_os = "linux")]
fn has_gpu() -> bool {
    let nodes = std::fs::read_dir("/dev/dri").into_iter().flatten().flatten();
    let mut names = nodes.map(|node| node.file_name().to_string_lossy().into_owned());
    names.any(|name| name.starts_with("renderD")) || std::path::Path::new("/dev/nvidiactl").exists()
}

#[cfg(not(target_os = "linux"))]
const fn has_gpu() -> bool {
    true
}

/// The GPU could not be used after all: the same program again, drawn by software.
fn draw_by_software(error: impl Display) -> Result<(), Problem> {
    if std::env::var_os(BACKEND_VARIABLE).is_some() {
        return Err(go_on_with_x11(no_display(error)));
    }
    log::warn!("the window cannot be drawn by the GPU, so it is drawn by software: {error}");
    let mut again = this_program()?;
    again.env(BACKEND_VARIABLE, "winit-software");
    Err(no_display(go_on_as(again)))
}

/// No window comes of the display that is tried first. If that is Wayland and there is X11 too: the same program
/// again, there. Returns only where there is not, or if that failed.
fn go_on_with_x11(problem: Problem) -> Problem {
    if cfg!(not(target_os = "linux")) || !Displays::named().has_another() {
        return problem;
    }
    log::warn!("the Wayland display does not answer, so the window opens on X11: {}", problem.detail);
    let again = this_program().map(|mut again| {
        for name in WAYLAND_VARIABLES {
            again.env_remove(name);
        }
        again
    });
    again.map_or_else(|problem| problem, |again| no_display(go_on_as(again)))
}

/// As it was started.
fn this_program() -> Result<Command, Problem> {
    let mut again = Command::new(std::env::current_exe().map_err(no_display)?);
    again.args(std::env::args_os().skip(1));
    Ok(again)
}

/// Puts another program in the place of this one; returns only if that failed.
#[cfg(unix)]
fn go_on_as(mut program: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut program)
}

/// On Windows both are there for a moment, and the new one waits for the profile.
#[cfg(not(unix))]
fn go_on_as(mut program: Command) -> std::io::Error {
    match program.spawn() {
        Ok(_) => std::process::exit(0),
        Err(error) => error,
    }
}

fn no_display(error: impl Display) -> Problem {
    let what = say!("The window cannot be opened: it needs a display.");
    let hint = say!(
        "Without one use `conversa host`, `conversa join`, `conversa send` or `conversa relay`; `conversa --help` shows \
         how."
    );
    Problem::new(Code::NoWindow, what, hint).with_detail(error)
}
