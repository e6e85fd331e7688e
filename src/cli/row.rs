//! What the terminal says of a row of the conversation: as a JSON line, or as words.
//!
//! It decides and remembers nothing: the row has the content, and its room has the names. The kinds of what people say
//! are in [`content`](super::content).

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::console::Console;
use super::content;
use super::lines::{called, printable};
use crate::app::clock;
use crate::app::conversation::{Message, Notice, Room, Row, RowKind};
use crate::crypto::Fingerprint;

/// Says what is in a row.
pub(super) fn report(console: &mut Console, row: &Row, room: &Room) {
    match &row.kind {
        RowKind::Message(message) if message.is_mine() => {
            console.event("queued", &json!({ "room": id_of(room), "id": message.id.to_string() }));
        }
        RowKind::Message(message) => said(console, message, room),
        RowKind::Notice(notice) => happened(console, notice, room),
    }
}

/// The room's id as an event has it.
pub(super) fn id_of(room: &Room) -> Option<String> {
    room.info.room.map(|room| room.to_string())
}

fn said(console: &mut Console, message: &Message, room: &Room) {
    let Message { id, from, content: said, sent_ms, .. } = message;
    let name = room.name_of(from);
    console.line(&content::line(&name, said));
    let fields = json!({
        "room": id_of(room), "id": id.to_string(), "from": from.to_string(), "name": name,
        "time": rfc3339(*sent_ms),
    });
    console.event("message", &merged(fields, content::fields(said)));
}

fn happened(console: &mut Console, notice: &Notice, room: &Room) {
    let called = |member: &Fingerprint| room.name_of(member);
    match notice {
        Notice::Joined(who) => console.tell("joined", who, &called(who), Some("joined.")),
        Notice::Left(who) => console.tell("left", who, &called(who), Some("left the room.")),
        Notice::Removed(who) => console.tell("removed", who, &called(who), Some("was removed by the owner.")),
        Notice::Gone(who) => console.tell("gone", who, &called(who), Some("is no longer a member.")),
        Notice::Newer(who) => {
            console.tell("newer", who, &called(who), Some("sent something that needs a newer Conversa."));
        }
        Notice::Unreadable(who) => {
            console.tell("unreadable", who, &called(who), Some("sent something that cannot be read."));
        }
        Notice::Fork(who) => {
            let what = "and you saw different histories: the host or that person's app is faulty or malicious.";
            console.tell("fork", who, &called(who), Some(what));
            console.notice("Compare the room code with the others over another channel: /room-code shows it.");
        }
        Notice::ClockDiffers { member, theirs_ms, ours_ms } => {
            clock_differs(console, member, &called(member), (*theirs_ms, *ours_ms));
        }
        Notice::Lost { member, count } => lost(console, member, &called(member), *count),
        Notice::Missed { count, since_ms, told_by } => missed(console, told_by, *count, *since_ms),
        Notice::LogGap { entries, since_ms } => log_gap(console, *entries, *since_ms),
        // Of these more is told than a row says, as it comes: see `News`.
        Notice::Opened | Notice::Entered | Notice::Renamed { .. } | Notice::Titled(_) | Notice::Over(_) => {}
    }
}

fn clock_differs(console: &mut Console, member: &Fingerprint, name: &str, (theirs_ms, ours_ms): (u64, u64)) {
    let text = format!("{} It says {}.", clock::differs(name, theirs_ms), clock::date(ours_ms));
    let fields = json!({
        "member": member.to_string(), "name": name, "text": text,
        "theirs": rfc3339(theirs_ms), "ours": rfc3339(ours_ms),
    });
    console.event("clock", &fields);
    console.notice(&printable(&text));
}

fn lost(console: &mut Console, member: &Fingerprint, name: &str, count: u64) {
    let fields = json!({ "member": member.to_string(), "name": name, "count": count });
    console.event("lost", &fields);
    console.notice(&format!("Messages from {} are missing: {count}.", called(name)));
}

fn missed(console: &mut Console, told_by: &Fingerprint, count: u64, since_ms: u64) {
    let since = rfc3339(since_ms);
    let fields = json!({ "count": count, "since": since, "told_by": told_by.to_string() });
    console.event("missed", &fields);
    let messages = if count == 1 { "one message".to_owned() } else { format!("{count} messages") };
    console.notice(&format!("You missed at least {messages} while you were away, since {since}."));
}

fn log_gap(console: &mut Console, entries: u64, since_ms: u64) {
    let since = rfc3339(since_ms);
    console.event("log_gap", &json!({ "entries": entries, "since": since }));
    console.notice(&format!(
        "The host no longer has what was said since {since}: up to {entries} entries of the room's log."
    ));
}

/// The fields of both.
pub(super) fn merged(mut fields: Value, more: Value) -> Value {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

/// A time as scripts like it, in UTC.
pub(super) fn rfc3339(unix_ms: u64) -> String {
    let time = i64::try_from(unix_ms).ok().and_then(DateTime::<Utc>::from_timestamp_millis).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_and_never_fail() {
        assert_eq!(rfc3339(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(rfc3339(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
