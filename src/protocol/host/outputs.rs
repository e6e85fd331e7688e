//! What a host wants done, in order. What must not be seen before something is on the disk waits here.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::LinkId;
use super::kept::HostWrite;
use crate::protocol::RoomId;
use crate::wire::ByeCode;

/// What a waiting output takes beside its frame, in bytes.
const OUTPUT_BYTES: usize = size_of::<(u64, HostOutput)>();

/// What the host wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostOutput {
    /// Send a whole frame; the bytes are shared between receivers.
    Send {
        /// To whom.
        link: LinkId,
        /// The frame.
        frame: Arc<[u8]>,
    },
    /// Say `Bye`, flush and close. The host has already forgotten the link.
    Close {
        /// Which.
        link: LinkId,
        /// Why.
        code: ByeCode,
    },
    /// The peer is a member now: it may send larger frames, and no longer counts as a joiner.
    Member {
        /// Which.
        link: LinkId,
    },
    /// The peer waits for an owner: from now on the host limits how many of these there are.
    Waiting {
        /// Which.
        link: LinkId,
    },
    /// It no longer waits, and was not admitted.
    TurnedAway {
        /// Which.
        link: LinkId,
    },
    /// Put this where a crash does not reach it, after everything that came before it for this room, then answer with
    /// [`super::Host::committed`]; if that fails, with [`super::Host::lost`].
    Write {
        /// Whose log it belongs to.
        room: RoomId,
        /// Under which number it is confirmed.
        number: u64,
        /// What.
        what: HostWrite,
    },
    /// Read what was kept of a room, after everything that came before it, then answer with [`super::Host::loaded`] or
    /// [`super::Host::lost`].
    Load {
        /// Which.
        room: RoomId,
    },
    /// Something the person who hosts may want to know.
    Event(HostEvent),
}

/// What happened at a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostEvent {
    /// A room was opened.
    RoomOpened(RoomId),
    /// A room was closed by its owner.
    RoomClosed(RoomId),
}

/// All outputs that were not taken yet.
///
/// Whatever concerns a room waits until everything written for this room before it is on the disk: items above all, for
/// after a crash another item would have that number; and the rest with them, so that each link keeps its order. Without
/// writes nothing waits.
pub(super) struct Outputs {
    ready: VecDeque<HostOutput>,
    /// The rooms with something that is not on the disk yet.
    gates: BTreeMap<RoomId, Gate>,
    /// What the waiting outputs take, in bytes. A frame counts for each receiver.
    held_bytes: usize,
    /// The number of the last write.
    last_write: u64,
    /// Whether anything is to be kept at all.
    keeps: bool,
}

#[derive(Default)]
struct Gate {
    /// The room's newest write.
    last_write: u64,
    /// Each with the write that it waits for.
    held: VecDeque<(u64, HostOutput)>,
}

impl Outputs {
    pub(super) const fn new(keeps: bool) -> Self {
        Self { ready: VecDeque::new(), gates: BTreeMap::new(), held_bytes: 0, last_write: 0, keeps }
    }

    pub(super) const fn keeps(&self) -> bool {
        self.keeps
    }

    pub(super) fn next(&mut self) -> Option<HostOutput> {
        self.ready.pop_front()
    }

    /// What the waiting outputs take, in bytes.
    pub(super) const fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    /// The outputs that concern a room.
    pub(super) const fn of(&mut self, room: RoomId) -> RoomOutputs<'_> {
        RoomOutputs { all: self, room }
    }

    /// An output that waits for nothing.
    pub(super) fn push(&mut self, output: HostOutput) {
        self.ready.push_back(output);
    }

    fn push_of(&mut self, room: RoomId, output: HostOutput) {
        // Most hosts' rooms have no gate, or no room has one at this moment.
        let Some(gate) = self.gates.get_mut(&room) else { return self.ready.push_back(output) };
        self.held_bytes += bytes(&output);
        gate.held.push_back((gate.last_write, output));
    }

    /// Whether outputs that concern this room are waiting.
    pub(super) fn are_held(&self, room: &RoomId) -> bool {
        self.gates.contains_key(room)
    }

    /// A room's writes up to `number` are on the disk: what waited for them may go out.
    pub(super) fn committed(&mut self, room: RoomId, number: u64) {
        let Some(gate) = self.gates.get_mut(&room) else { return };
        while gate.held.front().is_some_and(|(waits_for, _)| *waits_for <= number)
            && let Some((_, output)) = gate.held.pop_front()
        {
            self.held_bytes -= bytes(&output);
            self.ready.push_back(output);
        }
        if gate.last_write <= number {
            self.gates.remove(&room);
        }
    }

    /// A room's writes did not get onto the disk: nothing that waited for them may ever go out. Links that were to be
    /// closed are, for nobody else would; the reason they are told is not what the owner signed, for that is not kept.
    pub(super) fn lost(&mut self, room: RoomId) {
        let Some(gate) = self.gates.remove(&room) else { return };
        for (_, output) in gate.held {
            self.held_bytes -= bytes(&output);
            if let HostOutput::Close { link, .. } = output {
                self.ready.push_back(HostOutput::Close { link, code: ByeCode::GoingAway });
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.ready.len()
    }
}

fn bytes(output: &HostOutput) -> usize {
    let frame = if let HostOutput::Send { frame, .. } = output { frame.len() } else { 0 };
    frame + OUTPUT_BYTES
}

/// The outputs that concern one room.
pub(super) struct RoomOutputs<'a> {
    all: &'a mut Outputs,
    room: RoomId,
}

