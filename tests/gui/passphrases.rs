//! New passphrases: how strong they are is said, and one that is guessed at once is not taken.

use conversa::gui::{Backups, Identity, Sheet, WindowState};
use slint::platform::Key;

use crate::person::Person;

#[test]
fn a_passphrase_that_is_guessed_at_once_is_not_taken() {
    let ann = Person::new("ann");
    ann.wait("the key", |ann| ann.reads("Your key is ready"));
    let sheets = [
        (Sheet::Passphrase, "New passphrase", "Set passphrase"),
        (Sheet::Backup, "Passphrase of the backup", "Back up"),
    ];
    for (sheet, field, button) in sheets {
        for (passphrase, said, taken) in [
            ("abc", "Very weak", false),
            ("password12", "Weak", false),
            ("staple orbit fennel quartz", "Very strong", true),
        ] {
            ann.global::<WindowState>().set_sheet(sheet);
            ann.step();
            if sheet == Sheet::Backup {
                ann.global::<Backups>().set_file("/nowhere/backup".into());
            }
            ann.fill(field, passphrase);
            ann.fill("Again", passphrase);
            assert!(ann.reads(said) || !taken && ann.reads("Very weak"), "{sheet:?} {passphrase}");
            assert_eq!(ann.is_enabled(button), taken, "{sheet:?} {passphrase}");
            // Enter is no way round the button.
            if !taken {
                ann.key(Key::Return);
                ann.step();
                assert_eq!(ann.global::<WindowState>().get_sheet(), sheet);
                assert!(!ann.global::<Backups>().get_busy());
                assert!(!ann.global::<Identity>().get_view().has_passphrase);
            }
            ann.key(Key::Escape);
            ann.step();
        }
    }
}

#[test]
fn a_passphrase_can_be_looked_at() {
    let ann = Person::new("ann");
    ann.global::<WindowState>().set_sheet(Sheet::Passphrase);
    ann.step();
    ann.fill("New passphrase", "orbit");
    ann.press("Show: New passphrase");
    assert!(ann.sees("Hide: New passphrase") && ann.sees("Show: Again"), "each field by itself");
    ann.press("Hide: New passphrase");
    assert!(ann.sees("Show: New passphrase"));
    assert_eq!(ann.text_of("New passphrase"), "orbit", "what was typed stays");
}

#[test]
fn where_there_is_no_dialog_for_files_the_path_is_typed() {
    let ann = Person::new("ann");
    ann.global::<WindowState>().set_sheet(Sheet::Restore);
    ann.global::<Backups>().set_dialogs(true);
    ann.step();
    assert!(ann.sees("Choose…"));
    ann.global::<Backups>().set_dialogs(false);
    ann.step();
    assert!(!ann.sees("Choose…") && ann.reads("type the whole path"));
    // What a dialog chose is in the field, typed over or not.
    ann.fill("File of the backup", "/home/ann/a");
    assert_eq!(ann.global::<Backups>().get_file(), "/home/ann/a");
    ann.global::<Backups>().set_file("/home/ann/b".into());
    assert_eq!(ann.text_of("File of the backup"), "/home/ann/b");
}
