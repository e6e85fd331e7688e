//! What the terminal says at the end about our messages that are not known to be on the host.
//!
//! The conversation counts how far each has got, in [`Outgoing`]; this only puts it into words.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::app::conversation::Outgoing;
use crate::app::{Code, Problem, Sentence, say};
use crate::protocol::MessageId;

/// What a script is told when some are left.
pub(super) fn fields(outgoing: &Outgoing) -> Value {
    let ids = |ids: &HashSet<MessageId>| {
        let mut ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        ids.sort_unstable();
        ids
    };
    json!({
        "on_host": outgoing.on_host(), "delivered": outgoing.delivered(),
        "not_known": ids(outgoing.under_way()), "not_sent": ids(outgoing.waiting()),
    })
}

/// What a person is told when some are left: how many arrived, too.
pub(super) fn tally(outgoing: &Outgoing) -> String {
    format!("On the host: {}. Delivered to somebody: {}.", outgoing.on_host(), outgoing.delivered())
}

/// What is wrong where some are left. `entered` is whether the room was there to send them to, and `apart` why
/// it is not now.
pub(super) fn problem(outgoing: &Outgoing, entered: bool, apart: Option<Sentence>) -> Option<Problem> {
    let what = what_is_left(outgoing.waiting().len(), outgoing.under_way().len())?;
    let hint = match apart {
        Some(apart) => apart,
        None if outgoing.waiting().is_empty() => {
            say!("It may have arrived. When the room is entered again it is sent again, and nobody gets it twice.")
        }
        None if entered => {
            say!(
                "Nobody else was in the room to read it, or there was no time. It goes out when the room is entered again."
            )
        }
        None => say!("The room could not be entered in time."),
    };
    Some(Problem::new(Code::Unsent, what, hint))
}

fn what_is_left(waiting: usize, under_way: usize) -> Option<Sentence> {
    Some(match (waiting, under_way) {
        (0, 0) => return None,
        (1, 0) => say!("One message was not sent."),
        (count, 0) => say!("{} messages were not sent.", count),
        (0, 1) => say!("One message left here, but the host did not confirm it."),
        (0, count) => say!("{} messages left here, but the host did not confirm them.", count),
        (waiting, under_way) => {
            say!("Not sent: {}. Sent, but not confirmed by the host: {}.", waiting, under_way)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_told_apart_by_whether_it_left() {
        let told = |waiting, under_way| what_is_left(waiting, under_way).map(|what| what.to_string());
        assert_eq!(told(0, 0), None);
        assert_eq!(told(1, 0).unwrap(), "One message was not sent.");
        assert_eq!(told(0, 2).unwrap(), "2 messages left here, but the host did not confirm them.");
        assert_eq!(told(1, 2).unwrap(), "Not sent: 1. Sent, but not confirmed by the host: 2.");
        assert_eq!(problem(&Outgoing::default(), true, None), None);
        let none_left = json!({ "on_host": 0, "delivered": 0, "not_known": [], "not_sent": [] });
        assert_eq!(fields(&Outgoing::default()), none_left);
    }
}
