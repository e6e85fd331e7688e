//! The people, rooms and messages the pictures show: long words, right-to-left names, every state.

use std::rc::Rc;

use conversa::gui::{
    AddressRow, AddressState, AppWindow, CompareView, Connection, DateForm, Delivery, Hosting, Identity, IdentityView,
    InviteView, JoinView, Joining, KeyCode, KnockRow, LobbyRow, MemberRow, MessageRow, OpenRoom, People, Preferences,
    Reach, RoomEvent, RoomRow, RoomView, Rooms, RowKind, Security, Span, Suite, SuiteRow, Talking, When,
};
use slint::{ComponentHandle, Image, ModelRc, Rgb8Pixel, SharedPixelBuffer, SharedString, VecModel};

fn list<Row: Clone + 'static>(rows: Vec<Row>) -> ModelRc<Row> {
    ModelRc::from(Rc::new(VecModel::from(rows)))
}

pub(crate) fn code(seed: u64) -> KeyCode {
    let mut state = seed;
    let groups: Vec<SharedString> = (0..16)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:04x}", state >> 48).into()
        })
        .collect();
    let text = groups.iter().map(SharedString::as_str).collect::<Vec<_>>().join(" ");
    let tag = format!("{}{}", groups[0], groups[1]);
    KeyCode { text: text.into(), groups: list(groups), tag: tag.into() }
}

/// Fills everything a page could show.
pub(crate) fn fill(app: &AppWindow) {
    let state = app.global::<Hosting>();
    app.global::<Identity>().set_view(IdentityView {
        name: "Ann Castellan".into(),
        initials: "AC".into(),
        hue: 4,
        code: code(1),
        key_bits: 3072,
        has_passphrase: false,
        learning_code: code(2),
        learning_bits: 1024,
    });
    app.global::<Identity>().set_suggested_name("Ann".into());
    app.global::<Rooms>().set_list(list(rooms()));
    app.global::<Rooms>().set_count(7);
    app.global::<OpenRoom>().set_view(RoomView {
        id: "friday".into(),
        name: "Friday crew".into(),
        initials: "FC".into(),
        hue: 0,
        code: code(3),
        host_key: code(1),
        address: "192.168.1.7:9000".into(),
        members: 7,
        here: 3,
        security: Security::Encrypted,
        connection: Connection::Connected,
        owner: true,
        hosting: true,
        can_send: true,
        ..RoomView::default()
    });
    app.global::<Talking>().set_rows(list(messages()));
    app.global::<People>().set_members(list(members()));
    app.global::<People>().set_knocks(list(vec![KnockRow { id: "dee".into(), code: code(9) }]));
    state.set_addresses(list(vec![
        AddressRow { reach: Reach::Network, address: "192.168.1.7:9000".into(), state: AddressState::Answers },
        AddressRow { reach: Reach::Internet, address: "[2001:db8::7:1c2a]:9000".into(), state: AddressState::Silent },
        AddressRow { reach: Reach::Vpn, address: "100.101.4.7:9000".into(), state: AddressState::Testing },
    ]));
    state.set_invite(InviteView {
        link: "conversa:1:MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPIYDCMRTGQ2TMNZYHFQWEY3EMVTGO2DJNJVWY3LON5YHC4TTOR2XM53YPF5DAMJSGM2DKNRXHA4Q".into(),
        qr: checkers(),
        modules: 41,
        expires: When { clock: "12:48".into(), ..date(DateForm::LongClock) },
    });
    app.global::<Joining>().set_view(JoinView {
        room_id: code(11),
        host_key: code(12),
        address: "192.168.1.7:9000".into(),
        learning: false,
        first_use: true,
        ..JoinView::default()
    });
    app.global::<Joining>().set_lobby(list(vec![
        LobbyRow { id: "1".into(), code: code(21), owner: code(22), members: 12, round_trip: 3 },
        LobbyRow { id: "2".into(), code: code(23), owner: code(24), members: 1, round_trip: 3 },
    ]));
    state.set_name("Ann's room".into());
    state.set_port("9000".into());
    app.global::<Joining>().set_recent_addresses(list(vec!["192.168.1.7:9000".into(), "[fe80::1c2a]:9100".into()]));
    app.global::<Preferences>().set_suites(list(vec![
        suite(Suite::Classical, 3072, [2.3, 0.04, 0.05, 2.3]),
        suite(Suite::Textbook, 1024, [1.1, 0.06, 0.06, 1.1]),
    ]));
    app.global::<Preferences>().set_profile_place("/home/ann/.local/share/conversa".into());
}

