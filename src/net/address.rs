//! Host addresses, as people write them and as invites carry them: `host:port`, where the host is a name, an IPv4
//! address, or an IPv6 address in brackets, with its scope if it is link-local: `[fe80::1%eth0]:9000`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The longest interface name that a scope may have, in bytes: longer than on any system.
const SCOPE_BYTES_MAX: usize = 64;

/// A host and a port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// Which computer.
    pub host: HostPart,
    /// Which port of it; never 0.
    pub port: u16,
}

/// What names a computer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostPart {
    /// A number that means the same everywhere, or is tried in every available network.
    Number(IpAddr),
    /// A number in one network, and which of this computer's networks that is: the name or number of an interface.
    Scoped(Ipv6Addr, String),
    /// A name to look up.
    Name(String),
}

/// Why a text is not an address at which a host can be reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressError {
    /// It does not look like an address.
    Malformed,
    /// It has no port, or an impossible one.
    Port,
    /// It stands for all addresses of a computer, not for one.
    Unspecified,
    /// It stands for many computers at once, or for none.
    Nobody,
}

impl Address {
    /// Reads an address. Without a port it gets `default_port`, if there is one.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read(text: &str, default_port: Option<u16>) -> Result<Self, AddressError> {
        let text = text.trim();
        let (host, port) = split(text);
        let port = match (port, default_port) {
            (Some(port), _) => port.parse().ok().filter(|port| *port > 0),
            (None, default) => default,
        };
        let host = host_part(host)?;
        if let Some(ip) = host.ip() {
            nobody_at(ip).map_or(Ok(()), Err)?;
        }
        Ok(Self { host, port: port.ok_or(AddressError::Port)? })
    }

    /// Reads where to listen: one of this computer's IP addresses, or the one for all, and a port; 0 lets the system
    /// choose.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn read_own(text: &str) -> Result<(HostPart, u16), AddressError> {
        let (host, port) = split(text.trim());
        let host = host_part(host)?;
        let ip = host.ip().ok_or(AddressError::Malformed)?;
        match nobody_at(ip) {
            Some(AddressError::Nobody) => return Err(AddressError::Nobody),
            Some(_) if !ip.is_unspecified() => return Err(AddressError::Malformed),
            _ => {}
        }
        Ok((host, port.and_then(|port| port.parse().ok()).ok_or(AddressError::Port)?))
    }

    /// Its socket address, if no look-up is needed.
    #[must_use]
    pub fn place(&self) -> Option<SocketAddr> {
        match &self.host {
            HostPart::Number(IpAddr::V6(ip)) if ip.is_unicast_link_local() => None,
            HostPart::Number(ip) => Some(SocketAddr::new(*ip, self.port)),
            HostPart::Scoped(..) | HostPart::Name(_) => None,
        }
    }

    /// The same without a scope, which means nothing on another computer.
    #[must_use]
    pub fn unscoped(self) -> Self {
        match self.host {
            HostPart::Scoped(ip, _) => Self { host: HostPart::Number(ip.into()), ..self },
            _ => self,
        }
    }
}

impl HostPart {
    /// Its number, if it has one.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Number(ip) => Some(*ip),
            Self::Scoped(ip, _) => Some(IpAddr::V6(*ip)),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            HostPart::Number(IpAddr::V6(ip)) => write!(formatter, "[{ip}]:{port}"),
            HostPart::Number(IpAddr::V4(ip)) => write!(formatter, "{ip}:{port}"),
            HostPart::Scoped(ip, scope) => write!(formatter, "[{ip}%{scope}]:{port}"),
            HostPart::Name(name) => write!(formatter, "{name}:{port}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(place: SocketAddr) -> Self {
        let host = match place {
            SocketAddr::V6(place) if place.scope_id() > 0 => {
                HostPart::Scoped(*place.ip(), place.scope_id().to_string())
            }
            place => HostPart::Number(place.ip()),
        };
        Self { host, port: place.port() }
    }
}

/// Why no host can be reached at this number, if so.
#[must_use]
pub const fn nobody_at(ip: IpAddr) -> Option<AddressError> {
    match ip.to_canonical() {
        // 0.0.0.0/8 is "this network" (RFC 1122); a connection there ends on our own computer.
        IpAddr::V4(ip) if ip.octets()[0] == 0 => Some(AddressError::Unspecified),
        IpAddr::V6(ip) if ip.is_unspecified() => Some(AddressError::Unspecified),
        // 224.0.0.0/4 is multicast, and what follows is reserved, up to the broadcast address.
        IpAddr::V4(ip) if ip.octets()[0] >= 224 => Some(AddressError::Nobody),
        IpAddr::V6(ip) if ip.is_multicast() => Some(AddressError::Nobody),
        _ => None,
    }
}

/// The host, without its brackets only if they are not a pair, and the port, if there is one.
fn split(text: &str) -> (&str, Option<&str>) {
    if text.parse::<Ipv6Addr>().is_ok() || text.split_once('%').is_some_and(|(ip, _)| ip.parse::<Ipv6Addr>().is_ok()) {
        return (text, None);
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    }
}

