//! Which cryptography a room may use: a checked secure suite, or the textbook one with a person's consent. There is no
//! third way, and no way from one to the other.

use std::sync::Arc;

use crate::crypto::{CryptoBackend, CryptoError, Suite};

/// A backend that may protect a secure room.
#[derive(Clone)]
pub struct Vetted(Arc<dyn CryptoBackend>);

impl Vetted {
    /// Accepts any backend but the textbook one.
    ///
    /// # Errors
    /// [`CryptoError::WrongSuite`] for [`Suite::Textbook`].
    pub fn try_new(backend: Arc<dyn CryptoBackend>) -> Result<Self, CryptoError> {
        if backend.suite().is_learning() { Err(CryptoError::WrongSuite) } else { Ok(Self(backend)) }
    }
}

/// States that a person was told that a learning room protects nothing, and wants one.
#[derive(Clone, Copy, Debug)]
pub struct LearningConsent {
    _private: (),
}

impl LearningConsent {
    /// Use it only for a person's answer to that question: the warning sheet, or `--learning`.
    #[must_use]
    pub const fn given_by_a_person() -> Self {
        Self { _private: () }
    }
}

/// The cryptography of a room.
#[derive(Clone)]
pub enum RoomCrypto {
    /// A secure room.
    Secure(Vetted),
    /// A learning room.
    Learning(LearningConsent),
}

impl RoomCrypto {
    /// One of the suites that are meant to be secure.
    ///
    /// # Errors
    /// [`CryptoError::WrongSuite`] for [`Suite::Textbook`].
    pub fn trusted(suite: Suite) -> Result<Self, CryptoError> {
        Vetted::try_new(suite.backend()).map(Self::Secure)
    }

    /// The backend.
    #[must_use]
    pub fn backend(&self) -> Arc<dyn CryptoBackend> {
        match self {
            Self::Secure(vetted) => Arc::clone(&vetted.0),
            Self::Learning(_) => Suite::Textbook.backend(),
        }
    }

    /// The suite.
    #[must_use]
    pub fn suite(&self) -> Suite {
        match self {
            Self::Secure(vetted) => vetted.0.suite(),
            Self::Learning(_) => Suite::Textbook,
        }
    }
}
