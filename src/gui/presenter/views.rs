//! What the app layer knows, as the structs that the window shows. Nothing here changes anything.

use std::rc::Rc;

use chrono::{Datelike, NaiveDate};
use slint::{Image, ModelRc, Rgb8Pixel, SharedPixelBuffer, SharedString, VecModel};

use crate::app::conversation::{self, Member, Message, Notice, Presence, Progress, Room, RowKind};
use crate::app::{Action, AddressTest, Code, Problem, Reach, Sentence, clock};
use crate::crypto::Fingerprint;
use crate::gui::format::{self, Form};
use crate::gui::generated as ui;
use crate::gui::{content, links, qr};
use crate::protocol::{Invite, RoomCode, SafetyNumber};

/// A list that the window shows and that never changes.
pub(super) fn fixed<Row: Clone + 'static>(rows: Vec<Row>) -> ModelRc<Row> {
    if rows.is_empty() { ModelRc::default() } else { ModelRc::from(Rc::new(VecModel::from(rows))) }
}

/// A fingerprint or room id in its 64 digits.
pub(super) fn code(digits: &str) -> ui::KeyCode {
    let groups: Vec<SharedString> = format::groups(digits).into_iter().map(SharedString::from).collect();
    let text: Vec<&str> = groups.iter().map(SharedString::as_str).collect();
    let tag: String = digits.chars().take(8).collect();
    ui::KeyCode { text: text.join(" ").into(), groups: fixed(groups), tag: tag.into() }
}

/// What the members of a room read to each other.
fn room_code(code: &RoomCode) -> ui::KeyCode {
    let groups = code.groups().map(SharedString::from).collect();
    ui::KeyCode { text: code.to_string().into(), groups: fixed(groups), tag: SharedString::default() }
}

/// The code of somebody's key; empty for nobody's.
pub(super) fn key_code(fingerprint: Option<Fingerprint>) -> ui::KeyCode {
    fingerprint.map(|fingerprint| code(&fingerprint.to_string())).unwrap_or_default()
}

/// A sentence, for `Words.say`.
pub(super) fn sentence(sentence: &Sentence) -> ui::Sentence {
    let value = |index: usize| sentence.values().get(index).map(SharedString::from).unwrap_or_default();
    ui::Sentence {
        template: sentence.english().into(),
        first: value(0),
        second: value(1),
        english: sentence.to_string().into(),
    }
}

/// A sentence where a trouble could be.
pub(super) fn only(said: &Sentence) -> ui::TroubleView {
    ui::TroubleView { title: sentence(said), ..ui::TroubleView::default() }
}

/// How long something takes, for `Words.span`.
pub(super) fn span(time: std::time::Duration) -> ui::Span {
    let (value, unit) = format::span(time);
    ui::Span { value, unit: unit.into() }
}

/// A time, for `Words.date`.
fn when(ms: u64, form: Form) -> ui::When {
    ui::When { clock: format::clock(ms).into(), ..day(format::day_of(ms), form) }
}

/// A day, for `Words.date`.
fn day(day: NaiveDate, form: Form) -> ui::When {
    let number = |number: u32| i32::try_from(number).unwrap_or_default();
    ui::When {
        form: match form {
            Form::None => ui::DateForm::None,
            Form::Clock => ui::DateForm::Clock,
            Form::Today => ui::DateForm::Today,
            Form::Yesterday => ui::DateForm::Yesterday,
            Form::Weekday => ui::DateForm::Weekday,
            Form::Short => ui::DateForm::Short,
            Form::ShortYear => ui::DateForm::ShortYear,
            Form::Long => ui::DateForm::Long,
            Form::LongYear => ui::DateForm::LongYear,
            Form::LongClock => ui::DateForm::LongClock,
        },
        clock: SharedString::default(),
        weekday: number(day.weekday().number_from_monday()),
        day: number(day.day()),
        month: number(day.month()),
        year: day.year(),
    }
}

