//! A long conversation: the end stays in view while it is being read, and nothing moves otherwise.

use std::rc::Rc;
use std::time::Duration;

use conversa::gui::{AppWindow, MessageRow, OpenRoom, Page, RoomView, RowKind, Sheet, Talking, WindowState};
use i_slint_backend_testing::{AccessibleRole, ElementHandle, ElementQuery, TestingBackend, TestingBackendOptions};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition, LogicalSize, ModelRc, VecModel};

const ROWS: usize = 10_000;
/// More than fill the screen, and few all the same.
const SHORT: usize = 200;

fn row(number: usize) -> MessageRow {
    // Bubbles of one to four lines.
    let text = format!("Message {number}{}", " and a few words more".repeat(number * 7 % 12));
    let sender = if number.is_multiple_of(3) { "Ann" } else { "Bo" };
    MessageRow {
        kind: RowKind::Message,
        id: number.to_string().into(),
        text: text.into(),
        sender: sender.into(),
        first: true,
        last: true,
        time: "12:00".into(),
        ..MessageRow::default()
    }
}

fn frame(app: &AppWindow) {
    let _ = app.window().take_snapshot();
    i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(16));
}

fn frames(app: &AppWindow, count: usize) {
    for _ in 0..count {
        frame(app);
    }
}

/// Where a message is on screen, if it is: its top and its bottom.
fn place(app: &AppWindow, number: usize) -> Option<(f32, f32)> {
    let wanted = format!("Message {number}");
    let sender = if number.is_multiple_of(3) { "Ann" } else { "Bo" };
    let text = row(number).text;
    let found = ElementHandle::find_by_accessible_label(app, &format!("{sender}: {text}")).next()?;
    assert!(text.starts_with(&wanted));
    let (top, height) = (found.absolute_position().y, found.size().height);
    Some((top, top + height))
}

/// The message at a height on screen.
fn anything_at(app: &AppWindow, y: f32) -> ElementHandle {
    let covers = move |element: &ElementHandle| {
        let top = element.absolute_position().y;
        element.accessible_label().is_some_and(|label| label.contains(": Message"))
            && top <= y
            && y < top + element.size().height
    };
    let items = ElementQuery::from_root(app).match_descendants().match_accessible_role(AccessibleRole::ListItem);
    items.match_predicate(covers).find_first().unwrap()
}

/// Where the composer begins, below which nothing of the list can be seen.
fn list_end(app: &AppWindow) -> f32 {
    let send = ElementHandle::find_by_accessible_label(app, "Send").next().unwrap();
    send.absolute_position().y - 12.0
}

fn scroll(app: &AppWindow, by: f32) {
    let position = LogicalPosition::new(600.0, 300.0);
    app.window().dispatch_event(WindowEvent::PointerScrolled { position, delta_x: 0.0, delta_y: by });
    frames(app, 4);
}

/// The most rows that were made at a time while one scrolls up.
fn rows_made_while_scrolling(app: &AppWindow) -> usize {
    let made = || {
        let items = ElementQuery::from_root(app).match_descendants().match_accessible_role(AccessibleRole::ListItem);
        let is_message =
            |element: &ElementHandle| element.accessible_label().is_some_and(|it| it.contains(": Message"));
        items.match_predicate(is_message).find_all().len()
    };
    let steps = (0..11).map(|_| {
        scroll(app, 200.0);
        made()
    });
    steps.max().unwrap()
}

#[test]
fn ten_thousand_messages_stay_where_they_are_read() {
    let options = TestingBackendOptions { mock_time: true, threading: false, renderer_name: Some("software".into()) };
    slint::platform::set_platform(Box::new(TestingBackend::new(options))).unwrap();
    let app = AppWindow::new().unwrap();
    conversa::gui::choose_language(conversa::app::Language::English);
    let state = app.global::<Talking>();
    app.global::<WindowState>().set_page(Page::Chat);
    app.global::<WindowState>().set_sheet(Sheet::None);
    app.global::<OpenRoom>().set_view(RoomView {
        id: "1".into(),
        name: "Long".into(),
        members: 2,
        can_send: true,
        ..RoomView::default()
    });
    let rows = Rc::new(VecModel::from((0..ROWS).map(row).collect::<Vec<_>>()));
    state.set_rows(ModelRc::from(rows.clone()));
    app.show().unwrap();
    app.window().set_size(LogicalSize::new(1100.0, 740.0));
    app.window().dispatch_event(WindowEvent::Resized { size: LogicalSize::new(1100.0, 740.0) });
    frames(&app, 6);

    // Opened at the end, and there after each new message.
    let is_at_end = |number: usize| {
        let (_, bottom) = place(&app, number).unwrap_or_else(|| panic!("message {number} is not on screen"));
        assert!((bottom - list_end(&app)).abs() < 6.0, "message {number} ends at {bottom}, not {}", list_end(&app));
    };
    is_at_end(ROWS - 1);
    for number in ROWS..ROWS + 8 {
        rows.push(row(number));
        frames(&app, 4);
        is_at_end(number);
        assert!(state.get_at_end());
    }

    // Further up nothing moves when messages come.
    scroll(&app, 3_000.0);
    assert!(!state.get_at_end());
    let seen = anything_at(&app, 400.0);
    let before = seen.absolute_position();
    for number in ROWS + 8..ROWS + 14 {
        rows.push(row(number));
        frames(&app, 2);
    }
    assert_eq!(seen.absolute_position(), before);

    // Scrolling through it: only the rows on screen cost anything.
    let long = rows_made_while_scrolling(&app);
    state.set_rows(ModelRc::from(Rc::new(VecModel::from((0..SHORT).map(row).collect::<Vec<_>>()))));
    frames(&app, 6);
    let short = rows_made_while_scrolling(&app);
    assert!(0 < short && long <= short + 2 && long < SHORT / 2, "{ROWS} messages: {long} rows, {SHORT}: {short} rows");
    state.set_rows(ModelRc::from(rows.clone()));
    frames(&app, 6);

    // And back.
    app.invoke_scroll_to_end();
    frames(&app, 6);
    is_at_end(ROWS + 13);
}
