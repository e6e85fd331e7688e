//! The addresses at which others may reach a room hosted here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use super::{Code, Problem, say};
use crate::net::{Address, AddressError, HostPart, scope_number};
use crate::protocol::limits::INVITE_ADDRESSES_MAX;

/// What an invite carries for a host that listens at `listening`: that address, or, if it listens at all of this
/// computer's, each of them, the most reachable first.
pub(super) fn for_invites(listening: SocketAddr) -> Vec<String> {
    if !listening.ip().is_unspecified() {
        // Our interface number means nothing to others; joiners look for the host in each of their own networks.
        return vec![Address::from(listening).unscoped().to_string()];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the addresses of this computer cannot be listed: {error}");
        Vec::new()
    });
    let found = interfaces.iter().filter(|interface| interface.is_oper_up()).map(|interface| interface.ip());
    choose(listening, found.collect())
}

/// Reads where this computer is to listen, as in `0.0.0.0:9000` or `[fe80::1%eth0]:0`.
///
/// # Errors
/// A [`Problem`] that says why it is not such an address.
pub fn own_address(text: &str) -> Result<SocketAddr, Problem> {
    let malformed = || {
        let what = say!("“{}” is not an address to listen at.", text);
        let hint = say!("Name an address of this computer and a port, as in 0.0.0.0:9000.");
        Problem::new(Code::CannotListen, what, hint)
    };
    match Address::read_own(text) {
        Ok((HostPart::Number(ip), port)) => Ok(SocketAddr::new(ip, port)),
        Ok((HostPart::Scoped(ip, scope), port)) => {
            let number = scope_number(&scope).ok_or_else(|| Problem::no_such_scope(&scope))?;
            Ok(SocketAddrV6::new(ip, port, 0, number).into())
        }
        Ok((HostPart::Name(_), _)) | Err(AddressError::Malformed | AddressError::Port | AddressError::Unspecified) => {
            Err(malformed())
        }
        Err(AddressError::Nobody) => Err(Problem::nobody_to_listen(text)),
    }
}

/// The addresses of this computer's tunnels, such as those of VPNs.
pub(super) fn tunnels() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| is_tunnel(&interface.name)).map(|interface| interface.ip()).collect()
}

/// Recognised by the names that systems and VPN programs give.
fn is_tunnel(interface: &str) -> bool {
    const NAMES: [&str; 8] = ["tun", "tap", "utun", "wg", "ppp", "tailscale", "zt", "nordlynx"];
    NAMES.iter().any(|name| interface.starts_with(name))
}

/// The address that the person who hosts at `listening` connects to.
pub(super) fn for_oneself(listening: SocketAddr) -> Vec<String> {
    let port = listening.port();
    let own = match listening.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => return vec![Address::from(listening).to_string()],
    };
    vec![SocketAddr::new(own, port).to_string()]
}

fn choose(listening: SocketAddr, mut found: Vec<IpAddr>) -> Vec<String> {
    // [::] takes IPv4 as well where the system is dual-stack; 0.0.0.0 never takes IPv6.
    found.retain(|address| address.is_ipv4() || listening.is_ipv6());
    // Link-local addresses are only worth including if there is nothing else: two laptops and a cable.
    if found.iter().any(|address| !address.is_loopback() && !is_link_local(*address)) {
        found.retain(|address| !is_link_local(*address));
    }
    found.sort_by_key(|address| (address.is_loopback(), rank(*address), *address));
    found.dedup();
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    // The loopback is only worth including if there is nothing else.
    if found.first().is_some_and(|address| !address.is_loopback()) {
        found.retain(|address| !address.is_loopback());
    }
    let addresses = found.into_iter().map(|address| SocketAddr::new(address, listening.port()).to_string());
    addresses.take(INVITE_ADDRESSES_MAX).collect()
}

const fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// IPv4 addresses of home and office networks before others, IPv6 last: the order in which most
/// joiners succeed.
const fn rank(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(address) if address.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(_) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(listening: &str, found: &[&str]) -> Vec<String> {
        choose(listening.parse().unwrap(), found.iter().map(|address| address.parse().unwrap()).collect())
    }

    #[test]
    fn invites_carry_what_others_can_reach() {
        let found = ["127.0.0.1", "::1", "203.0.113.5", "192.168.1.7", "fe80::1", "2001:db8::7", "169.254.3.4"];
        assert_eq!(addresses("0.0.0.0:9000", &found), ["192.168.1.7:9000", "203.0.113.5:9000"]);
        assert_eq!(addresses("[::]:9000", &found), ["192.168.1.7:9000", "203.0.113.5:9000", "[2001:db8::7]:9000"]);
        assert_eq!(addresses("0.0.0.0:9000", &["127.0.0.1"]), ["127.0.0.1:9000"]);
        assert_eq!(addresses("0.0.0.0:9000", &[]), ["127.0.0.1:9000"]);
        assert_eq!(for_invites(([127, 0, 0, 1], 5).into()), ["127.0.0.1:5"]);
        let no_network = ["127.0.0.1", "169.254.3.4", "fe80::1"];
        assert_eq!(addresses("0.0.0.0:9000", &no_network), ["169.254.3.4:9000"]);
        assert_eq!(addresses("[::]:9000", &no_network), ["169.254.3.4:9000", "[fe80::1]:9000"]);
        assert_eq!(for_invites("[fe80::1%3]:9000".parse().unwrap()), ["[fe80::1]:9000"], "3 means nothing elsewhere");
    }

    #[test]
    fn the_host_reaches_its_own_room_over_loopback() {
        assert_eq!(for_oneself("0.0.0.0:9000".parse().unwrap()), ["127.0.0.1:9000"]);
        assert_eq!(for_oneself("[::]:9000".parse().unwrap()), ["[::1]:9000"]);
        assert_eq!(for_oneself("192.168.1.7:1".parse().unwrap()), ["192.168.1.7:1"]);
        assert_eq!(for_oneself("[fe80::1%3]:1".parse().unwrap()), ["[fe80::1%3]:1"]);
    }

    #[test]
    fn where_to_listen_is_a_number_of_this_computers_and_a_port() {
        for text in ["0.0.0.0:9000", "[::]:0", "127.0.0.1:0", "[fe80::1]:9000", "192.168.1.7:65535"] {
            assert_eq!(own_address(text), Ok(text.parse().unwrap()));
        }
        for text in ["nowhere", "nowhere:9000", "0.0.0.0", "0.0.0.0:65536", "0.1.2.3:9000", ":9000", ""] {
            let problem = own_address(text).unwrap_err();
            assert!(problem.what.to_string().contains("not an address to listen at"), "{text}: {problem}");
        }
        for text in ["224.0.0.1:9000", "255.255.255.255:0", "[ff02::1]:9000", "[::ffff:239.0.0.1]:9000"] {
            let problem = own_address(text).unwrap_err();
            assert!(problem.what.to_string().starts_with("Nobody can be reached at"), "{text}: {problem}");
        }
        let loopback = if_addrs::get_if_addrs().unwrap().into_iter().find(|interface| interface.is_loopback());
        let Some((name, Some(index))) = loopback.map(|interface| (interface.name, interface.index)) else {
            return crate::skip::skip("where to listen on one network: this computer has no loopback interface");
        };
        let scoped = Ok(SocketAddrV6::new("fe80::1".parse().unwrap(), 0, 0, index).into());
        assert_eq!(own_address(&format!("[fe80::1%{name}]:0")), scoped);
        assert_eq!(own_address(&format!("[fe80::1%{index}]:0")), scoped);
        assert!(
            own_address("[fe80::1%no-such-interface]:0").unwrap_err().what.to_string().contains("no-such-interface")
        );
    }

    #[test]
    fn tunnels_are_known_by_name() {
        assert!(["tun0", "wg0", "utun3", "tailscale0", "ztabcdefgh"].into_iter().all(is_tunnel));
        assert!(!["eth0", "wlp3s0", "enp0s31f6", "lo", "docker0", "Ethernet"].into_iter().any(is_tunnel));
    }

    #[test]
    fn a_listening_host_has_at_least_one_address() {
        assert!(!for_invites("0.0.0.0:9000".parse().unwrap()).is_empty());
    }
}
