//! What a person chose, and what the window remembers: one CBOR file, written as a whole. What nobody else may read or
//! change is in the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Code, Language, PORT_DEFAULT, Problem, files, say};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::{Name, NameError, RoomId, check_name};
use crate::wire;

/// The version of the file this program writes.
const VERSION: u64 = 1;
/// The largest file that is read: ten addresses and a name are a few kilobytes.
const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Addresses that are remembered: a menu's worth.
const RECENT_ADDRESSES_MAX: usize = 10;
/// A draft's length in bytes: two full messages and the line break between them, because a cancelled message is put
/// below what was typed meanwhile. Showing it takes about 200 times as much memory.
pub const DRAFT_BYTES_MAX: usize = 2 * crate::protocol::limits::TEXT_BYTES_MAX + 1;

/// People whose marks are kept: about 100 bytes each, and more than anybody compares.
const VERIFIED_MAX: usize = 4_096;

/// How the window looks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Appearance {
    /// Same as the desktop.
    #[default]
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A mark on somebody's key. It belongs to the key; the name is for recognising a changed one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Verified {
    /// Their name when their key was compared; empty if that was before they announced one.
    pub name: Name,
    /// When that was, in milliseconds since 1970.
    pub at_ms: u64,
}

impl Verified {
    fn is_nameless(&self) -> bool {
        self.name.as_str().is_empty()
    }
}

/// The settings of a profile.
///
/// Large because a field is a setting, and one file has them all.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    version: u64,
    /// The name others see; empty until chosen.
    pub name: String,
    /// How the window looks.
    pub appearance: Appearance,
    /// The language of the window.
    pub language: Language,
    /// The size of text, in percent.
    pub text_zoom_percent: u16,
    /// Whether Enter sends and Shift+Enter makes a new line, or the other way round.
    pub enter_sends: bool,
    /// Whether animations in the window are off.
    pub reduced_motion: bool,
    /// The port the host sheet offers.
    pub port: u16,
    /// Whether new rooms are learning rooms.
    learning_rooms: bool,
    /// Whether new rooms that are not do without ML-KEM.
    classical_rooms: bool,
    /// The size of new secure keys in bits; 0 for the suite's default.
    pub key_bits: u32,
    /// Whether the passphrase of the secure identity is in the desktop's keyring.
    pub keyring: bool,
    /// The window's size in logical pixels; zeros until it was sized.
    pub window_size: (u32, u32),
    /// The width of the room list in logical pixels; 0 for the default.
    pub rail_width: u32,
    /// Whether the people are shown beside the messages.
    pub people_open: bool,
    /// The addresses somebody joined at, the newest first.
    pub recent_addresses: Vec<String>,
    /// Own rooms that allow join requests, but currently refuse them.
    pub turned_away: BTreeSet<RoomId>,
    /// The colours of rooms, by their places in the palette.
    pub hues: BTreeMap<RoomId, u8>,
    /// The people whose keys were compared. Sealed by the identity, so unknown before it is open.
    #[serde(skip)]
    pub verified: BTreeMap<Fingerprint, Verified>,
    /// Drafts, by room. Sealed by the identity too.
    #[serde(skip)]
    pub drafts: BTreeMap<RoomId, String>,
    /// The file could not be read, so these are the defaults, which are never written over it.
    #[serde(skip)]
    unreadable: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: VERSION,
            name: String::new(),
            appearance: Appearance::System,
            language: Language::System,
            text_zoom_percent: 100,
            enter_sends: true,
            reduced_motion: false,
            port: PORT_DEFAULT,
            learning_rooms: false,
            classical_rooms: false,
            key_bits: 0,
            keyring: false,
            window_size: (0, 0),
            rail_width: 0,
            people_open: true,
            recent_addresses: Vec::new(),
            turned_away: BTreeSet::new(),
            hues: BTreeMap::new(),
            verified: BTreeMap::new(),
            drafts: BTreeMap::new(),
            unreadable: false,
        }
    }
}

