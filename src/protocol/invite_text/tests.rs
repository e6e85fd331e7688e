//! A table of what people copy, and every way of breaking an invite.

use std::cell::Cell;

use zeroize::Zeroizing;

use super::*;
use crate::crypto::{Fingerprint, Suite};
use crate::protocol::RoomId;

/// Numbers that are the same on each run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % end as u64).unwrap()
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    fn array(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.roll() as u8)
    }

    fn invite(&mut self) -> Invite {
        let addresses = ["192.168.1.7:9000", "[fe80::1]:9000", "ann.example.org:443", "10.0.0.1:1"];
        Invite {
            suite: Suite::ALL[self.below(Suite::ALL.len())],
            addresses: (0..=self.below(4)).map(|_| self.pick(&addresses).to_owned()).collect(),
            host: Fingerprint::from_bytes(self.array()),
            room: RoomId(self.array()),
            secret: Zeroizing::new(self.array()),
            expires_ms: 1_700_000_000_000 + self.roll() % 1_000_000_000_000,
        }
    }
}

fn lines(text: &str, width: usize, end: &str) -> String {
    let lines: Vec<&str> = text.as_bytes().chunks(width).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join(end)
}

#[allow(clippy::too_many_lines, reason = "a table")]
/// The same invite in every form that email programs, browsers, chats, terminals and people give it.
#[test]
fn an_invite_is_found_in_whatever_people_copy() {
    for seed in 0..4 {
        let invite = Dice(seed).invite();
        let link = invite.to_string();
        let percent = link.replace(':', "%3A");
        let capital = link.to_uppercase();
        let (front, back) = link.split_at(60);
        let html = |by: &str| format!("{front}{by}{back}");
        let dressed = [
            link.clone(),
            format!("  {link}\r\n"),
            capital.clone(),
            format!("C{}", &link[1..]),
            format!("Join me: {link}."),
            format!("Paste this conversa: link, it begins with conversa:2: or so. {link}"),
            format!("conversa:\n{link}"),
            format!("This is the conversa:2:… that I promised: {link}"),
            // Brackets, quotes, links.
            format!("<{link}>"),
            format!("({link})"),
            format!("[{link}]"),
            format!("“{link}”, she said"),
            format!("'{link}'"),
            format!("`{link}`"),
            format!("**{link}**"),
            format!("[Join Friday]({link})"),
            format!("[{link}]({link} \"Join\")"),
            format!("<a href=\"{link}\">{link}</a>"),
            format!("<a href='{link}&amp;utm_source=mail'>Join</a>"),
            format!("{{\"invite\":\"{link}\"}}"),
            format!("{{\\\"invite\\\":\\\"{link}\\\",\\n\\\"x\\\":1}}"),
            format!("conversa join '{link}' --name Bo"),
            format!("$ conversa join {front}\\\n{back} --name Bo"),
            // Prose after it, also made of base32 letters.
            format!("{link} abc def ghijk 234567"),
            format!("{link}\nabcdefgh see you"),
            format!("{link}, abcdefgh"),
            format!("{link}; conversa is on my page"),
            // Wrapped.
            lines(&link, 72, "\n"),
            lines(&link, 76, "\r\n"),
            lines(&link, 64, " \r\n"),
            lines(&link, 72, "\r\r\n"),
            lines(&link, 60, "\n\n"),
            lines(&link, 40, "\r\n    "),
            lines(&link, 75, "=\r\n"),
            lines(&link, 75, "= \n"),
            lines(&link, 75, "\u{2028}"),
            lines(&link, 20, "-\n"),
            lines(&link, 72, "\n> "),
            lines(&link, 72, "\n>> "),
            lines(&link, 72, "\r\n> > "),
            format!("> Hi Bo,\n> {}\n> Ann", lines(&link, 72, "\n> ")),
            format!("Bo> {}\n", lines(&link, 72, "\nBo> ")),
            format!("│ {} │\n", lines(&link, 60, " │\n│ ")),
            format!("<{}> and so on", lines(&link, 61, "\n")),
            format!("Hi Bo,\n\n{}\n\nSee you, Ann", lines(&link, 72, "\n")),
            format!("Hi Bo, {}. See you, Ann", lines(&link, 72, "\n")),
            lines(&link, 1, "\n"),
            lines(&link, 1, " "),
            html(" "),
            html("\t"),
            html("\u{a0}"),
            // Invisible characters.
            lines(&link, 10, "\u{ad}"),
            lines(&link, 10, "\u{200b}"),
            lines(&link, 8, "\u{2060}\u{feff}"),
            format!("\u{feff}\u{202a}{link}\u{202c}"),
            format!("\u{2068}{link}\u{2069}"),
            format!("\0{link}\0"),
            format!("\u{1b}[1;32m{front}\u{1b}[0m\u{1b}[4m{back}\u{1b}[0m see"),
            // Encoded.
            percent.clone(),
            percent.replace("%3A", "%3a"),
            percent.replace('%', "%25"),
            percent.replace('%', "%2525"),
            format!("https://safe.example.org/?url={percent}&data=05%7C01&reserved=0"),
            format!("https://t.example.org/c?u={percent}%3Futm_source%3Dmail#x"),
            format!("{link}?utm_source=mail&fbclid=abc"),
            format!("{link}&fbclid=abc"),
            format!("{link}#abc"),
            format!("mailto:bo@example.org?body={}", lines(&percent, 70, "%0D%0A")),
            link.replace(':', "&#58;"),
            link.replace(':', "&#x3A;"),
            link.replace(':', "&colon;"),
            link.replace(':', "=3A"),
            link.replace(':', "\\:"),
            link.replace(':', "\\u003a"),
            link.replace(':', "\u{ff1a}"),
            html("<wbr>"),
            html("<br>\r\n"),
            html("&shy;"),
            html("&#8203;"),
            html("</span><span style=\"color:#333\" class=\"abc\">"),
            html("\\n"),
            link.replace("-learning", "\u{2011}learning"),
            link.replace("-learning", "-\nlearning"),
            // The same one twice.
            format!("{link}\n{link}"),
            format!("{link}{capital}"),
            format!("{}\n\n> {}", lines(&link, 72, "\n"), lines(&link, 70, "\n> ")),
            // Beside things that are not invites.
            format!("{} was cut off, this is whole: {link}", &link[..link.len() - 3]),
            format!("conversa:9:abcdefgh is newer. {link}"),
        ];
        for text in dressed {
            assert_eq!(find(&text), Ok(invite.clone()), "{text:?}");
        }
    }
}

