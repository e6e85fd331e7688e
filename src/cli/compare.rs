//! Comparing keys in the terminal: `/verify Bo` shows the safety number with Bo, `/verify Bo 12345…`
//! compares it with what Bo sees, and marks Bo's key if it is the same. `/code` shows the room code, which
//! all members have in common.

use serde_json::json;

use super::console::{Console, printable};
use super::input::Wish;
use crate::app::chat::Room;
use crate::app::{Code, Problem, Settings, say};
use crate::crypto::Fingerprint;
use crate::protocol::{Comparison, SafetyNumber};

/// Understands a line as a wish to compare; `None` if it is something else.
pub(super) fn wish(line: &str, room: &Room) -> Option<Result<Wish, Problem>> {
    if line.trim_end() == "/code" {
        return Some(Ok(Wish::Code));
    }
    let (word, rest) = line.split_once(' ')?;
    if !matches!(word, "/verify" | "/unverify") {
        return None;
    }
    Some(match find(rest.trim(), room) {
        Some((member, "")) if word == "/unverify" => Ok(Wish::Unverify(member)),
        Some((member, pasted)) if word == "/verify" => Ok(Wish::Verify { member, pasted: pasted.to_owned() }),
        _ => Err(nobody()),
    })
}

/// The one member whose name or tag the text begins with, and the rest of the text.
fn find<'a>(text: &'a str, room: &Room) -> Option<(Fingerprint, &'a str)> {
    let others = room.members().iter().filter(|member| !member.is_me);
    let calls = others.flat_map(|member| {
        let key = member.fingerprint;
        [member.name.clone(), Some(room.name_of(&key)), Some(key.tag()), Some(key.to_string())]
            .into_iter()
            .flatten()
            .map(move |call| (key, call))
    });
    let fits = |call: &str| {
        let rest = text.get(call.len()..)?;
        let is_same = text.get(..call.len())?.to_lowercase() == call.to_lowercase();
        (is_same && (rest.is_empty() || rest.starts_with(' '))).then(|| rest.trim())
    };
    let mut found: Vec<(Fingerprint, usize, &str)> =
        calls.filter_map(|(key, call)| fits(&call).map(|rest| (key, call.len(), rest))).collect();
    // “Bo Li” is meant rather than “Bo”; two of one name have to be told apart by their tags.
    let longest = found.iter().map(|(_, length, _)| *length).max()?;
    found.retain(|(_, length, _)| *length == longest);
    found.dedup_by_key(|(key, ..)| *key);
    match found.as_slice() {
        [(key, _, rest)] => Some((*key, rest)),
        _ => None,
    }
}

/// Shows the number, or what came of comparing; whether the key is to be marked.
pub(super) fn report(
    console: &mut Console,
    number: &SafetyNumber,
    pasted: &str,
    room: &Room,
    settings: &Settings,
) -> bool {
    let (member, name) = (number.other(), room.name_of(&number.other()));
    let groups: Vec<&str> = number.groups().collect();
    if pasted.is_empty() {
        let verified = settings.is_verified(&member);
        console.event(
            "safety_number",
            &json!({
                "member": member.to_string(), "name": name, "number": groups.join(" "), "code": number.code(),
                "verified": verified,
            }),
        );
        console.notice(&printable(&format!("The safety number with {name}:")));
        groups.chunks(4).for_each(|row| console.notice(&format!("  {}", row.join(" "))));
        console.notice(&format!("  or as a code: {}", number.code()));
        let state = if verified { "It was compared before." } else { "It was not compared yet." };
        console.notice(state);
        return false;
    }
    let (result, said) = match number.compare(pasted) {
        Comparison::Same => ("same", "The same: nobody stands between you. The key is marked."),
        Comparison::Different => {
            ("different", "NOT the same: somebody may stand between you. Do not trust what is said here.")
        }
        Comparison::Own => ("own", "That is your own code; compare with the one that they see."),
        Comparison::Unclear => ("unclear", "That is neither a number of 60 digits nor a code."),
    };
    console.event("compared", &json!({ "member": member.to_string(), "name": name, "result": result }));
    console.notice(said);
    result == "same"
}

/// Shows what all members read to each other.
pub(super) fn tell_code(console: &mut Console, room: &Room) {
    let Some(code) = room.code() else { return console.notice("The room was not entered yet.") };
    console.event("code", &json!({ "code": code.to_string() }));
    console.notice(&format!("The room code, the same for all who see the same members: {code}"));
}

/// Says that somebody has another key than the one of that name that was compared.
pub(super) fn warn_of_change(console: &mut Console, member: &Fingerprint, room: &Room) {
    let name = room.name_of(member);
    console.event("changed_key", &json!({ "member": member.to_string(), "name": name }));
    let said = format!("{name} has another key than the one you compared. Compare it with /verify {}.", member.tag());
    console.notice(&printable(&said));
}

fn nobody() -> Problem {
    let what = say!("Nobody of this name is in the room, or more than one.");
    Problem::new(Code::Usage, what, say!("Use the tag: the first 8 digits of their key. The line was not sent."))
}
