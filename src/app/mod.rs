//! The person's side: what is kept in a profile, the verbs of a session, and the state of the conversations. It knows
//! the protocol and the net, but no front end: the window and the terminal are both built on it.
//!
//! * [`Profile`] is the directory where everything lives; [`Settings`], the keystore and the
//!   rooms' records are files in it.
//! * [`Session`] takes the user's verbs and never blocks; its [`SessionEvent`]s come over an async
//!   channel.
//! * [`conversation::Chat`] turns those events into rooms, members and rows, and says what changed.
//! * [`Archive`] reads what was said before, without a session.
//! * [`Problem`] is what went wrong, in words, with a stable code. Each [`Sentence`] of it keeps its values apart
//!   from its words, so that the window can say it in the person's language.

mod access;
mod addresses;
mod archive;
mod checked;
pub(crate) mod clock;
pub mod conversation;
mod errors;
mod files;
pub mod identity;
mod language;
mod lost_room;
mod memories;
pub mod policy;
mod profile;
mod record;
mod records;
pub mod relay;
mod saved_message;
mod session;
mod settings;
pub mod source;
mod store_key;
mod target;
mod vault;
mod worker;
mod writing;

pub use self::addresses::own_address;
pub use self::archive::{Archive, Reading, SavedRow, Wanted};
pub(crate) use self::errors::say;
pub use self::errors::{Action, Code, Problem, SENTENCE_VALUES_MAX, Sentence};
pub use self::identity::keystore::{Keys, Keystore, Making};
pub use self::identity::passphrase::Passphrase;
pub use self::identity::report::{IdentityState, KeyStep};
pub use self::language::Language;
pub use self::lost_room::LostRoom;
pub use self::memories::Memories;
pub use self::profile::Profile;
pub use self::record::{HostedAt, Record};
pub use self::records::{LoadedRecords, Records};
pub use self::session::{
    AddressTest, EarlierMessage, EarlierMessages, HostPlace, HostRequest, JoinRequest, KnownRoom, MembershipEvent,
    MembershipId, MembershipInfo, Opening, Reach, Session, SessionEvent,
};
pub use self::settings::{Appearance, DRAFT_BYTES_MAX, Settings, Verified};
pub use self::target::JoinTarget;
pub use self::writing::sendable;

/// The default port for hosting rooms.
pub const PORT_DEFAULT: u16 = 9_000;

/// A suggested name: what the computer calls the person, if it knows.
#[must_use]
pub fn suggested_name() -> Option<String> {
    let known = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    known.and_then(|name| crate::protocol::check_name(&name).ok())
}
