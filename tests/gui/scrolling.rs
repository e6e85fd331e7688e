//! The messages move as whoever moves them means it, in the small steps of a real window, and by nothing else: with the
//! wheel, a finger, the scroll bar and the keyboard, while messages come in.

use std::rc::Rc;
use std::time::Duration;

use conversa::app::Language;
use conversa::gui::{
    AppWindow, DateForm, Delivery, MessageRow, OpenRoom, Page, Preferences, RoomView, RowKind, Sheet, Talking, When,
    WindowState,
};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery, TestingBackend, TestingBackendOptions};
use i_slint_core::input::{BackendMouseEvent, TouchPhase};
use i_slint_core::lengths::LogicalPoint;
use i_slint_core::platform::InternalEvent;
use slint::platform::{Key, PointerEventButton, WindowEvent};
use slint::private_unstable_api::re_exports::WindowInner;
use slint::{ComponentHandle, LogicalPosition, LogicalSize, Model, ModelRc, SharedString, VecModel};

use crate::joined::joined;

pub(crate) const FRAME: Duration = Duration::from_millis(16);
/// A notch of the wheel, as the window system tells of it.
pub(crate) const NOTCH: f32 = 60.0;
/// What a notch takes, and a little more.
pub(crate) const NOTCH_FRAMES: usize = 14;
/// Where half a pixel is, nobody sees.
pub(crate) const CLOSE: f32 = 1.0;

/// Rows as different as they come: one line and twenty, groups, links, what happened, days.
fn row(number: usize) -> MessageRow {
    let day_above =
        if number % 22 == 5 { When { form: DateForm::Yesterday, ..When::default() } } else { When::default() };
    if number % 11 == 5 {
        return MessageRow { kind: RowKind::Event, sender: "Cy".into(), day_above, ..MessageRow::default() };
    }
    let own = number.is_multiple_of(4);
    let links = if number % 13 == 2 { vec![SharedString::from("https://example.org/a")] } else { Vec::new() };
    MessageRow {
        kind: RowKind::Message,
        id: number.to_string().into(),
        text: format!("m{number}.{}", " and a few words more".repeat(number * 7 % 23)).into(),
        sender: if number.is_multiple_of(3) { "Ann" } else { "أمينة" }.into(),
        first: number.is_multiple_of(2),
        last: number % 2 == 1,
        time: "12:00".into(),
        own,
        delivery: if own { Delivery::OnHost } else { Delivery::None },
        links: ModelRc::new(VecModel::from(links)),
        ..MessageRow::default()
    }
}

struct Stage {
    app: AppWindow,
    rows: Rc<VecModel<MessageRow>>,
}

impl Stage {
    fn new(rows: usize, (width, height): (f32, f32), language: Language) -> Self {
        let options =
            TestingBackendOptions { mock_time: true, threading: false, renderer_name: Some("software".into()) };
        slint::platform::set_platform(Box::new(TestingBackend::new(options))).unwrap();
        let app = AppWindow::new().unwrap();
        conversa::gui::choose_language(language);
        conversa::gui::bind_direction(&app);
        let state = app.global::<WindowState>();
        state.set_page(Page::Chat);
        state.set_sheet(Sheet::None);
        let room = RoomView { id: "1".into(), name: "Room".into(), members: 2, can_send: true, ..RoomView::default() };
        app.global::<OpenRoom>().set_view(room);
        let rows = Rc::new(VecModel::from((0..rows).map(row).collect::<Vec<_>>()));
        app.global::<Talking>().set_rows(ModelRc::from(rows.clone()));
        app.show().unwrap();
        let size = LogicalSize::new(width, height);
        app.window().set_size(size);
        app.window().dispatch_event(WindowEvent::Resized { size });
        let stage = Self { app, rows };
        stage.frames(8);
        assert!(stage.is_at_end(), "the newest message is what one sees first");
        stage
    }

    fn global<'a, Global: slint::Global<'a, AppWindow>>(&'a self) -> Global {
        self.app.global::<Global>()
    }

