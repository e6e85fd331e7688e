//! The command line: what can be asked for, and the help that explains it.
//!
//! Only what a single word or number may be is checked here. Whether a name, an invite or an address is a good one is
//! up to whoever reads it, for the window asks for the same.

mod history;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(super) use self::history::History;
use crate::crypto::Fingerprint;

const AFTER_HELP: &str = "\
Without a command the window opens.

Three people talk, each in their own terminal:
  conversa --profile ann host --name Ann --room Friday --listen 127.0.0.1:0
  conversa --profile bo join - --name Bo
  conversa --profile cy join - --name Cy
and paste an invite into each of the last two.

Each line of standard input is one message. Logs go to standard error only.
Exit codes: 0 done, 1 unexpected, 2 usage, 3 unreachable, 4 refused, 5 identity or key,
6 the host's or a member's key is not the expected one, 7 store.";

/// A private chat that one computer hosts and others join.
#[derive(Parser)]
#[command(name = "conversa", version, about, after_help = AFTER_HELP)]
pub struct Arguments {
    /// What to do; without one the window opens.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// An invite, which the window shows: what a click on one runs.
    #[arg(value_parser = invite_link)]
    pub link: Option<String>,
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
}

/// An address to listen at, which may name the interface of an address of one network.
fn own_address(text: &str) -> Result<SocketAddr, String> {
    crate::app::own_address(text).map_err(|problem| problem.text())
}

/// Takes only what begins as invites do: a mistyped command is none.
fn invite_link(text: &str) -> Result<String, String> {
    let scheme = text.split(':').next().filter(|scheme| scheme.len() < text.len()).unwrap_or_default();
    let is_link = ["conversa", "conversa-learning"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    if is_link { Ok(text.to_owned()) } else { Err("it is neither a command nor an invite (conversa:2:…)".to_owned()) }
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// The directory where everything is kept, instead of the platform's default.
    #[arg(long, global = true, value_name = "DIR", env = "CONVERSA_PROFILE")]
    pub profile: Option<PathBuf>,
    /// What goes to the log: off, error, warn, info, debug or trace.
    #[arg(long, global = true, value_name = "LEVEL", env = "CONVERSA_LOG", default_value = "warn")]
    pub log: String,
    /// A file whose first line is the passphrase of the identity; - is standard input. Also: the
    /// environment variable CONVERSA_PASSPHRASE. Otherwise a terminal is asked.
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Takes the passphrase from the desktop's keyring, and stores the one you type there.
    #[arg(long, global = true)]
    pub keyring: bool,
}

/// What can be done without the window.
#[derive(Subcommand)]
pub enum Command {
    /// Hosts a room and talks in it.
    Host(Host),
    /// Joins a room and talks in it.
    Join(Join),
    /// Sends one message and disconnects.
    Send(Send),
    /// Makes, shows or exports the identity.
    Identity(Identity),
    /// Lists the rooms of this profile.
    Rooms(Rooms),
    /// Prints what was said in a room.
    History(History),
    /// Relays other people's rooms, without being in them and without being able to read them.
    Relay(Relay),
    /// Prints what a shell needs to complete these commands; packages ship it.
    #[command(hide = true)]
    Completions(Completions),
    /// Prints the manual, for `man` to show; packages ship it.
    #[command(hide = true, after_help = MANUAL_HELP)]
    Manual,
}

/// What to do with people who ask to join without an invite.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Knocks {
    /// Ask for each.
    Ask,
    /// Let everybody in.
    Admit,
    /// Let nobody in; the room takes invites only.
    Refuse,
}

const HOST_HELP: &str = "\
Examples:
  conversa host --name Ann --room Friday
  conversa host --name Ann --room Friday --listen 127.0.0.1:0 --json
  conversa host --name Ann --room Friday --stay < /dev/null
  conversa host --name Ann --room Friday --relay relay.example.org:9000 --relay-token token.txt

