//! Draws every page of the window without a display, to `target/screenshots/*.png`, in light and
//! dark, wide and narrow: `cargo test --test screenshots`. Each picture is also checked for what a
//! test can see: something is drawn, nothing to press is nameless or cut off at the edge.
#![cfg(feature = "window")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod fixture;

use std::collections::HashSet;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conversa::app::Language;
use conversa::gui::{
    AddressRow, AddressState, AppWindow, Appearance, Backups, CompareView, Compared, Comparing, Confirm, Connection,
    DateForm, Emoji, HostStage, Hosting, Identity, JoinStage, JoinTab, JoinView, Joining, KeyStage, KeyStep, OpenRoom,
    Page, People, Preferences, Questions, Remedy, Rooms, Security, Sentence, Sheet, Suite, Talking, TroubleView,
    WindowState, add_fonts, bind_direction, choose_language,
};
use i_slint_backend_testing::{AccessibleRole, ElementQuery, TestingBackend, TestingBackendOptions};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalSize, ModelRc, PhysicalSize, Rgba8Pixel, SharedPixelBuffer, VecModel};

const WIDE: (u32, u32) = (1100, 740);
const NARROW: (u32, u32) = (400, 740);
/// Shows all of a page that scrolls.
const TALL: (u32, u32) = (1100, 2000);

/// What can be pressed or filled in, and so needs a name.
const CONTROLS: [AccessibleRole; 5] = [
    AccessibleRole::Button,
    AccessibleRole::Switch,
    AccessibleRole::RadioButton,
    AccessibleRole::TextInput,
    AccessibleRole::ListItem,
];

fn window() -> AppWindow {
    let options = TestingBackendOptions { mock_time: true, threading: false, renderer_name: Some("software".into()) };
    slint::platform::set_platform(Box::new(TestingBackend::new(options))).unwrap();
    let app = AppWindow::new().unwrap();
    add_fonts(Emoji::Outlines);
    bind_direction(&app);
    choose_language(Language::English);
    app.show().unwrap();
    fixture::fill(&app);
    app
}

/// A sentence of the program. Without its English as a whole, so that what the window cannot say is missed.
fn sentence(template: &str, value: &str) -> Sentence {
    Sentence { template: template.into(), first: value.into(), ..Sentence::default() }
}

fn only(title: Sentence) -> TroubleView {
    TroubleView { title, ..TroubleView::default() }
}

/// Draws the page as it is wide in both shades, and narrow, and checks each picture.
fn shoot(app: &AppWindow, page: &str, expected: &[&str]) {
    shoot_in(app, page, expected, &[(WIDE, "wide"), (NARROW, "narrow")]);
}

fn shoot_in(app: &AppWindow, page: &str, expected: &[&str], sizes: &[((u32, u32), &str)]) {
    for &(size, width) in sizes {
        resize(app, size);
        // Colours do not depend on the size.
        let shades = [(Appearance::Light, "light"), (Appearance::Dark, "dark")];
        for (appearance, shade) in shades.into_iter().take(if width == "wide" { 2 } else { 1 }) {
            app.global::<Preferences>().set_appearance(appearance);
            step(app);
            draw(app, size, &format!("{page}-{width}-{shade}"));
        }
        check_elements(app, size, &format!("{page}-{width}"), expected);
    }
}

/// One frame, and time enough for what fades to have faded.
fn step(app: &AppWindow) {
    let _ = app.window().take_snapshot();
    i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(150));
}

fn resize(app: &AppWindow, size: (u32, u32)) {
    app.window().set_size(PhysicalSize::new(size.0, size.1));
    app.window().dispatch_event(WindowEvent::Resized { size: LogicalSize::new(size.0 as f32, size.1 as f32) });
    // Lists settle over a few frames.
    (0..3).for_each(|_| step(app));
}

fn draw(app: &AppWindow, size: (u32, u32), name: &str) {
    let picture = app.window().take_snapshot().unwrap();
    assert_eq!((picture.width(), picture.height()), size, "{name}");
    // Every seventh pixel: enough to tell a page from a blank, and quick without optimisation.
    let colours: HashSet<_> = picture.as_slice().iter().step_by(7).map(|pixel| (pixel.r, pixel.g, pixel.b)).collect();
    assert!(colours.len() > 50, "{name} shows only {} colours", colours.len());
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
    std::fs::create_dir_all(&folder).unwrap();
    write(&folder.join(format!("{name}.png")), &picture, png::Compression::Fast);
}