impl Settings {
    /// Reads the settings of the profile in `directory`. Damaged ones are set aside and reported, and the defaults are
    /// used. The same if the file cannot be read; then it is left as it is. A name that nobody may have is reported
    /// too, and none is chosen.
    #[must_use]
    pub fn load(directory: &Path) -> (Self, Option<Problem>) {
        let path = Self::path(directory);
        let bytes = match files::read_at_most(&path, FILE_BYTES_MAX) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return (Self::default(), None),
            Err(error) => {
                let what = say!("{} cannot be read; the defaults are used, and changes are not kept.", path.display());
                let problem = Problem { what, ..Problem::cannot_read(&path, &error) };
                return (Self { unreadable: true, ..Self::default() }, Some(problem));
            }
        };
        let what = match ciborium::from_reader::<Self, _>(bytes.as_slice()) {
            Ok(mut settings) if settings.version <= VERSION => {
                let problem = settings.tidy_name().err().map(Problem::bad_name);
                return (settings, problem.map(|problem| problem.with_detail(path.display())));
            }
            Ok(_) => say!("The settings in {} are of a newer Conversa; the defaults are used.", path.display()),
            Err(_) => say!("The settings in {} are damaged; the defaults are used.", path.display()),
        };
        match files::set_aside(&path) {
            Ok(aside) => {
                let hint = say!("The file was kept as {}.", aside.display());
                (Self::default(), Some(Problem::new(Code::SettingsCorrupt, what, hint)))
            }
            Err(error) => {
                let hint = Problem::cannot_write(&path, &error).hint;
                let problem = Problem::new(Code::SettingsCorrupt, what, hint).with_detail(error);
                (Self { unreadable: true, ..Self::default() }, Some(problem))
            }
        }
    }

    /// Writes the settings, unless the existing ones could not be read.
    ///
    /// # Errors
    /// A [`Problem`] that names the file; the old file is still there.
    pub fn save(&self, directory: &Path) -> Result<(), Problem> {
        if self.unreadable {
            return Ok(());
        }
        let path = Self::path(directory);
        files::write(&path, &wire::encode(self)).map_err(|error| Problem::cannot_write(&path, &error))
    }

    /// The suite of new rooms.
    #[must_use]
    pub const fn new_room_suite(&self) -> Suite {
        if self.learning_rooms { Suite::Textbook } else { self.trusted_suite() }
    }

    /// The suite of new secure rooms.
    #[must_use]
    pub const fn trusted_suite(&self) -> Suite {
        if self.classical_rooms { Suite::Classical } else { Suite::Hybrid }
    }

    /// Chooses the suite of new rooms.
    pub fn choose_new_room_suite(&mut self, suite: Suite) {
        self.learning_rooms = suite.is_learning();
        if !self.learning_rooms {
            self.classical_rooms = suite == Suite::Classical;
        }
    }

    /// Remembers an address as the newest.
    pub fn remember_address(&mut self, address: &str) {
        self.recent_addresses.retain(|known| known != address);
        self.recent_addresses.insert(0, address.to_owned());
        self.recent_addresses.truncate(RECENT_ADDRESSES_MAX);
    }

    /// Keeps what was typed in a room; an empty text forgets it.
    pub fn keep_draft(&mut self, room: RoomId, text: &str) {
        if text.is_empty() || text.len() > DRAFT_BYTES_MAX {
            self.drafts.remove(&room);
        } else {
            self.drafts.insert(room, text.to_owned());
        }
    }

    /// Drops everything kept about a room that is over. Returns whether there was anything.
    pub fn forget_room(&mut self, room: &RoomId) -> bool {
        let draft = self.drafts.remove(room).is_some();
        let hue = self.hues.remove(room).is_some();
        self.turned_away.remove(room) || draft || hue
    }

    /// Marks somebody's key as compared, under the name it goes by.
    pub fn mark_verified(&mut self, member: Fingerprint, name: &str, now_ms: u64) {
        if self.verified.len() >= VERIFIED_MAX
            && !self.verified.contains_key(&member)
            && let Some(oldest) = self.verified.iter().min_by_key(|(_, mark)| mark.at_ms).map(|(key, _)| *key)
        {
            self.verified.remove(&oldest);
        }
        self.verified.insert(member, Verified { name: Name::kept(name), at_ms: now_ms });
    }

    /// Removes the mark.
    pub fn unmark_verified(&mut self, member: &Fingerprint) {
        self.verified.remove(member);
    }

    /// Whether somebody's key was compared.
    #[must_use]
    pub fn is_verified(&self, member: &Fingerprint) -> bool {
        self.verified.contains_key(member)
    }

    /// When a key was compared for somebody of this name (or one that looks the same) who is not `member`, if
    /// `member`'s own key never was under this name: the same person with a new key, or somebody else.
    #[must_use]
    pub fn compared_otherwise(&self, member: &Fingerprint, name: &Name) -> Option<u64> {
        if self.verified.get(member).is_some_and(|mark| mark.is_nameless() || mark.name.looks_like(name)) {
            return None;
        }
        let others = self.verified.iter().filter(|(key, mark)| *key != member && mark.name.looks_like(name));
        others.map(|(_, mark)| mark.at_ms).max()
    }

    /// Whether a mark waits for the name that was just announced.
    #[must_use]
    pub fn is_marked_nameless(&self, member: &Fingerprint) -> bool {
        self.verified.get(member).is_some_and(Verified::is_nameless)
    }

    /// Adds the name to a mark that was made before there was one.
    pub fn name_mark(&mut self, member: &Fingerprint, name: &str) {
        if let Some(mark) = self.verified.get_mut(member).filter(|mark| mark.is_nameless()) {
            mark.name = Name::kept(name);
        }
    }

    /// Brings the name into its one form. The file is anybody's to edit, and nobody would be shown an invalid name.
    fn tidy_name(&mut self) -> Result<(), NameError> {
        let name = std::mem::take(&mut self.name);
        if !name.is_empty() {
            self.name = check_name(&name)?;
        }
        Ok(())
    }

    fn path(directory: &Path) -> PathBuf {
        directory.join("settings.cbor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_come_back_as_they_were() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Settings::load(directory.path()), (Settings::default(), None));
        let mut settings =
            Settings { name: "Ann".into(), port: 9_001, language: Language::Arabic, ..Settings::default() };
        settings.choose_new_room_suite(Suite::Textbook);
        settings.remember_address("ann:9000");
        settings.save(directory.path()).unwrap();
        assert_eq!(Settings::load(directory.path()), (settings.clone(), None));
        // What belongs in the vault is not here in the clear.
        settings.keep_draft(RoomId([7; 32]), "half a thou");
        settings.mark_verified(Fingerprint::from_bytes([7; 32]), "Bo", 7);
        settings.save(directory.path()).unwrap();
        let (found, _) = Settings::load(directory.path());
        assert!(found.drafts.is_empty() && found.verified.is_empty());
    }

    #[test]
    fn damaged_settings_are_kept_and_reported() {
        let directory = tempfile::tempdir().unwrap();
        let newer = Settings { version: VERSION + 1, ..Settings::default() };
        for bytes in [b"not cbor at all".to_vec(), vec![], wire::encode(&newer), wire::encode(&vec![1, 2])] {
            std::fs::write(Settings::path(directory.path()), &bytes).unwrap();
            let (settings, warning) = Settings::load(directory.path());
            assert_eq!(settings, Settings::default());
            let warning = warning.unwrap();
            assert_eq!(warning.code, Code::SettingsCorrupt);
            assert!(warning.hint.to_string().contains("settings.corrupt-"));
        }
        assert_eq!(std::fs::read(directory.path().join("settings.corrupt-1")).unwrap(), b"not cbor at all");
        assert!(directory.path().join("settings.corrupt-4").exists());
    }

    #[cfg(unix)]
    #[test]
    fn settings_that_cannot_be_read_are_told_and_never_written_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = Settings::path(directory.path());
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        for _ in 0..2 {
            let (mut settings, problem) = Settings::load(directory.path());
            let problem = problem.unwrap();
            assert_eq!(problem.code, Code::CannotRead);
            assert!(problem.what.to_string().contains("settings.cbor") && !problem.hint.is_empty());
            settings.name = "Ann".to_owned();
            settings.save(directory.path()).unwrap();
            assert!(!std::fs::metadata(&path).unwrap().is_file(), "it is left as it is");
        }
    }

    #[test]
    fn a_name_that_none_can_have_is_told_and_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let load = |name: &str| {
            let edited = Settings { name: name.to_owned(), port: 9_001, ..Settings::default() };
            edited.save(directory.path()).unwrap();
            let (settings, problem) = Settings::load(directory.path());
            assert_eq!(settings.port, 9_001, "everything else holds");
            (settings.name, problem.map(|problem| (problem.code, problem.text())))
        };
        let told = |error| Problem::bad_name(error).text();
        let refused = [
            ("x".repeat(600), NameError::TooLong),
            ("An\u{7}n".to_owned(), NameError::Invisible),
            (" ".to_owned(), NameError::Empty),
            ("\u{301}Ann".to_owned(), NameError::Marks),
        ];
        for (name, error) in refused {
            assert_eq!(load(&name), (String::new(), Some((Code::Usage, told(error)))), "{error}");
        }
        assert_eq!(load(" Jose\u{301} "), ("Jos\u{e9}".to_owned(), None));
        assert_eq!(load(""), (String::new(), None), "none was chosen yet");
    }

    #[test]
    fn settings_of_an_older_version_get_defaults_for_what_is_new() {
        let directory = tempfile::tempdir().unwrap();
        let old = BTreeMap::from([("name", "Ann")]);
        std::fs::write(Settings::path(directory.path()), wire::encode(&old)).unwrap();
        let (settings, warning) = Settings::load(directory.path());
        assert_eq!((settings.name.as_str(), settings.port, warning), ("Ann", PORT_DEFAULT, None));
    }

    #[test]
    fn a_mark_is_for_a_key_and_the_name_that_it_was_compared_under() {
        let key = |number: u8| Fingerprint::from_bytes([number; 32]);
        let other =
            |settings: &Settings, member: u8, name: &str| settings.compared_otherwise(&key(member), &Name::kept(name));
        let mut settings = Settings::default();
        settings.mark_verified(key(1), "Jos\u{e9}", 5);
        settings.mark_verified(key(2), "Bo", 6);
        assert_eq!(other(&settings, 3, "Jose\u{301}"), Some(5));
        assert_eq!(other(&settings, 1, "Jose\u{301}"), None);
        assert_eq!(other(&settings, 1, "Pepe"), None, "whoever was compared may be called otherwise");
        assert_eq!(other(&settings, 2, "JOS\u{c9}"), Some(5), "but not as another who was");
        settings.mark_verified(key(2), "Jos\u{e9}", 7);
        assert_eq!(
            (other(&settings, 1, "Jos\u{e9}"), other(&settings, 2, "Jos\u{e9}")),
            (None, None),
            "two may share a name"
        );
        // Compared before a name was announced.
        settings.mark_verified(key(4), "", 8);
        assert!(settings.is_marked_nameless(&key(4)) && other(&settings, 5, "Ann").is_none());
        settings.name_mark(&key(4), "Ann");
        settings.name_mark(&key(4), "Anna");
        assert_eq!((other(&settings, 5, "\u{391}nn"), other(&settings, 5, "Anna")), (Some(8), None));
    }

    #[test]
    fn a_mark_of_before_is_found_by_what_its_name_looks_like() {
        #[derive(Serialize)]
        struct Before {
            name: &'static str,
            at_ms: u64,
        }
        let bytes = wire::encode(&Before { name: "Jose\u{301} ", at_ms: 9 });
        let mark: Verified = ciborium::from_reader(bytes.as_slice()).unwrap();
        let settings =
            Settings { verified: BTreeMap::from([(Fingerprint::from_bytes([1; 32]), mark)]), ..Settings::default() };
        let other = settings.compared_otherwise(&Fingerprint::from_bytes([2; 32]), &Name::kept("Jos\u{e9}"));
        assert_eq!(other, Some(9));
    }

    #[test]
    fn ten_addresses_are_remembered_once_each() {
        let mut settings = Settings::default();
        for port in 0..20 {
            settings.remember_address(&format!("host:{port}"));
        }
        settings.remember_address("host:15");
        assert_eq!(settings.recent_addresses.len(), RECENT_ADDRESSES_MAX);
        assert_eq!(settings.recent_addresses.iter().filter(|address| *address == "host:15").count(), 1);
        assert_eq!(settings.recent_addresses.first().map(String::as_str), Some("host:15"));
    }
}
