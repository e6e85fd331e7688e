//! A value that no log and no panic shows.

use std::fmt;
use std::ops::{Deref, DerefMut};

use subtle::ConstantTimeEq;

/// Holds a secret, or something private: `{:?}` shows that something is there, but nothing of it. So a type that keeps
/// its secrets in one of these may derive `Debug`, and still shows the rest.
///
/// Bytes and texts are compared in constant time; anything else cannot be compared at all. It does not erase anything:
/// where that is needed, `T` is a [`Zeroizing`](zeroize::Zeroizing).
///
/// ```
/// use conversa::protocol::Private;
///
/// #[derive(Debug)]
/// struct Door {
///     number: u8,
///     code: Private<String>,
/// }
///
/// let door = Door { number: 7, code: Private::new("1234".to_owned()) };
/// assert_eq!(format!("{door:?}"), "Door { number: 7, code: … }");
/// assert_eq!(door.code.as_str(), "1234");
/// ```
#[derive(Clone, Copy, Default)]
pub struct Private<T>(T);

impl<T> Private<T> {
    /// Hides a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }
}

impl<T> Deref for Private<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Private<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: AsRef<[u8]>> PartialEq for Private<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_ref().ct_eq(other.0.as_ref()).into()
    }
}

impl<T: AsRef<[u8]>> Eq for Private<T> {}

impl<T> fmt::Debug for Private<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn nothing_is_shown_and_bytes_are_compared() {
        let (seven, eight) = (Private::new(Zeroizing::new([7_u8; 32])), Private::new(Zeroizing::new([8_u8; 32])));
        assert_eq!((format!("{seven:?}"), format!("{eight:#?}")), ("…".to_owned(), "…".to_owned()));
        assert!(seven == seven.clone() && seven != eight && Private::new("a") != Private::new("ab"));
        let mut changed = seven.clone();
        changed[0] = 9;
        assert!(changed != seven && changed[1] == 7);
    }
}
