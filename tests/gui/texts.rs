//! Every word that the window shows is in `ui/`, inside `@tr`, where a translation finds it.

use std::collections::BTreeSet;

use conversa::app::{Language, SENTENCE_VALUES_MAX};
use conversa::gui::{AppWindow, DateForm, Sentence, TroubleView, When, Words};
use slint::ComponentHandle;

use crate::catalogue::place_in_translation;
use crate::literals::{Literal, of_directory};

/// Literals of `src/gui` that are no words of a language, or that no window shows, by their file.
const NO_WORDS: [(&str, &[&str]); 11] = [
    // The time of day in digits; units as everybody writes them.
    ("format.rs", &["%H:%M", "s", "ms", "µs"]),
    // A thread's name.
    ("mod.rs", &["measure"]),
    // The beginnings of links, the programs that open them, and a thread's name.
    ("links.rs", &["https://", "http://", "rundll32", "url.dll,FileProtocolHandler", "open", "xdg-open", "link"]),
    // What tells whether there can be a window, and what to say on the terminal where there is none.
    (
        "launch.rs",
        &[
            "SLINT_BACKEND",
            "the renderer ended in a panic",
            "winit",
            "software",
            "winit-software",
            "/dev/dri",
            "renderD",
            "/dev/nvidiactl",
            "neither DISPLAY nor WAYLAND_DISPLAY is set",
            // The program's name for the desktop.
            "conversa",
        ],
    ),
    ("display.rs", &["WAYLAND_DISPLAY", "WAYLAND_SOCKET", "DISPLAY"]),
    ("presenter/mod.rs", &["CARGO_PKG_VERSION"]),
    // What a guesser knows of everybody here.
    ("bind.rs", &["conversa"]),
    // A thread's name; the service and the program that have a dialog for files.
    ("presenter/backups.rs", &["file-dialogs"]),
    ("file_dialog.rs", &["org.freedesktop.portal.Desktop", "PATH", "zenity"]),
    // Files and the scripts they are for.
    (
        "fonts.rs",
        &[
            "../../ui/fonts/Arabic-Regular.ttf",
            "../../ui/fonts/Arabic-Bold.ttf",
            "../../ui/fonts/Japanese-Regular.otf",
            "../../ui/fonts/Emoji-Regular.ttf",
            "Arab",
            "Hira",
            "Kana",
            "Hani",
        ],
    ),
    // A thread's name, and where a second start finds the first.
    ("instance.rs", &["instance", "instance wait", "window.socket", "/proc/self/fd", "conversa-{}"]),
];

/// Literals of `ui/` that are the same in every language, by their file.
const UNTRANSLATED: [(&str, &[&str]); 8] = [
    // The program's name; the typeface; keys.
    // Where the person is, for the program alone.
    ("app-window.slint", &["Conversa", "Inter", "n", "f", "first-run", "unlock", "settings", "about"]),
    ("pages/main.slint", &["rooms"]),
    ("pages/rail.slint", &["Conversa"]),
    ("pages/about.slint", &["Conversa"]),
    // How an invite begins.
    ("sheets/join-sheet.slint", &["conversa:2:…"]),
    // It is measured and never shown; a key.
    ("components/composer.slint", &["Ag", "v"]),
    // What a translation says of its own direction; the two invisible characters of an isolate.
    ("direction.slint", &["right-to-left", "u{2068}", "u{2069}"]),
    // Each language calls itself by its own name.
    ("pages/settings/appearance.slint", &["English", "Deutsch", "Español", "Français", "日本語", "العربية"]),
];

/// What the program can say through the window: the words of each `say!`.
fn templates() -> BTreeSet<String> {
    let literals = of_directory("src/app", "rs").into_iter().chain(of_directory("src/gui", "rs"));
    let said = literals.filter(|literal| literal.follows("say!(") && literal.has_letters());
    said.map(|literal| literal.text).collect()
}

fn window() -> AppWindow {
    i_slint_backend_testing::init_no_event_loop();
    let app = AppWindow::new().unwrap();
    // The computer of whoever tests may speak another.
    conversa::gui::choose_language(Language::English);
    app
}

#[test]
fn the_window_knows_every_sentence_word_for_word() {
    let app = window();
    let words = app.global::<Words>();
    let values = ["12", "345"];
    assert_eq!(values.len(), SENTENCE_VALUES_MAX);
    let templates = templates();
    assert!(templates.len() > 100, "the sentences are found");
    for template in templates {
        let english = values.iter().fold(template.clone(), |said, value| said.replacen("{}", value, 1));
        let [first, second] = values.map(Into::into);
        // No English as a whole, so that there is nothing to fall back on.
        let asked = Sentence { template: template.as_str().into(), first, second, ..Sentence::default() };
        assert_eq!(words.invoke_say(asked), english, "ui/sentence-words.slint does not say “{template}” so");
    }
}

