//! The open room: what its header says, and what can be done with the room as a whole.
//!
//! What people say there is in `talking`, and who is there in `people`.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::desk::Desk;
use super::{rooms, views};
use crate::app::clock::now_ms;
use crate::app::conversation::{Connection, Question};
use crate::app::{Action, MembershipId, Settings, say};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;

/// What is under way with known rooms.
#[derive(Default)]
pub(in crate::gui) struct OpenRoom {
    /// Rooms that leave the list as soon as their goodbye is out.
    leaving: HashSet<MembershipId>,
    /// The host key that the person is asked about, for a known room without a pin.
    host_asked: Option<(MembershipId, Fingerprint)>,
}

impl OpenRoom {
    pub(in crate::gui) fn retry(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.retry(membership);
        }
    }

    /// Refreshes the short-lived keys of the open room.
    pub(in crate::gui) fn refresh_keys(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.refresh_keys(membership);
            desk.toast(views::only(&say!("Your short-lived keys are refreshed")));
        }
    }

    /// The one button of a room that failed.
    pub(in crate::gui) fn remedy(&self, desk: &Desk) {
        let Some(room) = desk.room() else { return };
        let Connection::Ended(Some(problem)) = &room.connection else { return };
        let membership = room.membership;
        match problem.action {
            Some(Action::UsePort(port)) => {
                let address = room
                    .hosting
                    .as_ref()
                    .map_or(([0, 0, 0, 0], port).into(), |hosting| SocketAddr::new(hosting.address.ip(), port));
                desk.session.host_at(membership, address);
                desk.session.enter(membership);
            }
            Some(Action::Unlock) => desk.window().set_page(ui::Page::Unlock),
            _ => desk.session.enter(membership),
        }
    }

    /// Leaves the open room for good, or removes it from the list if it is over.
    pub(in crate::gui) fn leave(&mut self, desk: &Desk) {
        let Some(room) = desk.room() else { return };
        let membership = room.membership;
        if views::is_over(room) || views::connection(room) == ui::Connection::Failed {
            desk.session.forget(membership);
        } else {
            // The goodbye goes out first: then `left` forgets the room.
            self.leaving.insert(membership);
            desk.session.leave(membership);
        }
    }

    pub(in crate::gui) fn close(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.close_room(membership);
        }
    }

    /// Lets people ask to join the open room, or turns them all away.
    pub(in crate::gui) fn let_ask(&self, desk: &mut Desk, may: bool) {
        let Some(id) = desk.room().and_then(|room| room.info.room) else { return };
        desk.change_settings(move |settings: &mut Settings| {
            if may {
                settings.turned_away.remove(&id);
            } else {
                settings.turned_away.insert(id);
            }
        });
        self.show(desk);
    }

    /// Removes the pinned host key of the open room.
    pub(in crate::gui) fn forget_host(&self, desk: &Desk) {
        if let Some(membership) = desk.open {
            desk.session.forget_host(membership);
        }
    }

    /// Answers [`Self::ask_about_host`]. Without a yes nothing is sent.
    pub(in crate::gui) fn answer_host(&mut self, desk: &Desk, is_right: bool) {
        let Some((membership, host)) = self.host_asked.take() else { return };
        if is_right {
            desk.session.trust_host(membership, host);
        } else {
            desk.session.go_offline(membership);
        }
    }

    /// A known room's host has no pin any more: asks whether this is its key.
    pub(super) fn ask_about_host(&mut self, desk: &Desk, membership: MembershipId, question: &Question) {
        let (Question::FirstUse(host), Some(_)) = (question, desk.chat.room(membership)) else { return };
        self.host_asked = Some((membership, *host));
        desk.global::<ui::OpenRoom>().set_new_host(views::key_code(Some(*host)));
        desk.window().set_sheet(ui::Sheet::NewHost);
    }

    /// A room changed. If it was being left and now is, forgets it.
    pub(super) fn left(&mut self, desk: &Desk, membership: MembershipId) {
        let Some(room) = desk.chat.room(membership) else { return };
        if room.connection == Connection::Ended(None) && self.leaving.remove(&membership) {
            desk.session.forget(membership);
        }
    }

    /// A room was removed.
    pub(super) fn forget(&mut self, membership: MembershipId) {
        self.leaving.remove(&membership);
    }

    pub(super) fn show(&self, desk: &mut Desk) {
        rooms::choose_hues(desk);
        let state = desk.global::<ui::OpenRoom>();
        let Some(room) = desk.room() else {
            return state.set_view(ui::RoomView::default());
        };
        let mut others = room.members().iter().filter(|member| !member.is_me).peekable();
        let all_verified =
            others.peek().is_some() && others.all(|member| desk.settings.is_verified(&member.fingerprint));
        let view = views::room_view(room, now_ms(), all_verified);
        // Codes hold list models, and two models are never equal: keep an unchanged code, or every event would redraw
        // it.
        let known = state.get_view();
        let kept = |known: ui::KeyCode, new: ui::KeyCode| if known.text == new.text { known } else { new };
        state.set_view(ui::RoomView {
            code: kept(known.code, view.code),
            host_key: kept(known.host_key, view.host_key),
            expected_host: kept(known.expected_host, view.expected_host),
            seen_host: kept(known.seen_host, view.seen_host),
            hue: rooms::hue(desk, room),
            turns_away: room.info.room.is_some_and(|id| desk.settings.turned_away.contains(&id)),
            ..view
        });
    }
}

/// Whether the open room counts down to its next try.
pub(super) fn is_waiting_to_retry(desk: &Desk) -> bool {
    desk.room().is_some_and(|room| matches!(room.connection, Connection::Offline { .. }))
}
