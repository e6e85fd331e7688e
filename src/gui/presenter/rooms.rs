//! The rooms: the list, the one that is open, and its people.

use super::Presenter;
use super::views;
use crate::app::clock::now_ms;
use crate::app::conversation::{Change, Connection, Presence, Room};
use crate::app::{Action, JoinTarget, MembershipId, Settings, say};
use crate::crypto::Fingerprint;
use crate::gui::generated as ui;
use crate::gui::{format, list};
use crate::protocol::{RoomId, search_key};

impl Presenter {
    /// Opens a room by its id in the list.
    pub(in crate::gui) fn select_room(&mut self, id: &str) {
        if let Some(membership) =
            id.parse().ok().map(MembershipId).filter(|membership| self.chat.room(*membership).is_some())
        {
            self.show(Some(membership));
        }
    }

    /// Opens the room before or after the open one.
    pub(in crate::gui) fn step_room(&mut self, by: i32) {
        let memberships = self.listed();
        let here = memberships.iter().position(|membership| Some(*membership) == self.open);
        let last = memberships.len().saturating_sub(1);
        let next = match (here, by < 0) {
            (Some(0), true) | (None, true) => last,
            (Some(here), true) => here - 1,
            (Some(here), false) if here < last => here + 1,
            _ => 0,
        };
        self.open_listed(next);
    }

    /// Opens the room at a place of the list.
    pub(in crate::gui) fn pick_room(&mut self, place: i32) {
        if let Ok(place) = usize::try_from(place) {
            self.open_listed(place);
        }
    }

    /// Shows the rooms whose name contains a text. An invite that is pasted here is one.
    pub(in crate::gui) fn filter_rooms(&mut self, text: &str) {
        if let Ok(JoinTarget::Invite(_)) = text.parse() {
            self.filter_rooms("");
            self.open_join();
            self.state().set_join_tab(ui::JoinTab::Invite);
            self.state().set_join_text(text.trim().into());
            return self.look_up(text);
        }
        text.trim().clone_into(&mut self.filter);
        self.state().set_filter(text.into());
        self.show_rooms();
    }

    pub(in crate::gui) fn retry_now(&self) {
        if let Some(membership) = self.open {
            self.session.retry(membership);
        }
    }

    /// Makes the short-lived keys of the open room anew.
    pub(in crate::gui) fn refresh_keys(&self) {
        if let Some(membership) = self.open {
            self.session.refresh_keys(membership);
            self.toast(views::only(&say!("Your short-lived keys are made anew")));
        }
    }

