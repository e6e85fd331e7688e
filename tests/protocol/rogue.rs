//! A peer that sends a host what it likes.

use std::net::{IpAddr, Ipv4Addr};

use conversa::protocol::{ByeCode, Host, HostOutput, Identity, LinkId, Now, Peer, RefuseCode};
use conversa::wire::{Frame, FrameKind, FrameReader};

use crate::net::START;

pub(crate) struct Rogue<'a> {
    host: &'a mut Host,
    link: LinkId,
    pub(crate) now: Now,
    pub(crate) outputs: Vec<HostOutput>,
}

impl<'a> Rogue<'a> {
    pub(crate) fn link(host: &'a mut Host, link: LinkId, identity: &Identity) -> Self {
        Self::link_at(host, link, identity, START)
    }

    pub(crate) fn link_at(host: &'a mut Host, link: LinkId, identity: &Identity, now: Now) -> Self {
        let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let peer = Peer { fingerprint: identity.fingerprint(), keys: identity.kind(), address };
        host.link_opened(link, peer, now);
        Self { host, link, now, outputs: Vec::new() }
    }

    pub(crate) fn send(&mut self, frame: &Frame) {
        self.send_raw(frame.kind(), &frame.to_bytes()[5..]);
    }

    pub(crate) fn send_raw(&mut self, kind: FrameKind, body: &[u8]) {
        self.host.frame(self.link, kind, body, self.now);
        self.collect();
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = self.now.later(ms);
        self.host.handle_timeout(self.now);
        self.collect();
    }

    /// When the host wants to be woken.
    pub(crate) const fn next_timeout(&self) -> Option<u64> {
        self.host.next_timeout()
    }

    fn collect(&mut self) {
        while let Some(output) = self.host.poll_output() {
            self.outputs.push(output);
        }
    }

    /// The frames it got.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        let mut reader = FrameReader::new(usize::MAX);
        for output in &self.outputs {
            if let HostOutput::Send { link, frame } = output
                && *link == self.link
            {
                reader.push(frame);
            }
        }
        std::iter::from_fn(|| reader.next_frame().unwrap()).collect()
    }

    /// Why the host said no last.
    pub(crate) fn refused(&self) -> Option<RefuseCode> {
        self.frames().iter().rev().find_map(|frame| match frame {
            Frame::Refuse(refuse) => Some(RefuseCode::from_code(refuse.code)),
            _ => None,
        })
    }

    /// Why the host closed the link.
    pub(crate) fn closed(&self) -> Option<ByeCode> {
        self.outputs.iter().find_map(|output| match output {
            HostOutput::Close { link, code } if *link == self.link => Some(*code),
            _ => None,
        })
    }
}
