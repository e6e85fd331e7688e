//! Conversa: a private chat that needs nobody else's computer.
//!
//! Two people talk, each with a profile of their own. Ann hosts a room on this computer; Bo joins it with her invite:
//!
//! ```
//! use std::error::Error;
//!
//! use conversa::app::{
//!     HostPlace, HostRequest, JoinRequest, JoinTarget, MembershipEvent, Profile, Session, SessionEvent,
//! };
//! use conversa::crypto::Suite;
//! use conversa::protocol::{Event, RoomCrypto};
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     let directory = tempfile::tempdir()?;
//!     let places = ["ann", "bo"].map(|name| directory.path().join(name));
//! #   // To make RSA keys takes seconds; these are made.
//! #   for (name, place) in ["ann", "bo"].iter().zip(&places) {
//! #       std::fs::create_dir_all(place.join("identity"))?;
//! #       for key in ["sign.pem", "enc.pem"] {
//! #           std::fs::copy(format!("tests/data/keys/{name}.{key}"), place.join("identity").join(key))?;
//! #       }
//! #   }
//!     let [ann, bo] = places.map(|place| Session::open(Profile::open(Some(place))?));
//!     let ((ann, _, of_ann), (bo, _, of_bo)) = (ann?, bo?);
//!
//!     ann.host(HostRequest {
//!         title: "Friday".to_owned(),
//!         crypto: RoomCrypto::trusted(Suite::Hybrid)?,
//!         place: HostPlace::Here(([127, 0, 0, 1], 0).into()),
//!         knock: false,
//!         members_max: 8,
//!     });
//!     // The first invite comes by itself.
//!     let invite = loop {
//!         match of_ann.recv_blocking()? {
//!             SessionEvent::Membership { event: MembershipEvent::Protocol(Event::InviteMade(invite)), .. } => {
//!                 break invite;
//!             }
//!             SessionEvent::Membership { event: MembershipEvent::Failed(problem), .. } => return Err(problem.into()),
//!             _ => {}
//!         }
//!     };
//!
//!     let target = JoinTarget::Invite(Box::new(invite));
//!     let membership = bo.join(JoinRequest { target, learning: None, pin: None, look: false })?;
//!     // It waits in Bo's program until he is in the room.
//!     bo.send(membership, "Hello, Ann")?;
//!     let said = loop {
//!         if let SessionEvent::Membership { event: MembershipEvent::Protocol(Event::Message { content, .. }), .. } =
//!             of_ann.recv_blocking()?
//!         {
//!             break content;
//!         }
//!     };
//!     assert_eq!(said.words(), Some("Hello, Ann"));
//!
//!     for (session, events) in [(bo, of_bo), (ann, of_ann)] {
//!         session.quit();
//!         while events.recv_blocking()? != SessionEvent::Ended {}
//!     }
//!     Ok(())
//! }
//! ```
//!
//! `examples/bot.rs` is a bot that answers; [`app::conversation::Chat`] turns the events into rooms, members and rows
//! to show.
//!
//! The map of the house; imports go down only:
//!
//! ```text
//! crypto, wire  <-  protocol  <-  store, net  <-  app  <-  gui, cli  <-  main
//! bytes and        sans-I/O:     SQL;      settings,  front      composition
//! maths            Client, Host  mio:      keystore,  ends       root
//!                                sockets   Session
//! ```
//!
//! * [`crypto`] knows keys and algorithms, and nobody.
//! * [`wire`] knows frames and their strict encoding.
//! * [`protocol`] decides; it never opens a socket, reads a clock or draws randomness.
//! * [`store`] keeps messages, encrypted, in one file; the only one that speaks SQL.
//! * [`net`] owns the sockets and lets the protocol's machines run; the only one that waits.
//! * [`app`] keeps the profile, has the user's verbs, and knows the state of the conversations.
//! * [`cli`] is the headless front end. Front ends show; they decide nothing.

pub mod app;
pub mod cli;
pub mod crypto;
#[cfg(feature = "window")]
pub mod gui;
pub mod net;
pub mod protocol;
pub mod store;
pub mod wire;

// What tests do here as in `tests`: they wait up to a deadline, and tell what they skip.
#[cfg(test)]
#[path = "../tests/common/joined.rs"]
mod joined;
#[cfg(test)]
#[cfg(feature = "window")]
#[path = "../tests/common/next.rs"]
mod next;
#[cfg(test)]
#[path = "../tests/common/patience.rs"]
mod patience;
#[cfg(test)]
#[path = "../tests/common/skip.rs"]
mod skip;
#[cfg(test)]
#[path = "../tests/common/until.rs"]
mod until;
