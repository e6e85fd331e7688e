//! A person with a profile and what a front end knows: a session, and the conversations that its events make.

use std::sync::mpsc::Receiver;

use conversa::app::conversation::{Change, Chat};
use conversa::app::{Opening, Profile, Session, SessionEvent};
use tempfile::TempDir;

use crate::events::events_of;
use crate::next::next_before;
use crate::patience::{PATIENCE, deadline};

pub(crate) struct FrontEnd {
    pub(crate) directory: TempDir,
    pub(crate) session: Session,
    pub(crate) opening: Opening,
    pub(crate) chat: Chat,
    pub(crate) changes: Vec<Change>,
    /// What the session told of itself.
    pub(crate) told: Vec<SessionEvent>,
    events: Receiver<SessionEvent>,
}

impl FrontEnd {
    pub(crate) fn open(directory: TempDir) -> Self {
        let profile = Profile::open(Some(directory.path().to_owned())).unwrap();
        let (session, opening, events) = Session::open(profile).unwrap();
        let events = events_of(std::iter::from_fn(move || events.recv_blocking().ok()), |_| ());
        let (changes, told) = (Vec::new(), Vec::new());
        let mut front_end = Self { directory, session, opening, chat: Chat::default(), changes, told, events };
        front_end.chat = Chat::new(&front_end.opening.rooms);
        front_end
    }

    /// Takes events in until it is so.
    pub(crate) fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = deadline();
        while !is_so(self) {
            match next_before(&self.events, end) {
                Ok(event) => {
                    self.changes.extend(self.chat.apply(&event, 1));
                    if !matches!(event, SessionEvent::Membership { .. }) {
                        self.told.push(event);
                    }
                }
                Err(error) => {
                    let profile = self.directory.path().display();
                    panic!(
                        "{what} did not come in {PATIENCE:?} ({error}) at {profile}: {:#?}, {:#?}",
                        self.changes, self.told
                    )
                }
            }
        }
    }
}