fn host_part(host: &str) -> Result<HostPart, AddressError> {
    let inner = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let number = inner.unwrap_or(host);
    if let Some((ip, scope)) = number.split_once('%') {
        // In links the sign is itself written with it (RFC 6874).
        let scope = scope.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(scope);
        let is_scope = !scope.is_empty()
            && scope.len() <= SCOPE_BYTES_MAX
            && !scope.contains(|c: char| c.is_whitespace() || c.is_control() || "[]%/".contains(c));
        let ip = ip.parse::<Ipv6Addr>().ok().filter(|_| is_scope).ok_or(AddressError::Malformed)?;
        // A scope only makes sense for a link-local number.
        let is_of_one_network = ip.is_unicast_link_local() || ip.is_multicast();
        return Ok(if is_of_one_network {
            HostPart::Scoped(ip, scope.to_owned())
        } else {
            HostPart::Number(ip.into())
        });
    }
    if let Ok(ip) = number.parse::<Ipv6Addr>() {
        return Ok(HostPart::Number(ip.into()));
    }
    if inner.is_some() {
        return Err(AddressError::Malformed);
    }
    if let Some(ip) = ipv4(host) {
        return Ok(HostPart::Number(ip.into()));
    }
    let is_name = !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if is_name { Ok(HostPart::Name(host.to_owned())) } else { Err(AddressError::Malformed) }
}

/// An IPv4 number. Systems accept short forms such as `0` and `127.1`, which would otherwise pass as names.
fn ipv4(host: &str) -> Option<Ipv4Addr> {
    host.parse().ok().or_else(|| {
        let is_zero =
            !host.is_empty() && host.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte == b'0'));
        is_zero.then_some(Ipv4Addr::UNSPECIFIED)
    })
}

/// A socket address with the scope in the form that the system wants.
pub(super) fn scoped(ip: IpAddr, port: u16, scope: u32) -> SocketAddr {
    match ip {
        IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        ip => SocketAddr::new(ip, port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, AddressError> {
        Address::read(text, Some(9_000)).map(|address| address.to_string())
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        for (text, meant) in [
            (" 192.168.1.7:9001 ", "192.168.1.7:9001"),
            ("192.168.1.7", "192.168.1.7:9000"),
            ("ann-laptop.local", "ann-laptop.local:9000"),
            ("conversa:9001", "conversa:9001"),
            ("bücher.example:1", "bücher.example:1"),
            ("[::1]:9001", "[::1]:9001"),
            ("[::1]", "[::1]:9000"),
            ("::1", "[::1]:9000"),
            ("[fe80::1]:9000", "[fe80::1]:9000"),
            ("[fe80::1%eth0]:9000", "[fe80::1%eth0]:9000"),
            ("[fe80::1%eth0]", "[fe80::1%eth0]:9000"),
            ("fe80::1%eth0", "[fe80::1%eth0]:9000"),
            ("[fe80::1%25eth0]:9000", "[fe80::1%eth0]:9000"),
            ("[fe80::1%2]:9000", "[fe80::1%2]:9000"),
            ("[fe80::1%25]:9000", "[fe80::1%25]:9000"),
            ("fe80::1%wlp3s0.20", "[fe80::1%wlp3s0.20]:9000"),
            ("[2001:db8::7%eth0]:9000", "[2001:db8::7]:9000"),
            ("[::ffff:192.168.1.7]:9000", "[::ffff:192.168.1.7]:9000"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(meant), "{text:?}");
            assert_eq!(read(meant).as_deref(), Ok(meant), "it reads back");
        }
    }

    #[test]
    fn what_is_no_address_says_why() {
        use AddressError::{Malformed, Nobody, Port, Unspecified};
        for (text, error) in [
            ("", Malformed),
            ("host:", Port),
            ("host:0", Port),
            ("host:99999", Port),
            ("host:-1", Port),
            ("192.168.1.7:0", Port),
            ("http://host:9000/", Malformed),
            ("two words", Malformed),
            ("[nonsense]:9000", Malformed),
            ("[127.0.0.1]:9000", Malformed),
            ("[fe80::1%]:9000", Malformed),
            ("[fe80::1%a b]:9000", Malformed),
            ("host%eth0:9000", Malformed),
            ("0.0.0.0:9000", Unspecified),
            ("0.0.0.0", Unspecified),
            ("0.1.2.3:9000", Unspecified),
            ("0:9000", Unspecified),
            ("0", Unspecified),
            ("0.0", Unspecified),
            ("000.000.000.000", Unspecified),
            ("[::]:9000", Unspecified),
            ("::", Unspecified),
            ("[::ffff:0.0.0.0]:9000", Unspecified),
            ("224.0.0.1:9000", Nobody),
            ("239.255.255.250:9000", Nobody),
            ("240.0.0.1:9000", Nobody),
            ("255.255.255.255:9000", Nobody),
            ("[::ffff:224.0.0.1]:9000", Nobody),
            ("[ff02::1]:9000", Nobody),
            ("[ff02::1%eth0]:9000", Nobody),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
        assert_eq!(Address::read("host", None), Err(Port));
    }

    #[test]
    fn a_scope_stays_at_home() {
        let unscoped = |text: &str| Address::read(text, None).map(|address| address.unscoped().to_string());
        assert_eq!(unscoped("[fe80::1%eth0]:9000").as_deref(), Ok("[fe80::1]:9000"));
        assert_eq!(unscoped("ann.local:9000").as_deref(), Ok("ann.local:9000"));
        let place: SocketAddr = "[fe80::1%3]:9000".parse().unwrap();
        assert_eq!(Address::from(place).to_string(), "[fe80::1%3]:9000");
    }
}
