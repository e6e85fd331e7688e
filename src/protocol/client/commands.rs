//! What a front end asks of its client, and how the client does it.

use std::collections::BTreeSet;

use super::{Client, Event, Phase, Stop};
use crate::crypto::{Fingerprint, Random};
use crate::protocol::content::{Body, Content};
use crate::protocol::memory::Memory;
use crate::protocol::payload::Fault;
use crate::protocol::safety_number::SafetyNumber;
use crate::protocol::{MessageId, Now, RoomId};
use crate::wire::ByeCode;

/// What a front end asks for.
#[derive(Clone, PartialEq, Eq)]
pub enum Command {
    /// The person accepts this host's key.
    TrustHost(Fingerprint),
    /// The person wants to join this room of the lobby.
    Knock(RoomId),
    /// What is remembered of the room, from earlier or from elsewhere: to be handed in before [`Self::Knock`]. The
    /// host may not show less.
    Remember(Memory),
    /// Send a message.
    Send {
        /// The message's id; 16 random bytes.
        id: MessageId,
        /// What to say.
        content: Content,
        /// When it was said, by our clock, in milliseconds since 1970: it may have waited since, or been sent before.
        said_ms: u64,
    },
    /// Send a message that has been on the host again, to somebody who missed it. It goes out only while everybody in the
    /// room is among the readers: whoever came later is not to read it.
    SendAgain {
        /// As it was said.
        id: MessageId,
        /// As it was said.
        content: Content,
        /// As it was said.
        said_ms: u64,
        /// The others who were members when it came to the host.
        readers: BTreeSet<Fingerprint>,
    },
    /// Cancel a message that has not been sent.
    Cancel(MessageId),
    /// Use another display name.
    Rename(String),
    /// Give the room another title; the owner only.
    Retitle(String),
    /// Make an invite; the owner only.
    Invite {
        /// Where the host may be reached.
        addresses: Vec<String>,
        /// How long it is valid, in milliseconds.
        life_ms: u64,
    },
    /// Revoke all open invites; the owner only.
    WithdrawInvites,
    /// Admit or decline a joiner; the owner only.
    AnswerKnock {
        /// The joiner.
        member: Fingerprint,
        /// The answer.
        admit: bool,
    },
    /// Remove a member; the owner only.
    Remove(Fingerprint),
    /// Close the room for good; the owner only.
    CloseRoom,
    /// Everything that [`Output::Keep`](super::Output::Keep) asked for up to this number would survive a crash. Only a
    /// [`Keep::SignedEntry`](super::Keep::SignedEntry) waits for it.
    Kept(u64),
    /// The signed entry of exactly this number could not be stored and will be tried again: whoever waits for it is
    /// told to stop waiting. About any other number it says nothing.
    NotKept(u64),
    /// Every message that a [`Keep::Received`](super::Keep::Received) up to this number told of is stored: it can be
    /// confirmed to its sender.
    Stored(u64),
    /// Work out the safety number with a member: [`Event::SafetyNumber`] follows.
    SafetyNumber(Fingerprint),
    /// Make a new prekey now.
    RefreshKeys,
    /// Connect now instead of waiting.
    RetryNow,
    /// Leave for good, telling the room. For an owner: close the room.
    Leave,
    /// Say goodbye to the host and stay a member.
    GoOffline,
}

impl std::fmt::Debug for Command {
    /// Without message texts and names, which do not belong in logs.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::TrustHost(_) => "TrustHost",
            Self::Knock(_) => "Knock",
            Self::Remember(_) => "Remember",
            Self::Send { .. } => "Send",
            Self::SendAgain { .. } => "SendAgain",
            Self::Cancel(_) => "Cancel",
            Self::Rename(_) => "Rename",
            Self::Retitle(_) => "Retitle",
            Self::Invite { .. } => "Invite",
            Self::WithdrawInvites => "WithdrawInvites",
            Self::AnswerKnock { .. } => "AnswerKnock",
            Self::Remove(_) => "Remove",
            Self::CloseRoom => "CloseRoom",
            Self::Kept(_) => "Kept",
            Self::NotKept(_) => "NotKept",
            Self::Stored(_) => "Stored",
            Self::SafetyNumber(_) => "SafetyNumber",
            Self::RefreshKeys => "RefreshKeys",
            Self::RetryNow => "RetryNow",
            Self::Leave => "Leave",
            Self::GoOffline => "GoOffline",
        })
    }
}

