//! What the app layer knows, as the structs that the window shows. Nothing here changes or keeps anything, and nothing
//! chooses words: the window does.

mod hosting;
mod messages;
mod people;
mod rooms;

use std::rc::Rc;

use chrono::{Datelike, NaiveDate};
use slint::{Image, ModelRc, Rgb8Pixel, SharedPixelBuffer, SharedString, VecModel};

pub(super) use self::hosting::{address_row, invite};
pub(super) use self::messages::{day_line, message_row};
pub(super) use self::people::{compare_view, member_row};
pub(super) use self::rooms::{connection, is_over, room_row, room_view};
use crate::app::conversation::Room;
use crate::app::{Action, Problem, Sentence};
use crate::crypto::Fingerprint;
use crate::gui::format::{self, Form};
use crate::gui::generated as ui;
use crate::gui::qr;

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

/// The code of a key; empty if there is none.
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

/// A sentence on its own, where the window expects a trouble.
pub(super) fn only(said: &Sentence) -> ui::TroubleView {
    ui::TroubleView { title: sentence(said), ..ui::TroubleView::default() }
}

/// A problem with its button.
pub(in crate::gui) fn trouble(problem: &Problem) -> ui::TroubleView {
    let (remedy, port) = match problem.action {
        Some(Action::Retry | Action::CheckNetwork) => (ui::Remedy::Retry, 0),
        Some(Action::UsePort(port)) => (ui::Remedy::UsePort, i32::from(port)),
        Some(Action::Unlock) => (ui::Remedy::Unlock, 0),
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

/// How long something takes, for `Words.span`.
pub(super) fn span(time: std::time::Duration) -> ui::Span {
    let (value, unit) = format::span(time);
    ui::Span { value, unit: unit.into() }
}

/// A membership's id in the window.
pub(super) fn membership_text(membership: crate::app::MembershipId) -> SharedString {
    membership.0.to_string().into()
}

/// The names of several members.
pub(super) fn names(room: &Room, members: &[Fingerprint]) -> SharedString {
    let names: Vec<String> = members.iter().map(|member| room.name_of(member)).collect();
    names.join(", ").into()
}

/// A count, for the window.
pub(super) fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
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

/// A link as a QR code, and how many modules one side has; empty if the link is too long.
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
