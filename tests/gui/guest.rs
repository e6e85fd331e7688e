//! A person without a window: a session, and the conversations it makes.

use conversa::app::conversation::{Change, Chat, Page, Question, ROWS_MAX, Room, RowKind};
use conversa::app::{HostPlace, HostRequest, IdentityState, JoinRequest, MembershipId, Profile, Session, SessionEvent};
use conversa::crypto::{Fingerprint, KeyKind, Suite};
use conversa::protocol::{LearningConsent, RoomCrypto, SafetyNumber};

use crate::person::english_profile_of;

pub(crate) struct Guest {
    pub(crate) session: Session,
    pub(crate) chat: Chat,
    pub(crate) questions: Vec<Question>,
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) number: Option<SafetyNumber>,
    events: async_channel::Receiver<SessionEvent>,
    _directory: tempfile::TempDir,
}

impl Guest {
    pub(crate) fn new(name: &str, called: &str) -> Self {
        let directory = english_profile_of(name);
        let profile = Profile::open(Some(directory.path().to_owned())).unwrap();
        let (session, _, events) = Session::open(profile).unwrap();
        let called = called.to_owned();
        session.change_settings(|settings| settings.name = called);
        let (chat, questions) = (Chat::default(), Vec::new());
        Self { session, chat, questions, fingerprint: None, number: None, events, _directory: directory }
    }

    pub(crate) fn pump(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            if let SessionEvent::Identity { kind: KeyKind::Rsa, state: IdentityState::Ready { fingerprint, .. } } =
                event
            {
                self.fingerprint = Some(fingerprint);
            }
            for change in self.chat.apply(&event, 0) {
                match change {
                    Change::Question { question, .. } => self.questions.push(question),
                    Change::SafetyNumber { number, .. } => self.number = Some(number),
                    _ => {}
                }
            }
        }
    }

    pub(crate) fn join(&self, target: &str, learning: bool) -> MembershipId {
        let learning = learning.then(LearningConsent::given_by_a_person);
        self.session.join(JoinRequest { target: target.parse().unwrap(), learning, pin: None, look: false }).unwrap()
    }

    /// Hosts a room on this computer that takes knocks.
    pub(crate) fn host(&self, title: &str, learning: bool) -> MembershipId {
        let crypto = if learning {
            RoomCrypto::Learning(LearningConsent::given_by_a_person())
        } else {
            RoomCrypto::trusted(Suite::Hybrid).unwrap()
        };
        self.session.host(HostRequest {
            title: title.to_owned(),
            crypto,
            place: HostPlace::Here(([127, 0, 0, 1], 0).into()),
            knock: true,
            members_max: 8,
        })
    }

    pub(crate) fn room(&self, membership: MembershipId) -> Option<&Room> {
        self.chat.room(membership)
    }

    pub(crate) fn heard(&self, membership: MembershipId) -> Vec<String> {
        let rows = self.room(membership).into_iter().flat_map(|room| room.page(Page::Newest, ROWS_MAX));
        let texts = rows.filter_map(|row| match &row.kind {
            RowKind::Message(message) => message.content.words().map(str::to_owned),
            RowKind::Notice(_) => None,
        });
        texts.collect()
    }

    pub(crate) fn invite(&self, membership: MembershipId) -> Option<String> {
        self.room(membership)?.invite.as_ref().map(ToString::to_string)
    }

    pub(crate) fn address(&self, membership: MembershipId) -> Option<String> {
        self.room(membership)?.hosting.as_ref().map(|hosting| hosting.address.to_string())
    }
}
