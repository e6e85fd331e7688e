//! The clipboard, for the Copy buttons. Slint handles copying and pasting in text fields itself.

/// The clipboard of the desktop. On X11 and Wayland the program that copied has to stay and serve the text, so this
/// lives as long as the window.
#[derive(Default)]
pub(super) struct Clipboard(Option<arboard::Clipboard>);

impl Clipboard {
    /// Puts a text there; says whether it worked.
    pub(super) fn copy(&mut self, text: &str) -> bool {
        if self.0.is_none() {
            match arboard::Clipboard::new() {
                Ok(clipboard) => self.0 = Some(clipboard),
                Err(error) => log::info!("no clipboard: {error}"),
            }
        }
        let Some(clipboard) = &mut self.0 else { return false };
        match clipboard.set_text(text) {
            Ok(()) => true,
            Err(error) => {
                log::warn!("the clipboard does not take a text: {error}");
                self.0 = None;
                false
            }
        }
    }
}
