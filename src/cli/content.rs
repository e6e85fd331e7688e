//! How the terminal shows what people say, kind by kind: as a line, and as fields of an event.

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

/// Puts what `content` says into the fields of an event.
pub(super) fn add_fields(content: &Content, fields: &mut Value) {
    match content {
        Content::Text(text) => fields["text"] = json!(text.as_str()),
        #[cfg(test)]
        Content::Wave(wave) => fields["hands"] = json!(wave.hands),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Wave;

    #[test]
    fn each_kind_has_its_line_and_its_fields() {
        let fields = |content: &Content| {
            let mut fields = json!({ "id": "1" });
            add_fields(content, &mut fields);
            fields
        };
        let (text, wave) = (Content::text("hello"), Content::Wave(Wave { hands: 2 }));
        assert_eq!((line("Bo", &text), fields(&text)), ("<Bo> hello".into(), json!({ "id": "1", "text": "hello" })));
        assert_eq!(line("Bo", &wave), "* <Bo> waves with 2 hands.");
        assert_eq!(fields(&wave), json!({ "id": "1", "hands": 2 }));
    }
}
