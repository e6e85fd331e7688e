//! `conversa join` and `conversa send`: going where others are.

use std::time::Duration;

use super::arguments::{Global, Join, Knocks, Send};
use super::console::Console;
use super::host::start;
use super::input::Inbox;
use super::known_rooms::Found;
use super::passphrase;
use super::talk::{Rules, Talk};
use crate::app::{
    Code, JoinRequest, JoinTarget, Keystore, KnownRoom, Opening, Problem, Profile, Records, SeatId, Session, say,
};
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::LearningConsent;

/// How long `send` tries.
const SEND: Duration = Duration::from_secs(30);

/// Where to go.
enum Goal {
    /// Back into a room of the profile.
    Known(KnownRoom),
    /// Somewhere new.
    New(JoinRequest),
}

/// What both commands have in common.
struct Way<'a> {
    target: &'a str,
    name: Option<&'a str>,
    learning: bool,
    pin: Option<Fingerprint>,
}

pub(super) fn join(arguments: Join, global: &Global, console: Console) -> Result<u8, Problem> {
    let way = Way {
        target: &arguments.target,
        name: arguments.name.as_deref(),
        learning: arguments.learning,
        pin: arguments.accept_fingerprint,
    };
    let (accept, room) = (arguments.accept_fingerprint, arguments.room.clone());
    let rules = Rules { knocks: Knocks::Ask, accept, room, stay: arguments.stay, once: None };
    go(&way, global, console, rules, false)
}

pub(super) fn send(arguments: Send, global: &Global, console: Console) -> Result<u8, Problem> {
    let way =
        Way { target: &arguments.target, name: arguments.name.as_deref(), learning: arguments.learning, pin: None };
    let once = Some((arguments.text.clone(), SEND));
    go(&way, global, console, Rules { knocks: Knocks::Ask, accept: None, room: None, stay: false, once }, true)
}

fn go(way: &Way, global: &Global, mut console: Console, rules: Rules, no_address: bool) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let directory = profile.directory().to_owned();
    // Which identity is needed decides whose passphrase is asked for; so look before anything starts.
    let known = Records::new(&directory).look()?;
    let known: Vec<KnownRoom> = known.iter().map(|record| KnownRoom { seat: SeatId(0), info: record.info() }).collect();
    let meant = Found::look(&known, way.target).room(way.target)?;
    let is_learning = meant.is_some_and(|room| room.info.suite.is_learning());
    let learning = way.learning || way.target.contains("conversa-learning:") || is_learning;
    let suite = if learning { Suite::Textbook } else { Suite::Secure };
    let passphrase = passphrase::find(global, &Keystore::new(&directory, suite))?;

    let (session, opening, events) = Session::open(profile)?;
    opening.warnings.iter().for_each(|warning| console.problem(warning));
    let goal = find_goal(way, &opening, no_address)?;
    start(&session, &opening, passphrase, way.name)?;
    let inbox = Inbox::open(events);
    let seat = match goal {
        Goal::Known(room) => {
            session.enter(room.seat);
            room.seat
        }
        Goal::New(request) => session.join(request)?,
    };
    Ok(Talk::new(session, &opening, seat, console, rules).run(inbox))
}

fn find_goal(way: &Way, opening: &Opening, no_address: bool) -> Result<Goal, Problem> {
    if let Some(room) = Found::look(&opening.rooms, way.target).room(way.target)? {
        return Ok(Goal::Known(room.clone()));
    }
    let learning = way.learning.then(LearningConsent::given_by_a_person);
    match way.target.parse() {
        Ok(JoinTarget::Address(_)) | Err(Problem { code: Code::NoSuchHost, .. }) if no_address => {
            let what = say!("There is no room “{}” in this profile.", way.target);
            let hint = say!("`conversa rooms` shows all; an invite works too.");
            Err(Problem::new(Code::UnknownRoom, what, hint))
        }
        Ok(target) => Ok(Goal::New(JoinRequest { target, learning, pin: way.pin, look: false })),
        Err(problem) => Err(problem),
    }
}
