//! The arguments of `conversa history`.

use chrono::NaiveDate;
use clap::Args;

const HISTORY_HELP: &str = "\
Examples:
  conversa history Friday
  conversa history Friday --since 2026-11-30 --search 'green build'
  conversa history 3f1c9a --limit 20 --json

Prints the saved messages of a room, the oldest first, each as `2026-11-30 14:05 <Bo> hello`: when it came, by this
computer's clock, and its later lines set in by four spaces. `(not sent)` or `(may have arrived)` stands before the
name where one of your own did not get to the host, as far as is known. A name that looks like another's has the tag
of the key beside it.

The room is named by its id, the beginning of its id or its title. It may be over; a room that you left yourself has no
saved messages any more. It needs no network, and the profile must not be in use.

--search finds messages with all of these words, in whatever case; the last may be the beginning of a word.

With --json: {\"event\":\"saved\",\"room\":ID,\"id\":ID,\"from\":FP,\"name\":…,\"text\":…,\"time\":…,\"came\":…,
\"progress\":…}; what needs a newer Conversa is {\"event\":\"newer\",\"member\":FP,\"name\":…}.";

/// `conversa history`.
#[derive(Args, Debug)]
#[command(after_help = HISTORY_HELP)]
pub struct History {
    /// The room, by title, id or the beginning of its id.
    pub room: String,
    /// Only what came on this day or later, as in 2026-11-30.
    #[arg(long, value_name = "DATE", value_parser = day)]
    pub since: Option<NaiveDate>,
    /// Only messages with all of these words.
    #[arg(long, value_name = "WORDS")]
    pub search: Option<String>,
    /// Only the newest so many.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    pub limit: Option<u64>,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub json: bool,
}

/// A day, as in `2026-11-30`.
fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| "it is no day such as 2026-11-30".to_owned())
}