impl Client {
    pub(super) fn obey(&mut self, command: Command, now: Now, random: &mut dyn Random) -> Result<(), Fault> {
        match command {
            Command::TrustHost(host) => {
                if self.link.phase == Phase::AskTrust {
                    self.way.pin = Some(host);
                    self.dial();
                }
            }
            Command::Knock(room) => {
                if self.link.phase == Phase::ChooseRoom {
                    self.choose_room(room)?;
                    self.dial();
                }
            }
            Command::Remember(memory) => {
                self.remembered.merge(&memory, self.way.target);
                self.check_memory(now, random)?;
            }
            Command::Send { id, content, said_ms } => {
                let taken = self.outbox.queue(id, content, said_ms);
                self.out.event(taken);
            }
            Command::SendAgain { id, content, said_ms, readers } => {
                let taken = self.outbox.queue_again(id, content, said_ms, readers);
                self.out.event(taken);
            }
            Command::Cancel(id) => self.outbox.cancel(id),
            Command::Rename(name) => {
                self.outbox.tell_anew(Body::Name(name.clone()));
                self.name = name;
            }
            Command::Retitle(title) => self.retitle(title),
            Command::Invite { addresses, life_ms } => {
                if self.is_owner()
                    && let (Some(room), Some(host)) = (&self.room, self.way.pin)
                {
                    self.desk.make_invite(addresses, life_ms, (&room.roster, host), now, random, &mut self.out)?;
                }
            }
            Command::WithdrawInvites => self.desk.withdraw_invites(&mut self.out),
            Command::AnswerKnock { member, admit } => self.desk.answer_knock(member, admit, &mut self.out),
            Command::Remove(member) => self.desk.remove(member),
            Command::CloseRoom => self.desk.close(),
            Command::Kept(number) => self.desk.kept(number),
            Command::NotKept(number) => self.desk.entry_unkept(number, &mut self.out),
            Command::Stored(number) => self.stored(number, now),
            Command::SafetyNumber(member) => self.safety_number(&member),
            Command::RefreshKeys => {
                if let Some(room) = &mut self.room {
                    room.sealing.want_prekey();
                }
            }
            Command::RetryNow => {
                if self.link.is_waiting() {
                    self.dial();
                }
            }
            Command::Leave => self.leave(now),
            Command::GoOffline => {
                self.confirm_before_goodbye(now, random)?;
                self.out.disconnect(ByeCode::Leaving);
                self.stop(Stop::Offline);
            }
        }
        Ok(())
    }

    fn retitle(&mut self, title: String) {
        if self.is_owner() {
            self.outbox.tell_anew(Body::Title(title.clone()));
            self.title.clone_from(&title);
            self.out.event(Event::Titled { title });
        }
    }

    fn stored(&mut self, number: u64, now: Now) {
        if let Some(room) = &mut self.room {
            room.stored(number, now);
        }
    }

    fn safety_number(&mut self, member: &Fingerprint) {
        let Some(roster) = self.room.as_ref().map(|room| &room.roster) else { return };
        // Where everybody can read along, comparing keys would promise too much.
        let bundle = roster.bundle(member).filter(|_| !roster.suite().is_learning());
        let Some(bundle) = bundle else { return };
        let number = SafetyNumber::between(&*self.identity.signing().public(), &*bundle.verifying);
        self.out.event(Event::SafetyNumber(number));
    }
}