fn write(file: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>, compression: png::Compression) {
    let mut encoder = png::Encoder::new(std::fs::File::create(file).unwrap(), picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_compression(compression);
    encoder.write_header().unwrap().write_image_data(picture.as_bytes()).unwrap();
}

/// How many pixels of a file look otherwise than those of a picture. The letters are the program's own, so that every
/// computer draws the same; what is left between two of them are the last bits of a colour.
fn different_pixels(file: &Path, picture: &SharedPixelBuffer<Rgba8Pixel>) -> usize {
    let mut reader = png::Decoder::new(BufReader::new(std::fs::File::open(file).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    if (info.width, info.height, info.color_type) != (picture.width(), picture.height(), png::ColorType::Rgba) {
        return usize::MAX;
    }
    let differs = |(known, drawn): &(&[u8], &[u8])| known.iter().zip(*drawn).any(|(a, b)| a.abs_diff(*b) > 48);
    bytes.chunks_exact(4).zip(picture.as_bytes().chunks_exact(4)).filter(differs).count()
}

/// All elements in one pass, for each takes a while: what is expected is there, and every control has
/// a name and its place.
fn check_elements(app: &AppWindow, size: (u32, u32), page: &str, expected: &[&str]) {
    let mut labels = HashSet::new();
    let mut controls = 0;
    for element in ElementQuery::from_root(app).match_descendants().find_all() {
        let label = element.accessible_label().unwrap_or_default();
        if element.accessible_role().is_some_and(|role| CONTROLS.contains(&role)) {
            assert!(!label.is_empty(), "{page}: a control without a name, {:?}", element.type_name());
            let (left, width) = (element.absolute_position().x, element.size().width);
            let is_inside = width == 0.0 || (left >= 0.0 && left + width <= size.0 as f32 + 0.5);
            assert!(is_inside, "{page}: “{label}” is cut off at the side");
            controls += 1;
        }
        labels.insert(label);
    }
    assert!(controls > 0, "{page}: nothing to press");
    for label in expected {
        assert!(labels.contains(*label), "{page}: no “{label}”");
    }
}

#[test]
fn first_run() {
    let app = window();
    let state = app.global::<Identity>();
    app.global::<WindowState>().set_page(Page::FirstRun);
    state.set_key_stage(KeyStage::Making);
    state.set_key_step(KeyStep::Decryption);
    shoot(&app, "first-run", &["Your name", "Host a room", "Join a room", "Creating your key"]);
    app.global::<Preferences>().set_zoom(1.6);
    shoot(&app, "first-run-zoomed", &["Host a room"]);
}

#[test]
fn unlock() {
    let app = window();
    app.global::<WindowState>().set_page(Page::Unlock);
    app.global::<Identity>().set_unlock_error(TroubleView {
        title: sentence("The passphrase does not open {}.", "/home/ann/.local/share/conversa/identity/sign.pem"),
        cause: sentence(
            "It may be mistyped: try again, and mind capital letters and the keyboard's language. Or the file is damaged, which looks the same: put it back from a backup. Nothing was changed.",
            "",
        ),
        ..TroubleView::default()
    });
    shoot(&app, "unlock", &["Passphrase", "Unlock"]);
}

#[test]
fn room() {
    let app = window();
    let state = app.global::<People>();
    shoot(&app, "room", &["Message", "Send", "People", "You: ok", "Cancel message", "Edit message"]);
    state.set_open(true);
    shoot_in(&app, "people", &["Let in", "Decline"], &[(WIDE, "wide")]);
    shoot_in(&app, "people", &["Remove Bo…", "Invite people…", "Close room…"], &[(TALL, "tall")]);
    // On the way to a narrow window the people make place for the conversation.
    shoot_in(&app, "room-again", &["Message"], &[(NARROW, "narrow")]);
    assert!(!state.get_open());
    state.set_open(true);
    shoot_in(&app, "people", &["Let in", "Decline"], &[(NARROW, "narrow")]);
    state.set_open(false);
    app.global::<WindowState>().set_sheet(Sheet::Invite);
    shoot_in(&app, "invite", &["Copy invite", "New link", "Reset…"], &[(TALL, "tall")]);
    shoot(&app, "invite", &["Copy invite", "New link", "Reset…"]);
    let behind = AddressRow { address: "192.168.1.7:9000".into(), state: AddressState::Answers, ..<_>::default() };
    app.global::<Hosting>().set_forward_to(behind.address.clone());
    app.global::<Hosting>().set_addresses(ModelRc::new(VecModel::from(vec![behind])));
    shoot(&app, "invite-behind-router", &["Copy invite"]);
    app.global::<WindowState>().set_sheet(Sheet::None);
    app.global::<Preferences>().set_zoom(1.5);
    shoot(&app, "room-zoomed", &["Message"]);
}

/// The README and the shops of the desktops show the window as it is. To draw the pictures anew, after a change that is
/// to be seen in them: `RENEW_PICTURES=1 cargo test --locked --test screenshots pictures`, and look at them.
#[test]
fn the_pictures_of_the_documents_show_the_window_of_today() {
    /// A letter has some 50 pixels.
    const DIFFERENT_MAX: usize = 40;
    let app = window();
    fixture::friday(&app);
    app.global::<People>().set_open(true);
    resize(&app, WIDE);
    for (appearance, shade) in [(Appearance::Light, "light"), (Appearance::Dark, "dark")] {
        app.global::<Preferences>().set_appearance(appearance);
        step(&app);
        let picture = app.window().take_snapshot().unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/screenshot-{shade}.png"));
        if std::env::var_os("RENEW_PICTURES").is_some() {
            write(&file, &picture, png::Compression::High);
        }
        let different = different_pixels(&file, &picture);
        let how = "RENEW_PICTURES=1 cargo test --locked --test screenshots pictures";
        assert!(different <= DIFFERENT_MAX, "{} is of an older window, by {different} pixels: {how}", file.display());
    }
    check_elements(&app, WIDE, "pictures", &["Message", "Room code", "Invite people…"]);
}

/// What is said of the messages and of what is being written.
#[test]
fn talking() {
    let app = window();
    let state = app.global::<Talking>();
    fixture::late(&app);
    let long = sentence("This message has {} bytes; a message may have {}.", "20480");
    state.set_writing_trouble(TroubleView {
        title: Sentence { second: "16384".into(), ..long },
        cause: sentence("Send it in parts.", ""),
        ..TroubleView::default()
    });
    state.set_draft("A text that is much too long ".repeat(40).into());
    state.set_sendable(false);
    app.global::<WindowState>().set_toast_stays(true);
    app.global::<WindowState>()
        .set_toast(only(sentence("No browser could be started. Select the link and copy it instead.", "")));
    shoot(&app, "talking", &["Dismiss", "Send"]);
    app.global::<Preferences>().set_zoom(2.0);
    shoot(&app, "talking-zoomed", &["Dismiss", "Send"]);
    choose_language(Language::Arabic);
    shoot_in(&app, "ar-talking-zoomed", &[], &[(NARROW, "narrow")]);
    app.global::<Preferences>().set_zoom(1.0);
    shoot(&app, "ar-talking", &[]);
}

#[test]
fn room_in_trouble() {
    let app = window();
    let state = app.global::<OpenRoom>();
    let mut room = state.get_view();
    room.connection = Connection::Offline;
    room.retry_seconds = 8;
    room.security = Security::Forked;
    room.forked_by = "Bartholomew Featherstonehaugh".into();
    room.name = "A room with a name so long that no header could ever hold all of it in one line".into();
    state.set_view(room);
    app.global::<Talking>().set_draft("A draft of\nthree lines, one of which is rather longer than the composer is wide, so that it wraps\nand grows.".into());
    shoot(&app, "room-offline", &["Now", "Room code"]);
}

#[test]
fn host_with_another_key() {
    let app = window();
    let state = app.global::<OpenRoom>();
    let mut room = state.get_view();
    (room.connection, room.can_send, room.owner) = (Connection::Failed, false, false);
    (room.expected_host, room.seen_host) = (fixture::code(3), fixture::code(4));
    state.set_view(room);
    shoot(&app, "host-key", &["The key that you know", "The key that answered"]);
    app.global::<People>().set_open(true);
    shoot_in(&app, "host-key-people", &["Remove the pinned host key…"], &[(TALL, "tall")]);
    state.set_new_host(fixture::code(4));
    app.global::<WindowState>().set_sheet(Sheet::NewHost);
    shoot(&app, "host-key-new", &["It matches, go in", "Cancel"]);
}

#[test]
fn backups() {
    let app = window();
    fixture::empty(&app);
    let state = app.global::<Backups>();
    state.set_file("/home/ann/conversa-3fa910c2.pem".into());
    app.global::<WindowState>().set_sheet(Sheet::Backup);
    shoot(&app, "backup", &["New file", "Passphrase of the backup", "Again", "Back up"]);
    state.set_error(TroubleView {
        title: sentence("The passphrase does not open {}.", "/home/ann/conversa-3fa910c2.pem"),
        cause: sentence(
            "It is the one that was given when the backup was made. Or the file is damaged, which looks the same. Nothing was changed.",
            "",
        ),
        ..TroubleView::default()
    });
    app.global::<WindowState>().set_sheet(Sheet::Restore);
    shoot(&app, "restore", &["File of the backup", "Restore"]);
}

#[test]
fn learning_room() {
    let app = window();
    fixture::learning_room(&app);
    shoot(&app, "room-learning", &["Learning room: anyone on the network can read this."]);
}

#[test]
fn empty() {
    let app = window();
    fixture::empty(&app);
    shoot(&app, "empty", &["Host", "Join", "New room"]);
}

#[test]
fn closed_room_and_filter() {
    let app = window();
    let state = app.global::<OpenRoom>();
    app.global::<Rooms>().set_list(ModelRc::default());
    app.global::<Rooms>().set_filter("zebra".into());
    let mut room = state.get_view();
    room.connection = Connection::Closed;
    room.can_send = false;
    state.set_view(room);
    shoot(&app, "room-closed", &["People"]);
    let mut room = state.get_view();
    room.connection = Connection::Failed;
    room.trouble = TroubleView {
        title: sentence("Port {} is used by another program.", "9000"),
        cause: sentence("Use another one, such as {}.", "9001"),
        remedy: Remedy::UsePort,
        port: 9001,
        ..TroubleView::default()
    };
    state.set_view(room);
    shoot(&app, "room-failed", &["Use 9001"]);
}

#[test]
fn hosting() {
    let app = window();
    // What lies under a sheet is drawn, too, and a room takes longest.
    fixture::empty(&app);
    let state = app.global::<Hosting>();
    app.global::<WindowState>().set_sheet(Sheet::NewRoom);
    shoot(&app, "new-room", &["Host a room", "Join a room"]);
    app.global::<WindowState>().set_sheet(Sheet::Host);
    shoot(&app, "host", &["Room name", "Port", "Secure room", "Learning room", "Start"]);
    app.global::<WindowState>().set_sheet(Sheet::None);
    state.set_suite(Suite::Textbook);
    state.set_stage(HostStage::Starting);
    state.set_error(only(sentence("Port {} is used by another program.", "9000")));
    state.set_other_port(9001);
    let _ = app.window().take_snapshot();
    app.global::<WindowState>().set_sheet(Sheet::Host);
    shoot(&app, "host-learning", &["Starting…", "Use 9001"]);
    state.set_stage(HostStage::Consent);
    shoot(&app, "host-consent", &["Host for learning", "Back"]);
}

#[test]
fn joining() {
    let app = window();
    // What lies under a sheet is drawn, too, and a room takes longest.
    fixture::empty(&app);
    let state = app.global::<Joining>();
    app.global::<WindowState>().set_sheet(Sheet::Join);
    state.set_tab(JoinTab::Address);
    shoot(&app, "join-address", &["Address of the host", "Continue", "192.168.1.7:9000"]);
    state.set_tab(JoinTab::Invite);
    state.set_text("conversa:1:ABCD".into());
    state.set_error(only(sentence("This invite was used or withdrawn, or has expired.", "")));
    shoot(&app, "join-invite", &["Invite link", "Continue"]);
    state.set_error(TroubleView::default());
    state.set_stage(JoinStage::Review);
    shoot(&app, "join-review", &["It matches, join", "Cancel"]);
    let first_use = state.get_view();
    state.set_view(JoinView { first_use: false, members: 12, round_trip: 3, ..first_use.clone() });
    shoot(&app, "join-invited", &["Join", "Cancel"]);
    state.set_view(first_use);
    state.set_stage(JoinStage::Choose);
    shoot(&app, "join-choose", &["Cancel"]);
    state.set_stage(JoinStage::Waiting);
    shoot(&app, "join-waiting", &["Cancel"]);
    let mut join = state.get_view();
    join.learning = true;
    state.set_view(join);
    state.set_stage(JoinStage::Consent);
    shoot(&app, "join-learning", &["Join for learning", "Leave"]);
}

#[test]
fn questions() {
    let app = window();
    // What lies under a sheet is drawn, too, and a room takes longest.
    fixture::empty(&app);
    let state = app.global::<Questions>();
    app.global::<WindowState>().set_sheet(Sheet::Confirm);
    state.set_confirm(Confirm::Quit);
    state.set_confirm_count(3);
    shoot(&app, "confirm-quit", &["Quit", "Cancel"]);
    for (confirm, name) in [(Confirm::SendForked, "send-forked"), (Confirm::SendDoubted, "send-doubted")] {
        state.set_confirm(confirm);
        state.set_confirm_name("Bo (81d0bb47)".into());
        shoot_in(&app, &format!("confirm-{name}"), &["Send anyway", "Cancel"], &[(WIDE, "wide")]);
    }
    state.set_confirm(Confirm::RemoveMember);
    state.set_confirm_name("Bartholomew Featherstonehaugh-Cholmondeley".into());
    shoot(&app, "confirm-remove", &["Remove"]);
    state.set_trouble(TroubleView {
        title: sentence("Nobody is hosting at {}.", "192.168.1.7:9000"),
        cause: sentence("The host may have closed the room.", ""),
        detail: Sentence { english: "connect: Connection refused (os error 111)".into(), ..sentence("{}", "") },
        remedy: Remedy::Retry,
        port: 0,
    });
    app.global::<WindowState>().set_sheet(Sheet::Trouble);
    shoot(&app, "trouble", &["Try again", "Details"]);
    app.global::<WindowState>().set_sheet(Sheet::Passphrase);
    shoot(&app, "passphrase", &["New passphrase", "Again", "Set passphrase"]);
    app.global::<WindowState>().set_sheet(Sheet::KeySize);
    shoot(&app, "key-size", &["RSA-4096", "Cancel"]);
    app.global::<WindowState>().set_sheet(Sheet::LearningIdentity);
    shoot(&app, "learning-identity", &["Create key"]);
}

#[test]
fn settings_and_about() {
    let app = window();
    let state = app.global::<WindowState>();
    state.set_page(Page::Settings);
    shoot(&app, "settings", &["Your name", "Back"]);
    let all = ["Measure", "Enter sends", "Larger text", "Copy path", "About…"];
    shoot_in(&app, "settings", &all, &[(TALL, "tall"), ((400, 2400), "tall-narrow")]);
    state.set_page(Page::About);
    shoot(&app, "about", &["Back"]);
    shoot_in(&app, "about", &["Made with Slint"], &[((1100, 1200), "tall")]);
}

#[test]
fn comparing() {
    let app = window();
    let state = app.global::<Comparing>();
    let view = fixture::compare();
    state.set_view(view.clone());
    app.global::<WindowState>().set_sheet(Sheet::Compare);
    shoot(&app, "compare", &["Safety number", "What they see", "They are the same", "Copy my code"]);
    state.set_result(Compared::Different);
    shoot_in(&app, "compare-different", &["They are the same"], &[(TALL, "tall")]);
    state.set_result(Compared::Same);
    state.set_view(CompareView { since: fixture::date(DateForm::Long), ..view.clone() });
    shoot_in(&app, "compare-marked", &["Remove the mark"], &[(TALL, "tall")]);
    state.set_view(CompareView { since: fixture::date(DateForm::Long), ..view });
    app.global::<WindowState>().set_sheet(Sheet::ChangedKey);
    shoot(&app, "changed-key", &["Compare…", "Leave room…"]);
}

/// The pages with most words, in another language.
fn shoot_language(language: Language) {
    let app = window();
    choose_language(language);
    let state = app.global::<WindowState>();
    let tag = language.tag().unwrap();
    let shoot = |page: &str, sizes: &[((u32, u32), &str)]| shoot_in(&app, &format!("{tag}-{page}"), &[], sizes);
    let both = [(WIDE, "wide"), (NARROW, "narrow")];
    app.global::<People>().set_open(true);
    shoot("people", &[(TALL, "tall")]);
    app.global::<People>().set_open(false);
    shoot("room", &both);
    app.global::<People>().set_open(true);
    shoot("people", &[(NARROW, "narrow")]);
    app.global::<People>().set_open(false);
    state.set_page(Page::Settings);
    shoot("settings", &[(TALL, "tall"), ((400, 2600), "tall-narrow")]);
    state.set_page(Page::Chat);
    fixture::empty(&app);
    shoot("empty", &both);
    state.set_sheet(Sheet::Host);
    shoot("host", &both);
    state.set_sheet(Sheet::Invite);
    shoot("invite", &[(NARROW, "narrow")]);
    state.set_sheet(Sheet::Join);
    app.global::<Joining>().set_stage(JoinStage::Review);
    shoot("join-review", &both);
    app.global::<Questions>().set_confirm(Confirm::Quit);
    app.global::<Questions>().set_confirm_count(3);
    state.set_sheet(Sheet::Confirm);
    shoot("confirm-quit", &[(NARROW, "narrow")]);
    state.set_sheet(Sheet::None);
    state.set_page(Page::FirstRun);
    shoot("first-run", &both);
}

#[test]
fn german() {
    shoot_language(Language::German);
}

#[test]
fn spanish() {
    shoot_language(Language::Spanish);
}

#[test]
fn french() {
    shoot_language(Language::French);
}

#[test]
fn japanese() {
    shoot_language(Language::Japanese);
}

#[test]
fn arabic() {
    shoot_language(Language::Arabic);
}
