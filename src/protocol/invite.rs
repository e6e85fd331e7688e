//! A link that admits one person: where to connect, whose key to expect, and a secret to show.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::limits::{ADDRESS_BYTES_MAX, INVITE_ADDRESSES_MAX};
use super::{Now, RoomId};
use crate::crypto::primitives::{hkdf_sha256, hmac_sha256, hmac_sha256_verify, prefixed, sha256};
use crate::crypto::{CryptoError, Fingerprint, Suite};
use crate::wire::{ByteArray, Signed, decode_first, encode, list};

/// The longest link in characters: six addresses of full length in base32.
pub(super) const LINK_CHARS_MAX: usize = 4_096;

/// An invite. Whoever has it can use it, once: treat it as a secret.
#[derive(Clone)]
pub struct Invite {
    /// The suite of the room.
    pub suite: Suite,
    /// Where to reach the host, `address:port`, best first.
    pub addresses: Vec<String>,
    /// The host's key.
    pub host: Fingerprint,
    /// The room.
    pub room: RoomId,
    /// The secret that proves the invitation.
    pub secret: Zeroizing<[u8; 32]>,
    /// When it expires, in milliseconds since 1970.
    pub expires_ms: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct InvitePayload {
    #[serde(deserialize_with = "list")]
    a: Vec<String>,
    f: Fingerprint,
    r: RoomId,
    s: ByteArray<32>,
    x: u64,
}

/// Why a text is not a usable invite.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InviteError {
    /// It does not start like an invite.
    #[error("this is not an invite: one begins with “conversa:2:”, “conversa:1:” or “conversa-learning:1:”")]
    NotAnInvite,
    /// It is of a later protocol.
    #[error("this invite needs a newer Conversa; this one speaks protocol 1")]
    Newer,
    /// It has invites to several rooms.
    #[error("there are invites to several rooms in this text")]
    Several,
    /// It is cut off or mistyped.
    #[error("this invite is damaged: copy the whole link again")]
    Damaged,
}

impl Invite {
    /// The id by which the host knows the invite.
    ///
    /// # Errors
    /// [`CryptoError::Backend`] in theory.
    pub(super) fn id(&self) -> Result<[u8; 16], CryptoError> {
        hkdf_sha256::<16>(&[], self.secret.as_ref(), &[b"inv-id"]).map(|id| *id)
    }

    /// The proof that `bundle` was invited into the room.
    pub(super) fn mac(&self, bundle: &Signed) -> Result<[u8; 32], CryptoError> {
        let key = self.mac_key()?;
        Ok(hmac_sha256(key.as_ref(), &self.mac_input(bundle)))
    }

    /// Whether `mac` is that proof, in constant time.
    pub(super) fn proves(&self, bundle: &Signed, mac: &[u8; 32]) -> Result<bool, CryptoError> {
        let key = self.mac_key()?;
        Ok(hmac_sha256_verify(key.as_ref(), &self.mac_input(bundle), mac))
    }

    /// Whether it has expired.
    #[must_use]
    pub const fn is_expired(&self, now: Now) -> bool {
        now.unix_ms > self.expires_ms
    }

    fn mac_key(&self) -> Result<Zeroizing<[u8; 32]>, CryptoError> {
        hkdf_sha256::<32>(&[], self.secret.as_ref(), &[b"inv-mac"])
    }

    fn mac_input(&self, bundle: &Signed) -> Vec<u8> {
        prefixed("join", &[&self.room.0, &sha256(&encode(bundle))])
    }

    /// Reads the invite at the start of `bytes`, after this scheme, and returns how many base32 letters it has.
    pub(super) fn from_code(scheme_text: &str, bytes: &[u8]) -> Result<(Self, usize), InviteError> {
        let suite = Suite::ALL.into_iter().find(|suite| scheme(*suite) == scheme_text);
        let suite = suite.ok_or_else(|| unread(scheme_text))?;
        let (payload, length) = decode_first(bytes).map_err(|_| InviteError::Damaged)?;
        let InvitePayload { a, f, r, s, x } = payload;
        let invite =
            Self { suite, addresses: a, host: f, room: r, secret: Zeroizing::new(s.into_array()), expires_ms: x };
        if invite.is_within_limits() { Ok((invite, (length * 8).div_ceil(5))) } else { Err(InviteError::Damaged) }
    }

    fn is_within_limits(&self) -> bool {
        (1..=INVITE_ADDRESSES_MAX).contains(&self.addresses.len())
            && self
                .addresses
                .iter()
                .all(|address| address.len() <= ADDRESS_BYTES_MAX && !address.contains(char::is_control))
    }
}

impl PartialEq for Invite {
    fn eq(&self, other: &Self) -> bool {
        let public = |invite: &Self| (invite.suite, invite.host, invite.room, invite.expires_ms);
        public(self) == public(other)
            && self.addresses == other.addresses
            && bool::from(self.secret.as_ref().ct_eq(other.secret.as_ref()))
    }
}

impl Eq for Invite {}

impl fmt::Display for Invite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = InvitePayload {
            a: self.addresses.clone(),
            f: self.host,
            r: self.room,
            s: ByteArray::new(*self.secret),
            x: self.expires_ms,
        };
        let scheme = scheme(self.suite);
        write!(formatter, "{scheme}{}", BASE32_NOPAD.encode(&encode(&payload)).to_ascii_lowercase())
    }
}

