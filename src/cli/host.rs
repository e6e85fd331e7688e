//! `conversa host`: a room of one's own, a new one or the one of that title.
//!
//! It decides which room that is and opens the session. Everything after that is [`Talk`](super::talk), for owners and
//! for members alike.

use std::net::{Ipv4Addr, SocketAddr};

use super::arguments::{Global, Host, Knocks};
use super::console::Console;
use super::input::Inbox;
use super::known_rooms::Found;
use super::passphrase;
use super::talk::{Rules, Talk};
use crate::app::{
    Code, HostPlace, HostRequest, JoinTarget, Keystore, KnownRoom, LostRoom, MembershipId, Opening, PORT_DEFAULT,
    Problem, Profile, Session, relay, say,
};
use crate::crypto::{KeyKind, Suite};
use crate::protocol::{LearningConsent, RoomCrypto, search_key};

/// Hosts, and talks until the end.
///
/// # Errors
/// A [`Problem`] that is found before anything was said.
pub(super) fn run(arguments: Host, global: &Global, console: Console) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?.forgetful(arguments.forgetful);
    let kind = if arguments.learning { KeyKind::Textbook } else { KeyKind::Rsa };
    // A person is asked before anything starts: if nothing is typed, there is nothing to end.
    let passphrase = passphrase::find(global, &Keystore::new(profile.directory(), kind))?;
    let (session, opening, events) = Session::open(profile)?;
    start(&session, &opening, passphrase, arguments.name.as_deref())?;
    // Handle signals from here on, so that stopping the program while keys are made still says goodbye.
    let inbox = Inbox::open(events);
    let membership = own_room(&session, &opening, &arguments)?;
    let mut console = console;
    opening.warnings.iter().for_each(|warning| console.problem(warning));
    let accept = arguments.accept_fingerprint;
    let rules = Rules { knocks: arguments.knock, accept, room: None, stay: arguments.stay, once: None };
    Ok(Talk::new(session, &opening, membership, console, rules).run(inbox))
}

/// What every command does first with a session: the passphrase and the name.
pub(super) fn start(
    session: &Session,
    opening: &Opening,
    passphrase: Option<crate::app::Passphrase>,
    name: Option<&str>,
) -> Result<(), Problem> {
    if let Some(passphrase) = passphrase {
        session.unlock(passphrase);
    }
    if let Some(name) = name {
        let name = crate::protocol::check_name(name).map_err(Problem::bad_name)?;
        if name != opening.settings.name {
            session.change_settings(move |settings| settings.name = name);
        }
    }
    Ok(())
}

/// Back into an owned room of that title, or into a new one.
fn own_room(session: &Session, opening: &Opening, arguments: &Host) -> Result<MembershipId, Problem> {
    let known = if arguments.new { None } else { known(&owned(opening, arguments), &arguments.room)?.cloned() };
    if let Some(known) = known {
        match (&arguments.relay, arguments.listen) {
            (Some(_), _) => {
                let what = say!("The room “{}” is there already.", arguments.room);
                let hint = say!("A room stays where it is; use --new for another.");
                return Err(Problem::new(Code::Usage, what, hint));
            }
            (None, Some(address)) => session.host_at(known.membership, address),
            // Where it was: the invites that are out lead there.
            (None, None) => {}
        }
        session.enter(known.membership);
        return Ok(known.membership);
    }
    if let Some(lost) = lost_room(opening, arguments) {
        return Err(Problem::lost_record(&arguments.room, &lost.path));
    }
    let crypto = if arguments.learning {
        RoomCrypto::Learning(LearningConsent::given_by_a_person())
    } else {
        RoomCrypto::trusted(if arguments.classical { Suite::Classical } else { opening.settings.trusted_suite() })?
    };
    let request = HostRequest {
        title: crate::protocol::check_name(&arguments.room).map_err(Problem::bad_name)?,
        crypto,
        place: place(arguments)?,
        knock: arguments.knock != Knocks::Refuse,
        members_max: arguments.members,
    };
    Ok(session.host(request))
}

/// A room of that title, or of an unknown one, whose record is gone: no new room replaces it unasked.
fn lost_room<'a>(opening: &'a Opening, arguments: &Host) -> Option<&'a LostRoom> {
    let is_meant =
        |lost: &&LostRoom| lost.title.as_ref().is_none_or(|title| search_key(title) == search_key(&arguments.room));
    opening.lost.iter().find(is_meant).filter(|_| !arguments.new)
}

/// Our room with that title, in whatever form and case it is typed, or with that id.
fn known<'a>(owned: &'a [KnownRoom], meant: &str) -> Result<Option<&'a KnownRoom>, Problem> {
    match Found::look(owned, meant) {
        // What is given here is a title, whatever it looks like.
        Found::TitledLikeAnAddress(room) => Ok(Some(room)),
        Found::TitledLikeAnId(rooms) => match rooms.as_slice() {
            [room] => Ok(Some(room)),
            _ => Found::Several(rooms).room(meant),
        },
        Found::Alike(rooms) => {
            let what = say!("No room is called just “{}”, but one looks the same.", meant);
            let hint = say!("Use its id, or --new to make another: {}.", Found::list(&rooms));
            Err(Problem::new(Code::UnknownRoom, what, hint))
        }
        found => found.room(meant),
    }
}

/// Own rooms of the kind that was asked for: a learning room never takes the place of a secure one.
fn owned(opening: &Opening, arguments: &Host) -> Vec<KnownRoom> {
    let is_meant = |room: &&KnownRoom| room.info.owned && room.info.suite.is_learning() == arguments.learning;
    opening.rooms.iter().filter(is_meant).cloned().collect()
}

/// Where to host a new room.
fn place(arguments: &Host) -> Result<HostPlace, Problem> {
    let Some(relay) = &arguments.relay else {
        let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT_DEFAULT));
        return Ok(HostPlace::Here(arguments.listen.unwrap_or(everywhere)));
    };
    let JoinTarget::Address(address) = relay.parse()? else {
        let what = say!("A relay is named by its address, not by an invite.");
        return Err(Problem::new(Code::Usage, what, say!("")));
    };
    let token = arguments.relay_token.as_deref().map(relay::read_token).transpose()?;
    Ok(HostPlace::Relay { address, token, pin: arguments.accept_fingerprint })
}
