//! `conversa rooms`: what a profile has on disk about its rooms.
//!
//! It connects to nothing, so it says nothing about who is there. Removing a pinned key is the only thing that it
//! changes.

use serde_json::json;

use super::arguments::{Global, Rooms};
use super::console::Console;
use super::known_rooms::{Found, ROOM_ID_DIGITS};
use super::lines::printable;
use crate::app::{Code, HostedAt, KnownRoom, MembershipId, Problem, Profile, Records, say};
use crate::crypto::Suite;

/// Lists the rooms, or forgets the key of one's host.
///
/// # Errors
/// A [`Problem`] with the profile, or with the room that is meant.
pub(super) fn run(arguments: &Rooms, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    if let Some(meant) = &arguments.forget_host_key {
        return forget_host_key(meant, global, console);
    }
    let directory = Profile::look_into(global.profile.clone())?;
    let (records, unreadable) = Records::new(&directory).look()?;
    unreadable.iter().for_each(|problem| console.problem(problem));
    if records.is_empty() && unreadable.is_empty() {
        console.notice("No rooms yet. Host one, or join with an invite.");
    }
    // Damaged ones were told above; the others are shown all the same.
    for record in records {
        let info = record.info();
        let id = record.room.to_string();
        let kind = match info.suite {
            Suite::Textbook => "learning",
            Suite::Classical => "classical",
            Suite::Hybrid => "secure",
        };
        let role = if info.owned { "owner" } else { "member" };
        let fields = json!({
            "room": id, "title": info.title, "kind": kind, "role": role, "addresses": info.addresses,
        });
        console.event("room", &fields);
        let title = if info.title.is_empty() { "(no title yet)" } else { &info.title };
        let short: String = id.chars().take(ROOM_ID_DIGITS).collect();
        let address = info.addresses.first().map_or("", String::as_str);
        console.line(&printable(&format!("{short}  {kind:9}  {role:6}  {address:21}  {title}")));
    }
    Ok(0)
}

/// The pin is removed by hand, never by a question that is easily answered with yes.
fn forget_host_key(meant: &str, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let profile = Profile::open(global.profile.clone())?;
    let records = Records::new(profile.directory());
    let (all, unreadable) = records.look()?;
    unreadable.iter().for_each(|problem| console.problem(problem));
    let known: Vec<KnownRoom> =
        all.iter().map(|record| KnownRoom { membership: MembershipId(0), info: record.info() }).collect();
    let room = Found::look(&known, meant).room(meant)?.and_then(|room| room.info.room);
    let record = all.into_iter().find(|record| Some(record.room) == room);
    let Some(mut record) = record.filter(|record| !matches!(record.hosted_at, HostedAt::Here(_))) else {
        let what = say!("There is no room “{}” in this profile that somebody else hosts.", meant);
        return Err(Problem::new(Code::UnknownRoom, what, say!("`conversa rooms` shows all.")));
    };
    let before = record.host.take();
    records.save(&record)?;
    let key = before.map(|key| key.to_string());
    console.event("host_key_forgotten", &json!({ "room": record.room.to_string(), "host": key }));
    if let Some(before) = before {
        console.line(&format!("Forgotten: {}", before.grouped()));
    }
    console.notice("`conversa join` shows the key that is there now, and asks.");
    Ok(0)
}
