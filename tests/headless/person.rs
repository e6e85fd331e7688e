//! A person: a real process of the program, with a profile of its own, watched by its JSON lines.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use serde_json::Value;

use crate::ended::ended;
use crate::lines::lines_of;
use crate::next::next_before;
use crate::output::output;
use crate::page;
use crate::patience::deadline;
use crate::profiles::{empty_profile, profile_of};
use crate::until::try_until;

/// A profile with ready-made keys, so that no test waits for RSA.
pub struct Profile {
    directory: tempfile::TempDir,
}

impl Profile {
    /// With the test keys of `name`: ann, bo, carol or dave.
    pub fn of(name: &str) -> Self {
        Self { directory: profile_of(name) }
    }

    /// Without keys.
    pub fn empty() -> Self {
        Self { directory: empty_profile() }
    }

    /// For whoever goes on with it.
    pub fn into_directory(self) -> tempfile::TempDir {
        self.directory
    }

    pub fn path(&self) -> PathBuf {
        self.directory.path().to_owned()
    }

    /// The program on this profile.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conversa"));
        command.arg("--profile").arg(self.directory.path()).args(arguments);
        command.env_remove("CONVERSA_PASSPHRASE").env_remove("CONVERSA_LOG").env_remove("CONVERSA_PROFILE");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command without input to its end: exit code, standard output, standard error.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        finish(&mut self.command(arguments))
    }

    /// Starts a command that is watched.
    pub fn start(&self, arguments: &[&str]) -> Person {
        Person::start(self.command(arguments))
    }

    /// Starts a command in a terminal of its own, where what it writes and what is typed come out as one.
    pub fn start_in_terminal(&self, arguments: &[&str]) -> Person {
        let command = self.command(arguments);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let line = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ");
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--flush", "--return", "--command", &line, "/dev/null"]);
        terminal.env_remove("CONVERSA_PASSPHRASE").env_remove("CONVERSA_LOG").env_remove("CONVERSA_PROFILE");
        Person::start(terminal)
    }

    /// Hosts a room on a free port of the loopback, and waits until it is there.
    pub fn host(&self, name: &str, more: &[&str]) -> (Person, Hosting) {
        let fixed = ["host", "--name", name, "--room", "Friday", "--listen", "127.0.0.1:0", "--json"];
        self.host_with(&[&fixed, more].concat())
    }

    fn host_with(&self, arguments: &[&str]) -> (Person, Hosting) {
        let mut person = self.start(arguments);
        let hosting = person.expect("hosting");
        let text = |key: &str| hosting[key].as_str().unwrap_or_default().to_owned();
        let hosting = Hosting {
            address: text("address"),
            invite: text("invite"),
            fingerprint: text("fingerprint"),
            room: text("room"),
        };
        person.expect("ready");
        (person, hosting)
    }

    /// Hosts the room of before at the same address.
    pub fn start_again(&self, address: &str) -> (Person, Hosting) {
        self.host_with(&["host", "--room", "Friday", "--listen", address, "--json"])
    }

    /// Joins with an invite and waits until in the room.
    pub fn join(&self, name: &str, invite: &str, more: &[&str]) -> Person {
        let mut person = self.start(&[&["join", invite, "--name", name, "--json"], more].concat());
        person.expect("ready");
        person
    }
}

