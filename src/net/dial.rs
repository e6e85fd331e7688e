//! Finding a way to a host: its addresses in turn, for each name all its IP addresses, until one
//! works. Pure: it says what to do next and is told how that went.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};

use super::connection::LinkFault;
use super::learning_link::LearningFault;
use super::limits::ADDRESSES_A_NAME_MAX;
use crate::crypto::Fingerprint;
use crate::protocol::LinkError;

/// What to do next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum DialStep {
    /// Look up this `host:port`.
    Look(String),
    /// Connect there.
    Connect(SocketAddr),
    /// Nothing worked.
    GiveUp(LinkError),
}

/// One attempt to reach a host.
#[derive(Debug)]
pub(super) struct Dial {
    /// Not tried yet.
    addresses: VecDeque<String>,
    /// The one being tried.
    address: String,
    /// Where that one is, as far as not tried yet.
    places: VecDeque<SocketAddr>,
    /// The most telling of the errors so far.
    error: Option<LinkError>,
}

impl Dial {
    /// An attempt with these addresses, in this order.
    pub(super) fn new(addresses: &[String]) -> Self {
        Self {
            addresses: addresses.iter().cloned().collect(),
            address: addresses.first().cloned().unwrap_or_default(),
            places: VecDeque::new(),
            error: None,
        }
    }

    /// The next step.
    pub(super) fn next(&mut self) -> DialStep {
        loop {
            if let Some(place) = self.places.pop_front() {
                return DialStep::Connect(place);
            }
            let Some(address) = self.addresses.pop_front() else {
                let address = self.address.clone();
                return DialStep::GiveUp(self.error.take().unwrap_or(LinkError::NoSuchHost { address }));
            };
            self.address = address.trim().to_owned();
            match parse(&self.address) {
                Parsed::Numbers(place) => self.places.push_back(place),
                Parsed::Name => return DialStep::Look(self.address.clone()),
                Parsed::Nonsense => self.failed(LinkError::NoSuchHost { address: self.address.clone() }),
            }
        }
    }

    /// The answer to [`DialStep::Look`].
    pub(super) fn found(&mut self, places: Vec<SocketAddr>) {
        if places.is_empty() {
            self.failed(LinkError::NoSuchHost { address: self.address.clone() });
        }
        self.places = places.into_iter().take(ADDRESSES_A_NAME_MAX).collect();
    }

    /// What was tried did not work.
    pub(super) fn failed(&mut self, error: LinkError) {
        let more_telling = self.error.as_ref().is_none_or(|known| weight(&error) > weight(known));
        if more_telling {
            self.error = Some(error);
        }
    }

    /// The address being tried, as it was given.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// What `fault` means to a person who tried the current address, `heard` saying whether
    /// anything at all came back, and `pin` and `seen` what key was expected and shown.
    pub(super) fn explain(
        &self,
        fault: &LinkFault,
        heard: bool,
        pin: Option<Fingerprint>,
        seen: Option<Fingerprint>,
    ) -> LinkError {
        let address = self.address.clone();
        match (fault, pin, seen) {
            (LinkFault::Tls(_), Some(expected), Some(seen)) if expected != seen => {
                LinkError::HostKeyChanged { expected, seen }
            }
            (LinkFault::Learning(LearningFault::Unexpected(seen)), Some(expected), _) => {
                LinkError::HostKeyChanged { expected, seen: *seen }
            }
            (LinkFault::LearningHost, ..) => LinkError::LearningHost { address },
            (LinkFault::Learning(LearningFault::Secure), ..) => LinkError::SecureHost { address },
            (LinkFault::Io(error), ..) if heard && is_cut(error) => LinkError::NotConversa { address },
            (LinkFault::Io(error), ..) => explain_io(error, address),
            (LinkFault::Tls(_) | LinkFault::OtherProtocol | LinkFault::Learning(_), ..) => {
                LinkError::NotConversa { address }
            }
        }
    }
}

