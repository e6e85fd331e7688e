//! Invites, and the addresses in them.

use chrono::NaiveDate;

use super::{picture, when};
use crate::app::{AddressTest, Reach};
use crate::gui::format;
use crate::gui::generated as ui;
use crate::protocol::Invite;

/// An invite with its QR code.
pub(in crate::gui) fn invite(invite: Option<&Invite>, today: NaiveDate) -> ui::InviteView {
    let Some(invite) = invite else { return ui::InviteView::default() };
    let link = invite.to_string();
    let expires = when(invite.expires_ms, format::until(invite.expires_ms, today));
    let (qr, modules) = picture(&link);
    ui::InviteView { expires, link: link.as_str().into(), qr, modules }
}

/// One of this computer's addresses, and who can reach it there.
pub(in crate::gui) fn address_row(address: &str, test: Option<&AddressTest>) -> ui::AddressRow {
    let ip = address.parse::<std::net::SocketAddr>().map(|address| address.ip());
    let reach = match ip {
        Ok(ip) if ip.is_loopback() => ui::Reach::Computer,
        Ok(_) if test.is_some_and(|test| test.tunnel) => ui::Reach::Vpn,
        // Addresses that providers and VPNs such as Tailscale use internally (RFC 6598).
        Ok(std::net::IpAddr::V4(ip))
            if ip.octets().first_chunk().is_some_and(|&[first, second]| first == 100 && second & 0xc0 == 0x40) =>
        {
            ui::Reach::Vpn
        }
        Ok(std::net::IpAddr::V4(ip)) if !ip.is_private() && !ip.is_link_local() => ui::Reach::Internet,
        Ok(std::net::IpAddr::V6(ip)) if !ip.is_unique_local() && !ip.is_unicast_link_local() => ui::Reach::Internet,
        _ => ui::Reach::Network,
    };
    let state = match test.map(|test| test.reach) {
        None => ui::AddressState::Untested,
        Some(Reach::Testing) => ui::AddressState::Testing,
        Some(Reach::Answers) => ui::AddressState::Answers,
        Some(Reach::Another) => ui::AddressState::Another,
        Some(Reach::Silent) => ui::AddressState::Silent,
    };
    ui::AddressRow { reach, address: address.into(), state }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_reaches_it() {
        for (address, reach) in [
            ("127.0.0.1:9000", ui::Reach::Computer),
            ("192.168.1.7:9000", ui::Reach::Network),
            ("100.63.0.1:9000", ui::Reach::Internet),
            ("100.64.0.1:9000", ui::Reach::Vpn),
            ("100.127.9.9:9000", ui::Reach::Vpn),
            ("100.128.0.1:9000", ui::Reach::Internet),
            ("[fd00::7]:9000", ui::Reach::Network),
            ("[fe80::7]:9000", ui::Reach::Network),
            ("169.254.3.4:9000", ui::Reach::Network),
            ("[2001:db8::7]:9000", ui::Reach::Internet),
        ] {
            assert_eq!(address_row(address, None).reach, reach, "{address}");
        }
    }
}
