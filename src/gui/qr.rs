//! An invite, or the code of a safety number, as a QR code. Only its squares: the window turns them into an image.

use qrcode::{Color, EcLevel, QrCode};

/// The white edge that scanners need, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A square of black and white modules with its white edge.
pub(super) struct QrPicture {
    /// Modules along one side, the edge included.
    pub(super) side: usize,
    /// For each module, row by row, whether it is black.
    pub(super) dark: Vec<bool>,
}

/// The QR code of a link, or `None` if the link is too long for one.
///
/// A link means the same in capital letters, which take two thirds of the space.
pub(super) fn of_link(link: &str) -> Option<QrPicture> {
    let code = QrCode::with_error_correction_level(link.to_ascii_uppercase(), EcLevel::L).ok()?;
    let inner = code.width();
    let side = inner + 2 * QUIET_ZONE;
    let mut dark = vec![false; side * side];
    for (index, colour) in code.to_colors().into_iter().enumerate() {
        let (row, column) = (index / inner + QUIET_ZONE, index % inner + QUIET_ZONE);
        if let Some(module) = dark.get_mut(row * side + column) {
            *module = colour == Color::Dark;
        }
    }
    Some(QrPicture { side, dark })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_code_with_a_white_edge() {
        let picture = of_link(&format!("conversa:1:{}", "mfrggzdf".repeat(40))).unwrap();
        assert_eq!(picture.dark.len(), picture.side * picture.side);
        let edge = |index: &usize| {
            let (row, column) = (index / picture.side, index % picture.side);
            [row, column].iter().any(|at| *at < QUIET_ZONE || *at >= picture.side - QUIET_ZONE)
        };
        assert!((0..picture.dark.len()).filter(edge).all(|index| !picture.dark[index]));
        assert!(picture.dark[QUIET_ZONE * picture.side + QUIET_ZONE], "the corner of the finder pattern");
        assert!(of_link(&"a".repeat(5_000)).is_none());
    }
}
