//! The networks this computer is in, as far as link-local addresses need them.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use if_addrs::{IfAddr, Interface};

use super::address::{Address, HostPart, scoped};

/// Name prefixes of interfaces that lead nowhere outside: those of containers and virtual machines.
const VIRTUAL: [&str; 6] = ["veth", "docker", "br-", "virbr", "vnet", "lxc"];

/// Resolves a `host:port`. A link-local number is tried in the network it names, or, if that is not here, in each of
/// this computer's networks.
pub(super) fn resolve(address: &str) -> io::Result<Vec<SocketAddr>> {
    let malformed = |_| io::Error::from(io::ErrorKind::InvalidInput);
    let address = Address::read(address, None).map_err(malformed)?;
    Ok(match &address.host {
        HostPart::Name(name) => (name.as_str(), address.port).to_socket_addrs()?.collect(),
        HostPart::Scoped(ip, scope) => {
            let scopes = scope_number(scope).map_or_else(scopes, |number| vec![number]);
            scopes.into_iter().map(|number| scoped((*ip).into(), address.port, number)).collect()
        }
        HostPart::Number(ip @ IpAddr::V6(_)) if address.place().is_none() => {
            scopes().into_iter().map(|number| scoped(*ip, address.port, number)).collect()
        }
        HostPart::Number(_) => address.place().into_iter().collect(),
    })
}

/// The number of the interface that a scope names, if it exists here.
#[must_use]
pub fn scope_number(scope: &str) -> Option<u32> {
    let is_meant = |interface: &Interface| {
        interface.name == scope || interface.index.is_some_and(|index| index.to_string() == scope)
    };
    all().into_iter().find(is_meant).and_then(|interface| interface.index)
}

/// The interface with this link-local address.
pub(super) fn scope_of(ip: Ipv6Addr) -> Option<u32> {
    all().into_iter().find(|interface| interface.ip() == IpAddr::V6(ip)).and_then(|interface| interface.index)
}

/// Whether an address is the broadcast address of one of this computer's networks.
pub(super) fn is_broadcast(ip: IpAddr) -> bool {
    all().into_iter().any(|interface| match interface.addr {
        IfAddr::V4(addr) => addr.broadcast.map(IpAddr::V4) == Some(ip) && IpAddr::V4(addr.ip) != ip,
        IfAddr::V6(_) => false,
    })
}

/// The networks in which others may be, by interface number, the likeliest first.
fn scopes() -> Vec<u32> {
    order(all())
}

fn order(interfaces: Vec<Interface>) -> Vec<u32> {
    let is_virtual = |name: &str| VIRTUAL.iter().any(|start| name.starts_with(start));
    let is_meant = |interface: &Interface| {
        let is_local = matches!(interface.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local());
        is_local && !interface.is_loopback() && interface.is_oper_up()
    };
    let mut found: Vec<(bool, u32)> = interfaces
        .into_iter()
        .filter(is_meant)
        .filter_map(|interface| Some((is_virtual(&interface.name), interface.index?)))
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, number)| number).collect()
}

fn all() -> Vec<Interface> {
    if_addrs::get_if_addrs().unwrap_or_else(|error| {
        log::warn!("the networks of this computer cannot be listed: {error}");
        Vec::new()
    })
}

#[cfg(test)]
mod tests {
    use if_addrs::{IfOperStatus, Ifv6Addr};

    use super::*;

    fn interface(name: &str, ip: &str, index: u32) -> Interface {
        Interface {
            name: name.to_owned(),
            addr: IfAddr::V6(Ifv6Addr {
                ip: ip.parse().unwrap(),
                netmask: Ipv6Addr::UNSPECIFIED,
                prefixlen: 64,
                broadcast: None,
            }),
            index: Some(index),
            oper_status: IfOperStatus::Up,
            is_p2p: false,
            #[cfg(windows)]
            adapter_name: String::new(),
        }
    }

    #[test]
    fn networks_are_tried_the_likeliest_first() {
        let down = Interface { oper_status: IfOperStatus::Down, ..interface("wlan1", "fe80::9", 9) };
        let found = [
            interface("docker0", "fe80::1", 1),
            interface("lo", "::1", 2),
            interface("wlan0", "fe80::3", 3),
            interface("eth0", "2001:db8::4", 4),
            interface("eth0", "fe80::4", 4),
            down,
        ];
        assert_eq!(order(found.to_vec()), [3, 4, 1]);
    }

    #[test]
    fn a_scope_is_known_by_name_and_by_number() {
        for interface in all() {
            let Some(index) = interface.index else { continue };
            assert_eq!(scope_number(&interface.name), Some(index));
            assert_eq!(scope_number(&index.to_string()), Some(index));
        }
        assert_eq!(scope_number("no-such-interface"), None);
        assert_eq!(scope_number("4294967295"), None);
    }

    #[test]
    fn a_number_of_one_network_is_looked_for_where_it_is_said_to_be() {
        let Some(loopback) = all().into_iter().find(Interface::is_loopback) else {
            return crate::skip::skip("numbers of one network: this computer has no loopback interface");
        };
        let places = resolve(&format!("[fe80::1%{}]:9000", loopback.name)).unwrap();
        assert_eq!(places, [scoped("fe80::1".parse().unwrap(), 9_000, loopback.index.unwrap())]);
        assert_eq!(resolve("192.0.2.1:9000").unwrap(), ["192.0.2.1:9000".parse().unwrap()]);
        assert_eq!(resolve("[fe80::1]:9000").unwrap().len(), scopes().len());
        assert_eq!(resolve("[fe80::1%no-such-interface]:9000").unwrap().len(), scopes().len());
        assert!(resolve("localhost:9000").unwrap().iter().all(|place| place.ip().is_loopback()));
    }
}
