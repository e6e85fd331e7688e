//! How times, names and codes look to a person. Pure functions, but for the computer's time zone. The language supplies
//! the names of days and months, and their order: see `ui/words.slint`.

use std::time::Duration;

use chrono::{DateTime, Datelike, Local, NaiveDate, TimeZone};

/// How many avatar colours the theme has.
const HUES: u8 = 8;
/// Characters of a room's newest message in the list: more than its line ever shows.
const PREVIEW_CHARS_MAX: usize = 120;

/// A time in milliseconds since 1970 as local time.
pub(super) fn local(ms: u64) -> DateTime<Local> {
    let time = i64::try_from(ms).ok().and_then(|ms| Local.timestamp_millis_opt(ms).single());
    time.unwrap_or_else(|| Local.timestamp_nanos(0))
}

/// The local day of a time.
pub(super) fn day_of(ms: u64) -> NaiveDate {
    local(ms).date_naive()
}

/// The time of day, as in 12:48.
pub(super) fn clock(ms: u64) -> String {
    local(ms).format("%H:%M").to_string()
}

/// The clocks of honest computers differ by less than this, and a message takes less; in milliseconds.
const NOTABLE_MS: u64 = 2 * 60 * 1_000;
/// Nobody wrote a message before Conversa existed: the beginning of 2025, in milliseconds since 1970.
const WRITTEN_MIN_MS: u64 = 1_735_689_600_000;

/// What the window says about the two times of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Times {
    /// The time to show.
    pub(super) shown_ms: u64,
    /// Whether it was written on another day than it arrived.
    pub(super) other_day: bool,
    /// Whether it arrived notably later than it was written.
    pub(super) late: bool,
    /// Whether the sender's clock cannot be right; the time to show is then the time of arrival.
    pub(super) doubtful: bool,
}

/// What to show for a message written at one time by the sender's clock and received at another by this computer's,
/// both in milliseconds since 1970. The sender may claim anything: an impossible time is not shown as the time.
pub(super) fn times(written_ms: u64, came_ms: u64) -> Times {
    if written_ms < WRITTEN_MIN_MS || written_ms > came_ms.saturating_add(NOTABLE_MS) {
        return Times { shown_ms: came_ms, other_day: false, late: false, doubtful: true };
    }
    Times {
        shown_ms: written_ms,
        other_day: day_of(written_ms) != day_of(came_ms),
        late: came_ms.saturating_sub(written_ms) >= NOTABLE_MS,
        doubtful: false,
    }
}

/// How many days ago a day was. A day in the future counts as today, because clocks differ.
fn days_ago(day: NaiveDate, today: NaiveDate) -> i32 {
    i32::try_from((today - day).num_days().max(0)).unwrap_or(i32::MAX)
}

/// How much of a date to say: as little as will do. The window has the words for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Form {
    /// Nothing: it never happened.
    None,
    /// The time of day.
    Clock,
    /// Today.
    Today,
    /// Yesterday.
    Yesterday,
    /// The day of the week.
    Weekday,
    /// The day and the month, in short.
    Short,
    /// The same with the year.
    ShortYear,
    /// The day and the month.
    Long,
    /// The same with the year.
    LongYear,
    /// The day, the month and the time of day.
    LongClock,
}

/// The line between two days: the day, with the year if it is not this year.
pub(super) fn day(day: NaiveDate, today: NaiveDate) -> Form {
    match days_ago(day, today) {
        0 => Form::Today,
        1 => Form::Yesterday,
        _ if day.year() == today.year() => Form::Long,
        _ => Form::LongYear,
    }
}

/// When a room was last active: the time of day, the weekday, or the date. `None` for never.
pub(super) fn activity(ms: u64, today: NaiveDate) -> Form {
    let then = day_of(ms);
    match days_ago(then, today) {
        _ if ms == 0 => Form::None,
        0 => Form::Clock,
        1..=6 => Form::Weekday,
        _ if then.year() == today.year() => Form::Short,
        _ => Form::ShortYear,
    }
}

/// How long something is valid: until a time today, or a day and a time.
pub(super) fn until(ms: u64, today: NaiveDate) -> Form {
    if day_of(ms) == today { Form::Clock } else { Form::LongClock }
}

/// The first letters of the first and the last word of a name.
pub(super) fn initials(name: &str) -> String {
    let mut letters = name.split_whitespace().filter_map(|word| word.chars().find(|c| c.is_alphanumeric()));
    let first = letters.next();
    let last = letters.next_back();
    first.into_iter().chain(last).flat_map(char::to_uppercase).collect()
}

/// The colour for a 32-byte id, such as a fingerprint.
pub(super) fn hue(bytes: &[u8; 32]) -> i32 {
    i32::from(bytes.first().copied().unwrap_or_default() % HUES)
}

/// The colour of a room beside rooms that already have one: of the colours used least, the first from its own onwards.
pub(super) fn spread_hue(id: &[u8; 32], taken: impl Iterator<Item = u8>) -> u8 {
    let mut counts = [0_usize; HUES as usize];
    taken.for_each(|hue| {
        if let Some(count) = counts.get_mut(usize::from(hue)) {
            *count += 1;
        }
    });
    let own = id.first().copied().unwrap_or_default() % HUES;
    let from_own = (0..HUES).map(|step| (own + step) % HUES);
    from_own.min_by_key(|hue| counts.get(usize::from(*hue)).copied()).unwrap_or(own)
}

/// A text on one line, cut to what a list shows.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.chars().count() > PREVIEW_CHARS_MAX {
            break;
        }
    }
    line.chars().take(PREVIEW_CHARS_MAX).collect()
}

