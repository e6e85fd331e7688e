//! The window speaks the language that was chosen in it: at once, and the next time.

use conversa::app::{Language, Settings};
use conversa::gui::{Direction, Page, Preferences, Span, Suite, SuiteRow, WindowState};
use i_slint_backend_testing::ElementHandle;
use slint::ComponentHandle;

use crate::catalogue::Catalogue;
use crate::person::Person;

/// The languages by what they call themselves on the settings page.
const NAMES: [(Language, &str); 6] = [
    (Language::German, "Deutsch"),
    (Language::Spanish, "Español"),
    (Language::French, "Français"),
    (Language::Japanese, "日本語"),
    (Language::Arabic, "العربية"),
    (Language::English, "English"),
];

/// The word at the head of a group of settings, the name of a button on every page, and a sentence with a value.
struct Words {
    appearance: String,
    new_room: String,
    protocol: String,
}

impl Words {
    fn of(language: Language) -> Self {
        let said = |id: &str| match language {
            Language::English => id.to_owned(),
            other => Catalogue::of_language(other.tag().unwrap()).text("", id).to_owned(),
        };
        Self {
            appearance: said("Appearance"),
            new_room: said("New room"),
            protocol: said("Version {} · protocol 1").replace("{}", env!("CARGO_PKG_VERSION")),
        }
    }
}

/// The person sees everything in this language, from its side.
fn check(person: &Person, language: Language) {
    let words = Words::of(language);
    person.global::<WindowState>().set_page(Page::Settings);
    person.step();
    assert!(person.sees(&words.appearance) && person.sees(&words.new_room), "{language:?}");
    let button = ElementHandle::find_by_accessible_label(person.app(), &words.new_room).next().unwrap();
    let list_is_at_right = button.absolute_position().x > person.app().window().size().width as f32 / 2.0;
    assert_eq!(list_is_at_right, language == Language::Arabic, "{language:?}");
    assert_eq!(person.app().global::<Direction>().get_mirrored(), language == Language::Arabic);
    person.check_names(&words.appearance);
    person.global::<WindowState>().set_page(Page::About);
    person.step();
    assert!(person.sees(&words.protocol), "{language:?}");
    person.global::<WindowState>().set_page(Page::Settings);
    person.step();
}

#[test]
fn a_language_is_spoken_at_once_and_after_a_restart() {
    let mut person = Person::new("ann");
    check(&person, Language::English);
    for (language, name) in NAMES {
        person.press(name);
        check(&person, language);
        let directory = person.quit();
        assert_eq!(Settings::load(directory.path()).0.language, language);
        // Another window of this thread may speak anything meanwhile.
        conversa::gui::choose_language(Language::French);
        person = Person::again(directory);
        check(&person, language);
    }
}

#[test]
fn numbers_are_written_as_the_language_writes_them() {
    let person = Person::new("ann");
    let cost = |value| Span { value, unit: "ms".into() };
    let (sign, verify, encrypt, decrypt) = (cost(2.3), cost(0.04), cost(41.0), cost(1.9));
    let row = SuiteRow { suite: Suite::Classical, bits: 3072, sign, verify, encrypt, decrypt };
    person.global::<Preferences>().set_suites([row].into());
    person.global::<WindowState>().set_page(Page::Settings);
    person.step();
    assert!(person.reads("signing 2.3 ms, checking 0.04 ms, locking 41 ms, opening 1.9 ms"));
    person.press("Deutsch");
    assert!(person.reads("2,3 ms") && person.reads("0,04 ms") && person.reads("41 ms"));
}

#[test]
fn whoever_chose_nothing_gets_what_the_system_speaks() {
    let person = Person::new("ann");
    person.global::<WindowState>().set_page(Page::Settings);
    person.step();
    person.press("Deutsch");
    let german = Catalogue::of_language("de");
    let directory = {
        // Colours have such a choice, too, above.
        let choices = ElementHandle::find_by_accessible_label(person.app(), german.text("", "System"));
        let lowest = choices.max_by(|one, other| one.absolute_position().y.total_cmp(&other.absolute_position().y));
        lowest.unwrap().invoke_accessible_default_action();
        person.step();
        person.quit()
    };
    assert_eq!(Settings::load(directory.path()).0.language, Language::System);
    let person = Person::again(directory);
    check(&person, Language::of_locales(sys_locale::get_locales()));
}
