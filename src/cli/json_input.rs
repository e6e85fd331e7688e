//! Lines of `--json` input: a command as a JSON object, or plain words.
//!
//! A line that begins like JSON is a command or a mistake, never a message: otherwise a bot that mistypes a command
//! would send it to the room. Lines that people type are in [`plain_input`](super::plain_input).

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::request::Request;
use crate::app::{Code, Problem, say};
use crate::crypto::Fingerprint;
use crate::protocol::is_unseen;

/// What objects, lists, texts and their ends begin with: an object that is written over several lines is all mistakes.
const BEGINNINGS: [char; 5] = ['{', '}', '[', ']', '"'];

/// The fields of an object in their order, each name once.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// What a line asks for.
///
/// # Errors
/// A [`Problem`] for what begins as JSON does and is no command.
pub(super) fn understand(line: &str) -> Result<Request, Problem> {
    let seen = line.trim_start_matches(|c: char| c.is_whitespace() || is_unseen(c));
    if !seen.starts_with(BEGINNINGS) {
        return Ok(Request::Send(line.to_owned()));
    }
    // White space and a byte order mark do no harm.
    let object = line.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let Ok(Fields(fields)) = serde_json::from_str(object) else { return Err(not_a_command()) };
    command(&fields).ok_or_else(not_a_command)
}

/// The command made of exactly these fields: anything not understood is an error.
fn command(fields: &[(String, Value)]) -> Option<Request> {
    let fields: Vec<(&str, &Value)> = fields.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let member = |value: &Value| value.as_str().and_then(|text| text.parse::<Fingerprint>().ok());
    Some(match fields.as_slice() {
        [("send", Value::String(text))] => Request::Send(text.clone()),
        [("leave", Value::Bool(true))] => Request::Leave,
        [("invite", Value::Bool(true))] => Request::Invite,
        [("refresh_keys", Value::Bool(true))] => Request::RefreshKeys,
        [("room_code", Value::Bool(true))] => Request::RoomCode,
        [("remove", value)] => Request::Remove(member(value)?),
        [("admit", value)] => Request::Admit(member(value)?),
        [("decline", value)] => Request::Decline(member(value)?),
        [("unverify", value)] => Request::Unverify(member(value)?),
        [("verify", value)] => Request::Verify { member: member(value)?, pasted: String::new() },
        [("verify", value), ("with", Value::String(pasted))] | [("with", Value::String(pasted)), ("verify", value)] => {
            Request::Verify { member: member(value)?, pasted: pasted.clone() }
        }
        _ => return None,
    })
}

fn not_a_command() -> Problem {
    let hint = say!(
        "Use {\"send\":\"text\"}, {\"leave\":true}, {\"invite\":true}, {\"remove\":FP}, {\"admit\":FP}, {\"decline\":FP}, {\"verify\":FP}, {\"verify\":FP,\"with\":\"number\"}, {\"unverify\":FP}, {\"refresh_keys\":true} or {\"room_code\":true}."
    );
    Problem::new(Code::Usage, say!("This line of input is not understood."), hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_understood_and_words_are_words() {
        let bo = Fingerprint::of(b"bo");
        let said = |text: &str| Request::Send(text.to_owned());
        let verify = |pasted: &str| Request::Verify { member: bo, pasted: pasted.to_owned() };
        for (line, request) in [
            ("hello".to_owned(), said("hello")),
            ("  hello {\"leave\":true}".to_owned(), said("  hello {\"leave\":true}")),
            ("true".to_owned(), said("true")),
            ("12".to_owned(), said("12")),
            ("(a) 'b' „c“ “d”".to_owned(), said("(a) 'b' „c“ “d”")),
            ("- [ ] milk".to_owned(), said("- [ ] milk")),
            (r#"{"send":"a\nb"}"#.to_owned(), said("a\nb")),
            (r#"{"send":"{\"leave\":true}"}"#.to_owned(), said(r#"{"leave":true}"#)),
            (r#"{"leave":true}"#.to_owned(), Request::Leave),
            ("\u{feff} \t{ \"leave\" : true } \r".to_owned(), Request::Leave),
            (r#"{"invite":true}"#.to_owned(), Request::Invite),
            (r#"{"refresh_keys":true}"#.to_owned(), Request::RefreshKeys),
            (r#"{"room_code":true}"#.to_owned(), Request::RoomCode),
            (format!(r#"{{"remove":"{bo}"}}"#), Request::Remove(bo)),
            (format!(r#"{{"admit":"{bo}"}}"#), Request::Admit(bo)),
            (format!(r#"{{"decline":"{bo}"}}"#), Request::Decline(bo)),
            (format!(r#"{{"unverify":"{bo}"}}"#), Request::Unverify(bo)),
            (format!(r#"{{"verify":"{bo}"}}"#), verify("")),
            (format!(r#"{{"verify":"{bo}","with":"1 2"}}"#), verify("1 2")),
            (format!(r#"{{"with":"1 2","verify":"{bo}"}}"#), verify("1 2")),
        ] {
            assert_eq!(understand(&line), Ok(request), "{line}");
        }
    }

    #[test]
    fn what_begins_as_json_and_is_no_command_is_a_mistake() {
        let bo = Fingerprint::of(b"bo");
        for line in [
            "{",
            "}",
            "{}",
            "{not json",
            r#"{"send":"a""#,
            r#"{"send":"a"}}"#,
            r#"{"send":"a"} and more"#,
            r#"{"send":"a"}{"send":"b"}"#,
            r#"{"send":"a","send":"b"}"#,
            r#"{"send":"a","to":1}"#,
            r#"{"send":1}"#,
            r#"{"send":null}"#,
            r#"{"send":["a"]}"#,
            r#"{"send":"\ud83d"}"#,
            r#"{"Send":"a"}"#,
            r#"{"leave":false}"#,
            r#"{"leave":"true"}"#,
            r#"{"leave":True}"#,
            r#"{"jump":true}"#,
            r#"{'send':'a'}"#,
            r#"{"remove":"x"}"#,
            r#"{"verify":"x","with":"1"}"#,
            r#"[{"send":"a"}]"#,
            "[1,2]",
            "]",
            "[sic]",
            r#""send": "a""#,
            r#""a""#,
            "\"a",
            "  {\"send\":\"a\"",
            "\u{feff}{\"send\":\"a\"",
            "\u{a0}{oops",
            "\u{200b}{\"leave\":true}",
            "\u{0}{\"leave\":true}",
            &"[".repeat(10_000),
            &format!(r#"{{"verify":"{bo}","with":1}}"#),
            &format!(r#"{{"verify":"{bo}","verify":"{bo}"}}"#),
        ] {
            assert_eq!(understand(line).map_err(|problem| problem.code), Err(Code::Usage), "{line:.60}");
        }
    }
}