    /// A frame without its picture: time passes, and the rows find their places.
    fn frame(&self) {
        i_slint_backend_testing::mock_elapsed_time(FRAME);
        WindowInner::from_pub(self.app.window()).ensure_tree_instantiated();
    }

    fn frames(&self, count: usize) {
        (0..count).for_each(|_| self.frame());
    }

    fn comes(&self) {
        self.rows.push(row(self.rows.row_count()));
    }

    fn tell(&self, event: impl Into<InternalEvent>) {
        self.app.window().dispatch_event(WindowEvent::internal(event));
    }

    /// The middle of the messages; the pointer is not moved, so the same place every time.
    fn middle(&self) -> LogicalPoint {
        let list = self.list();
        let (corner, size) = (list.absolute_position(), list.size());
        LogicalPoint::new(corner.x + size.width / 2.0, corner.y + size.height / 2.0)
    }

    fn list(&self) -> ElementHandle {
        messages(&self.app)
    }

    /// Where the messages end on screen.
    fn bottom(&self) -> f32 {
        let list = self.list();
        list.absolute_position().y + list.size().height
    }

    /// A turn of the wheel, up where positive. `phase` is `Moved` for a wheel.
    fn wheel(&self, position: LogicalPoint, delta_y: f32, phase: TouchPhase) {
        self.tell(BackendMouseEvent::Wheel { position, delta_x: 0.0, delta_y, phase });
    }

    fn notch(&self, up: bool) {
        self.wheel(self.middle(), if up { NOTCH } else { -NOTCH }, TouchPhase::Moved);
    }

    fn key(&self, key: impl Into<SharedString>) {
        let text = key.into();
        self.app.window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
        self.app.window().dispatch_event(WindowEvent::KeyReleased { text });
    }

    fn seen(&self) -> Vec<(usize, f32, f32)> {
        seen(&self.app)
    }

    fn top_of(&self, number: usize) -> f32 {
        let seen = self.seen();
        let found = seen.iter().find(|(other, ..)| *other == number);
        found.unwrap_or_else(|| panic!("message {number} is not among {seen:?}")).1
    }

    /// A message in the upper half, to be watched while everything moves down.
    fn watched(&self) -> usize {
        let middle = self.middle().y;
        self.seen().iter().rev().find(|(_, top, _)| *top < middle).unwrap().0
    }

    fn is_at_end(&self) -> bool {
        let newest = (0..self.rows.row_count()).rev().find(|number| number % 11 != 5).unwrap();
        let end = self.seen().iter().find(|(number, ..)| *number == newest).map(|(.., bottom)| *bottom);
        // An event may follow, with a day above it.
        let rest = if newest + 1 == self.rows.row_count() { 6.0 } else { 110.0 };
        self.global::<Talking>().get_at_end() && end.is_some_and(|end| (end - self.bottom()).abs() < rest)
    }
}

/// The messages on screen, by their number: their top and their bottom.
pub(crate) fn seen(app: &AppWindow) -> Vec<(usize, f32, f32)> {
    let items = ElementQuery::from_root(app).match_descendants().match_accessible_role(AccessibleRole::ListItem);
    let message = |item: ElementHandle| {
        let label = item.accessible_label()?;
        let end = label.find('.')?;
        let start = label[..end].rfind('m')? + 1;
        let number = label.get(start..end)?.parse().ok()?;
        let top = item.absolute_position().y;
        Some((number, top, top + item.size().height))
    };
    let mut seen: Vec<_> = items.find_all().into_iter().filter_map(message).collect();
    seen.sort_by_key(|(number, ..)| *number);
    // What a row is made of is found as well.
    seen.dedup_by_key(|(number, ..)| *number);
    seen
}

/// The list of the messages.
pub(crate) fn messages(app: &AppWindow) -> ElementHandle {
    let lists = ElementQuery::from_root(app).match_descendants().match_accessible_role(AccessibleRole::List);
    let has_messages = |list: &ElementHandle| list.size().height > 100.0 && list.absolute_position().y > 0.0;
    lists.find_all().into_iter().filter(has_messages).max_by(|a, b| a.size().width.total_cmp(&b.size().width)).unwrap()
}

