//! The letters of the window's own languages that Inter lacks, for systems without a font for them.

use std::sync::Arc;

use slint::fontique_011::{fontique, shared_collection};

use self::fontique::{Blob, FallbackKey, Script};

/// The fonts of `ui/fonts` for other scripts, each with those it is for (ISO 15924).
const FONTS: [(&[u8], &[[u8; 4]]); 3] = [
    (include_bytes!("../../ui/fonts/Arabic-Regular.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Arabic-Bold.ttf"), &[*b"Arab"]),
    (include_bytes!("../../ui/fonts/Japanese-Regular.otf"), &[*b"Hira", *b"Kana", *b"Hani"]),
];

/// Adds them behind the system's own. Slint offers no lasting way to it, which Cargo.toml therefore holds
/// to 1.18.
pub fn add_fonts() {
    let mut collection = shared_collection();
    for (font, scripts) in FONTS {
        let families = collection.register_fonts(Blob::new(Arc::new(font)), None);
        for &script in scripts {
            let key = FallbackKey::new(Script::from_bytes(script), None);
            // What the system has is looked up only where nothing else is known.
            let known: Vec<_> = collection.fallback_families(key).collect();
            let new = families.iter().map(|(family, _)| *family).filter(|family| !known.contains(family));
            let all: Vec<_> = known.iter().copied().chain(new).collect();
            collection.set_fallbacks(key, all.into_iter());
        }
    }
}