/// The same window on textbook RSA.
pub(crate) fn learning_room(app: &AppWindow) {
    let state = app.global::<OpenRoom>();
    let mut room = state.get_view();
    room.id = "workshop".into();
    room.name = "Workshop".into();
    room.initials = "W".into();
    room.hue = 2;
    room.learning = true;
    room.security = Security::Learning;
    room.owner = false;
    room.hosting = false;
    state.set_view(room);
    app.global::<People>().set_knocks(ModelRc::default());
}

/// Nothing yet: no room, nobody.
pub(crate) fn empty(app: &AppWindow) {
    let state = app.global::<Rooms>();
    state.set_list(ModelRc::default());
    state.set_count(0);
    app.global::<OpenRoom>().set_view(RoomView::default());
    app.global::<Talking>().set_rows(ModelRc::default());
    app.global::<People>().set_knocks(ModelRc::default());
}

fn suite(suite: Suite, bits: i32, milliseconds: [f32; 4]) -> SuiteRow {
    let [sign, verify, encrypt, decrypt] = milliseconds.map(|value| Span { value, unit: "ms".into() });
    SuiteRow { suite, bits, sign, verify, encrypt, decrypt }
}

fn checkers() -> Image {
    let mut buffer = SharedPixelBuffer::<Rgb8Pixel>::new(41, 41);
    let mut state = 7_u32;
    for pixel in buffer.make_mut_slice() {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let shade = if state >> 31 == 0 { 0 } else { 255 };
        *pixel = Rgb8Pixel::new(shade, shade, shade);
    }
    Image::from_rgb8(buffer)
}

/// Monday, 3 May 2027.
pub(crate) fn date(form: DateForm) -> When {
    When { form, weekday: 1, day: 3, month: 5, year: 2027, ..When::default() }
}

fn rooms() -> Vec<RoomRow> {
    let clock = |time: &str| When { clock: time.into(), ..date(DateForm::Clock) };
    let room = |id: &str, name: &str, initials: &str, hue, from: &str, preview: &str, active: When| RoomRow {
        id: id.into(),
        name: name.into(),
        initials: initials.into(),
        hue,
        preview: preview.into(),
        preview_from: from.into(),
        active,
        connection: Connection::Connected,
        ..RoomRow::default()
    };
    vec![
        RoomRow {
            hosting: true,
            preview_own: true,
            ..room("friday", "Friday crew", "FC", 0, "", "ok", clock("12:48"))
        },
        RoomRow {
            unread: 3,
            learning: true,
            ..room("workshop", "Workshop", "W", 2, "Cy", "the key has only 64 bits, look", clock("12:31"))
        },
        RoomRow {
            unread: 1240, ..room("club", "عائلة خليل", "عخ", 1, "أمينة", "مرحبا! كيف حالكم؟", clock("11:20"))
        },
        RoomRow {
            connection: Connection::Offline,
            ..room(
                "long",
                "Donaudampfschifffahrtsgesellschaftskapitänsversammlung",
                "DK",
                3,
                "Bo",
                "a preview that is far too long to be shown in one line",
                clock("9:40"),
            )
        },
        room("office", "Office, third floor", "O3", 5, "Tomás", "sent the contract", date(DateForm::Weekday)),
        RoomRow {
            connection: Connection::Closed,
            ..room("old", "Garden party", "GP", 6, "", "", date(DateForm::Short))
        },
    ]
}