/// Turns the wheel up a few notches while a message comes in every so many frames, if any, and watches one message in
/// each frame: it goes down by what was turned, never back, and stays there.
fn wheel_up(stage: &Stage, notches: usize, between: usize, every: Option<usize>, what: &str) {
    let (watched, mut count) = (stage.watched(), 0);
    let before = stage.top_of(watched);
    let mut last = before;
    let mut step = |stage: &Stage| {
        count += 1;
        if every.is_some_and(|every| count % every == 0) {
            stage.comes();
        }
        stage.frame();
        let Some((_, top, _)) = stage.seen().into_iter().find(|(number, ..)| *number == watched) else { return };
        assert!(top > last - CLOSE, "{what}: it jumped back from {last} to {top}");
        last = top;
    };
    for _ in 0..notches {
        stage.notch(true);
        (0..between).for_each(|_| step(stage));
    }
    (0..NOTCH_FRAMES).for_each(|_| step(stage));
    let moved = last - before;
    let wanted = notches as f32 * NOTCH;
    assert!((moved - wanted).abs() < 2.0 * CLOSE || last > stage.bottom() - NOTCH, "{what}: {moved} px, not {wanted}");
    assert!(!stage.global::<Talking>().get_at_end(), "{what}");
}

#[test]
fn the_wheel_leaves_the_end_in_small_steps() {
    let stage = Stage::new(300, (520.0, 560.0), Language::English);
    // Another row is the last each time, so that heights of all kinds are next to the end.
    for extra in 0..5 {
        for every in [None, Some(1), Some(7)] {
            wheel_up(&stage, 2, 5, every, &format!("{extra} more, one every {every:?} frames"));
            stage.app.invoke_scroll_to_end();
            stage.frames(4);
            assert!(stage.is_at_end());
        }
        stage.comes();
        stage.frames(4);
        assert!(stage.is_at_end(), "with each message that comes");
    }
}

#[test]
fn the_wheel_leaves_the_end_from_right_to_left_and_in_large_text() {
    let stage = Stage::new(200, (400.0, 620.0), Language::Arabic);
    for zoom in [1.0, 2.0] {
        stage.global::<Preferences>().set_zoom(zoom);
        stage.frames(8);
        assert!(stage.is_at_end(), "the size of the text moves nothing");
        for every in [None, Some(5)] {
            wheel_up(&stage, 3, 4, every, &format!("zoom {zoom}, every {every:?}"));
            stage.app.invoke_scroll_to_end();
            stage.frames(6);
        }
    }
}

#[test]
fn small_steps_of_a_touchpad_leave_the_end_and_are_not_undone() {
    let stage = Stage::new(120, (520.0, 560.0), Language::English);
    let watched = stage.watched();
    let before = stage.top_of(watched);
    // Without phases, and then as a gesture.
    for (by, phases) in [(2.0, false), (1.0, true)] {
        if phases {
            stage.wheel(stage.middle(), 0.0, TouchPhase::Started);
        }
        for _ in 0..8 {
            stage.wheel(stage.middle(), by, TouchPhase::Moved);
            stage.frame();
        }
        stage.frames(NOTCH_FRAMES);
    }
    stage.wheel(stage.middle(), 0.0, TouchPhase::Ended);
    stage.frames(40);
    let moved = stage.top_of(watched) - before;
    assert!(moved > 20.0, "{moved}");
    assert!(!stage.global::<Talking>().get_at_end());
    for _ in 0..5 {
        stage.comes();
        stage.frames(3);
    }
    let now = stage.top_of(watched) - before;
    assert!((now - moved).abs() < CLOSE, "{moved} and then {now}");
}

