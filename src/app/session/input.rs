//! What the session's thread is told: by its handle, the net, and workers.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::saved_messages::Reading;
use super::{HostRequest, JoinRequest, MembershipId};
use crate::app::identity::report::WorkReport;
use crate::app::{Passphrase, Problem, Settings};
use crate::crypto::{Fingerprint, KeyKind};
use crate::net;
use crate::protocol::{Command, Content, Identity, Invite, MessageId};
use crate::store::News;

/// What the session's thread is told.
pub(super) enum Input {
    Net(net::Event),
    Identity(WorkReport),
    Store { kind: KeyKind, news: News },
    StoreOpened(KeyKind),
    AskingKey { kind: KeyKind, identity: Result<Arc<Identity>, Problem> },
    EnsureIdentity { kind: KeyKind, bits: Option<u32> },
    ReplaceIdentity { kind: KeyKind, bits: u32 },
    Unlock(Passphrase),
    Protect { kind: KeyKind, passphrase: Option<Passphrase> },
    KeepInKeyring(bool),
    BackUp { file: PathBuf, passphrase: Passphrase },
    Restore { file: PathBuf, passphrase: Passphrase },
    Host { membership: MembershipId, request: HostRequest },
    Join { membership: MembershipId, request: JoinRequest },
    Enter(MembershipId),
    ForgetHost(MembershipId),
    EnterBy { membership: MembershipId, invite: Box<Invite> },
    HostAt { membership: MembershipId, address: SocketAddr },
    TestAddresses(MembershipId),
    Command { membership: MembershipId, command: Command },
    Send { membership: MembershipId, id: MessageId, content: Content },
    Cancel { membership: MembershipId, id: MessageId },
    Read { membership: MembershipId, reading: Reading },
    Invite(MembershipId),
    AnswerKnock { membership: MembershipId, member: Fingerprint, admit: bool },
    Retitle { membership: MembershipId, title: String },
    Leave(MembershipId),
    Forget(MembershipId),
    RetryAll,
    ChangeSettings(Box<dyn FnOnce(&mut Settings) + Send>),
    Quit,
}
