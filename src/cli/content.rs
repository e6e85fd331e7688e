//! How the terminal shows what people say, kind by kind: as a line, and as fields of an event.
//!
//! A new kind of content needs an arm in each of the two functions, and nothing else here.

use serde_json::{Value, json};

use super::lines;
use crate::protocol::Content;

/// The line for somebody called `name` who says `content`.
pub(super) fn line(name: &str, content: &Content) -> String {
    match content {
        Content::Text(text) => lines::said(name, text.as_str()),
        #[cfg(test)]
        Content::Wave(wave) => lines::happened(name, &format!("waves with {} hands.", wave.hands)),
    }
}

/// The fields of an event that say `content`, beside those that every message has.
pub(super) fn fields(content: &Content) -> Value {
    match content {
        Content::Text(text) => json!({ "text": text.as_str() }),
        #[cfg(test)]
        Content::Wave(wave) => json!({ "hands": wave.hands }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Wave;

    #[test]
    fn each_kind_has_its_line_and_its_fields() {
        let (text, wave) = (Content::text("hello"), Content::Wave(Wave { hands: 2 }));
        assert_eq!((line("Bo", &text), fields(&text)), ("<Bo> hello".into(), json!({ "text": "hello" })));
        assert_eq!((line("Bo", &wave), fields(&wave)), ("* <Bo> waves with 2 hands.".into(), json!({ "hands": 2 })));
    }
}