/// What the system's `error` means to a person who tried `address`.
pub(super) fn explain_io(error: &io::Error, address: String) -> LinkError {
    match error.kind() {
        ErrorKind::ConnectionRefused => LinkError::Refused { address },
        ErrorKind::TimedOut | ErrorKind::HostUnreachable => LinkError::TimedOut { address },
        _ if is_cut(error) => LinkError::Cut,
        _ => LinkError::System { address, reason: error.to_string() },
    }
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

/// How much an error tells about the host that was meant: the further an attempt came, the more.
fn weight(error: &LinkError) -> u8 {
    match error {
        LinkError::NoSuchHost { .. } => 0,
        LinkError::System { .. } => 1,
        LinkError::TimedOut { .. } => 2,
        LinkError::Refused { .. } => 3,
        LinkError::Cut | LinkError::Closed | LinkError::Goodbye(_) | LinkError::TurnedAway(_) => 4,
        LinkError::OlderRoster { .. } => 4,
        LinkError::Protocol | LinkError::NotConversa { .. } => 5,
        LinkError::LearningHost { .. } | LinkError::SecureHost { .. } => 6,
        LinkError::HostKeyChanged { .. } => 7,
    }
}

enum Parsed {
    Numbers(SocketAddr),
    Name,
    Nonsense,
}

fn parse(address: &str) -> Parsed {
    if let Ok(place) = address.parse::<SocketAddr>() {
        return if place.port() == 0 { Parsed::Nonsense } else { Parsed::Numbers(place) };
    }
    let Some((host, port)) = address.rsplit_once(':') else { return Parsed::Nonsense };
    let port_is_good = port.parse::<u16>().is_ok_and(|port| port != 0);
    // Colons left over mean an IPv6 address without its brackets, which would be read wrongly.
    let host_is_good = !host.is_empty() && !host.contains([':', '[', ']', '/', ' ']) && host.parse::<IpAddr>().is_err();
    if port_is_good && host_is_good { Parsed::Name } else { Parsed::Nonsense }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dial(addresses: &[&str]) -> Dial {
        Dial::new(&addresses.iter().map(|address| (*address).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn addresses_are_tried_in_turn_and_the_most_telling_error_is_kept() {
        let mut dial = dial(&["192.0.2.1:1", "host.example:2", "[::1]:3"]);
        assert_eq!(dial.next(), DialStep::Connect("192.0.2.1:1".parse().unwrap()));
        dial.failed(LinkError::Refused { address: dial.address().to_owned() });
        assert_eq!(dial.next(), DialStep::Look("host.example:2".into()));
        dial.found(vec!["192.0.2.2:2".parse().unwrap(), "192.0.2.3:2".parse().unwrap()]);
        assert_eq!(dial.next(), DialStep::Connect("192.0.2.2:2".parse().unwrap()));
        dial.failed(LinkError::TimedOut { address: "later and less telling".into() });
        assert_eq!(dial.next(), DialStep::Connect("192.0.2.3:2".parse().unwrap()));
        assert_eq!(dial.next(), DialStep::Connect("[::1]:3".parse().unwrap()));
        assert_eq!(dial.next(), DialStep::GiveUp(LinkError::Refused { address: "192.0.2.1:1".into() }));
    }

    #[test]
    fn what_is_not_an_address_is_said_to_be_none() {
        for bad in ["", "host", "host:", ":9", "host:0", "host:65536", "::1:9", "a b:9", "http://host:80", "1.2.3.4:0"]
        {
            let expected = LinkError::NoSuchHost { address: bad.into() };
            assert_eq!(dial(&[bad]).next(), DialStep::GiveUp(expected));
        }
        assert_eq!(dial(&[]).next(), DialStep::GiveUp(LinkError::NoSuchHost { address: String::new() }));
        assert_eq!(dial(&["localhost:9000"]).next(), DialStep::Look("localhost:9000".into()));
    }

    #[test]
    fn faults_are_explained() {
        let dial = dial(&["host:1"]);
        let address = || String::new() + dial.address();
        let explain = |fault: LinkFault, heard| dial.explain(&fault, heard, None, None);
        let io = |kind: ErrorKind| LinkFault::Io(kind.into());
        assert_eq!(explain(io(ErrorKind::ConnectionRefused), false), LinkError::Refused { address: address() });
        assert_eq!(explain(io(ErrorKind::UnexpectedEof), false), LinkError::Cut);
        assert_eq!(explain(io(ErrorKind::UnexpectedEof), true), LinkError::NotConversa { address: address() });
        let (expected, seen) = (Fingerprint::of(b"a"), Fingerprint::of(b"b"));
        let refused = LinkFault::Tls(rustls::Error::DecryptError);
        let changed = dial.explain(&refused, true, Some(expected), Some(seen));
        assert_eq!(changed, LinkError::HostKeyChanged { expected, seen });
    }
}
