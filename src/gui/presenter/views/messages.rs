//! The rows of a conversation: messages, and what happened.

use chrono::NaiveDate;
use slint::SharedString;

use super::{count, day, fixed, names, sentence, when};
use crate::app::clock;
use crate::app::conversation::{self, Message, Notice, Progress, Room, RowKind};
use crate::gui::format::{self, Form};
use crate::gui::generated as ui;
use crate::gui::{content, links};

/// A row of a conversation. How it stands between its neighbours is not known here.
pub(in crate::gui) fn message_row(room: &Room, row: &conversation::Row) -> ui::MessageRow {
    match &row.kind {
        RowKind::Message(message) => bubble(room, message, row.at_ms),
        RowKind::Notice(notice) => event(room, notice, row.at_ms),
    }
}

/// The line above the first row of a day.
pub(in crate::gui) fn day_line(date: NaiveDate, today: NaiveDate) -> ui::When {
    day(date, format::day(date, today))
}

fn bubble(room: &Room, message: &Message, came_ms: u64) -> ui::MessageRow {
    let times = format::times(message.sent_ms, came_ms);
    let sender = room.name_of(&message.from);
    let words = content::words(&message.content);
    let links: Vec<SharedString> = links::find(words).into_iter().map(SharedString::from).collect();
    let mut row = ui::MessageRow {
        kind: ui::RowKind::Message,
        id: message.id.to_string().into(),
        text: words.into(),
        initials: format::initials(&sender).into(),
        sender: sender.into(),
        hue: format::hue(message.from.as_bytes()),
        time: format::clock(times.shown_ms).into(),
        shown: if times.other_day { when(times.shown_ms, Form::LongClock) } else { ui::When::default() },
        came: if times.late { when(came_ms, Form::Clock) } else { ui::When::default() },
        claimed: if times.doubtful { when(message.sent_ms, Form::LongYear) } else { ui::When::default() },
        own: message.is_mine(),
        links: fixed(links),
        ..ui::MessageRow::default()
    };
    if let Some(delivery) = &message.delivery {
        row.delivery = match delivery.progress {
            Progress::Queued => ui::Delivery::Queued,
            Progress::OnHost if delivery.reached() == 0 => ui::Delivery::OnHost,
            Progress::OnHost => ui::Delivery::Delivered,
            Progress::Cancelled => ui::Delivery::Cancelled,
            Progress::Unsent => ui::Delivery::Unsent,
            Progress::Unconfirmed => ui::Delivery::Unconfirmed,
            Progress::TooLong { .. } => ui::Delivery::TooLong,
            Progress::OutboxFull => ui::Delivery::TooMany,
        };
        row.delivered = count(delivery.reached());
        row.recipients = count(delivery.of);
        row.reached = names(room, &delivery.to);
        row.missed = names(room, &[delivery.without.as_slice(), delivery.missed.as_slice()].concat());
    }
    row
}

fn event(room: &Room, notice: &Notice, at_ms: u64) -> ui::MessageRow {
    let (event, member) = match notice {
        Notice::Opened => (ui::RoomEvent::Opened, None),
        Notice::Entered => (ui::RoomEvent::Entered, None),
        Notice::Joined(member) => (ui::RoomEvent::Joined, Some(member)),
        Notice::Left(member) => (ui::RoomEvent::Left, Some(member)),
        Notice::Removed(member) => (ui::RoomEvent::Removed, Some(member)),
        Notice::Gone(member) => (ui::RoomEvent::Gone, Some(member)),
        Notice::Renamed { .. } => (ui::RoomEvent::Renamed, None),
        Notice::Titled(_) => (ui::RoomEvent::Titled, None),
        Notice::Newer(member) => (ui::RoomEvent::Newer, Some(member)),
        Notice::Unreadable(member) => (ui::RoomEvent::Unreadable, Some(member)),
        Notice::Lost { member, .. } => (ui::RoomEvent::Lost, Some(member)),
        Notice::Missed { .. } => (ui::RoomEvent::Missed, None),
        Notice::LogGap { .. } => (ui::RoomEvent::LogGap, None),
        Notice::Fork(member) => (ui::RoomEvent::Fork, Some(member)),
        Notice::Over(None) => (ui::RoomEvent::Parted, None),
        Notice::ClockDiffers { .. } | Notice::Over(Some(_)) => (ui::RoomEvent::Plain, None),
    };
    let mut row = ui::MessageRow {
        kind: ui::RowKind::Event,
        event,
        sender: member.map(|member| room.name_of(member)).unwrap_or_default().into(),
        ..ui::MessageRow::default()
    };
    match notice {
        Notice::Renamed { before, now, .. } => {
            row.other = before.into();
            row.sender = now.into();
        }
        Notice::Titled(title) => row.other = title.into(),
        Notice::Lost { count: lost, .. } => row.count = i32::try_from(*lost).unwrap_or(i32::MAX),
        Notice::ClockDiffers { member, theirs_ms, .. } => {
            row.reason = sentence(&clock::differs(&room.name_of(member), *theirs_ms));
        }
        Notice::Missed { count: missed, since_ms, .. } | Notice::LogGap { entries: missed, since_ms } => {
            row.count = i32::try_from(*missed).unwrap_or(i32::MAX);
            row.day = when(*since_ms, format::until(*since_ms, format::day_of(at_ms)));
        }
        Notice::Over(Some(problem)) => row.reason = sentence(&problem.what),
        _ => {}
    }
    row
}
