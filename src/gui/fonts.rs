//! The letters of the window's own languages that Inter lacks, and emoji, for systems without a font for
//! them. What people write in other scripts is left to the system's fonts: all scripts would be larger than the program.

use std::sync::Arc;

use slint::fontique_011::{fontique, shared_collection};

use self::fontique::{Blob, Collection, FallbackKey, FamilyId, GenericFamily, Script};

/// The fonts of `ui/fonts` for other scripts, each with those it is for (ISO 15924).
const FONTS: [(&[u8], &[[u8; 4]]); 3] = [
    (include_bytes!("../../ui/fonts/Arabic-Regular.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Arabic-Bold.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Japanese-Regular.otf"), &[*b"Hira", *b"Kana", *b"Hani"]),
];
/// Emoji as outlines, in the colour of the text.
const EMOJI: &[u8] = include_bytes!("../../ui/fonts/Emoji-Regular.ttf");

/// Which emoji are taken where the system has some, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Emoji {
    /// The system's, which have colours.
    OfTheSystem,
    /// Our own: the software renderer draws outlines, and leaves a gap for a picture in colours.
    Outlines,
}

/// Adds them behind the system's own, or emoji before. Slint offers no lasting way to it, which Cargo.toml
/// therefore holds to 1.18.
pub fn add_fonts(emoji: Emoji) {
    let mut collection = shared_collection();
    for (font, scripts) in FONTS {
        let families = register(&mut collection, font);
        for script in scripts {
            let key = FallbackKey::new(Script::from_bytes(*script), None);
            // What the system has is looked up only where nothing else is known.
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
