//! The window: the only part of the program that knows Slint.
//!
//! It never sees a key and makes no decision; it shows what it is told and passes on what is asked. `bind` (callbacks
//! out) and `presenter` (models in) use what the compiler generates from `ui/`, and so does the code that opens the
//! window; the rest is ordinary code about text, lists and the desktop.
//!
//! How it looks, and every word it says, is in `ui/`. Decisions that both front ends share are in `app/policy`.
//!
//! [`run`] is the whole front end. [`FrontEnd`] is the same without a desktop, for tests.

mod bind;
mod clipboard;
mod content;
mod display;
mod file_dialog;
mod focus;
mod fonts;
mod format;
mod front_end;
mod instance;
mod language;
mod launch;
mod links;
mod list;
mod presenter;
mod qr;
mod strength;

use crate::crypto;
use crate::crypto::cost::{self, Cost};

#[doc(hidden)]
pub use self::fonts::{Emoji, add_fonts};
#[doc(hidden)]
pub use self::front_end::FrontEnd;
#[doc(hidden)]
pub use self::language::{bind_direction, choose_language};
pub use self::launch::run;

// The code that the `.slint` compiler generates is not held to the rules of hand-written code.
#[allow(missing_docs, unreachable_pub, unused_qualifications)]
#[allow(clippy::all, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::todo, clippy::too_many_lines)]
mod generated {
    slint::include_modules!();
}

#[doc(hidden)]
pub use generated::*;

/// What a worker or the system reports to the window.
#[derive(Debug)]
enum Work {
    /// Both suites were measured.
    Measured(Costs),
    /// The system wants the program to end.
    Quit,
    /// Whether the desktop has a dialog for files.
    FileDialogs(bool),
    /// The person chose a file for a backup.
    FileChosen(std::path::PathBuf),
    /// The program was started again for this profile, with or without an invite.
    StartedAgain(Option<String>),
}

/// What the suites cost on this computer, as far as they could be measured.
#[derive(Clone, Copy, Default, Debug)]
struct Costs {
    secure: Option<Cost>,
    learning: Option<Cost>,
}

/// Measures both suites at their default sizes on a thread of its own.
fn measure(work: async_channel::Sender<Work>) -> std::io::Result<()> {
    let of = |suite: crypto::Suite| {
        let bits = suite.backend().key_bits().first().copied()?;
        cost::measure(suite, bits).inspect_err(|error| log::warn!("{suite:?} cannot be measured: {error}")).ok()
    };
    let measure = move || {
        let costs = Costs { secure: of(crypto::Suite::Classical), learning: of(crypto::Suite::Textbook) };
        // The window may be gone by now.
        let _ = work.send_blocking(Work::Measured(costs));
    };
    std::thread::Builder::new().name("measure".to_owned()).spawn(measure).map(drop)
}
