//! Rooms, in the list and open.

use chrono::NaiveDate;
use slint::SharedString;

use super::{count, fixed, key_code, membership_text, names, trouble, when};
use crate::app::Code;
use crate::app::conversation::{self, Message, Presence, Room};
use crate::gui::generated as ui;
use crate::gui::{content, format};
use crate::protocol::RoomCode;

/// How a room is connected, in the window's words.
pub(in crate::gui) fn connection(room: &Room) -> ui::Connection {
    match &room.connection {
        conversation::Connection::Connected { .. } => ui::Connection::Connected,
        conversation::Connection::Offline { .. } => ui::Connection::Offline,
        conversation::Connection::Ended(None) => ui::Connection::Left,
        conversation::Connection::Ended(Some(problem)) => match problem.code {
            Code::Closed => ui::Connection::Closed,
            Code::Removed => ui::Connection::Removed,
            _ => ui::Connection::Failed,
        },
        conversation::Connection::Idle
        | conversation::Connection::Preparing
        | conversation::Connection::Connecting
        | conversation::Connection::Asking(_)
        | conversation::Connection::WaitingForOwner => ui::Connection::Connecting,
    }
}

/// Whether a room is over for the person, so that only its rows are left.
pub(in crate::gui) fn is_over(room: &Room) -> bool {
    matches!(connection(room), ui::Connection::Left | ui::Connection::Closed | ui::Connection::Removed)
}

/// A room in the list.
pub(in crate::gui) fn room_row(room: &Room, hue: i32, today: NaiveDate) -> ui::RoomRow {
    let newest = room.last_message();
    let from = newest.filter(|message| !message.is_mine()).map(|message| room.name_of(&message.from));
    ui::RoomRow {
        id: membership_text(room.membership),
        name: room.name().into(),
        initials: format::initials(room.title()).into(),
        hue,
        preview: newest.map(|message| format::one_line(content::words(&message.content))).unwrap_or_default().into(),
        preview_own: newest.is_some_and(Message::is_mine),
        preview_from: from.unwrap_or_default().into(),
        active: when(room.active_ms, format::activity(room.active_ms, today)),
        unread: count(room.unread),
        learning: room.is_learning(),
        hosting: room.info.hosted_here,
        connection: connection(room),
    }
}

/// The open room.
pub(in crate::gui) fn room_view(room: &Room, now_ms: u64, all_verified: bool) -> ui::RoomView {
    let security = room.security();
    let apart = match &room.connection {
        conversation::Connection::Ended(Some(problem)) | conversation::Connection::Offline { problem, .. } => {
            trouble(problem)
        }
        _ => ui::TroubleView::default(),
    };
    let retry_seconds = match &room.connection {
        conversation::Connection::Offline { retry_at_ms, .. } => retry_at_ms.saturating_sub(now_ms).div_ceil(1_000),
        _ => 0,
    };
    let here = room.members().iter().filter(|member| member.presence == Presence::Here).count();
    ui::RoomView {
        id: membership_text(room.membership),
        name: room.name().into(),
        initials: format::initials(room.title()).into(),
        // These come from the settings.
        hue: 0,
        turns_away: false,
        code: room.code().map(room_code).unwrap_or_default(),
        host_key: key_code(room.host),
        address: room.info.addresses.first().cloned().unwrap_or_default().into(),
        members: count(room.members().len()),
        here: count(here),
        security: match security {
            conversation::Security::Encrypted if all_verified => ui::Security::Verified,
            conversation::Security::Encrypted => ui::Security::Encrypted,
            conversation::Security::Learning => ui::Security::Learning,
            conversation::Security::Forked => ui::Security::Forked,
        },
        forked_by: names(room, room.forked_by()),
        expected_host: key_code(room.changed_host().map(|(expected, _)| expected)),
        seen_host: key_code(room.changed_host().map(|(_, seen)| seen)),
        connection: connection(room),
        retry_seconds: i32::try_from(retry_seconds).unwrap_or(i32::MAX),
        trouble: apart,
        learning: room.is_learning(),
        owner: room.info.owned,
        hosting: room.info.hosted_here,
        knocking: room.info.knocking,
        can_send: !is_over(room) && connection(room) != ui::Connection::Failed,
    }
}

/// The code that the members of a room read to each other.
fn room_code(code: &RoomCode) -> ui::KeyCode {
    let groups = code.groups().map(SharedString::from).collect();
    ui::KeyCode { text: code.to_string().into(), groups: fixed(groups), tag: SharedString::default() }
}
