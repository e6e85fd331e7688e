//! `conversa join` and `conversa send`: going where others are.
//!
//! It finds out where that is and opens the session. Being there is [`Talk`](super::talk); to send is to talk once.

use std::path::Path;
use std::time::Duration;

use super::arguments::{Global, Join, Knocks, Send};
use super::console::Console;
use super::host::start;
use super::input::Inbox;
use super::known_rooms::Found;
use super::passphrase;
use super::talk::{Rules, Talk};
use super::target;
use crate::app::{
    Code, JoinRequest, JoinTarget, Keystore, KnownRoom, MembershipId, Opening, Problem, Profile, Records, Session, say,
    source,
};
use crate::crypto::{Fingerprint, KeyKind};
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
    /// The target, as it stands on the command line.
    argument: Option<&'a str>,
    /// A file with an invite.
    file: Option<&'a Path>,
    name: Option<&'a str>,
    learning: bool,
    pin: Option<Fingerprint>,
    /// The one message to send, as it stands on the command line.
    message: Option<&'a str>,
}

/// Joins, and talks until the end.
///
/// # Errors
/// A [`Problem`] that is found before anybody was called.
pub(super) fn join(arguments: &Join, global: &Global, console: Console) -> Result<u8, Problem> {
    let way = Way {
        argument: arguments.target.as_deref(),
        file: arguments.invite_file.as_deref(),
        name: arguments.name.as_deref(),
        learning: arguments.learning,
        pin: arguments.accept_fingerprint,
        message: None,
    };
    let (accept, room) = (arguments.accept_fingerprint, arguments.room.clone());
    go(&way, global, console, Rules { knocks: Knocks::Ask, accept, room, stay: arguments.stay, once: None })
}

/// Sends one message, and waits until the host has it.
///
/// # Errors
/// A [`Problem`] that is found before anybody was called.
pub(super) fn send(arguments: &Send, global: &Global, console: Console) -> Result<u8, Problem> {
    // With a file for the invite, the message is all that is left.
    let (argument, message) = match &arguments.text {
        Some(text) => (Some(arguments.target.as_str()), text),
        None => (None, &arguments.target),
    };
    let way = Way {
        argument,
        file: arguments.invite_file.as_deref(),
        name: arguments.name.as_deref(),
        learning: arguments.learning,
        pin: None,
        message: Some(message),
    };
    go(&way, global, console, Rules { knocks: Knocks::Ask, accept: None, room: None, stay: false, once: None })
}

fn go(way: &Way, global: &Global, mut console: Console, mut rules: Rules) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let directory = profile.directory().to_owned();
    // Standard input has, one after the other, what was left to it: the passphrase, the invite, the message.
    let given = passphrase::given(global)?;
    let target = target::find(way.argument, way.file, &mut console)?;
    rules.once = way.message.map(message).transpose()?.map(|text| (text, SEND));
    // Which identity is needed decides whose passphrase is asked for; so look before anything starts.
    let kind = if is_learning(way, &target, &directory)? { KeyKind::Textbook } else { KeyKind::Rsa };
    let passphrase = match given {
        Some(given) => Some(given),
        None => passphrase::of_files(global, &Keystore::new(&directory, kind))?,
    };

    let (session, opening, events) = Session::open(profile)?;
    opening.warnings.iter().for_each(|warning| console.problem(warning));
    let goal = find_goal(way, &target, &opening)?;
    start(&session, &opening, passphrase, way.name)?;
    let inbox = Inbox::open(events);
    let membership = match goal {
        Goal::Known(room) => {
            session.enter(room.membership);
            room.membership
        }
        Goal::New(request) => session.join(request)?,
    };
    Ok(Talk::new(session, &opening, membership, console, rules).run(inbox))
}

/// Whether the room is a learning room: as was said, by the invite, or by the record.
fn is_learning(way: &Way, target: &str, directory: &Path) -> Result<bool, Problem> {
    let is_invited = matches!(target.parse(), Ok(JoinTarget::Invite(invite)) if invite.suite.is_learning());
    let (known, _) = Records::new(directory).look()?;
    let known: Vec<KnownRoom> =
        known.iter().map(|record| KnownRoom { membership: MembershipId(0), info: record.info() }).collect();
    let meant = Found::look(&known, target).room(target)?;
    Ok(way.learning || is_invited || meant.is_some_and(|room| room.info.suite.is_learning()))
}

/// The message of `send`: what stands on the command line, or what is in standard input.
fn message(argument: &str) -> Result<String, Problem> {
    if !source::is_standard_input(Path::new(argument)) {
        return Ok(argument.to_owned());
    }
    let bytes = source::whole(Path::new(argument))?;
    str::from_utf8(&bytes).map(str::to_owned).map_err(|_| {
        let what = say!("The message in standard input is not UTF-8 text.");
        Problem::new(Code::Usage, what, say!("It was not sent."))
    })
}

/// Where the target leads. A room of the profile comes first.
fn find_goal(way: &Way, target: &str, opening: &Opening) -> Result<Goal, Problem> {
    if let Some(room) = Found::look(&opening.rooms, target).room(target)? {
        return Ok(Goal::Known(room.clone()));
    }
    let learning = way.learning.then(LearningConsent::given_by_a_person);
    match target.parse() {
        Ok(JoinTarget::Address(_)) | Err(Problem { code: Code::NoSuchHost, .. }) if way.message.is_some() => {
            let what = say!("There is no room “{}” in this profile.", target);
            let hint = say!("`conversa rooms` shows all; an invite works too.");
            Err(Problem::new(Code::UnknownRoom, what, hint))
        }
        Ok(target) => Ok(Goal::New(JoinRequest { target, learning, pin: way.pin, look: false })),
        Err(problem) => Err(problem),
    }
}