/// What a host tells first.
pub struct Hosting {
    pub address: String,
    pub invite: String,
    pub fingerprint: String,
    pub room: String,
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> (i32, String, String) {
    parts(output(command))
}

/// Exit code, standard output, standard error.
pub fn parts(output: Output) -> (i32, String, String) {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    text(output.stdout.clone()).lines().for_each(page::hold);
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// The last event of this name in what a command printed.
pub fn event_in(output: &str, name: &str) -> Value {
    let events = output.lines().rev().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.into_iter().find(|event| event["event"] == name).unwrap_or_else(|| panic!("no “{name}” in {output}"))
}

/// A running process.
pub struct Person {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    seen: Vec<String>,
    /// Whether it is the program that `docs/json.md` is about, and not the second client.
    is_ours: bool,
}

impl Person {
    pub fn start(mut command: Command) -> Self {
        let is_ours = command.get_program() != "python3";
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = Arc::new(Mutex::new(String::new()));
        let (mut error_output, kept) = (child.stderr.take().unwrap(), Arc::clone(&errors));
        thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = error_output.read(&mut buffer) {
                kept.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..length]));
            }
        });
        let input = child.stdin.take();
        Self { child, input, lines, errors, seen: Vec::new(), is_ours }
    }

    /// The next line of standard output.
    pub fn line(&mut self) -> String {
        self.line_before("a line", deadline())
    }

    fn line_before(&mut self, what: &str, end: Instant) -> String {
        let line = next_before(&self.lines, end).unwrap_or_else(|error| self.fail(&format!("no {what}: {error}")));
        self.seen.push(line.clone());
        line
    }

    /// Passes lines over until one has these words.
    pub fn read_until(&mut self, words: &str) -> String {
        let end = deadline();
        loop {
            let line = self.line_before(words, end);
            if line.contains(words) {
                return line;
            }
        }
    }

    /// The next event of this name; others before it are passed over.
    pub fn expect(&mut self, name: &str) -> Value {
        self.expect_where(name, |_| true)
    }

    /// The next event of this name that fits.
    pub fn expect_where(&mut self, name: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let end = deadline();
        loop {
            let line = self.line_before(&format!("“{name}”"), end);
            let event: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"));
            self.hold(&line);
            if event["event"] == name && fits(&event) {
                return event;
            }
        }
    }

    /// The next message: who said what.
    pub fn message(&mut self) -> (String, String) {
        let message = self.expect("message");
        let text = |key: &str| message[key].as_str().unwrap_or_default().to_owned();
        (text("name"), text("text"))
    }

    /// The next invite that the host makes.
    pub fn next_invite(&mut self) -> String {
        self.expect("invite")["invite"].as_str().unwrap().to_owned()
    }

    /// Types a line.
    pub fn say(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        writeln!(input, "{line}").and_then(|()| input.flush()).unwrap();
    }

    /// Ends the input.
    pub fn end_input(&mut self) {
        self.input = None;
    }

    /// Waits until standard error has a line with these words, and says the word before them.
    pub fn expect_error(&mut self, words: &str) -> String {
        let word = try_until(|| {
            let errors = self.errors();
            let (before, _) = errors.split_once(words)?;
            Some(before.split_whitespace().last().unwrap_or_default().to_owned())
        });
        word.unwrap_or_else(|| self.fail(&format!("“{words}” did not come")))
    }

    /// Ends the input and waits for the end: the exit code.
    pub fn finish(&mut self) -> i32 {
        self.input = None;
        self.exit().code().unwrap_or(-1)
    }

    /// Waits for the end: the exit code.
    pub fn exit_code(&mut self) -> i32 {
        self.exit().code().unwrap_or(-1)
    }

    /// Ends it without a goodbye.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        ended(&mut self.child);
    }

    /// The events that it has printed since the last look.
    pub fn events(&mut self) -> Vec<Value> {
        let lines: Vec<String> = self.lines.try_iter().collect();
        self.events_of(lines)
    }

    /// Ends it without a goodbye, and reads what it had printed. A line that is not whole was not printed.
    pub fn kill_and_read(&mut self) -> Vec<Value> {
        self.kill();
        let end = deadline();
        let mut lines: Vec<String> = std::iter::from_fn(|| next_before(&self.lines, end).ok()).collect();
        lines.pop_if(|last| serde_json::from_str::<Value>(last).is_err());
        self.events_of(lines)
    }

    fn events_of(&mut self, lines: Vec<String>) -> Vec<Value> {
        lines.iter().for_each(|line| self.hold(line));
        let events = lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")));
        let events = events.collect();
        self.seen.extend(lines);
        events
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        // The shell's own `kill`, for not every system has the program.
        let command = format!("kill -s {name} {}", self.child.id());
        assert_eq!(finish(Command::new("sh").args(["-c", &command])).0, 0);
    }

    /// What it wrote to standard error.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    fn exit(&mut self) -> ExitStatus {
        let Some(status) = try_until(|| self.child.try_wait().unwrap()) else { self.fail("it did not end") };
        // The rest of its lines are on their way from the thread that reads them.
        while let Ok(line) = next_before(&self.lines, deadline()) {
            self.hold(&line);
            self.seen.push(line);
        }
        status
    }

    /// The events that were written after what was looked at, once it has ended.
    pub fn last_events(&self) -> Vec<Value> {
        self.seen.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    fn hold(&self, line: &str) {
        if self.is_ours {
            page::hold(line);
        }
    }

    fn fail(&self, why: &str) -> ! {
        panic!("{why}\nwritten: {:#?}\nerrors: {}", self.seen, self.errors());
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        ended(&mut self.child);
    }
}
