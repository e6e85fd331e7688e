//! Another program in the room: a client in Python, written by `docs/protocol.md` and the RFCs it names. It
//! shares no code with ours, TLS and ML-KEM included. `python3` must be installed.

use std::path::Path;
use std::process::Command;

use crate::person::{Person, Profile};

fn second_client(invite: &str) -> Person {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/protocol/second_client.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(invite).env("PYTHONDONTWRITEBYTECODE", "1");
    Person::start(command)
}

#[test]
fn a_client_written_by_the_document_alone_joins_reads_and_answers() {
    let ann = Profile::of("ann");
    let (mut host, hosting) = ann.host("Ann", &[]);
    let mut bo = second_client(&hosting.invite);
    bo.expect("ready");
    assert_eq!(host.expect("named")["name"], "Bo", "his name is read here");
    assert_eq!(bo.expect("named")["name"], "Ann", "and Ann's there");
    assert_eq!(bo.expect("titled")["title"], "Friday");

    host.say("hello, whoever wrote you");
    assert_eq!(bo.expect("message")["text"], "hello, whoever wrote you");
    let queued = host.expect("queued");
    assert_eq!(host.expect("delivered")["id"], queued["id"], "his receipt is read here");
    assert_eq!(host.message(), ("Bo".to_owned(), "I read: hello, whoever wrote you".to_owned()));
    bo.expect("delivered");
    assert_eq!(bo.exit_code(), 0);
    host.expect("away");
    assert_eq!(host.finish(), 0);
    assert_eq!((host.errors(), bo.errors()), (String::new(), String::new()));
}