fn members() -> Vec<MemberRow> {
    let member = |name: &str, initials: &str, hue, tag: &str, here| MemberRow {
        id: tag.into(),
        name: name.into(),
        initials: initials.into(),
        hue,
        tag: tag.into(),
        here,
        removable: true,
        comparable: true,
        ..MemberRow::default()
    };
    vec![
        MemberRow {
            you: true,
            owner: true,
            host: true,
            removable: false,
            comparable: false,
            ..member("Ann", "A", 4, "3fa910c2", true)
        },
        MemberRow { verified: true, ..member("Bo", "B", 1, "81d0bb47", true) },
        member("יעל לוי", "יל", 3, "0c44ff19", true),
        member("Bartholomew Featherstonehaugh-Cholmondeley", "BF", 5, "77aa01de", false),
        MemberRow { doubtful: true, ..member("Cy", "C", 2, "e2109b3a", false) },
    ]
}

fn messages() -> Vec<MessageRow> {
    let event = |event, sender: &str| MessageRow {
        kind: RowKind::Event,
        event,
        sender: sender.into(),
        ..MessageRow::default()
    };
    let from = |sender: &str, initials: &str, hue, time: &str, text: &str| MessageRow {
        kind: RowKind::Message,
        sender: sender.into(),
        initials: initials.into(),
        hue,
        time: time.into(),
        text: text.into(),
        first: true,
        last: true,
        ..MessageRow::default()
    };
    let own = |time: &str, text: &str, delivery, delivered| MessageRow {
        own: true,
        delivery,
        delivered,
        recipients: 5,
        ..from("Ann", "A", 4, time, text)
    };
    let link = "https://example.org/palette/second-round?theme=dark&contrast=4.5";
    vec![
        MessageRow { day_above: date(DateForm::Long), ..event(RoomEvent::Opened, "") },
        event(RoomEvent::Joined, "Bo"),
        MessageRow {
            last: false,
            day_above: date(DateForm::Today),
            ..from(
                "Bo",
                "B",
                1,
                "12:38",
                "Morning! Could everybody have a look at the dark palette before noon? I would like to order the paint today.",
            )
        },
        MessageRow {
            first: false,
            links: list(vec![link.into()]),
            ..from("Bo", "B", 1, "12:39", &format!("Second round: {link}"))
        },
        own("12:44", "Looks great 🎉 The bubbles finally have enough contrast 👍", Delivery::Delivered, 5),
        from("يوسف", "ي", 2, "12:45", "مرحبا بالجميع، هذا النص من اليمين إلى اليسار مع English في الوسط."),
        MessageRow {
            new_above: true, ..from("יעל לוי", "יל", 3, "12:46", "שלום! זה נראה מצוין")
        },
        MessageRow {
            last: false,
            ..own(
                "12:47",
                "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetzverabschiedungsfeier",
                Delivery::Delivered,
                3,
            )
        },
        MessageRow { first: false, last: false, ..own("12:47", "Who brings the ladder?", Delivery::OnHost, 0) },
        MessageRow { first: false, ..own("12:48", "ok", Delivery::Queued, 0) },
    ]
}