impl fmt::Debug for Invite {
    /// Without the secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Invite").field("room", &self.room).field("host", &self.host).finish_non_exhaustive()
    }
}

/// Why a link with this scheme is not one of this version.
fn unread(scheme: &str) -> InviteError {
    let newest = if scheme.starts_with("conversa-learning") { 1 } else { 2 };
    match scheme.split(':').nth(1).map(str::parse::<u32>) {
        Some(Ok(version)) if version > newest => InviteError::Newer,
        _ => InviteError::Damaged,
    }
}

/// How links to rooms of `suite` begin: with the suite's number, and for learning rooms with a different name, so that
/// nobody confuses the two.
const fn scheme(suite: Suite) -> &'static str {
    match suite {
        Suite::Classical => "conversa:1:",
        Suite::Hybrid => "conversa:2:",
        Suite::Textbook => "conversa-learning:1:",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(suite: Suite) -> Invite {
        Invite {
            suite,
            addresses: vec!["192.168.1.7:9000".to_owned(), "[fe80::1]:9000".to_owned()],
            host: Fingerprint::of(b"host"),
            room: RoomId([7; 32]),
            secret: Zeroizing::new([9; 32]),
            expires_ms: 1_800_000_000_000,
        }
    }

    #[test]
    fn a_link_reads_back_even_broken_over_lines() {
        for suite in Suite::ALL {
            let invite = invite(suite);
            let link = invite.to_string();
            assert_eq!(link.parse(), Ok(invite.clone()));
            let broken: Vec<&str> = link.as_bytes().chunks(20).map(|line| str::from_utf8(line).unwrap()).collect();
            assert_eq!(format!("  {}\n", broken.join("\r\n ")).to_uppercase().parse(), Ok(invite));
        }
        assert!(invite(Suite::Textbook).to_string().starts_with("conversa-learning:1:"));
    }

    #[test]
    fn what_is_no_invite_says_so() {
        let link = invite(Suite::Classical).to_string();
        for text in ["hello", "conversa", "hello:3:"] {
            assert_eq!(text.parse::<Invite>(), Err(InviteError::NotAnInvite));
        }
        for (later, earlier) in [("conversa:3:", "conversa:2:"), ("conversa-learning:2:", "conversa-learning:1:")] {
            assert_eq!(format!("{later}abc").parse::<Invite>(), Err(InviteError::Newer));
            assert_eq!(earlier.parse::<Invite>(), Err(InviteError::Damaged));
        }
        for end in scheme(Suite::Classical).len()..link.len() {
            assert_eq!(link[..end].parse::<Invite>(), Err(InviteError::Damaged), "cut at {end}");
        }
        assert_eq!("conversa:1:".repeat(1_000).parse::<Invite>(), Err(InviteError::Damaged));
    }

    #[test]
    fn an_invite_has_so_many_addresses_of_such_a_length() {
        let read = |addresses: Vec<String>| {
            let invite = Invite { addresses, ..invite(Suite::Classical) };
            invite.to_string().parse::<Invite>().map(|read| read == invite)
        };
        let longest = || "a".repeat(ADDRESS_BYTES_MAX);
        assert_eq!(read(vec![longest()]), Ok(true));
        assert_eq!(read(vec![longest(); INVITE_ADDRESSES_MAX]), Ok(true), "and the longest link");
        let bad = [
            vec![],
            vec!["a".to_owned(); INVITE_ADDRESSES_MAX + 1],
            vec![longest() + "a"],
            vec!["a".to_owned(), "a\u{7}".to_owned()],
        ];
        for addresses in bad {
            assert_eq!(read(addresses.clone()), Err(InviteError::Damaged), "{addresses:?}");
        }
    }

    #[test]
    fn invites_are_the_same_if_all_of_them_is() {
        let invite = invite(Suite::Classical);
        let others = [
            Invite { suite: Suite::Hybrid, ..invite.clone() },
            Invite { addresses: Vec::new(), ..invite.clone() },
            Invite { host: Fingerprint::of(b"other"), ..invite.clone() },
            Invite { room: RoomId([8; 32]), ..invite.clone() },
            Invite { secret: Zeroizing::new([8; 32]), ..invite.clone() },
            Invite { expires_ms: 1, ..invite.clone() },
        ];
        assert_eq!(invite, invite.clone());
        for other in others {
            assert_ne!(invite, other);
        }
    }

    #[test]
    fn an_invite_holds_up_to_its_last_millisecond() {
        let invite = invite(Suite::Classical);
        let at = |unix_ms| Now::at(0, unix_ms);
        assert!(!invite.is_expired(at(invite.expires_ms)));
        assert!(invite.is_expired(at(invite.expires_ms + 1)));
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", invite(Suite::Classical));
        assert!(!shown.contains("9, 9") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn a_proof_is_for_one_bundle_and_one_room() {
        let bundle = |byte| Signed { payload: vec![byte].into(), signature: vec![].into() };
        let invite = invite(Suite::Classical);
        let mac = invite.mac(&bundle(1)).unwrap();
        assert_eq!(invite.proves(&bundle(1), &mac), Ok(true));
        assert_eq!(invite.proves(&bundle(2), &mac), Ok(false));
        let elsewhere = Invite { room: RoomId([8; 32]), ..invite };
        assert_eq!(elsewhere.proves(&bundle(1), &mac), Ok(false));
    }
}
