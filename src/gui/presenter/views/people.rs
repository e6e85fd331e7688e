//! Members, and what to compare with them.

use chrono::NaiveDate;
use slint::SharedString;

use super::rooms::is_over;
use super::{day, fixed, picture};
use crate::app::conversation::{Member, Presence, Room};
use crate::crypto::Fingerprint;
use crate::gui::format;
use crate::gui::generated as ui;
use crate::protocol::SafetyNumber;

/// A member in the list of people.
pub(in crate::gui) fn member_row(room: &Room, member: &Member, verified: bool, doubtful: bool) -> ui::MemberRow {
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

/// What to compare with a member; `since` is when a key was compared, theirs or another one of that name.
pub(in crate::gui) fn compare_view(
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
