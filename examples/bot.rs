//! A bot: joins a room with an invite and repeats what follows `!echo `, until it is removed or the room is closed.
//!
//! ```sh
//! cargo run --no-default-features --example bot -- PROFILE < invite.txt
//! ```

use std::error::Error;
use std::path::PathBuf;

use conversa::app::{JoinRequest, JoinTarget, MembershipEvent, Profile, Session, SessionEvent};
use conversa::protocol::Event;

/// What it listens to.
const COMMAND: &str = "!echo ";

#[allow(dead_code, reason = "a test calls `run` itself")]
fn main() -> Result<(), Box<dyn Error>> {
    let profile = std::env::args_os().nth(1).ok_or("which directory is the profile?")?;
    run(profile.into(), &std::io::read_to_string(std::io::stdin())?)
}

/// Joins with the invite that is somewhere in `text`, and answers until the room is over.
pub(crate) fn run(profile: PathBuf, text: &str) -> Result<(), Box<dyn Error>> {
    let (session, _, events) = Session::open(Profile::open(Some(profile))?)?;
    session.change_settings(|settings| settings.name = "Echo".to_owned());
    // A learning room is not joined: `learning` would have to hold somebody's consent.
    let target: JoinTarget = text.parse()?;
    let membership = session.join(JoinRequest { target, learning: None, pin: None, look: false })?;
    loop {
        match events.recv_blocking()? {
            // One's own messages do not come back as `Message`, so the bot cannot talk to itself.
            SessionEvent::Membership { event: MembershipEvent::Protocol(Event::Message { content, .. }), .. } => {
                if let Some(words) = content.words().and_then(|words| words.strip_prefix(COMMAND)) {
                    session.send(membership, words)?;
                }
            }
            SessionEvent::Membership { event: MembershipEvent::Protocol(Event::Stopped(_)), .. } => session.quit(),
            SessionEvent::Membership { event: MembershipEvent::Failed(problem), .. } => return Err(problem.into()),
            SessionEvent::Ended => return Ok(()),
            _ => {}
        }
    }
}
