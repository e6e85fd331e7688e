//! From a command line to a running window: the display, the renderer, the event loop.
//!
//! FemtoVG draws where there is a GPU, and the software renderer everywhere else. Slint does not fall back by itself:
//! without usable OpenGL its event loop runs without a window. So the program then restarts itself with the software
//! renderer, before it enters any room. The new program takes over the profile, because the system releases the old
//! one's lock. In the same way it switches once from a Wayland display that does not answer to X11.

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

/// How long the event loop runs before we ask whether there is a window: the first turn creates it.
const TRY_TO_DRAW: Duration = Duration::from_millis(20);
/// Slint's own choice of backend and renderer. If the person sets it, we obey.
const BACKEND_VARIABLE: &str = "SLINT_BACKEND";

/// Opens the window on the profile in `directory` (or in the platform's own place) and shows the invite in `link`.
/// Returns when the window was closed and all goodbyes were said. If a window is already open on this profile, it comes
/// to the front, and this returns at once.
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
    // Until the profile names another.
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
    // A signal also ends the program with a goodbye.
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

/// Lets the event loop create the window, which shows whether it can be drawn. If it cannot, the loop runs without a
/// window and reports that only when it ends. If OpenGL lacks a function, the renderer panics.
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

/// Shows the problem on an otherwise empty window.
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

/// Whether there is a display to open a window on. Only X11 and Wayland can tell beforehand.
fn has_display() -> bool {
    let is_chosen = std::env::var_os(BACKEND_VARIABLE).is_some_and(|value| !value.is_empty());
    cfg!(not(target_os = "linux")) || is_chosen || Displays::named().is_any()
}

/// Without a GPU the software renderer is several times faster than OpenGL in software. Returns which emoji the
/// renderer can draw.
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

/// Whether the kernel offers a GPU: a render node, or the NVIDIA driver, which has none.
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

/// The GPU turned out to be unusable: restarts the program with the software renderer.
fn draw_by_software(error: impl Display) -> Result<(), Problem> {
    if std::env::var_os(BACKEND_VARIABLE).is_some() {
        return Err(go_on_with_x11(no_display(error)));
    }
    log::warn!("the window cannot be drawn by the GPU, so it is drawn by software: {error}");
    let mut again = this_program()?;
    again.env(BACKEND_VARIABLE, "winit-software");
    Err(no_display(go_on_as(again)))
}

/// The first display gave no window. If that was Wayland and X11 is there too, restarts the program on X11. Returns
/// only if there is no X11, or if the restart failed.
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

/// This program, with the arguments it was started with.
fn this_program() -> Result<Command, Problem> {
    let mut again = Command::new(std::env::current_exe().map_err(no_display)?);
    again.args(std::env::args_os().skip(1));
    Ok(again)
}

/// Replaces this program by another. Returns only on failure.
#[cfg(unix)]
fn go_on_as(mut program: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut program)
}

/// On Windows both run for a moment, and the new one waits for the profile.
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
