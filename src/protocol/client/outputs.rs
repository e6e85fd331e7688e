//! What a client wants done, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use super::{Event, Keep, Output};
use crate::crypto::Fingerprint;
use crate::wire::{ByeCode, Frame};

#[derive(Default)]
pub(super) struct Outputs {
    queue: VecDeque<Output>,
    /// Bytes sent in this step that the host has to acknowledge.
    said_bytes: u64,
    /// The number of the newest [`Output::Keep`].
    kept: u64,
}

impl Outputs {
    pub(super) fn pop(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// Tells the front end.
    pub(super) fn event(&mut self, event: Event) {
        self.queue.push_back(Output::Event(event));
    }

    /// Asks for something to be stored, and returns the number under which that is confirmed.
    pub(super) fn keep(&mut self, what: Keep) -> u64 {
        self.kept += 1;
        self.queue.push_back(Output::Keep { number: self.kept, what });
        self.kept
    }

    pub(super) fn connect(&mut self, pin: Option<Fingerprint>) {
        self.queue.push_back(Output::Connect { pin });
    }

    pub(super) fn disconnect(&mut self, code: ByeCode) {
        self.queue.push_back(Output::Disconnect(code));
    }

    pub(super) fn abandon(&mut self) {
        self.queue.push_back(Output::Abandon);
    }

    /// Sends something that the host has to acknowledge.
    pub(super) fn send(&mut self, frame: &Frame) {
        self.send_bytes(frame.to_bytes());
    }

    pub(super) fn send_bytes(&mut self, frame: Arc<[u8]>) {
        self.said_bytes += frame.len() as u64;
        self.queue.push_back(Output::Send(frame));
    }

    /// Sends a sign of life, or asks for one: nothing that matters if lost.
    pub(super) fn send_sign(&mut self, frame: &Frame) {
        self.queue.push_back(Output::Send(frame.to_bytes()));
    }

    /// How many bytes were sent since the last call.
    pub(super) const fn take_said_bytes(&mut self) -> u64 {
        std::mem::replace(&mut self.said_bytes, 0)
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.queue.len()
    }
}
