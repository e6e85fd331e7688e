//! What the session's thread is told: by its handle, the net, and workers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{HostRequest, JoinRequest, SeatId};
use crate::app::identity::report::WorkReport;
use crate::app::{Passphrase, Problem, Settings};
use crate::crypto::{Fingerprint, KeyKind};
use crate::net;
use crate::protocol::{Command, Content, Identity, Invite, MessageId};

/// What the session's thread is told.
pub(super) enum Input {
    Net(net::Event),
    Identity(WorkReport),
    AskingKey { kind: KeyKind, identity: Result<Arc<Identity>, Problem> },
    EnsureIdentity { kind: KeyKind, bits: Option<u32> },
    ReplaceIdentity { kind: KeyKind, bits: u32 },
    Unlock(Passphrase),
    Protect { kind: KeyKind, passphrase: Option<Passphrase> },
    KeepInKeyring(bool),
    BackUp { file: PathBuf, passphrase: Passphrase },
    Restore { file: PathBuf, passphrase: Passphrase },
    Host { seat: SeatId, request: HostRequest },
    Join { seat: SeatId, request: JoinRequest },
    Enter(SeatId),
    ForgetHost(SeatId),
    EnterBy { seat: SeatId, invite: Box<Invite> },
    HostAt { seat: SeatId, address: SocketAddr },
    TestAddresses(SeatId),
    Command { seat: SeatId, command: Command },
    Send { seat: SeatId, id: MessageId, content: Content },
    Cancel { seat: SeatId, id: MessageId },
    Invite(SeatId),
    AnswerKnock { seat: SeatId, member: Fingerprint, admit: bool },
    Retitle { seat: SeatId, title: String },
    Leave(SeatId),
    Forget(SeatId),
    RetryAll,
    ChangeSettings(Box<dyn FnOnce(&mut Settings) + Send>),
    Quit,
}
