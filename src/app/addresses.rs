//! The addresses under which others may reach a room that is hosted here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::protocol::limits::INVITE_ADDRESSES_MAX;

/// What an invite carries for a host that listens at `listening`: that address, or, if it listens
/// at all of this computer's, each of them, those that others can reach first.
pub(super) fn for_invites(listening: SocketAddr) -> Vec<String> {
    if !listening.ip().is_unspecified() {
        return vec![listening.to_string()];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the addresses of this computer cannot be listed: {error}");
        Vec::new()
    });
    let found = interfaces.iter().filter(|interface| interface.is_oper_up()).map(|interface| interface.ip());
    choose(listening, found.collect())
}

/// The addresses of this computer's tunnels, such as those of VPNs.
pub(super) fn tunnels() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().filter(|interface| is_tunnel(&interface.name)).map(|interface| interface.ip()).collect()
}

/// By the names that systems and VPN programs give.
fn is_tunnel(interface: &str) -> bool {
    const NAMES: [&str; 8] = ["tun", "tap", "utun", "wg", "ppp", "tailscale", "zt", "nordlynx"];
    NAMES.iter().any(|name| interface.starts_with(name))
}

/// What the person who hosts at `listening` connects to.
pub(super) fn for_oneself(listening: SocketAddr) -> Vec<String> {
    let port = listening.port();
    let own = match listening.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    vec![SocketAddr::new(own, port).to_string()]
}

fn choose(listening: SocketAddr, mut found: Vec<IpAddr>) -> Vec<String> {
    // [::] takes IPv4 as well where the system is dual-stack; 0.0.0.0 never takes IPv6. Link-local
    // IPv6 addresses mean nothing on another computer without its own interface's name.
    found.retain(|address| match address {
        IpAddr::V4(address) => !address.is_link_local(),
        IpAddr::V6(address) => listening.is_ipv6() && !address.is_unicast_link_local(),
    });
    found.sort_by_key(|address| (address.is_loopback(), rank(*address), *address));
    found.dedup();
    if found.is_empty() {
        found.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    // The loopback is only worth its place where there is nothing else.
    if found.first().is_some_and(|address| !address.is_loopback()) {
        found.retain(|address| !address.is_loopback());
    }
    let addresses = found.into_iter().map(|address| SocketAddr::new(address, listening.port()).to_string());
    addresses.take(INVITE_ADDRESSES_MAX).collect()
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
    }

    #[test]
    fn the_host_reaches_its_own_room_over_loopback() {
        assert_eq!(for_oneself("0.0.0.0:9000".parse().unwrap()), ["127.0.0.1:9000"]);
        assert_eq!(for_oneself("[::]:9000".parse().unwrap()), ["[::1]:9000"]);
        assert_eq!(for_oneself("192.168.1.7:1".parse().unwrap()), ["192.168.1.7:1"]);
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