/// Hexadecimal digits in groups of four.
pub(super) fn groups(digits: &str) -> Vec<&str> {
    digits.as_bytes().chunks(4).filter_map(|group| str::from_utf8(group).ok()).collect()
}

/// How long something takes, with two significant digits, and its unit.
pub(super) fn span(time: Duration) -> (f32, &'static str) {
    let ms = time.as_secs_f32() * 1_000.0;
    let round = |value: f32, parts: f32| (value * parts).round() / parts;
    match ms {
        ms if ms >= 1_000.0 => (round(ms / 1_000.0, 10.0), "s"),
        ms if ms >= 10.0 => (ms.round(), "ms"),
        ms if ms >= 1.0 => (round(ms, 10.0), "ms"),
        ms if ms >= 0.01 => (round(ms, 100.0), "ms"),
        ms => (round(ms * 1_000.0, 10.0), "µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i32, month: u32, day: u32, hour: u32) -> u64 {
        let time = Local.with_ymd_and_hms(year, month, day, hour, 5, 0).unwrap();
        u64::try_from(time.timestamp_millis()).unwrap()
    }

    #[test]
    fn times_are_as_long_as_they_have_to_be() {
        let today = NaiveDate::from_ymd_opt(2025, 5, 20).unwrap();
        assert_eq!(clock(at(2025, 5, 20, 9)), "09:05");
        assert_eq!(activity(at(2025, 5, 20, 9), today), Form::Clock);
        assert_eq!(activity(at(2025, 5, 19, 9), today), Form::Weekday);
        assert_eq!(activity(at(2025, 5, 14, 9), today), Form::Weekday);
        assert_eq!(activity(at(2025, 5, 13, 9), today), Form::Short);
        assert_eq!(activity(at(2024, 5, 3, 9), today), Form::ShortYear);
        assert_eq!(activity(0, today), Form::None);
        assert_eq!(until(at(2025, 5, 20, 9), today), Form::Clock);
        assert_eq!(until(at(2025, 5, 21, 9), today), Form::LongClock);
        assert_eq!(days_ago(day_of(at(2025, 5, 18, 23)), today), 2);
        assert_eq!(days_ago(day_of(at(2025, 5, 22, 1)), today), 0, "a clock that is ahead");
        let form = |year, month, date| day(day_of(at(year, month, date, 1)), today);
        assert_eq!((form(2025, 5, 20), form(2025, 5, 19)), (Form::Today, Form::Yesterday));
        assert_eq!((form(2025, 5, 18), form(2024, 12, 31)), (Form::Long, Form::LongYear));
    }

    #[test]
    fn the_written_time_is_shown_unless_it_cannot_be() {
        let came = at(2025, 5, 20, 9);
        let shown = |written: u64| {
            let times = times(written, came);
            (times.shown_ms == written, times.other_day, times.late, times.doubtful)
        };
        let minutes = |minutes: u64| minutes * 60 * 1_000;
        for (written, expected) in [
            (came, (true, false, false, false)),
            (came - minutes(1), (true, false, false, false)),
            (came - minutes(2), (true, false, true, false)),
            (came - minutes(9 * 60), (true, false, true, false)),
            (came - minutes(10 * 60), (true, true, true, false)),
            (came + minutes(2), (true, false, false, false)),
            (came + minutes(3), (false, false, false, true)),
            (u64::MAX, (false, false, false, true)),
            (0, (false, false, false, true)),
            (1, (false, false, false, true)),
            (WRITTEN_MIN_MS - 1, (false, false, false, true)),
            (WRITTEN_MIN_MS, (true, true, true, false)),
        ] {
            assert_eq!(shown(written), expected, "{written}");
        }
        assert_eq!(times(0, 0).shown_ms, 0);
    }

    #[test]
    fn initials_are_the_ends_of_a_name() {
        assert_eq!(initials("Ann"), "A");
        assert_eq!(initials("ann maria castellan"), "AC");
        assert_eq!(initials("“Friday” crew"), "FC");
        assert_eq!(initials("  … "), "");
        assert_eq!(initials("عائلة خليل"), "عخ");
    }

    #[test]
    fn few_rooms_have_a_colour_each() {
        let mut taken: Vec<u8> = Vec::new();
        // The worst case: all would have the same.
        for room in 0..2 * HUES {
            let mut id = [7; 32];
            id[1] = room;
            taken.push(spread_hue(&id, taken.iter().copied()));
        }
        let (first, second) = taken.split_at(usize::from(HUES));
        for half in [first, second] {
            let mut hues = half.to_vec();
            hues.sort_unstable();
            assert_eq!(hues, (0..HUES).collect::<Vec<u8>>());
        }
        assert_eq!(spread_hue(&[9; 32], [0, 2].into_iter()), 9 % HUES, "its own where nobody has it");
    }

    #[test]
    fn a_preview_is_one_short_line() {
        assert_eq!(one_line("two\n lines\t here"), "two lines here");
        assert_eq!(one_line(&"word ".repeat(1_000)).chars().count(), PREVIEW_CHARS_MAX);
        assert_eq!(one_line(&"x".repeat(1_000)).chars().count(), PREVIEW_CHARS_MAX);
    }

    #[test]
    fn codes_and_spans_are_readable() {
        assert_eq!(groups("3fa910c2"), ["3fa9", "10c2"]);
        let span = |nanoseconds: u64| {
            let (value, unit) = span(Duration::from_nanos(nanoseconds));
            format!("{value} {unit}")
        };
        let nanoseconds = [2_510, 254_900, 2_340_000, 41_400_000, 2_510_000_000];
        assert_eq!(nanoseconds.map(span), ["2.5 µs", "0.25 ms", "2.3 ms", "41 ms", "2.5 s"]);
    }
}
