//! Whether this computer answers at an address where it hosts, as far as known.

/// What is known about an address at which this computer hosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AddressTest {
    /// Whether it belongs to a tunnel, such as a VPN's.
    pub tunnel: bool,
    /// How it answers.
    pub reach: Reach,
}

/// How an address answers. Each test ends within the time-outs of dialling.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// It is being tried.
    Testing,
    /// This computer answers there, with its own key.
    Answers,
    /// Another program answers.
    Another,
    /// No answer: the connection is refused, or swallowed by a firewall.
    Silent,
}