/// A quiet evening, for the pictures of the README: one room, three people, and nothing that is not Latin, for those
/// letters are the program's own on every computer.
pub(crate) fn friday(app: &AppWindow) {
    let state = app.global::<OpenRoom>();
    let mut room = state.get_view();
    (room.members, room.here) = (3, 3);
    let groups: Vec<SharedString> = (1..=6).map(|group| format!("{:05}", 17_389 * group % 99_991).into()).collect();
    let text = groups.iter().map(SharedString::as_str).collect::<Vec<_>>().join(" ");
    room.code = KeyCode { text: text.into(), groups: list(groups), ..KeyCode::default() };
    state.set_view(room);
    let listed = |row: &RoomRow, preview: &str| RoomRow { preview: preview.into(), unread: 0, ..row.clone() };
    let all = rooms();
    app.global::<Rooms>().set_list(list(vec![listed(&all[0], "Exactly."), listed(&all[4], &all[4].preview)]));
    app.global::<Rooms>().set_count(2);
    let known = members();
    let identity = app.global::<Identity>().get_view();
    app.global::<Identity>().set_view(IdentityView { name: "Ann".into(), initials: "A".into(), ..identity.clone() });
    let ann = MemberRow { tag: identity.code.tag, ..known[0].clone() };
    let carol = MemberRow { name: "Carol".into(), here: true, doubtful: false, ..known[4].clone() };
    app.global::<People>().set_members(list(vec![ann, known[1].clone(), carol]));
    app.global::<People>().set_knocks(ModelRc::default());
    let said = |sender: &str, hue, time: &str, text: &str| MessageRow {
        kind: RowKind::Message,
        sender: sender.into(),
        initials: sender.chars().take(1).collect::<String>().into(),
        hue,
        time: time.into(),
        text: text.into(),
        first: true,
        last: true,
        ..MessageRow::default()
    };
    let own = |time: &str, text: &str| MessageRow {
        own: true,
        delivery: Delivery::Delivered,
        delivered: 2,
        recipients: 2,
        ..said("Ann", 4, time, text)
    };
    app.global::<Talking>().set_rows(list(vec![
        MessageRow {
            day_above: date(DateForm::Today),
            ..said("Bo", 1, "12:38", "Hello Ann! Are we still on for tonight?")
        },
        own("12:39", "Yes, at eight. I booked the small table by the window."),
        MessageRow {
            last: false,
            ..said("Carol", 2, "12:41", "I will be ten minutes late, the train is slow on Fridays.")
        },
        MessageRow { first: false, ..said("Carol", 2, "12:41", "Start without me!") },
        own("12:44", "We will not. Bo, can you bring the ladder back?"),
        MessageRow {
            last: false,
            ..said("Bo", 1, "12:46", "Sure. It is in the van already, together with the paint.")
        },
        MessageRow {
            first: false,
            ..said("Bo", 1, "12:47", "And this time nobody has to read our messages but us three :)")
        },
        own("12:48", "Exactly."),
    ]));
}

/// Messages whose times have something to be said.
pub(crate) fn late(app: &AppWindow) {
    let state = app.global::<Talking>();
    let mut rows = messages();
    let late = |text: &str| MessageRow { text: text.into(), first: true, last: true, ..rows[4].clone() };
    let came = When { clock: "12:38".into(), ..date(DateForm::Clock) };
    let added = [
        MessageRow { time: "11:02".into(), came: came.clone(), ..late("Written under way") },
        MessageRow { shown: When { clock: "23:50".into(), ..date(DateForm::LongClock) }, came, ..late("Good night!") },
        MessageRow { claimed: When { year: 1970, ..date(DateForm::LongYear) }, ..late("My clock is empty") },
    ];
    rows.extend(added);
    state.set_rows(list(rows));
}

/// A long name to compare keys with.
pub(crate) fn compare() -> CompareView {
    let groups: Vec<SharedString> =
        (0..12).map(|group| format!("{:05}", 10_301 * (group + 1) % 99_991).into()).collect();
    let text = groups.iter().map(SharedString::as_str).collect::<Vec<_>>().join(" ");
    CompareView {
        id: "b".into(),
        name: "Bartholomew Featherstonehaugh-Cholmondeley".into(),
        number: KeyCode { text: text.into(), groups: list(groups), ..KeyCode::default() },
        code: "conversa-check:1:aedq".into(),
        qr: checkers(),
        modules: 41,
        ..CompareView::default()
    }
}
