//! An invite, or the code of a safety number, as a picture for cameras. Only squares: the window makes an image of them.

use qrcode::{Color, EcLevel, QrCode};

/// The white edge that readers need, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// A square of black and white modules with its white edge.
pub(super) struct QrPicture {
    /// Modules along one side, the edge included.
    pub(super) side: usize,
    /// For each module, row by row, whether it is black.
    pub(super) dark: Vec<bool>,
}

/// The code of a link, or none if it is too long for one.
///
/// A link means the same in capital letters, and capital letters take two thirds of the room.
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
