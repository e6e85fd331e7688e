//! What a person pastes into the join field: an invite, somewhere in a text, or an address.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::{Action, Code, PORT_DEFAULT, Problem, say};
use crate::protocol::limits::ADDRESS_BYTES_MAX;
use crate::protocol::{Invite, InviteError};

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
            Ok(invite) => Ok(Self::Invite(Box::new(invite))),
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

fn parse_address(text: &str) -> Result<String, Problem> {
    if let Ok(address) = text.parse::<Ipv6Addr>() {
        return Ok(format!("[{address}]:{PORT_DEFAULT}"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port.parse::<u16>().ok().filter(|port| *port > 0)),
        _ => (text, Some(PORT_DEFAULT)),
    };
    match port {
        Some(port) if is_host(host) && text.len() <= ADDRESS_BYTES_MAX => Ok(format!("{host}:{port}")),
        _ => Err(not_an_address(text)),
    }
}

/// An IP address (IPv6 in brackets) or something that can be a DNS name.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    host.parse::<IpAddr>().is_ok()
        || (!host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_')))
}

fn not_an_address(text: &str) -> Problem {
    let shown: String = text.chars().take(60).collect();
    let what = say!("“{}” is neither an invite nor an address.", shown);
    let hint = say!(
        "Paste an invite that starts with conversa:, or type a name or number and a port, as in 192.168.1.7:9000."
    );
    Problem::new(Code::NoSuchHost, what, hint).with_action(Action::EditAddress)
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
    fn a_damaged_invite_is_told_from_an_address() {
        let problem = "Come in: <conversa:1:NOTANINVITE>".parse::<JoinTarget>().unwrap_err();
        assert_eq!(problem.code, Code::BadInvite);
        assert_eq!("CONVERSA:1:ABC".parse::<JoinTarget>().unwrap_err().code, Code::BadInvite);
        assert_eq!("conversa:3:AAAA".parse::<JoinTarget>().unwrap_err().code, Code::Newer);
        assert_eq!("conversa-learning:1:".parse::<JoinTarget>().unwrap_err().code, Code::BadInvite);
    }
}