impl RoomOutputs<'_> {
    pub(super) fn push(&mut self, output: HostOutput) {
        self.all.push_of(self.room, output);
    }

    /// Whether anything is kept at all.
    pub(super) const fn keeps(&self) -> bool {
        self.all.keeps
    }

    pub(super) fn send(&mut self, link: LinkId, frame: Arc<[u8]>) {
        self.push(HostOutput::Send { link, frame });
    }

    /// Writes something down, if anything is kept at all: whatever concerns this room waits for it from here on.
    pub(super) fn write(&mut self, what: impl FnOnce() -> HostWrite) {
        if !self.all.keeps {
            return;
        }
        self.all.last_write += 1;
        let number = self.all.last_write;
        self.all.gates.entry(self.room).or_default().last_write = number;
        self.all.push(HostOutput::Write { room: self.room, number, what: what() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: RoomId = RoomId([1; 32]);
    const B: RoomId = RoomId([2; 32]);

    fn frame(byte: u8) -> HostOutput {
        HostOutput::Send { link: LinkId(u64::from(byte)), frame: Arc::from([byte].as_slice()) }
    }

    fn taken(outputs: &mut Outputs) -> Vec<u64> {
        std::iter::from_fn(|| outputs.next())
            .map(|output| match output {
                HostOutput::Send { link, .. } | HostOutput::Close { link, .. } => link.0,
                HostOutput::Write { number, .. } => 100 + number,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn outputs() -> Outputs {
        Outputs::new(true)
    }

    #[test]
    fn what_stands_behind_a_write_waits_for_it_and_other_rooms_do_not() {
        let mut outputs = outputs();
        outputs.of(A).push(frame(1));
        outputs.of(A).write(|| HostWrite::Forgotten);
        outputs.of(A).push(frame(2));
        outputs.of(B).push(frame(3));
        outputs.push(frame(4));
        outputs.of(A).write(|| HostWrite::Forgotten);
        outputs.of(A).push(frame(5));
        assert_eq!(taken(&mut outputs), [1, 101, 3, 4, 102]);
        assert!(outputs.held_bytes() > 0 && outputs.are_held(&A) && !outputs.are_held(&B));
        outputs.committed(B, 2);
        assert!(taken(&mut outputs).is_empty());
        outputs.committed(A, 1);
        outputs.of(A).push(frame(6));
        assert_eq!(taken(&mut outputs), [2]);
        outputs.committed(A, 2);
        outputs.of(A).push(frame(7));
        assert_eq!(taken(&mut outputs), [5, 6, 7]);
        assert_eq!((outputs.held_bytes(), outputs.are_held(&A)), (0, false));
    }

    #[test]
    fn what_waited_for_a_write_that_failed_never_goes_out_but_for_goodbyes() {
        let mut outputs = outputs();
        outputs.of(A).write(|| HostWrite::Forgotten);
        outputs.of(A).push(frame(1));
        outputs.of(A).push(HostOutput::Close { link: LinkId(2), code: ByeCode::Closed });
        outputs.lost(A);
        assert_eq!(outputs.next().map(|output| matches!(output, HostOutput::Write { .. })), Some(true));
        let gone = HostOutput::Close { link: LinkId(2), code: ByeCode::GoingAway };
        assert_eq!((outputs.next(), outputs.next()), (Some(gone), None), "nobody closed it: that is not kept");
        outputs.of(A).push(frame(3));
        outputs.committed(A, 1);
        assert_eq!((taken(&mut outputs), outputs.held_bytes()), (vec![3], 0));
    }

    #[test]
    fn a_forgetful_host_writes_nothing_and_waits_for_nothing() {
        let mut outputs = Outputs::new(false);
        outputs.of(A).write(|| unreachable!("it is not even made"));
        outputs.of(A).push(frame(1));
        assert_eq!((taken(&mut outputs), outputs.held_bytes()), (vec![1], 0));
    }
}
