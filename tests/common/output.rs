//! Running a command to its end, which has to come.

use std::io::Read;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::patience::PATIENCE;
use crate::until::{try_until, until};

/// Runs a command to its end and keeps what it prints. Its input is what the command says: nothing, for most.
pub(crate) fn output(command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    output_of(child.unwrap_or_else(|error| panic!("{shown}: {error}")), &shown)
}

/// The same for a process that runs already, whose outputs are pipes or somewhere else.
pub(crate) fn output_of(mut child: Child, what: &str) -> Output {
    // Its input has ended, or it could wait for more.
    drop(child.stdin.take());
    let (stdout, stderr) = (child.stdout.take().map(all_of), child.stderr.take().map(all_of));
    let status = try_until(|| child.try_wait().unwrap());
    if status.is_none() {
        child.kill().unwrap();
    }
    let printed = |from: Option<Receiver<Vec<u8>>>| {
        from.map(|from| until(&format!("the end of what {what} prints"), || from.try_recv().ok())).unwrap_or_default()
    };
    let (stdout, stderr) = (printed(stdout), printed(stderr));
    let texts = [&stdout, &stderr].map(|bytes| String::from_utf8_lossy(bytes));
    let status = status.unwrap_or_else(|| panic!("{what} did not end in {PATIENCE:?}: {texts:#?}"));
    Output { status, stdout, stderr }
}

/// Reads a pipe to its end, beside whatever else goes on.
fn all_of(mut pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, all) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        let _ = sender.send(bytes);
    });
    all
}