/// A problem with its button.
pub(in crate::gui) fn trouble(problem: &Problem) -> ui::TroubleView {
    let (remedy, port) = match problem.action {
        Some(Action::Retry | Action::CheckNetwork) => (ui::Remedy::Retry, 0),
        Some(Action::UsePort(port)) => (ui::Remedy::UsePort, i32::from(port)),
        Some(Action::Unlock) => (ui::Remedy::Unlock, 0),
        Some(Action::Forget) => (ui::Remedy::Forget, 0),
        Some(Action::JoinForLearning | Action::JoinSecurely | Action::EditAddress) | None => (ui::Remedy::None, 0),
    };
    ui::TroubleView {
        title: sentence(&problem.what),
        cause: sentence(&problem.hint),
        detail: sentence(&problem.detail),
        remedy,
        port,
    }
}

/// How a room is connected, in the window's words.
pub(super) fn connection(room: &Room) -> ui::Connection {
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

/// Whether a room is over for oneself, and only its rows are left.
pub(super) fn is_over(room: &Room) -> bool {
    matches!(connection(room), ui::Connection::Left | ui::Connection::Closed | ui::Connection::Removed)
}

/// A room in the list.
pub(super) fn room_row(room: &Room, hue: i32, today: NaiveDate) -> ui::RoomRow {
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
pub(super) fn room_view(room: &Room, now_ms: u64, all_verified: bool) -> ui::RoomView {
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
        // The settings have them.
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

/// A row of a conversation. Whether it is the first or last of a group is not known here.
pub(super) fn message_row(room: &Room, row: &conversation::Row) -> ui::MessageRow {
    match &row.kind {
        RowKind::Message(message) => bubble(room, message, row.at_ms),
        RowKind::Notice(notice) => event(room, notice, row.at_ms),
    }
}

/// How several people are called.
pub(super) fn names(room: &Room, members: &[Fingerprint]) -> SharedString {
    let names: Vec<String> = members.iter().map(|member| room.name_of(member)).collect();
    names.join(", ").into()
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
            Progress::OnHost if delivery.to.is_empty() => ui::Delivery::OnHost,
            Progress::OnHost => ui::Delivery::Delivered,
            Progress::Cancelled => ui::Delivery::Cancelled,
            Progress::TooLong { .. } => ui::Delivery::TooLong,
            Progress::OutboxFull => ui::Delivery::TooMany,
        };
        row.delivered = count(delivery.to.len());
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

/// The line between two days.
pub(super) fn day_row(date: NaiveDate, today: NaiveDate) -> ui::MessageRow {
    let when = day(date, format::day(date, today));
    ui::MessageRow { kind: ui::RowKind::Day, day: when, ..ui::MessageRow::default() }
}

/// The line above what is new.
pub(super) fn new_line() -> ui::MessageRow {
    ui::MessageRow { kind: ui::RowKind::NewLine, ..ui::MessageRow::default() }
}

/// A member in the list of people.
pub(super) fn member_row(room: &Room, member: &Member, verified: bool, doubtful: bool) -> ui::MemberRow {
    let name = room.name_of(&member.fingerprint);
    ui::MemberRow {
        id: member.fingerprint.to_string().into(),
        initials: format::initials(&name).into(),
        name: name.into(),
        hue: format::hue(member.fingerprint.as_bytes()),
        tag: member.fingerprint.tag().into(),
        you: member.is_me,
        owner: member.is_owner,
        host: member.is_host,
        here: member.presence == Presence::Here,
        cut: member.presence == Presence::Cut,
        verified,
        doubtful,
        comparable: !member.is_me && !room.is_learning() && !is_over(room),
        removable: room.info.owned && !member.is_me && !is_over(room),
    }
}

/// An invite with its picture.
pub(super) fn invite(invite: Option<&Invite>, today: NaiveDate) -> ui::InviteView {
    let Some(invite) = invite else { return ui::InviteView::default() };
    let link = invite.to_string();
    let expires = when(invite.expires_ms, format::until(invite.expires_ms, today));
    let (qr, modules) = picture(&link);
    ui::InviteView { expires, link: link.as_str().into(), qr, modules }
}

/// A link as a picture for cameras, and its squares along one side; none if it is too long.
fn picture(link: &str) -> (Image, i32) {
    let Some(picture) = qr::of_link(link) else { return <_>::default() };
    let Ok(side) = u32::try_from(picture.side) else { return <_>::default() };
    let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(side, side);
    for (pixel, dark) in buffer.make_mut_slice().iter_mut().zip(picture.dark) {
        let shade = if dark { 0 } else { u8::MAX };
        *pixel = Rgb8Pixel::new(shade, shade, shade);
    }
    (Image::from_rgb8(buffer), count(picture.side))
}

/// What is to be compared with a member; `since` is when a key was, theirs or another of that name.
pub(super) fn compare_view(
    room: &Room,
    member: Fingerprint,
    number: Option<&SafetyNumber>,
    since: Option<u64>,
    today: NaiveDate,
) -> ui::CompareView {
    let mut view = ui::CompareView {
        id: member.to_string().into(),
        name: room.name_of(&member).into(),
        since: since.map(|ms| day(format::day_of(ms), format::day(format::day_of(ms), today))).unwrap_or_default(),
        ..ui::CompareView::default()
    };
    if let Some(number) = number {
        let groups: Vec<SharedString> = number.groups().map(SharedString::from).collect();
        let text: Vec<&str> = number.groups().collect();
        view.number = ui::KeyCode { text: text.join(" ").into(), groups: fixed(groups), tag: SharedString::default() };
        view.code = number.code().into();
        (view.qr, view.modules) = picture(&number.code());
    }
    view
}

/// Where this computer is reached, and by whom.
pub(super) fn address_row(address: &str, test: Option<&AddressTest>) -> ui::AddressRow {
    let ip = address.parse::<std::net::SocketAddr>().map(|address| address.ip());
    let reach = match ip {
        Ok(ip) if ip.is_loopback() => ui::Reach::Computer,
        Ok(_) if test.is_some_and(|test| test.tunnel) => ui::Reach::Vpn,
        // Addresses that providers and VPNs such as Tailscale share out among themselves (RFC 6598).
        Ok(std::net::IpAddr::V4(ip))
            if ip.octets().first_chunk().is_some_and(|&[first, second]| first == 100 && second & 0xc0 == 0x40) =>
        {
            ui::Reach::Vpn
        }
        Ok(std::net::IpAddr::V4(ip)) if !ip.is_private() && !ip.is_link_local() => ui::Reach::Internet,
        Ok(std::net::IpAddr::V6(ip)) if !ip.is_unique_local() && !ip.is_unicast_link_local() => ui::Reach::Internet,
        _ => ui::Reach::Network,
    };
    let state = match test.map(|test| test.reach) {
        None => ui::AddressState::Untested,
        Some(Reach::Testing) => ui::AddressState::Testing,
        Some(Reach::Answers) => ui::AddressState::Answers,
        Some(Reach::Another) => ui::AddressState::Another,
        Some(Reach::Silent) => ui::AddressState::Silent,
    };
    ui::AddressRow { reach, address: address.into(), state }
}

/// The name of a membership in the window.
pub(super) fn membership_text(membership: crate::app::MembershipId) -> SharedString {
    membership.0.to_string().into()
}

/// A number of things, for the window.
pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_reaches_it() {
        for (address, reach) in [
            ("127.0.0.1:9000", ui::Reach::Computer),
            ("192.168.1.7:9000", ui::Reach::Network),
            ("100.63.0.1:9000", ui::Reach::Internet),
            ("100.64.0.1:9000", ui::Reach::Vpn),
            ("100.127.9.9:9000", ui::Reach::Vpn),
            ("100.128.0.1:9000", ui::Reach::Internet),
            ("[fd00::7]:9000", ui::Reach::Network),
            ("[fe80::7]:9000", ui::Reach::Network),
            ("169.254.3.4:9000", ui::Reach::Network),
            ("[2001:db8::7]:9000", ui::Reach::Internet),
        ] {
            assert_eq!(address_row(address, None).reach, reach, "{address}");
        }
    }
}
