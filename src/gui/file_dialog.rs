//! The desktop's own dialogs for a file, where it has one.
//!
//! On Linux that is its portal, or else `zenity`. Where there is neither, a dialog would end at once as if the person
//! had cancelled it, so that is found out first and said: the path can be typed. No file is opened here.

use std::path::PathBuf;

use rfd::AsyncFileDialog;
use slint::ComponentHandle;
use slint::winit_030::WinitWindowAccessor;

use super::generated::AppWindow;

/// What the person is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// A file that is there.
    Open,
    /// A place for a new one, with what to suggest.
    Save(PathBuf),
}

/// Opens the dialog; what it returns is read on the window's thread. `None` if the person chose nothing.
pub(super) fn ask(app: &AppWindow, title: &str, wanted: &Wanted) -> impl Future<Output = Option<PathBuf>> + use<> {
    let mut dialog = AsyncFileDialog::new().set_title(title);
    let with_parent =
        app.window().with_winit_window(|window| AsyncFileDialog::new().set_title(title).set_parent(window));
    if let Some(with_parent) = with_parent {
        dialog = with_parent;
    }
    let chosen = match wanted {
        Wanted::Open => Chosen::Open(dialog.pick_file()),
        Wanted::Save(suggested) => {
            if let Some(name) = suggested.file_name() {
                dialog = dialog.set_file_name(name.to_string_lossy());
            }
            if let Some(directory) = suggested.parent().filter(|directory| directory.is_dir()) {
                dialog = dialog.set_directory(directory);
            }
            Chosen::Save(dialog.save_file())
        }
    };
    async move {
        let file = match chosen {
            Chosen::Open(file) => file.await,
            Chosen::Save(file) => file.await,
        };
        file.map(|file| file.path().to_owned())
    }
}

enum Chosen<Open, Save> {
    Open(Open),
    Save(Save),
}

/// Whether the desktop has such a dialog. Asks the session bus, so not for the window's thread.
#[cfg(target_os = "linux")]
pub(super) fn is_there() -> bool {
    const PORTAL: &str = "org.freedesktop.portal.Desktop";
    let on_the_bus = || -> zbus::Result<bool> {
        let connection = zbus::blocking::Connection::session()?;
        let bus = zbus::blocking::fdo::DBusProxy::new(&connection)?;
        let startable = bus.list_activatable_names()?.iter().any(|name| name.as_str() == PORTAL);
        Ok(startable || bus.name_has_owner(PORTAL.try_into()?)?)
    };
    let in_path = || {
        let places = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&places).any(|place| place.join("zenity").is_file())
    };
    on_the_bus().unwrap_or_else(|error| {
        log::info!("no portal for files: {error}");
        false
    }) || in_path()
}

/// Windows and macOS have one.
#[cfg(not(target_os = "linux"))]
pub(super) const fn is_there() -> bool {
    true
}
