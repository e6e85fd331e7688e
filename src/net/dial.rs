//! Finding a way to a host: its addresses in turn, and for each name all its IP addresses, until one works. Pure: it
//! says what to do next and is told the result.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use super::address::{Address, AddressError, nobody_at};
use super::limits::{ADDRESSES_A_NAME_MAX, CUT_TRIES_MAX, CUT_WAIT_MS};
use super::link::fault::LinkFault;
use super::link::learning_link::LearningFault;
use super::listener::is_out_of_descriptors;
use crate::crypto::Fingerprint;
use crate::protocol::LinkError;

/// What to do next.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum DialStep {
    /// Look up this `host:port`.
    Look(String),
    /// Connect there.
    Connect(SocketAddr),
    /// Wait this many milliseconds.
    Wait(u64),
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
    /// Its IP addresses that have not been tried yet.
    places: VecDeque<SocketAddr>,
    /// The IP address being tried.
    place: Option<SocketAddr>,
    /// IP addresses that accepted our connection and cut it before proving anything, each with the address it came
    /// from.
    cut: VecDeque<(String, SocketAddr)>,
    /// The ones among them that are being retried.
    again: VecDeque<(String, SocketAddr)>,
    cut_tries: u32,
    /// The most informative error so far.
    error: Option<LinkError>,
}

impl Dial {
    /// An attempt with these addresses, in this order.
    pub(super) fn new(addresses: &[String]) -> Self {
        Self {
            addresses: addresses.iter().cloned().collect(),
            address: addresses.first().cloned().unwrap_or_default(),
            places: VecDeque::new(),
            place: None,
            cut: VecDeque::new(),
            again: VecDeque::new(),
            cut_tries: 0,
            error: None,
        }
    }

    /// The next step.
    pub(super) fn next(&mut self) -> DialStep {
        loop {
            if let Some(place) = self.places.pop_front() {
                self.place = Some(place);
                return DialStep::Connect(place);
            }
            if let Some((address, place)) = self.again.pop_front() {
                self.address = address;
                self.places.push_back(place);
                continue;
            }
            if self.addresses.is_empty() && !self.cut.is_empty() && self.cut_tries < CUT_TRIES_MAX {
                self.again = std::mem::take(&mut self.cut);
                self.cut_tries += 1;
                return DialStep::Wait(CUT_WAIT_MS);
            }
            let Some(address) = self.addresses.pop_front() else {
                let address = self.address.clone();
                return DialStep::GiveUp(self.error.take().unwrap_or(LinkError::NoSuchHost { address }));
            };
            self.address = address.trim().to_owned();
            let read = Address::read(&self.address, None);
            match read.map(|address| address.place()) {
                Ok(Some(place)) => self.places.push_back(place),
                Ok(None) => return DialStep::Look(self.address.clone()),
                Err(AddressError::Malformed | AddressError::Port) => {
                    self.failed(LinkError::NoSuchHost { address: self.address.clone() });
                }
                Err(AddressError::Unspecified | AddressError::Nobody) => {
                    self.failed(LinkError::Nobody { address: self.address.clone() });
                }
            }
        }
    }

    /// The answer to [`DialStep::Look`].
    pub(super) fn found(&mut self, places: Vec<SocketAddr>) {
        let found = !places.is_empty();
        // A name may resolve to 0.0.0.0, and a connection there would end on our own computer.
        let somebody = places.into_iter().filter(|place| nobody_at(place.ip()).is_none());
        self.places = somebody.take(ADDRESSES_A_NAME_MAX).collect();
        if self.places.is_empty() {
            let address = self.address.clone();
            self.failed(if found { LinkError::Nobody { address } } else { LinkError::NoSuchHost { address } });
        }
    }

    /// The attempt failed.
    pub(super) fn failed(&mut self, error: LinkError) {
        let more_telling = self.error.as_ref().is_none_or(|known| weight(&error) > weight(known));
        if more_telling {
            self.error = Some(error);
        }
    }

