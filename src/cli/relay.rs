//! `conversa relay`: hosting rooms for others.
//!
//! A relay is in no room, so it has no conversation, no session and no input but a signal.

use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::arguments::{Global, Relay};
use super::console::Console;
use super::input::{Incoming, on_signal};
use super::passphrase;
use crate::app::relay::{self, RelayEvent};
use crate::app::{Keystore, Problem, Profile};
use crate::crypto::KeyKind;

/// How long the goodbyes of a relay may take.
const GOODBYE: Duration = Duration::from_secs(5);

/// Relays until a signal comes.
///
/// # Errors
/// A [`Problem`] with the profile, the token or the address.
pub(super) fn run(arguments: &Relay, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?.forgetful(arguments.forgetful);
    let kind = if arguments.learning { KeyKind::Textbook } else { KeyKind::Rsa };
    let store = Keystore::new(&relay::directory(&profile), kind);
    let passphrase = passphrase::find(global, &store)?;
    let token_file = arguments.token.clone().unwrap_or_else(|| relay::directory(&profile).join("token"));
    let token = relay::token(&token_file)?;
    if !store.exists() {
        console.notice("Creating the relay's key…");
    }
    let running = relay::Relay::start(&profile, kind, passphrase.as_ref(), arguments.listen, token)?;
    let fingerprint = running.fingerprint();

    // Signals and the relay's events come by two channels, and one loop waits for both.
    let (sender, incoming) = channel();
    on_signal(sender);
    let events = running.events();
    let (tell, told) = channel();
    let signals = tell.clone();
    thread::spawn(move || {
        if let Ok(Incoming::Signal) = incoming.recv() {
            let _ = signals.send(None);
        }
    });
    thread::spawn(move || {
        while let Ok(event) = events.recv_blocking() {
            if tell.send(Some(event)).is_err() {
                return;
            }
        }
    });
    loop {
        match told.recv() {
            Ok(Some(RelayEvent::Listening(address))) => {
                let fields = json!({
                    "address": address.to_string(), "fingerprint": fingerprint.to_string(), "token_file": token_file.to_string_lossy(),
                });
                console.event("relaying", &fields);
                console.line(&format!("Relaying at {address}"));
                console.line(&format!("Fingerprint: {fingerprint}"));
                console.line(&format!("Token:       {}", token_file.display()));
            }
            Ok(Some(RelayEvent::Failed(problem))) => return Err(problem),
            Ok(Some(RelayEvent::Warning(problem))) => console.problem(&problem),
            Ok(Some(RelayEvent::RoomOpened(room))) => {
                console.event("room_opened", &json!({ "room": room.to_string() }))
            }
            Ok(Some(RelayEvent::RoomClosed(room))) => {
                console.event("room_closed", &json!({ "room": room.to_string() }))
            }
            Ok(Some(RelayEvent::Stopped)) | Err(_) => return Ok(0),
            Ok(None) => break,
        }
        // Whoever read the output has gone.
        if console.is_broken() {
            break;
        }
    }
    running.stop();
    // Goodbyes go out meanwhile.
    while let Ok(event) = told.recv_timeout(GOODBYE) {
        if event == Some(RelayEvent::Stopped) {
            break;
        }
    }
    Ok(0)
}
