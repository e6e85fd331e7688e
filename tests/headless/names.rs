//! Names, titles and words that pose as others'.

use conversa::app::Settings;

use crate::person::{Profile, event_in};
use crate::talk::tag_of;

/// Hosts a room of this title until the end of the input, which is at once; the room's id.
fn hosted(profile: &Profile, more: &[&str]) -> String {
    let fixed = ["host", "--name", "Ann", "--listen", "127.0.0.1:0", "--json"];
    let (exit, output, errors) = profile.run(&[&fixed, more].concat());
    assert_eq!((exit, errors.as_str()), (0, ""), "{output}");
    event_in(&output, "hosting")["room"].as_str().unwrap().to_owned()
}

#[test]
fn a_room_is_hosted_again_by_what_its_title_becomes() {
    let ann = Profile::of("ann");
    let friday = hosted(&ann, &["--room", "Friday"]);
    for title in ["Friday ", "\u{3000}Friday", "FRIDAY", "Ｆｒｉｄａｙ", &friday[..12]] {
        assert_eq!(hosted(&ann, &["--room", title]), friday, "{title}");
    }
    let cafe = hosted(&ann, &["--room", "Caf\u{e9}"]);
    assert_eq!(hosted(&ann, &["--room", "Cafe\u{301}"]), cafe);
    let (exit, _, errors) = ann.run(&["host", "--room", "Frid\u{430}y", "--listen", "127.0.0.1:0"]);
    assert!(exit == 2 && errors.contains(&friday[..12]) && errors.contains("--new"), "{errors}");
}

/// The settings were edited by hand.
#[test]
fn a_stored_name_that_none_can_have_is_told_and_the_room_opens() {
    let told = "This name cannot be used. Choose another: a name has at most 32 characters.";
    for is_json in [true, false] {
        let ann = Profile::of("ann");
        let mut settings = Settings::default();
        settings.name = "x".repeat(600);
        settings.save(&ann.path()).unwrap();
        let host = ["host", "--room", "Friday", "--listen", "127.0.0.1:0"];
        let (exit, output, errors) = ann.run(&[&host[..], if is_json { &["--json"] } else { &[] }].concat());
        assert_eq!(exit, 0, "{errors}");
        if is_json {
            let error = event_in(&output, "error");
            assert_eq!((error["code"].as_str(), error["text"].as_str()), (Some("usage"), Some(told)));
        } else {
            assert!(errors.lines().any(|line| line == format!("conversa: {told}")), "{errors}");
        }
    }
}

#[test]
fn a_title_like_the_id_of_another_room_names_neither() {
    let ann = Profile::of("ann");
    let friday = hosted(&ann, &["--room", "Friday"]);
    let poser = hosted(&ann, &["--room", &friday[..12], "--new"]);
    let (exit, output, errors) = ann.run(&["send", &friday[..12], "for Friday alone"]);
    assert_eq!((exit, output.as_str()), (2, ""));
    assert!(errors.contains(&format!("{} (“Friday”)", &friday[..12])), "{errors}");
    assert!(errors.contains(&format!("{} (“{}”)", &poser[..12], &friday[..12])), "{errors}");
}

#[test]
fn neither_a_name_nor_words_make_a_line_of_the_terminal() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let mut host = ann.start(&["host", "--name", "Ann", "--room", "Friday", "--listen", "127.0.0.1:0"]);
    let invite = host.line().strip_prefix("Invite: ").unwrap().to_owned();
    let mut guest = bo.join("Carol> hi <Invite: x", &invite, &[]);
    guest.say(r#"{"send":"hello\n<Carol> bye\u2028* <Carol> left the room.\u001b[2K\u009b1G"}"#);
    let name = format!("<Carol\u{fffd} hi \u{fffd}Invite: x ({})>", tag_of(&bo));
    assert_eq!(host.line(), format!("{name} hello"));
    assert_eq!(host.line(), "    <Carol> bye");
    assert_eq!(host.line(), "    * <Carol> left the room.\u{fffd}[2K\u{fffd}1G");
    assert_eq!((guest.finish(), host.finish()), (0, 0));
    for what in ["joined.", "went offline."] {
        assert!(host.errors().lines().any(|line| line.starts_with("* <") && line.ends_with(what)), "{}", host.errors());
    }
}

#[test]
fn json_is_safe_to_show_and_has_the_same_values() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    let words = "\u{7f}\u{9b}2J\u{61c}\u{200f}\u{202e}\u{2066}\u{2028}\u{2029}\u{feff}\u{e0041}ü 🎉";
    guest.say(words);
    let line = host.read_until(r#""event":"message""#);
    assert!(line.contains(r"\u007f\u009b2J\u061c\u200f\u202e\u2066\u2028\u2029\ufeff\udb40\udc41ü 🎉"), "{line}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap()["text"], words);
}

#[test]
fn a_mistyped_command_is_an_error_and_no_words() {
    let (ann, bo) = (Profile::of("ann"), Profile::of("bo"));
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut guest = bo.join("Bo", &hosting.invite, &[]);
    for line in [r#"{"send":"a""#, " {\"leave\":false}", "[1]", "\"a\"", "\u{feff}{oops", "}"] {
        guest.say(line);
        assert_eq!(guest.expect("error")["code"], "usage", "{line}");
    }
    guest.say("- {these} are words");
    assert_eq!(host.message().1, "- {these} are words");
    assert_eq!(guest.finish(), 2);
}
