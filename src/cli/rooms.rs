//! `conversa rooms`.

use serde_json::json;

use super::arguments::Global;
use super::console::{Console, printable};
use crate::app::{Problem, Profile, Records};
use crate::crypto::Suite;

/// How much of a room's id is shown: enough to name it.
const ID_DIGITS: usize = 12;

pub(super) fn run(global: &Global, console: &mut Console) -> Result<u8, Problem> {
    let directory = Profile::place(global.profile.clone())?;
    let records = Records::new(&directory).look()?;
    if records.is_empty() {
        console.notice("No rooms yet. Host one, or join with an invite.");
    }
    for record in records {
        let info = record.info();
        let id = record.room.to_string();
        let kind = match info.suite {
            Suite::Textbook => "learning",
            Suite::Secure => "classical",
            Suite::Hybrid => "secure",
        };
        let role = if info.owned { "owner" } else { "member" };
        let fields = json!({
            "room": id, "title": info.title, "kind": kind, "role": role, "addresses": info.addresses,
        });
        console.event("room", &fields);
        let title = if info.title.is_empty() { "(no title yet)" } else { &info.title };
        let short: String = id.chars().take(ID_DIGITS).collect();
        let address = info.addresses.first().map_or("", String::as_str);
        console.line(&printable(&format!("{short}  {kind:9}  {role:6}  {address:21}  {title}")));
    }
    Ok(0)
}
