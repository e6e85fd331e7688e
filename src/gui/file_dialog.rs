//! The desktop's own file dialogs, if it has any.
//!
//! On Linux that is the desktop's portal, or else `zenity`. With neither, a dialog would end at once as if the person
//! had cancelled it. So we check first and say so: the person can type the path. No file is opened here.

use std::path::PathBuf;

use rfd::AsyncFileDialog;
use slint::ComponentHandle;
use slint::winit_030::WinitWindowAccessor;

use super::generated::AppWindow;

/// What the person is asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// An existing file.
    Open,
    /// A place for a new file, with a suggestion.
    Save(PathBuf),
}

/// Opens the dialog. The result is read on the window's thread: `None` if the person chose nothing.
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

/// Whether the desktop has such a dialog. It asks the session bus, so never call it on the window's thread.
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

/// Windows and macOS always have one.
#[cfg(not(target_os = "linux"))]
pub(super) const fn is_there() -> bool {
    true
}