The first line of standard output is `Invite: ` and the invite; after that come only messages, as
`<Bo> hello`, their later lines set in by four spaces. No name has < or > in it there. Everything else, later invites too, goes to standard error. Each invite admits one person,
once, and a fresh one follows each that was used.

If this profile owns a room of that title, it is opened again, with its members, in whatever case the title is
typed; --new makes another.

At the end of input what is queued goes out and the room goes offline; with --stay it stays hosted
until the program is stopped (Ctrl+C or SIGTERM).

While somebody knocks, the lines `/admit TAG` and `/decline TAG` answer. `/verify NAME` shows the safety
number with somebody, `/verify NAME NUMBER` compares it with what they see and marks their key if it is
the same, and `/unverify NAME` removes the mark. `/room-code` shows what members can read to each other
to know that the host shows all of them the same members; `/refresh-keys` refreshes the short-lived keys. If
members turn out to have seen different histories, you are asked once before your next line is sent.

With --json, standard input takes plain lines and the commands below. A line that begins with {, }, [, ] or a
double quote is a command or an error, never words, whatever white space or byte order mark comes before;
{\"send\":\"text\"} says any text.
{\"send\":\"text\"}, {\"invite\":true}, {\"remove\":FP}, {\"admit\":FP}, {\"decline\":FP}, {\"verify\":FP},
{\"verify\":FP,\"with\":NUMBER}, {\"unverify\":FP}, {\"refresh_keys\":true}, {\"room_code\":true},
{\"leave\":true} (an owner who leaves closes the room for good).

With --json, standard output has one object a line; FP is a key's fingerprint, ID 32 or 64 digits:
  {\"event\":\"hosting\",\"room\":ID,\"title\":…,\"address\":…,\"invite\":…,\"fingerprint\":FP,\"learning\":…}
  {\"event\":\"invite\",\"room\":ID,\"invite\":…}        a fresh one, for one person
  {\"event\":\"members\",\"room\":ID,\"members\":[{\"member\":FP,\"name\":…,\"owner\":…}]}   who is there at first
  {\"event\":\"ready\",\"room\":ID,\"members\":N,\"reachable\":N,\"code\":…}
  {\"event\":\"message\",\"room\":ID,\"id\":ID,\"from\":FP,\"name\":…,\"text\":…,\"time\":…}
  {\"event\":\"queued\",\"room\":ID,\"id\":ID}  then on_host {id, without:[FP]}  and delivered {id, to:FP}
  joined, left, removed, gone, here, away, cut, named, knock, knock_over, invite_used, unreadable, fork,
    newer: each {\"member\":FP,\"name\":…}; lost has a count too. joined comes at once, with the tag of the key
    as the name, and named when a name is announced; a name that looks like another's has the tag beside it
  clock {member, name, theirs, ours, text}: the clock of a member and this computer's differ
  safety_number {member, name, number, code, verified}, compared {member, result}, changed_key {member}
  room_code {room, code, members}, titled {room, title}, first_use {host, grouped}, lobby {rooms}, waiting
  offline {code, text, retry_in_ms}, closed, stopped {reason}
  {\"event\":\"error\",\"code\":…,\"text\":…}        codes are stable, texts are for people
What a terminal would act on or not show stands as an escape, such as \\u009b.";

/// `conversa host`.
// Large because a field is an option of the command line. (No doc comment: that would be printed by `--help`.)
#[derive(Args, Debug)]
#[command(after_help = HOST_HELP)]
pub struct Host {
    /// The name others see; remembered.
    #[arg(long)]
    pub name: Option<String>,
    /// The room's title.
    #[arg(long, value_name = "TITLE", default_value = "Room")]
    pub room: String,
    /// Where to listen; port 0 lets the system choose. [default: 0.0.0.0:9000, or where the room was
    /// hosted before]
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "relay", value_parser = own_address)]
    pub listen: Option<SocketAddr>,
    /// Makes a learning room on textbook RSA: anyone on the network can read it.
    #[arg(long)]
    pub learning: bool,
    /// Makes a room without ML-KEM, the protection against quantum computers.
    #[arg(long, conflicts_with = "learning")]
    pub classical: bool,
    /// Has the room hosted by a relay at this host:port.
    #[arg(long, value_name = "HOST:PORT")]
    pub relay: Option<String>,
    /// A file with the relay's token.
    #[arg(long, value_name = "FILE", requires = "relay")]
    pub relay_token: Option<PathBuf>,
    /// The relay's key fingerprint, as the relay prints it.
    #[arg(long, value_name = "FP", requires = "relay")]
    pub accept_fingerprint: Option<Fingerprint>,
    /// What to do with people who ask to join without an invite.
    #[arg(long, value_enum, default_value_t = Knocks::Ask)]
    pub knock: Knocks,
    /// The most members, from 2 to 256.
    #[arg(long, value_name = "N", default_value_t = crate::protocol::limits::MEMBERS_DEFAULT_MAX,
          value_parser = clap::value_parser!(u16).range(2..=256))]
    pub members: u16,
    /// Makes a new room even if this profile owns one of that title.
    #[arg(long)]
    pub new: bool,
    /// Keeps hosting after the end of input.
    #[arg(long)]
    pub stay: bool,
    /// Keeps the room's log in memory only: after a restart, what was not delivered is lost.
    #[arg(long, conflicts_with = "relay")]
    pub forgetful: bool,
    /// One JSON object a line on standard output, for scripts and bots.
    #[arg(long)]
    pub json: bool,
}

const JOIN_HELP: &str = "\
Examples:
  conversa join - --name Bo
  conversa join --invite-file mail.txt --name Bo
  conversa join 192.168.1.7:9000 --name Bo
  conversa join 192.168.1.7:9000 --name Bo --accept-fingerprint 3f1c… --json
  conversa join Friday

An invite is a secret, and other users of this computer can read a command line. So - takes it
from standard input, where a terminal asks for it, and --invite-file from a file. It is found in any text: a whole
email will do. Lines after the invite in standard input are messages, unless something came before it.

A room of this profile is named by its id, the beginning of its id or its title. If a title could mean
another room too, nothing is done and both are shown.

At an address the host's key is shown first. A terminal is asked; otherwise --accept-fingerprint has
to name the key. Then the room's owner decides.

At the end of input what is queued goes out, followed by a clean goodbye; you stay a member. With
--json, standard input takes plain lines and {\"send\":\"text\"} and {\"leave\":true} (for good), and standard
output has the events that `conversa host --help` lists.";

/// `conversa join`.
#[derive(Args)]
#[command(after_help = JOIN_HELP)]
pub struct Join {
    /// An invite, a host:port, or a room of this profile; - for an invite in standard input.
    #[arg(value_name = "-|INVITE|HOST:PORT|ROOM", required_unless_present = "invite_file")]
    pub target: Option<String>,
    /// A file with an invite in it.
    #[arg(long, value_name = "FILE", conflicts_with = "target")]
    pub invite_file: Option<PathBuf>,
    /// The name others see; remembered.
    #[arg(long)]
    pub name: Option<String>,
    /// The host's key fingerprint.
    #[arg(long, value_name = "FP")]
    pub accept_fingerprint: Option<Fingerprint>,
    /// Which room to ask for, where an address has several.
    #[arg(long, value_name = "ID")]
    pub room: Option<String>,
    /// Joins a learning room: anyone on the network can read what is said in it.
    #[arg(long)]
    pub learning: bool,
    /// Stays in the room after the end of input.
    #[arg(long)]
    pub stay: bool,
    /// One JSON object a line on standard output, for scripts and bots.
    #[arg(long)]
    pub json: bool,
}

const SEND_HELP: &str = "\
Examples:
  conversa send Friday 'The build is green.'
  conversa send 3f1c9a 'The build is green.'
  make 2>&1 | tail -3 | conversa send Friday -
  conversa send --invite-file invite.txt 'Hello' --name Bot

A message of - is read from standard input, so other users of this computer cannot see it in the process list.
Waits until the host has the message, at most half a minute. Somebody else has to be in the room:
a message is sealed for the members who are present.";

/// `conversa send`.
#[derive(Args)]
#[command(after_help = SEND_HELP)]
pub struct Send {
    /// A room of this profile by title, id or the beginning of its id; or an invite; - for an invite
    /// in standard input. Left out with --invite-file.
    #[arg(value_name = "-|INVITE|ROOM")]
    pub target: String,
    /// The message; - for what is in standard input.
    #[arg(required_unless_present = "invite_file")]
    pub text: Option<String>,
    /// A file with an invite in it.
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub invite_file: Option<PathBuf>,
    /// The name others see; remembered.
    #[arg(long)]
    pub name: Option<String>,
    /// Sends to a learning room.
    #[arg(long)]
    pub learning: bool,
    /// One JSON object a line on standard output, for scripts and bots.
    #[arg(long)]
    pub json: bool,
}

const IDENTITY_HELP: &str = "\
Examples:
  conversa identity
  conversa identity new --bits 4096 --passphrase-file secret.txt
  conversa identity export --output my-public-keys.pem
  conversa identity backup ann-backup.pem
  conversa identity restore ann-backup.pem --profile new-place

A backup is one file with both private keys, under a passphrase of its own: a terminal is asked for it;
otherwise --backup-passphrase-file or the environment variable CONVERSA_BACKUP_PASSPHRASE gives it. It is
read back to check it, and never overwrites another file. `openssl storeutl -keys FILE` reads its
keys too.

A restored identity is protected by the passphrase that --passphrase-file or CONVERSA_PASSPHRASE gives, or else
by the backup's. Replacing another identity takes --replace; the files of that one are set
aside, not deleted.

With --keyring the passphrase comes from the desktop's keyring (the Secret Service), and is stored there once it
was typed correctly; `conversa identity forget` removes it. If there is no keyring, Conversa says so.

With --json: {\"event\":\"backup\",\"fingerprint\":FP,\"file\":…} and
{\"event\":\"restored\",\"fingerprint\":FP,\"before\":FP or null,\"protected\":…}.";

/// `conversa identity`.
#[derive(Args, Debug)]
#[command(after_help = IDENTITY_HELP)]
pub struct Identity {
    /// What to do with it.
    #[command(subcommand)]
    pub command: Option<IdentityCommand>,
    /// The identity for learning rooms.
    #[arg(long, global = true)]
    pub learning: bool,
    /// One JSON object on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}

/// `conversa identity …`.
#[derive(Subcommand, Debug)]
pub enum IdentityCommand {
    /// Makes the identity, under a passphrase if one is given. Never over another.
    New {
        /// The size of the RSA keys.
        #[arg(long)]
        bits: Option<u32>,
    },
    /// Shows the fingerprint (the default).
    Show,
    /// Writes the public keys to standard output.
    Export {
        /// The private keys instead, as they are stored. Keep them secret.
        #[arg(long)]
        private: bool,
        /// To this new file, whole or not at all, instead of to standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Takes the passphrase out of the desktop's keyring again.
    Forget,
    /// Writes both private keys to one new file, under a passphrase of its own.
    Backup {
        /// The file to make.
        file: PathBuf,
        /// A file whose first line is the passphrase of the backup; - is standard input.
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
    },
    /// Brings an identity back from its backup.
    Restore {
        /// The backup.
        file: PathBuf,
        /// A file whose first line is the passphrase of the backup; - is standard input.
        #[arg(long, value_name = "FILE")]
        backup_passphrase_file: Option<PathBuf>,
        /// In the place of the identity that is there, whose files are set aside.
        #[arg(long)]
        replace: bool,
    },
}

const ROOMS_HELP: &str = "\
Examples:
  conversa rooms
  conversa rooms --json
  conversa rooms --forget-host-key Friday

When the key of a room's host has changed, Conversa does not go there any more. If you know that the old key
is gone for good, take it out with --forget-host-key; the next `conversa join` shows the new one and asks.";

/// `conversa rooms`.
#[derive(Args, Debug)]
#[command(after_help = ROOMS_HELP)]
pub struct Rooms {
    /// Takes the pinned key of this room's host away.
    #[arg(long, value_name = "ROOM")]
    pub forget_host_key: Option<String>,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub json: bool,
}

const RELAY_HELP: &str = "\
Examples:
  conversa relay
  conversa relay --listen 0.0.0.0:9000 --token token.txt --profile /var/lib/conversa

Prints its address and its key's fingerprint. Whoever has the token can have rooms hosted here:
  conversa host --name Ann --relay relay.example.org:9000 --relay-token token.txt --accept-fingerprint FP
The token's file is made if there is none.

Rooms and what was not delivered yet outlive a restart: relay/host in the profile has a file for each room, sealed, and
only the newest of its messages. To make a room's place free, stop the relay and delete the room's file.";

/// `conversa relay`.
#[derive(Args, Debug)]
#[command(after_help = RELAY_HELP)]
pub struct Relay {
    /// Where to listen; port 0 lets the system choose.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:9000", value_parser = own_address)]
    pub listen: SocketAddr,
    /// The file with the token, instead of relay/token in the profile.
    #[arg(long, value_name = "FILE")]
    pub token: Option<PathBuf>,
    /// Relays learning rooms instead of secure ones; their logs are in memory only.
    #[arg(long)]
    pub learning: bool,
    /// Keeps all logs in memory only: a restart ends every room here until its owner comes, and what was not delivered
    /// is lost.
    #[arg(long)]
    pub forgetful: bool,
    /// One JSON object a line on standard output.
    #[arg(long)]
    pub json: bool,
}

const COMPLETIONS_HELP: &str = "\
Example:
  conversa completions bash > ~/.local/share/bash-completion/completions/conversa";

/// `conversa completions`.
#[derive(Args, Debug)]
#[command(after_help = COMPLETIONS_HELP)]
pub struct Completions {
    /// For which shell.
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

const MANUAL_HELP: &str = "\
Example:
  conversa manual | man --local-file -";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_hold_together_and_each_command_has_an_example() {
        Arguments::command().debug_assert();
        for command in Arguments::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains(&format!("conversa {}", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn a_click_on_an_invite_is_told_from_a_mistyped_command() {
        let link = |text: &str| Arguments::try_parse_from(["conversa", "--", text]).map(|arguments| arguments.link);
        for invite in ["conversa:2:ABC", "CONVERSA:2:ABC", "conversa-learning:2:ABC"] {
            assert_eq!(link(invite).unwrap().as_deref(), Some(invite));
        }
        for other in ["hots", "conversa", "https://example.org", "--profile", ""] {
            assert!(link(other).is_err(), "{other}");
        }
        assert!(Arguments::try_parse_from(["conversa", "hots"]).is_err());
        assert!(Arguments::try_parse_from(["conversa", "rooms"]).unwrap().link.is_none());
    }

    #[test]
    fn options_of_every_command_stand_before_or_after_it() {
        for line in ["conversa --profile p rooms", "conversa rooms --profile p"] {
            let arguments = Arguments::try_parse_from(line.split(' ')).unwrap();
            assert_eq!(arguments.global.profile.as_deref(), Some(std::path::Path::new("p")));
        }
        assert!(Arguments::try_parse_from(["conversa", "join"]).is_err());
        for nowhere in ["nowhere", "224.0.0.1:9000", "255.255.255.255:9000", "[fe80::1%no-such-interface]:9000"] {
            assert!(Arguments::try_parse_from(["conversa", "host", "--listen", nowhere]).is_err(), "{nowhere}");
        }
    }
}
