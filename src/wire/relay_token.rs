//! The secret that tells a relay whose rooms it hosts.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// What a relay asks for before it lets somebody open a room: 32 secret bytes. They are cleared when
/// it is dropped, compared in constant time and never shown.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct RelayToken(#[serde(with = "serde_bytes")] [u8; 32]);

impl RelayToken {
    /// The token with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 64 hexadecimal digits, for the file that the relay's operator passes on.
    #[must_use]
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(HEXLOWER.encode(&self.0))
    }
}

/// The text is not a relay's token.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a relay's token is 64 hexadecimal digits")]
pub struct NotAToken;

impl FromStr for RelayToken {
    type Err = NotAToken;

    /// Reads 64 hexadecimal digits in either case.
    fn from_str(text: &str) -> Result<Self, NotAToken> {
        let mut token = Self([0; 32]);
        if text.len() != 2 * token.0.len() {
            return Err(NotAToken);
        }
        HEXLOWER_PERMISSIVE.decode_mut(text.as_bytes(), &mut token.0).map_err(|_| NotAToken)?;
        Ok(token)
    }
}

impl PartialEq for RelayToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for RelayToken {}

impl fmt::Debug for RelayToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RelayToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_its_file_has_it() {
        let token = RelayToken::new([0xa9; 32]);
        let text = token.expose();
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(text.to_uppercase().parse(), Ok(token));
        for wrong in ["", &text[1..], &text.replacen('a', "g", 1), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<RelayToken>(), Err(NotAToken), "{wrong}");
        }
    }

    #[test]
    fn tokens_that_differ_in_one_bit_are_two() {
        for bit in 0..256 {
            let mut bytes = [7; 32];
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(RelayToken::new(bytes), RelayToken::new([7; 32]), "bit {bit}");
        }
    }
}
