//! What a person pastes into the join field: an invite, somewhere in a text, or an address.

use std::str::FromStr;

use super::{Action, Code, PORT_DEFAULT, Problem, say};
use crate::net::{Address, AddressError, HostPart, scope_number};
use crate::protocol::limits::ADDRESS_BYTES_MAX;
use crate::protocol::{Invite, InviteError};

/// How many characters of the typed text are shown again.
const SHOWN_CHARS_MAX: usize = 60;

/// Where somebody wants to go.
#[derive(Clone, Debug)]
pub enum JoinTarget {
    /// With an invite.
    Invite(Box<Invite>),
    /// To a `host:port`.
    Address(String),
}

impl FromStr for JoinTarget {
    type Err = Problem;

    /// Finds an invite anywhere in the text; otherwise the whole text is an address, with the
    /// default port if it names none.
    fn from_str(text: &str) -> Result<Self, Problem> {
        match text.parse() {
            Ok(invite) => with_places(invite).map(|invite| Self::Invite(Box::new(invite))),
            Err(InviteError::NotAnInvite) => parse_address(text.trim()).map(Self::Address),
            Err(error) => Err(not_readable(error)),
        }
    }
}

fn not_readable(error: InviteError) -> Problem {
    let (what, hint) = match error {
        InviteError::Newer => return Problem::newer_protocol(),
        InviteError::Several => {
            (say!("There are invites to several rooms in this text."), say!("Copy the one that you want to use."))
        }
        InviteError::NotAnInvite | InviteError::Damaged => (
            say!("This invite cannot be read."),
            say!("It may have been cut off on the way. Copy the whole link, or ask for a new one."),
        ),
    };
    Problem::new(Code::BadInvite, what, hint).with_action(Action::EditAddress).with_detail(error)
}

/// An invite is worth a try if one of its addresses is.
fn with_places(invite: Invite) -> Result<Invite, Problem> {
    let fault = |address: &String| Address::read(address, None).err().map(|error| (address.clone(), error));
    let faults: Vec<_> = invite.addresses.iter().map_while(fault).collect();
    match faults.first() {
        Some((address, error)) if faults.len() == invite.addresses.len() => Err(Problem::of_address(address, *error)),
        _ => Ok(invite),
    }
}

fn parse_address(text: &str) -> Result<String, Problem> {
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    let address = Address::read(text, Some(PORT_DEFAULT)).map_err(|error| Problem::of_address(&shown, error))?;
    if let HostPart::Scoped(_, scope) = &address.host
        && scope_number(scope).is_none()
    {
        return Err(Problem::no_such_scope(scope));
    }
    let address = address.to_string();
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(Problem::of_address(&shown, AddressError::Malformed));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<String> {
        match text.parse() {
            Ok(JoinTarget::Address(address)) => Some(address),
            _ => None,
        }
    }

    #[test]
    fn addresses_are_understood_as_people_write_them() {
        assert_eq!(address(" 192.168.1.7:9001 ").as_deref(), Some("192.168.1.7:9001"));
        assert_eq!(address("ann-laptop.local").as_deref(), Some("ann-laptop.local:9000"));
        assert_eq!(address("[fe80::1]:9000").as_deref(), Some("[fe80::1]:9000"));
        assert_eq!(address("[::1]").as_deref(), Some("[::1]:9000"));
        assert_eq!(address("::1").as_deref(), Some("[::1]:9000"));
        assert_eq!(address("conversa:9001").as_deref(), Some("conversa:9001"));
        for wrong in ["", "host:", "host:0", "host:99999", "http://host:9000/", "two words", "[nonsense]:9000"] {
            assert_eq!(address(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn where_nobody_can_be_reached_is_said_at_once() {
        for wrong in ["0.0.0.0:9000", "[::]", "0", "224.0.0.1:9000", "255.255.255.255:9000", "[ff02::1%eth0]:9000"] {
            let problem = wrong.parse::<JoinTarget>().unwrap_err();
            assert_eq!((problem.code, problem.what.values()), (Code::NoSuchHost, &[wrong.to_owned()][..]));
            assert!(problem.what.to_string().starts_with("Nobody can be reached at"), "{problem}");
            assert_eq!(invite_to(&[wrong]).parse::<JoinTarget>().unwrap_err().code, Code::NoSuchHost);
        }
        assert!(invite_to(&["0.0.0.0:9000", "192.168.1.7:9000"]).parse::<JoinTarget>().is_ok(), "one can be tried");
        let unknown = "[fe80::1%no-such-interface]:9000".parse::<JoinTarget>().unwrap_err();
        assert!(unknown.what.to_string().contains("no-such-interface"), "{unknown}");
        assert!(invite_to(&["[fe80::1%no-such-interface]:9000"]).parse::<JoinTarget>().is_ok(), "it was another's");
    }

    fn invite_to(addresses: &[&str]) -> String {
        let invite = Invite {
            suite: crate::crypto::Suite::Hybrid,
            addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            host: crate::crypto::Fingerprint::of(b"host"),
            room: crate::protocol::RoomId([7; 32]),
            secret: zeroize::Zeroizing::new([9; 32]),
            expires_ms: u64::MAX,
        };
        invite.to_string()
    }

    #[test]
    fn a_damaged_invite_is_told_from_an_address() {
        let problem = "Come in: <conversa:1:NOTANINVITE>".parse::<JoinTarget>().unwrap_err();
        assert_eq!(problem.code, Code::BadInvite);
        assert_eq!("CONVERSA:1:ABC".parse::<JoinTarget>().unwrap_err().code, Code::BadInvite);
        assert_eq!("conversa:3:AAAA".parse::<JoinTarget>().unwrap_err().code, Code::Newer);
        assert_eq!("conversa-learning:1:".parse::<JoinTarget>().unwrap_err().code, Code::BadInvite);
    }
}