    /// The one button of a room that failed.
    pub(in crate::gui) fn room_remedy(&mut self) {
        let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) else { return };
        let Connection::Ended(Some(problem)) = &room.connection else { return };
        let membership = room.membership;
        match problem.action {
            Some(Action::UsePort(port)) => {
                let address = room.hosting.as_ref().map_or(([0, 0, 0, 0], port).into(), |hosting| {
                    std::net::SocketAddr::new(hosting.address.ip(), port)
                });
                self.session.host_at(membership, address);
                self.session.enter(membership);
            }
            Some(Action::Unlock) => self.state().set_page(ui::Page::Unlock),
            Some(Action::Forget) => self.session.forget(membership),
            _ => self.session.enter(membership),
        }
    }

    /// Leaves the open room for good, or takes it from the list if it is over.
    pub(in crate::gui) fn leave_room(&mut self) {
        let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) else { return };
        let membership = room.membership;
        if views::is_over(room) || views::connection(room) == ui::Connection::Failed {
            self.session.forget(membership);
        } else {
            self.leaving.insert(membership);
            self.session.leave(membership);
        }
    }

    pub(in crate::gui) fn close_room(&self) {
        if let Some(membership) = self.open {
            self.session.close_room(membership);
        }
    }

    pub(in crate::gui) fn remove_member(&self, id: &str) {
        if let (Some(membership), Ok(member)) = (self.open, id.parse::<Fingerprint>()) {
            self.session.remove(membership, member);
        }
    }

    pub(in crate::gui) fn answer_knock(&self, id: &str, admit: bool) {
        if let (Some(membership), Ok(member)) = (self.open, id.parse::<Fingerprint>()) {
            self.session.answer_knock(membership, member, admit);
        }
    }

    /// Lets people ask to come into the open room, or turns them all away.
    pub(in crate::gui) fn let_ask(&mut self, may: bool) {
        let Some(id) = self.open.and_then(|membership| self.chat.room(membership)).and_then(|room| room.info.room)
        else {
            return;
        };
        let change = move |settings: &mut Settings| {
            if may {
                settings.turned_away.remove(&id);
            } else {
                settings.turned_away.insert(id);
            }
        };
        change(&mut self.settings);
        self.session.change_settings(change);
        self.show_room();
    }

    /// Gives each room that has none a colour: its own, unless others have that. It keeps it then.
    fn choose_hues(&mut self) {
        let ids = self.chat.rooms().filter_map(|room| room.info.room);
        let new: Vec<RoomId> = ids.filter(|id| !self.settings.hues.contains_key(id)).collect();
        for id in new {
            let hue = format::spread_hue(&id.0, self.settings.hues.values().copied());
            self.settings.hues.insert(id, hue);
            self.session.change_settings(move |settings| {
                settings.hues.entry(id).or_insert(hue);
            });
        }
    }

    fn room_hue(&self, room: &Room) -> i32 {
        room.info.room.and_then(|id| self.settings.hues.get(&id)).map_or(0, |hue| i32::from(*hue))
    }

    /// Shows a room, or none.
    pub(super) fn show(&mut self, membership: Option<MembershipId>) {
        if membership == self.open {
            return;
        }
        self.keep_draft();
        self.open = membership;
        let unread = membership.and_then(|membership| self.chat.room(membership)).map_or(0, |room| room.unread);
        self.view_open();
        self.show_stream(unread);
        let draft = membership.and_then(|membership| self.drafts.get(&membership)).cloned().unwrap_or_default();
        self.refusal = None;
        self.write(&draft);
        self.news = None;
        let state = self.state();
        state.set_news_count(0);
        state.set_unseen(0);
        state.set_at_end(true);
        self.note_seen();
        self.show_room();
        self.show_people();
        self.show_rooms();
    }

    pub(super) fn room_removed(&mut self, membership: MembershipId) {
        self.leaving.remove(&membership);
        self.accepted.forget(membership);
        self.drafts.remove(&membership);
        self.stale.rooms = true;
        if self.open == Some(membership) {
            let next = self.listed().into_iter().find(|other| *other != membership);
            self.show(next);
        }
    }

    pub(super) fn room_changed(&mut self, membership: MembershipId) {
        self.stale.rooms = true;
        self.stale.room |= self.open == Some(membership);
        self.hosting_went_on(membership);
        self.joining_went_on(membership);
        let Some(room) = self.chat.room(membership) else { return };
        if room.connection == Connection::Ended(None) && self.leaving.remove(&membership) {
            self.session.forget(membership);
        }
    }

    /// Tells the conversations what the person sees.
    pub(super) fn view_open(&mut self) {
        let seen = self.open.filter(|_| self.active);
        for change in self.chat.view(seen) {
            if let Change::RoomChanged(_) = change {
                self.stale.rooms = true;
            }
        }
    }

    pub(super) fn show_stream(&mut self, unread: usize) {
        let room = self.open.and_then(|membership| self.chat.room(membership));
        self.stream.show(room, unread, self.today);
    }

    /// The rooms in the order of the list, those that are shown.
    fn listed(&self) -> Vec<MembershipId> {
        let filter = search_key(&self.filter);
        let rooms = self.chat.by_activity().into_iter();
        let shown = rooms.filter(|room| !self.is_hosting(room.membership) && !self.is_joining(room.membership));
        let found = shown.filter(|room| filter.is_empty() || search_key(room.title()).contains(&filter));
        found.map(|room| room.membership).collect()
    }

    fn open_listed(&mut self, place: usize) {
        if let Some(membership) = self.listed().get(place).copied() {
            self.state().set_page(ui::Page::Chat);
            self.show(Some(membership));
        }
    }

    pub(super) fn show_rooms(&mut self) {
        self.choose_hues();
        let rows = self.listed().into_iter().filter_map(|membership| self.chat.room(membership));
        let rows: Vec<ui::RoomRow> = rows.map(|room| views::room_row(room, self.room_hue(room), self.today)).collect();
        list::update(&self.lists.rooms, rows, |row| row.id.clone());
        let all = self
            .chat
            .rooms()
            .filter(|room| !self.is_hosting(room.membership) && !self.is_joining(room.membership))
            .count();
        self.state().set_room_count(views::count(all));
        let secure = self.chat.rooms().filter(|room| !room.is_learning()).count();
        self.state().set_secure_rooms(views::count(secure));
    }

    pub(super) fn show_room(&mut self) {
        self.choose_hues();
        let state = self.state();
        let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) else {
            return state.set_room(ui::RoomView::default());
        };
        let mut others = room.members().iter().filter(|member| !member.is_me).peekable();
        let all_verified =
            others.peek().is_some() && others.all(|member| self.settings.is_verified(&member.fingerprint));
        let view = views::room_view(room, now_ms(), all_verified);
        // Codes are lists, and two lists are never equal: what did not change is left alone, or it
        // would be drawn anew with every event.
        let known = state.get_room();
        let kept = |known: ui::KeyCode, new: ui::KeyCode| if known.text == new.text { known } else { new };
        state.set_room(ui::RoomView {
            code: kept(known.code, view.code),
            host_key: kept(known.host_key, view.host_key),
            expected_host: kept(known.expected_host, view.expected_host),
            seen_host: kept(known.seen_host, view.seen_host),
            hue: self.room_hue(room),
            turns_away: room.info.room.is_some_and(|id| self.settings.turned_away.contains(&id)),
            ..view
        });
    }

    pub(super) fn show_people(&mut self) {
        let room = self.open.and_then(|membership| self.chat.room(membership));
        let row = |room, member: &crate::app::conversation::Member| {
            let verified = self.settings.is_verified(&member.fingerprint) && !member.is_me;
            views::member_row(room, member, verified, self.doubt(room, &member.fingerprint).is_some())
        };
        let members = room.map(|room| room.members().iter().map(|member| row(room, member)).collect());
        list::update(&self.lists.members, members.unwrap_or_default(), |row| row.id.clone());
        let knock =
            |member: &Fingerprint| ui::KnockRow { id: member.to_string().into(), code: views::key_code(Some(*member)) };
        let knocks = room.map(|room| room.knocks.iter().map(knock).collect()).unwrap_or_default();
        list::update(&self.lists.knocks, knocks, |row| row.id.clone());
    }

    pub(super) fn is_waiting_to_retry(&self) -> bool {
        let room = self.open.and_then(|membership| self.chat.room(membership));
        room.is_some_and(|room| matches!(room.connection, Connection::Offline { .. }))
    }

    /// The window got the keyboard, or lost it.
    pub(super) fn window_activated(&mut self, active: bool) {
        self.view_open();
        if active {
            self.note_seen();
            self.session.retry_all();
        } else if let Some(room) = self.open.and_then(|membership| self.chat.room(membership)) {
            self.stream.leave(room);
        }
    }

    /// How many people are connected to rooms that this computer relays.
    pub(super) fn connected_guests(&self) -> usize {
        let hosted = self.chat.rooms().filter(|room| room.hosting.is_some());
        hosted
            .flat_map(|room| room.members())
            .filter(|member| !member.is_me && member.presence == Presence::Here)
            .count()
    }
}