/// Wherever it is broken, in whatever way, and whatever surrounds it.
#[test]
fn any_breaking_of_any_invite_reads_back_as_the_same() {
    let breaks = [
        "\n", "\r\n", "\r", "\n> ", "\r\n>> ", "\n | ", " \n", "\n\t", "\n\n", "=\n", "=\r\n", "\\\n", "\u{2028}",
        "\u{ad}", "\u{200b}", "\u{feff}", "\u{2060}", "\0", " ", "\u{a0}", "\u{3000}",
    ];
    let before = ["", "Hi Bo,\n\n", "> ", "conversa: ", "see (", "“", "<", "conversa:2:\n", "2:abc ", "\u{feff}"];
    let after =
        ["", "\n", "\n\nSee you, Ann", ")", "”.", ">", ", abc", "\nabcdefghij klmn", "…", "?utm=abc", "&amp;x=1"];
    let mut dice = Dice(7);
    for round in 0..1_000 {
        let invite = dice.invite();
        let mut text = dice.pick(&before).to_owned();
        // Few of many kinds, or one kind after each so many letters.
        let (kind, share) = (dice.pick(&breaks), [2, 9, 40, 300][dice.below(4)]);
        for letter in invite.to_string().chars() {
            if !text.is_empty() && dice.below(share) == 0 {
                text.push_str(if round % 2 == 0 { kind } else { dice.pick(&breaks) });
            }
            text.push(if round % 3 == 0 { letter.to_ascii_uppercase() } else { letter });
        }
        text.push_str(dice.pick(&after));
        assert_eq!(find(&text), Ok(invite), "round {round}: {text:?}");
    }
}

/// Lost, changed or added letters are never compensated for: at most the last ones, which hold the expiry, may be
/// wrong.
#[test]
fn what_is_damaged_is_no_other_invite() {
    let prose =
        ["", " ", "\n", " hello there", "\nhello there", " abc def ghi jkl", ".", "…", "...", " conversa", "conversa:"];
    let mut dice = Dice(11);
    for round in 0..1_000 {
        let invite = dice.invite();
        let mut link = invite.to_string();
        let scheme = link.rfind(':').unwrap() + 1;
        let place = scheme + dice.below(link.len() - scheme);
        let letter = dice.pick(&["a", "m", "2", "7", "0", "1", "8", "é", "bo"]);
        match round % 4 {
            0 => link.truncate(place),
            1 => link.replace_range(place..=place, ""),
            2 => link.insert_str(place, letter),
            _ => link.replace_range(place..=place, letter),
        }
        let text = format!("{link}{}", dice.pick(&prose));
        match find(&text) {
            Err(InviteError::Damaged) => {}
            // Without a checksum a substituted letter cannot be detected.
            Ok(_) if round % 4 == 3 => {}
            Ok(found) => {
                assert_eq!(Invite { expires_ms: invite.expires_ms, ..found }, invite, "round {round}: {text:?}");
                assert!(place + TAIL_CHARS + 2 >= invite.to_string().len(), "round {round}: {text:?}");
            }
            Err(error) => panic!("round {round}: {error} of {text:?}"),
        }
    }
}

