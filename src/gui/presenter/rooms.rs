//! The list of rooms: which rooms are in it, in which order, and which the filter finds.
//!
//! It opens nothing itself: it returns the room, and the presenter opens it.

use std::rc::Rc;

use slint::{ModelRc, VecModel};

use super::desk::Desk;
use super::views;
use crate::app::MembershipId;
use crate::app::conversation::Room;
use crate::gui::generated as ui;
use crate::gui::{format, list};
use crate::protocol::{RoomId, search_key};

/// Rooms being opened or joined: they have a sheet of their own, and enter the list when they are there.
pub(super) type UnderWay = [Option<MembershipId>; 2];

/// The list, as the filter narrows it.
pub(in crate::gui) struct Rooms {
    rows: Rc<VecModel<ui::RoomRow>>,
    filter: String,
}

impl Rooms {
    pub(super) fn new(desk: &Desk) -> Self {
        let rows = Rc::default();
        desk.global::<ui::Rooms>().set_list(ModelRc::from(Rc::clone(&rows)));
        desk.global::<ui::Rooms>().set_filter("".into());
        Self { rows, filter: String::new() }
    }

    /// Narrows the list to rooms whose name contains a text. [`Self::show`] has to follow.
    pub(super) fn filter(&mut self, desk: &Desk, text: &str) {
        text.trim().clone_into(&mut self.filter);
        desk.global::<ui::Rooms>().set_filter(text.into());
    }

    /// The rooms that the list shows, in its order.
    pub(super) fn listed(&self, desk: &Desk, under_way: UnderWay) -> Vec<MembershipId> {
        let filter = search_key(&self.filter);
        let rooms = desk.chat.by_activity().into_iter();
        let shown = rooms.filter(|room| !under_way.contains(&Some(room.membership)));
        let found = shown.filter(|room| filter.is_empty() || search_key(room.title()).contains(&filter));
        found.map(|room| room.membership).collect()
    }

    /// The room before or after the open one; past either end it continues at the other.
    pub(super) fn beside_open(&self, desk: &Desk, under_way: UnderWay, by: i32) -> Option<MembershipId> {
        let memberships = self.listed(desk, under_way);
        let here = memberships.iter().position(|membership| Some(*membership) == desk.open);
        let last = memberships.len().saturating_sub(1);
        let next = match (here, by < 0) {
            (Some(0), true) | (None, true) => last,
            (Some(here), true) => here - 1,
            (Some(here), false) if here < last => here + 1,
            _ => 0,
        };
        memberships.get(next).copied()
    }

    pub(super) fn show(&self, desk: &mut Desk, under_way: UnderWay) {
        choose_hues(desk);
        let rows = self.listed(desk, under_way).into_iter().filter_map(|membership| desk.chat.room(membership));
        let rows: Vec<ui::RoomRow> = rows.map(|room| views::room_row(room, hue(desk, room), desk.today)).collect();
        list::update(&self.rows, rows, |row| row.id.clone());
        let all = desk.chat.rooms().filter(|room| !under_way.contains(&Some(room.membership))).count();
        desk.global::<ui::Rooms>().set_count(views::count(all));
        let secure = desk.chat.rooms().filter(|room| !room.is_learning()).count();
        desk.global::<ui::Rooms>().set_secure_count(views::count(secure));
    }
}

/// Gives each room without a colour one, its own unless other rooms use that. The room keeps it from then on.
pub(super) fn choose_hues(desk: &mut Desk) {
    let ids = desk.chat.rooms().filter_map(|room| room.info.room);
    let new: Vec<RoomId> = ids.filter(|id| !desk.settings.hues.contains_key(id)).collect();
    for id in new {
        let hue = format::spread_hue(&id.0, desk.settings.hues.values().copied());
        desk.change_settings(move |settings| {
            settings.hues.entry(id).or_insert(hue);
        });
    }
}

/// The colour of a room, or the first colour as long as it has none.
pub(super) fn hue(desk: &Desk, room: &Room) -> i32 {
    room.info.room.and_then(|id| desk.settings.hues.get(&id)).map_or(0, |hue| i32::from(*hue))
}
