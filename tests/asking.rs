//! What a host allows is asked before its key has to be compared, and who asks is not told. By itself, for what a host
//! learns is read from the log, and there is one logger in a process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "common/events.rs"]
mod events;
#[path = "common/front_end.rs"]
mod front_end;
#[path = "common/kept_log.rs"]
mod kept_log;
#[path = "common/next.rs"]
mod next;
#[path = "common/patience.rs"]
mod patience;
#[path = "common/profiles.rs"]
mod profiles;

use conversa::app::conversation::{Change, Connection, Question};
use conversa::app::{Code, HostPlace, HostRequest, IdentityState, JoinRequest, MembershipId, SessionEvent};
use conversa::crypto::{Fingerprint, KeyKind, Suite};
use conversa::protocol::{LearningConsent, RoomCrypto};
use log::LevelFilter;

use self::front_end::FrontEnd;
use self::kept_log::KeptLog;
use self::profiles::profile_of;

static LOG: KeptLog = KeptLog::of("conversa::net");

impl FrontEnd {
    fn of(name: &str) -> Self {
        Self::open(profile_of(name))
    }

    fn host(&mut self, suite: Suite, knock: bool) -> (MembershipId, String) {
        let crypto = match suite {
            Suite::Textbook => RoomCrypto::Learning(LearningConsent::given_by_a_person()),
            suite => RoomCrypto::trusted(suite).unwrap(),
        };
        let place = HostPlace::Here(([127, 0, 0, 1], 0).into());
        let membership =
            self.session.host(HostRequest { title: "Friday".into(), crypto, place, knock, members_max: 8 });
        self.until("an invite", |front_end| front_end.chat.room(membership).is_some_and(|room| room.invite.is_some()));
        let address = self.chat.room(membership).unwrap().hosting.as_ref().unwrap().address.to_string();
        (membership, address)
    }

    fn join(&self, address: &str, suite: Suite) -> MembershipId {
        let learning = suite.is_learning().then(LearningConsent::given_by_a_person);
        self.session.join(JoinRequest { target: address.parse().unwrap(), learning, pin: None, look: true }).unwrap()
    }

    fn questions(&self, membership: MembershipId) -> Vec<&Question> {
        let asked = |change| match change {
            &Change::Question { membership: of, ref question } if of == membership => Some(question),
            _ => None,
        };
        self.changes.iter().filter_map(asked).collect()
    }

    fn fingerprint(&self, kind: KeyKind) -> Fingerprint {
        let known = self.told.iter().find_map(|event| match event {
            SessionEvent::Identity { kind: of, state: IdentityState::Ready { fingerprint, .. } } if *of == kind => {
                Some(*fingerprint)
            }
            _ => None,
        });
        known.unwrap()
    }
}

fn tells_of(key: Fingerprint) -> bool {
    LOG.text().contains(&format!(" is {}", key.tag()))
}

/// One test, for there is one log.
#[test]
fn who_asks_what_a_host_allows_is_not_told() {
    LOG.begin(LevelFilter::Debug);
    for suite in [Suite::Hybrid, Suite::Textbook] {
        nobody_is_asked_to_compare_for_nothing(suite);
        the_key_is_compared_before_one_shows_oneself(suite);
        an_owner_turns_everybody_away(suite);
    }
}

fn nobody_is_asked_to_compare_for_nothing(suite: Suite) {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let (_, address) = ann.host(suite, false);
    // The key for questions is made once; the second time it is there.
    for _ in 0..2 {
        let membership = bo.join(&address, suite);
        bo.until("an answer", |bo| !bo.questions(membership).is_empty());
        assert_eq!(
            bo.questions(membership),
            [&Question::Lobby(Vec::new())],
            "{suite:?}: 64 digits to compare, for nothing"
        );
        bo.session.forget(membership);
    }
    assert!(!tells_of(bo.fingerprint(suite.key_kind())), "{suite:?}: the host knows who asked");
}

fn the_key_is_compared_before_one_shows_oneself(suite: Suite) {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("carol"));
    let (_, address) = ann.host(suite, true);
    let membership = bo.join(&address, suite);
    bo.until("a question", |bo| !bo.questions(membership).is_empty());
    let host = ann.fingerprint(suite.key_kind());
    assert_eq!(bo.questions(membership), [&Question::FirstUse(host)], "{suite:?}");
    let own = bo.fingerprint(suite.key_kind());
    assert!(!tells_of(own), "{suite:?}: the host knows who asked");
    bo.session.trust_host(membership, host);
    bo.until("the lobby", |bo| bo.questions(membership).len() == 2);
    assert!(matches!(bo.questions(membership)[1], Question::Lobby(rooms) if rooms.len() == 1), "{suite:?}");
    assert!(tells_of(own), "{suite:?}: nothing is shown by this, for the log never tells");
}

/// A room that people may ask to come into, whose owner lets nobody ask for now.
fn an_owner_turns_everybody_away(suite: Suite) {
    let (mut ann, mut bo) = (FrontEnd::of("ann"), FrontEnd::of("bo"));
    let (at_ann, address) = ann.host(suite, true);
    let room = ann.chat.room(at_ann).unwrap().info.clone();
    assert!(room.knocking);
    let id = room.room.unwrap();
    for turned_away in [true, false] {
        ann.session.change_settings(move |settings| {
            if turned_away {
                settings.turned_away.insert(id);
            } else {
                settings.turned_away.remove(&id);
            }
        });
        let membership = bo.join(&address, suite);
        bo.until("a question", |bo| !bo.questions(membership).is_empty());
        bo.session.trust_host(membership, ann.fingerprint(suite.key_kind()));
        bo.until("the lobby", |bo| bo.questions(membership).len() == 2);
        bo.session.knock(membership, id);
        if turned_away {
            let refused = |change: &Change| match change {
                Change::Problem { membership: of, problem } => *of == membership && problem.code == Code::Declined,
                _ => false,
            };
            bo.until("a no", |bo| bo.changes.iter().any(refused));
            bo.session.forget(membership);
            assert!(ann.chat.room(at_ann).unwrap().knocks.is_empty(), "nobody is shown to the owner");
        } else {
            ann.until("somebody who asks", |ann| ann.chat.room(at_ann).is_some_and(|room| room.knocks.len() == 1));
            ann.session.answer_knock(at_ann, bo.fingerprint(suite.key_kind()), true);
            bo.until("the room", |bo| {
                bo.chat.room(membership).is_some_and(|room| matches!(room.connection, Connection::Connected { .. }))
            });
        }
    }
}