#[test]
fn what_is_read_stays_and_the_end_holds_again() {
    let stage = Stage::new(300, (520.0, 560.0), Language::English);
    wheel_up(&stage, 12, 3, Some(6), "up");
    let watched = stage.watched();
    let before = stage.top_of(watched);
    let stays = |what: &str| {
        let now = stage.top_of(watched);
        assert!((now - before).abs() < CLOSE, "{what}: {before} became {now}");
    };
    for _ in 0..30 {
        stage.comes();
        stage.frames(2);
        stays("messages come");
    }
    for number in (0..watched.saturating_sub(30)).step_by(3).chain(stage.rows.row_count() - 10..stage.rows.row_count())
    {
        let text = format!("m{number}.{}", " and it became much longer than it was".repeat(9)).into();
        stage.rows.set_row_data(number, MessageRow { text, ..row(number) });
    }
    stage.frames(3);
    stays("rows out of view grow");
    for _ in 0..20 {
        stage.rows.remove(0);
        stage.frame();
        stays("the oldest go");
    }

    stage.global::<Talking>().set_unseen(7);
    for _ in 0..200 {
        stage.notch(false);
        stage.frames(2);
    }
    stage.frames(NOTCH_FRAMES);
    assert!(stage.global::<Talking>().get_at_end() && stage.global::<Talking>().get_unseen() == 0);
    for number in 0..6 {
        stage.rows.push(row(1_000 + number * 11));
        stage.frames(4);
        let newest = stage.seen().last().copied().unwrap();
        assert_eq!(newest.0, 1_000 + number * 11);
        assert!((newest.2 - stage.bottom()).abs() < 6.0, "{newest:?} ends at {}", stage.bottom());
    }
}

#[test]
fn turning_down_at_the_end_changes_nothing() {
    let stage = Stage::new(150, (520.0, 560.0), Language::English);
    for round in 0..60 {
        stage.notch(false);
        if round % 3 == 0 {
            stage.comes();
        }
        stage.frames(1 + round % 4);
        assert!(stage.global::<Talking>().get_at_end(), "round {round}");
    }
    stage.frames(20);
    assert!(stage.is_at_end());
}

#[test]
fn a_finger_drags_and_flicks_while_messages_come() {
    let stage = Stage::new(300, (520.0, 560.0), Language::English);
    // On a bubble, beside it, and where a hand begins that turned back to the end before.
    for (round, x) in [40.0, 200.0, 470.0].into_iter().enumerate() {
        let top = stage.middle().y - 150.0;
        let touch =
            |y: f32, phase| stage.tell(InternalEvent::Touch { id: 1, position: LogicalPoint::new(x, y), phase });
        let watched = stage.watched();
        let mut last = stage.top_of(watched);
        let before = last;
        let follow = |last: &mut f32, what: &str| {
            stage.frame();
            if let Some((_, now, _)) = stage.seen().into_iter().find(|(number, ..)| *number == watched) {
                assert!(now > *last - CLOSE, "{what} from {x}: back from {last} to {now}");
                *last = now;
            }
        };
        touch(top, TouchPhase::Started);
        follow(&mut last, "touched");
        for step in 1..=12 {
            touch(top + 9.0 * step as f32, TouchPhase::Moved);
            if step % 3 == round {
                stage.comes();
            }
            follow(&mut last, "dragged");
        }
        let dragged = last - before;
        assert!((80.0..=110.0).contains(&dragged), "a finger moves what it touches: {dragged}");
        touch(top + 108.0, TouchPhase::Ended);
        for step in 0..50 {
            if step % 10 == 0 {
                stage.comes();
            }
            follow(&mut last, "let go");
        }
        assert!(!stage.global::<Talking>().get_at_end());
        assert!(last - before > dragged + 20.0 || last > stage.bottom() - 20.0, "it goes on: {}", last - before);
        stage.app.invoke_scroll_to_end();
        stage.frames(6);
        assert!(stage.is_at_end());
    }
}

#[test]
fn the_scroll_bar_is_dragged_pressed_and_turned_over() {
    for (language, width) in [(Language::English, 520.0), (Language::Arabic, 520.0)] {
        joined(std::thread::spawn(move || scroll_bar(language, width)), "the end of what is done to a scroll bar");
    }
}

