//! Fonts for the window's own languages, where Inter lacks the letters, and for emoji, on systems without such fonts.
//! Other scripts that people write in are left to the system's fonts: fonts for all scripts would be larger than the
//! program.

use std::sync::Arc;

use slint::fontique_011::{fontique, shared_collection};

use self::fontique::{Blob, Collection, FallbackKey, FamilyId, GenericFamily, Script};

/// The fonts of `ui/fonts` for other scripts, each with the scripts it covers (ISO 15924).
const FONTS: [(&[u8], &[[u8; 4]]); 3] = [
    (include_bytes!("../../ui/fonts/Arabic-Regular.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Arabic-Bold.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Japanese-Regular.otf"), &[*b"Hira", *b"Kana", *b"Hani"]),
];
/// Emoji as outlines, in the colour of the text.
const EMOJI: &[u8] = include_bytes!("../../ui/fonts/Emoji-Regular.ttf");

/// Which emoji to use where the system has some as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emoji {
    /// The system's, which have colours.
    OfTheSystem,
    /// Our own: the software renderer draws outlines, and leaves a gap for coloured glyphs.
    Outlines,
}

/// Adds our fonts after the system's, and our emoji before the system's for [`Emoji::Outlines`]. Slint has no stable
/// API for this, so Cargo.toml pins it to 1.18.
pub fn add_fonts(emoji: Emoji) {
    let mut collection = shared_collection();
    for (font, scripts) in FONTS {
        let families = register(&mut collection, font);
        for script in scripts {
            let key = FallbackKey::new(Script::from_bytes(*script), None);
            // The collection asks the system only while it knows no fallback itself, so this comes before setting one.
            let known: Vec<_> = collection.fallback_families(key).collect();
            let new = families.iter().filter(|family| !known.contains(family));
            let all: Vec<_> = known.iter().chain(new).copied().collect();
            collection.set_fallbacks(key, all.into_iter());
        }
    }
    let ours = register(&mut collection, EMOJI);
    let known: Vec<_> = collection.generic_families(GenericFamily::Emoji).collect();
    let both = match emoji {
        Emoji::OfTheSystem => [known, ours],
        Emoji::Outlines => [ours, known],
    };
    collection.set_generic_families(GenericFamily::Emoji, both.into_iter().flatten());
}

fn register(collection: &mut Collection, font: &'static [u8]) -> Vec<FamilyId> {
    collection.register_fonts(Blob::new(Arc::new(font)), None).into_iter().map(|(family, _)| family).collect()
}