    /// The attempt was accepted and then cut: the host may be full now, and not the next time.
    pub(super) fn was_cut(&mut self) {
        if let Some(place) = self.place.take() {
            self.cut.push_back((self.address.clone(), place));
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
        _ if is_out_of_descriptors(error) => LinkError::OutOfFiles,
        _ => LinkError::System { address, reason: error.to_string() },
    }
}

/// Whether the other side, or something in between, ended the connection.
pub(super) fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe
    )
}

/// How much an error says about the intended host: the further an attempt got, the more.
fn weight(error: &LinkError) -> u8 {
    match error {
        LinkError::NoSuchHost { .. } | LinkError::Nobody { .. } => 0,
        LinkError::System { .. } => 1,
        LinkError::TimedOut { .. } => 2,
        LinkError::Refused { .. } => 3,
        LinkError::Cut | LinkError::Closed | LinkError::Goodbye(_) | LinkError::TurnedAway(_) => 4,
        LinkError::OlderRoster { .. } => 4,
        LinkError::Protocol | LinkError::NotConversa { .. } => 5,
        LinkError::LearningHost { .. } | LinkError::SecureHost { .. } => 6,
        LinkError::HostKeyChanged { .. } => 7,
        // Nothing else can be known before that is fixed.
        LinkError::OutOfFiles => 8,
    }
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
    fn a_place_that_cuts_us_off_is_tried_again_after_all_others_and_a_wait() {
        let mut dial = dial(&["192.0.2.1:1", "192.0.2.2:2"]);
        let (first, second) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        assert_eq!(dial.next(), DialStep::Connect(first));
        dial.was_cut();
        dial.failed(LinkError::Cut);
        assert_eq!(dial.next(), DialStep::Connect(second));
        dial.failed(LinkError::Refused { address: dial.address().to_owned() });
        for _ in 0..CUT_TRIES_MAX {
            assert_eq!(dial.next(), DialStep::Wait(CUT_WAIT_MS));
            assert_eq!((dial.next(), dial.address()), (DialStep::Connect(first), "192.0.2.1:1"));
            dial.was_cut();
        }
        assert_eq!(dial.next(), DialStep::GiveUp(LinkError::Cut));
    }

    #[test]
    fn what_is_not_an_address_is_said_to_be_none() {
        for bad in ["", "host", "host:", ":9", "host:0", "host:65536", "::1:9", "a b:9", "http://host:80", "1.2.3.4:0"]
        {
            let expected = LinkError::NoSuchHost { address: bad.into() };
            assert_eq!(dial(&[bad]).next(), DialStep::GiveUp(expected));
        }
        assert_eq!(dial(&[]).next(), DialStep::GiveUp(LinkError::NoSuchHost { address: String::new() }));
        for looked_up in ["localhost:9000", "[fe80::1]:9000", "[fe80::1%eth0]:9000", "[fe80::1%2]:9000"] {
            assert_eq!(dial(&[looked_up]).next(), DialStep::Look(looked_up.into()));
        }
    }

    #[test]
    fn where_nobody_can_be_it_is_not_tried_not_even_by_a_name() {
        for bad in ["0.0.0.0:9000", "[::]:9000", "224.0.0.1:9000", "255.255.255.255:9000", "[ff02::1%2]:9000", "0:9000"]
        {
            assert_eq!(dial(&[bad]).next(), DialStep::GiveUp(LinkError::Nobody { address: bad.into() }));
        }
        let mut dial = dial(&["blocked.example:9000"]);
        let looked_up = dial.next();
        assert_eq!(looked_up, DialStep::Look("blocked.example:9000".into()));
        dial.found(vec!["0.0.0.0:9000".parse().unwrap(), "[::]:9000".parse().unwrap()]);
        assert_eq!(dial.next(), DialStep::GiveUp(LinkError::Nobody { address: "blocked.example:9000".into() }));
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
