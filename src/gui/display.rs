//! The displays that the environment names. The toolkit tries Wayland before X11, and so do we. A session that has
//! ended, or a system that only passes the variables on, may name a display where nobody answers. Nothing connects
//! here.

use std::ffi::OsString;

/// The variables that name a Wayland display.
pub(super) const WAYLAND_VARIABLES: [&str; 2] = ["WAYLAND_DISPLAY", "WAYLAND_SOCKET"];
/// The variable that names an X11 display.
const X11_VARIABLE: &str = "DISPLAY";

/// The displays that are named. An empty name counts as none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Displays {
    pub(super) wayland: bool,
    pub(super) x11: bool,
}

impl Displays {
    /// The displays named in this process's environment.
    pub(super) fn named() -> Self {
        Self::named_by(|name| std::env::var_os(name))
    }

    fn named_by(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
        Self { wayland: WAYLAND_VARIABLES.into_iter().any(is_set), x11: is_set(X11_VARIABLE) }
    }

    /// Whether any display is named.
    pub(super) const fn is_any(self) -> bool {
        self.wayland || self.x11
    }

    /// Whether another display is left if the first does not answer. True only once: without the Wayland variables,
    /// none is left.
    pub(super) const fn has_another(self) -> bool {
        self.wayland && self.x11
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_what_is_tried_and_what_after_that() {
        let (none, wayland, x11, both) = ((false, false), (true, false), (false, true), (true, true));
        for (variables, named) in [
            (&[][..], none),
            (&[("DISPLAY", ""), ("WAYLAND_DISPLAY", ""), ("WAYLAND_SOCKET", "")], none),
            (&[("DISPLAY", ":0")], x11),
            (&[("DISPLAY", ":0"), ("WAYLAND_DISPLAY", "")], x11),
            (&[("WAYLAND_DISPLAY", "wayland-0")], wayland),
            (&[("WAYLAND_SOCKET", "7")], wayland),
            (&[("WAYLAND_DISPLAY", "wayland-0"), ("DISPLAY", "")], wayland),
            (&[("WAYLAND_DISPLAY", "/run/gone"), ("DISPLAY", ":0")], both),
            (&[("WAYLAND_SOCKET", "7"), ("DISPLAY", ":0")], both),
        ] {
            let value = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
            let displays = Displays::named_by(value);
            assert_eq!((displays.wayland, displays.x11), named, "{variables:?}");
            assert_eq!(displays.is_any(), named != none, "{variables:?}");
            // Without the Wayland variables nothing else is left, so it cannot go round in circles.
            assert_eq!(displays.has_another(), named == both, "{variables:?}");
            let after = Displays::named_by(|name| value(name).filter(|_| !WAYLAND_VARIABLES.contains(&name)));
            assert!(!after.has_another(), "{variables:?}");
        }
    }
}
