//! `conversa history`: what was said in a room, read from the profile.
//!
//! It connects to nothing, starts no session and changes nothing.

use serde_json::json;

use super::arguments::{Global, History};
use super::console::Console;
use super::known_rooms::Found;
use super::lines::{from_before, happened};
use super::{content, passphrase, row};
use crate::app::conversation::{Message, Progress};
use crate::app::{
    Archive, Code, EarlierMessage, KnownRoom, MembershipId, Problem, Profile, Reading, Records, SavedRow, Settings,
    Wanted, clock, say,
};
use crate::crypto::KeyKind;
use crate::protocol::{Private, RoomId};

/// Prints the saved messages of a room.
///
/// # Errors
/// A [`Problem`] with the profile, its identity or its store, or with the room that is meant.
pub(super) fn run(arguments: &History, global: &Global, console: &mut Console) -> Result<u8, Problem> {
    if !Archive::is_there(&Profile::look_into(global.profile.clone())?) {
        console.notice(NOTHING);
        return Ok(0);
    }
    let profile = Profile::open(global.profile.clone())?;
    let (records, unreadable) = Records::new(profile.directory()).look()?;
    unreadable.iter().for_each(|problem| console.problem(problem));
    let (settings, warning) = Settings::load(profile.directory());
    warning.iter().for_each(|problem| console.problem(problem));
    let mut rooms: Vec<KnownRoom> =
        records.iter().map(|record| KnownRoom { membership: MembershipId(0), info: record.info() }).collect();
    // Which identity is needed decides whose passphrase is asked for.
    let kinds = match Found::look(&rooms, &arguments.room) {
        Found::Room(room) => vec![room.info.suite.key_kind()],
        _ => KeyKind::ALL.to_vec(),
    };
    let archive = Archive::open(profile, &kinds, &settings.name, |keys| passphrase::find(global, keys))?;
    for saved in archive.rooms()? {
        if !rooms.iter().any(|known| known.info.room == saved.info.room) {
            rooms.push(saved);
        }
    }
    let room = Found::look(&rooms, &arguments.room).room(&arguments.room)?.and_then(|room| room.info.room);
    let Some(room) = room else {
        if archive.is_empty() {
            console.notice(NOTHING);
            return Ok(0);
        }
        let what = say!("There is no room “{}” in this profile.", arguments.room);
        return Err(Problem::new(Code::UnknownRoom, what, say!("`conversa rooms` shows all that you are in.")));
    };
    print(&archive, room, arguments, console)?;
    Ok(0)
}

/// What is said where no message is.
const NOTHING: &str = "No messages are saved in this profile.";

fn print(archive: &Archive, room: RoomId, arguments: &History, console: &mut Console) -> Result<(), Problem> {
    let wanted = Wanted {
        since_ms: arguments.since.map(clock::beginning_of),
        words: arguments.search.clone().map(Private::new),
        limit: arguments.limit,
    };
    let Some(mut reading) = archive.read(room, &wanted)? else {
        console.notice("No messages of this room are saved.");
        return Ok(());
    };
    let mut is_empty = true;
    while let Some(rows) = reading.page()? {
        is_empty = false;
        for row in rows {
            match row {
                SavedRow::Message(message) => said(console, room, &reading, &message),
                SavedRow::Newer { from, came_ms } => {
                    let name = reading.name_of(&from);
                    console.event("newer", &json!({ "member": from.to_string(), "name": name }));
                    let line = happened(&name, "sent something that needs a newer Conversa.");
                    console.line(&from_before(&clock::date(came_ms), None, &line));
                }
            }
        }
        // Whoever read it has enough.
        if console.is_broken() {
            return Ok(());
        }
    }
    if is_empty {
        console.notice("No saved message of this room fits.");
    }
    Ok(())
}

fn said(console: &mut Console, room: RoomId, reading: &Reading<'_>, saved: &EarlierMessage) {
    let EarlierMessage { came_ms, message: Message { id, from, content, sent_ms, delivery } } = saved;
    let (name, progress) = (reading.name_of(from), delivery.as_ref().map(|delivery| delivery.progress));
    let line = content::line(&name, content);
    console.line(&from_before(&clock::date(*came_ms), progress.and_then(remark), &line));
    let fields = json!({
        "room": room.to_string(), "id": id.to_string(), "from": from.to_string(), "name": name,
        "time": row::rfc3339(*sent_ms), "came": row::rfc3339(*came_ms), "progress": progress.map(word),
    });
    console.event("saved", &row::merged(fields, content::fields(content)));
}

/// What people have to know of one of their own messages.
const fn remark(progress: Progress) -> Option<&'static str> {
    match progress {
        Progress::OnHost => None,
        Progress::Unconfirmed => Some("may have arrived"),
        Progress::Queued | Progress::Unsent | Progress::Cancelled | Progress::TooLong { .. } | Progress::OutboxFull => {
            Some("not sent")
        }
    }
}

/// How far one's own message got, for scripts.
const fn word(progress: Progress) -> &'static str {
    match progress {
        Progress::OnHost => "on_host",
        Progress::Unconfirmed => "not_known",
        Progress::Queued | Progress::Unsent => "not_sent",
        Progress::Cancelled => "cancelled",
        Progress::TooLong { .. } => "too_long",
        Progress::OutboxFull => "outbox_full",
    }
}
