//! Conversa: a private chat that needs nobody else's computer.
//!
//! The map of the house; imports go down only:
//!
//! ```text
//! crypto, wire  <-  protocol  <-  net  <-  app  <-  gui, cli  <-  main
//! bytes and        sans-I/O:     mio:     settings,  faces      composition
//! maths            Client, Host  sockets  keystore,             root
//!                                         Session
//! ```
//!
//! * [`crypto`] knows keys and algorithms, and nobody.
//! * [`wire`] knows frames and their strict encoding.
//! * [`protocol`] decides; it never opens a socket, reads a clock or draws randomness.
//! * [`net`] owns the sockets and lets the protocol's machines run; the only one that waits.
//! * [`app`] keeps the profile, has the user's verbs, and knows the state of the conversations.
//! * [`cli`] is the headless face. Faces show; they decide nothing.

pub mod app;
pub mod cli;
pub mod crypto;
#[cfg(feature = "window")]
pub mod gui;
pub mod net;
pub mod protocol;
pub mod wire;