/// What follows directly after the end was copied too: something was added there, or lost before.
#[test]
fn letters_right_behind_the_end_are_damage() {
    let mut dice = Dice(12);
    for round in 0..200 {
        let invite = dice.invite();
        for behind in ["a", "Z", "2", "1", "8", "é", "ж", "中", "abcdefgh", "0 and more", "_", "-", ".", "!", "/", ")"]
        {
            let text = format!("{invite}{behind}");
            let is_letter = behind.starts_with(char::is_alphanumeric);
            let expected = if is_letter { Err(InviteError::Damaged) } else { Ok(invite.clone()) };
            assert_eq!(find(&text), expected, "round {round}: {text:?}");
            assert_eq!(find(&format!("{invite} {behind}")), Ok(invite.clone()), "round {round}: apart");
        }
    }
}

#[test]
fn of_several_the_one_that_holds_longest_is_taken_unless_they_lead_elsewhere() {
    let first = Dice(1).invite();
    let later = Invite { expires_ms: first.expires_ms + 1, secret: Zeroizing::new([8; 32]), ..first.clone() };
    let elsewhere = Dice(2).invite();
    for text in [format!("{first}\n{later}"), format!("For Bo: {later}\nfor Cy: {first}"), format!("{later}{first}")] {
        assert_eq!(find(&text), Ok(later.clone()));
    }
    for text in [format!("{first}\n{elsewhere}"), format!("{elsewhere} {first} {later}")] {
        assert_eq!(find(&text), Err(InviteError::Several));
    }
}

#[test]
fn what_is_no_invite_is_told_from_what_is_a_bad_one() {
    for text in [
        "",
        "hello",
        "conversa",
        "conversa:9000",
        "conversa: 2 people",
        "conversa:12345:abc",
        "https://example.org/conversa",
    ] {
        assert_eq!(find(text), Err(InviteError::NotAnInvite), "{text:?}");
    }
    for text in
        ["conversa:2:", "conversa:1:abc", "CONVERSA-LEARNING:1:", "see <conversa:2:NOTANINVITE>", "conversa%3A2%3Aabc"]
    {
        assert_eq!(find(text), Err(InviteError::Damaged), "{text:?}");
    }
    for text in ["conversa:3:abc", "conversa-learning:2:abc", "conversa%3A9%3Aabc"] {
        assert_eq!(find(text), Err(InviteError::Newer), "{text:?}");
    }
}

thread_local! {
    static LOOKS: Cell<usize> = const { Cell::new(0) };
}

/// A character was examined again.
pub(super) fn looked() {
    LOOKS.set(LOOKS.get() + 1);
}

/// The text is somebody else's, and whoever pastes it does not want to wait: the work grows with its length, not with
/// the square of it.
#[test]
fn no_text_takes_long() {
    // Once for the longest tag, in each way that a text is read.
    let looks_max = TEXT_CHARS_MAX * (CODED_MAX + 1) * 302;
    let parts = [
        "<",
        "&",
        "%",
        "=",
        "\\",
        "\u{1b}[",
        "conversa:",
        "conversa:2:",
        "conversa:2:a",
        "conversa:1",
        "> ",
        "a>",
        "-\n",
        "| ",
    ];
    for part in parts {
        LOOKS.set(0);
        assert!(find(&part.repeat(TEXT_CHARS_MAX)).is_err());
        assert!(LOOKS.get() <= looks_max, "{part:?}: {} looks", LOOKS.get());
    }
    LOOKS.set(0);
    let text = format!("conversa:2:{}", "abcdefgh".repeat(TEXT_CHARS_MAX));
    assert_eq!(find(&text), Err(InviteError::Damaged));
    assert!((1..=looks_max).contains(&LOOKS.get()), "{} looks", LOOKS.get());
}