fn scroll_bar(language: Language, width: f32) {
    let stage = Stage::new(200, (width, 560.0), language);
    let list = stage.list();
    let x = if language == Language::Arabic { list.absolute_position().x + 6.0 } else { width - 6.0 };
    let at = |y: f32| LogicalPosition::new(x, y);
    let (top, bottom) = (list.absolute_position().y, stage.bottom());
    let button = PointerEventButton::Left;
    let window = stage.app.window();

    // The wheel over it.
    let watched = stage.watched();
    let before = stage.top_of(watched);
    stage.wheel(LogicalPoint::new(x, (top + bottom) / 2.0), NOTCH, TouchPhase::Moved);
    stage.frames(NOTCH_FRAMES);
    assert!((stage.top_of(watched) - before - NOTCH).abs() < 2.0 * CLOSE && !stage.global::<Talking>().get_at_end());
    stage.app.invoke_scroll_to_end();
    stage.frames(4);

    // A press beside the thumb is a page.
    let newest = stage.seen().last().unwrap().0;
    window.dispatch_event(WindowEvent::PointerMoved { position: at(top + 20.0) });
    window.dispatch_event(WindowEvent::PointerPressed { position: at(top + 20.0), button });
    window.dispatch_event(WindowEvent::PointerReleased { position: at(top + 20.0), button });
    stage.frames(4);
    assert!(!stage.global::<Talking>().get_at_end() && stage.seen().last().unwrap().0 < newest);
    stage.app.invoke_scroll_to_end();
    stage.frames(4);

    // Dragged a little, further, and to the beginning, while messages come.
    window.dispatch_event(WindowEvent::PointerMoved { position: at(bottom - 10.0) });
    window.dispatch_event(WindowEvent::PointerPressed { position: at(bottom - 10.0), button });
    for step in 1..=30 {
        let y = bottom - 10.0 - step as f32 * (bottom - top) / 28.0;
        window.dispatch_event(WindowEvent::PointerMoved { position: at(y.max(top - 30.0)) });
        stage.comes();
        stage.frame();
        assert!(!stage.global::<Talking>().get_at_end(), "step {step}");
    }
    window.dispatch_event(WindowEvent::PointerReleased { position: at(top - 30.0), button });
    stage.frames(3);
    assert_eq!(stage.seen().first().unwrap().0, 0, "the first message");
}

#[test]
fn keys_turn_the_messages() {
    let stage = Stage::new(200, (520.0, 560.0), Language::English);
    // From where one writes.
    stage.app.invoke_focus_composer();
    let watched = stage.watched();
    let before = stage.top_of(watched);
    let stays = |what: &str| {
        for _ in 0..4 {
            stage.comes();
            stage.frames(2);
        }
        assert!(!stage.global::<Talking>().get_at_end(), "{what}");
    };
    stage.key(Key::PageUp);
    stage.frames(2);
    assert!(stage.seen().iter().all(|(number, top, _)| *number != watched || *top > before + 100.0));
    stays("a page up");
    (0..40).for_each(|_| {
        stage.key(Key::PageDown);
        stage.frame();
    });
    stage.frames(4);
    assert!(stage.is_at_end());

    // And from the list itself, the next place before everything in it.
    let shift: SharedString = Key::Shift.into();
    stage.app.window().dispatch_event(WindowEvent::KeyPressed { text: shift.clone() });
    for _ in 0..stage.seen().len() + 6 {
        stage.key(Key::Tab);
        stage.frame();
        stage.app.window().dispatch_event(WindowEvent::KeyReleased { text: shift.clone() });
        stage.key(Key::Home);
        stage.frames(2);
        if stage.seen().first().is_some_and(|(number, ..)| *number == 0) {
            break;
        }
        stage.app.window().dispatch_event(WindowEvent::KeyPressed { text: shift.clone() });
    }
    assert_eq!(stage.seen().first().unwrap().0, 0, "Home is the first message");
    stays("the first message");
    for key in [Key::DownArrow, Key::PageDown, Key::UpArrow] {
        let before = stage.seen();
        stage.key(key);
        stage.frames(2);
        assert_ne!(stage.seen(), before, "{key:?}");
    }
    stage.key(Key::End);
    stage.frames(4);
    assert!(stage.is_at_end());
    stage.key(Key::UpArrow);
    stays("one step up");
}