#[test]
fn the_window_knows_no_sentence_that_nobody_says() {
    let known = of_directory("ui", "slint").into_iter().filter(|literal| literal.follows("sentence.template =="));
    let known: BTreeSet<String> = known.map(|literal| literal.text).collect();
    assert_eq!(known, templates());
}

#[test]
fn a_sentence_is_made_in_one_way_only() {
    let made = |name: &str| {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(name);
        std::fs::read_to_string(path).unwrap().contains("Sentence::of")
    };
    let files: BTreeSet<String> = of_directory("src", "rs").into_iter().map(|literal| literal.file).collect();
    let makers: Vec<String> = files.into_iter().filter(|file| made(file)).collect();
    assert_eq!(makers, ["app/errors/sentence.rs"], "say! is found in the sources, and nothing else is");
}

#[test]
fn what_is_not_known_is_said_in_english() {
    let app = window();
    let words = app.global::<Words>();
    let new =
        || Sentence { template: "New: {}".into(), first: "1".into(), english: "New: 1".into(), ..Sentence::default() };
    assert_eq!(words.invoke_say(new()), "New: 1");
    let trouble = TroubleView { title: new(), cause: new(), ..TroubleView::default() };
    assert_eq!(words.invoke_line(trouble), "New: 1 New: 1");
    assert_eq!(words.invoke_line(TroubleView { title: new(), ..TroubleView::default() }), "New: 1");
    assert_eq!(words.invoke_line(TroubleView::default()), "");
}

#[test]
fn dates_are_as_long_as_their_form() {
    let app = window();
    let when = |form| When { form, clock: "09:05".into(), weekday: 1, day: 3, month: 5, year: 2027 };
    let said = |when: When| app.global::<Words>().invoke_date(when).to_string();
    for (form, date) in [
        (DateForm::None, ""),
        (DateForm::Clock, "09:05"),
        (DateForm::Today, "Today"),
        (DateForm::Yesterday, "Yesterday"),
        (DateForm::Weekday, "Mon"),
        (DateForm::Short, "3 May"),
        (DateForm::ShortYear, "3 May 2027"),
        (DateForm::Long, "3 May"),
        (DateForm::LongYear, "3 May 2027"),
        (DateForm::LongClock, "3 May, 09:05"),
    ] {
        assert_eq!(said(when(form)), date);
    }
    let months =
        (1..=12).map(|month| (When { month, ..when(DateForm::Short) }, When { month, ..when(DateForm::Long) }));
    let months: Vec<String> =
        months.map(|(short, long)| format!("{} {}", &said(short)[2..], &said(long)[2..])).collect();
    assert_eq!(
        months.join(", "),
        "Jan January, Feb February, Mar March, Apr April, May May, Jun June, Jul July, Aug August, Sep September, \
         Oct October, Nov November, Dec December"
    );
    let days: Vec<String> = (1..=7).map(|weekday| said(When { weekday, ..when(DateForm::Weekday) })).collect();
    assert_eq!(days, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]);
}

#[test]
fn the_windows_code_has_no_words_of_its_own() {
    let is_said = |literal: &Literal| literal.follows("say!(");
    let is_logged = |literal: &Literal| {
        ["error", "warn", "info", "debug"].iter().any(|level| literal.follows(&format!("log::{level}!(")))
    };
    // Reasons of lints, and names of systems to build for.
    let is_for_the_compiler = |literal: &Literal| literal.follows("reason =") || literal.follows("target_os =");
    let left: Vec<Literal> = of_directory("src/gui", "rs")
        .into_iter()
        .filter(|literal| {
            literal.has_letters()
                && !is_said(literal)
                && !is_logged(literal)
                && !is_for_the_compiler(literal)
                && !listed(literal, &NO_WORDS)
        })
        .collect();
    assert!(left.is_empty(), "say them with say!, or list them as no words: {left:#?}");
}

#[test]
fn every_text_of_the_pages_can_be_translated() {
    let left: Vec<Literal> = of_directory("ui", "slint")
        .into_iter()
        // Its values are for previews, and the program replaces them before anything is shown.
        .filter(|literal| !literal.file.starts_with("globals/"))
        .filter(|literal| literal.has_letters() && !is_translated(literal) && !is_no_text(literal))
        .filter(|literal| !listed(literal, &UNTRANSLATED))
        .collect();
    assert!(left.is_empty(), "put them into @tr, or list them as untranslated: {left:#?}");
}

/// The text, its context before `=>`, or its plural after `|`.
fn is_translated(literal: &Literal) -> bool {
    place_in_translation(literal)
        .is_some_and(|inside| ["", "\"\" =>", "\"\" |", "\"\" => \"\" |"].contains(&inside.as_str()))
}

/// A file's name, or what a sentence is looked up by.
fn is_no_text(literal: &Literal) -> bool {
    ["import", "from", "@image-url(", "sentence.template =="].iter().any(|code| literal.follows(code))
}

fn listed(literal: &Literal, list: &[(&str, &[&str])]) -> bool {
    list.iter().any(|(file, texts)| literal.file == *file && texts.contains(&literal.text.as_str()))
}
