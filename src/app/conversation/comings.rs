//! What it does to a room's members and rows when somebody joins, leaves or changes their name.
//!
//! Not here: who may join; the protocol decides who belongs to a room, and this only shows it.

use std::collections::BTreeSet;

use super::Change;
use super::member::Presence;
use super::news::{MemberNews, News};
use super::room::Room;
use super::row::Notice;
use crate::crypto::Fingerprint;

impl Room {
    /// The current members. Whoever joined or left while we were away is news.
    pub(super) fn all_members(&mut self, members: &[Fingerprint], now_ms: u64) -> Vec<Change> {
        let known: BTreeSet<Fingerprint> = self.members.iter().map(|member| member.fingerprint).collect();
        let mut changes = Vec::new();
        for member in known.iter().filter(|member| !members.contains(member)) {
            changes.extend(self.gone(*member, Notice::Gone(*member), now_ms));
        }
        for member in members.iter().filter(|member| !known.contains(member)) {
            changes.extend(self.joined(*member, now_ms));
        }
        changes.push(Change::MembersChanged(self.membership));
        if !std::mem::replace(&mut self.members_told, true) {
            changes.push(self.news(News::Members));
        }
        changes
    }

    pub(super) fn joined(&mut self, member: Fingerprint, now_ms: u64) -> Vec<Change> {
        let is_news = self.members_told && self.me != Some(member) && self.member(&member).is_none();
        self.member_mut(member);
        self.sort_members();
        let mut changes = vec![Change::MembersChanged(self.membership)];
        if is_news {
            changes.extend(self.notice(now_ms, Notice::Joined(member)));
        }
        if self.knocks.contains(&member) {
            self.knocks.retain(|knock| *knock != member);
            changes.push(Change::KnocksChanged(self.membership));
        }
        changes
    }

    /// Presence is shown with the members, not among their messages: people come and go all day.
    pub(super) fn here(&mut self, member: Fingerprint, now_ms: u64) -> Vec<Change> {
        // The host may mention somebody before it reports that they joined: report the join first.
        let mut changes = if self.member(&member).is_none() { self.joined(member, now_ms) } else { Vec::new() };
        self.member_mut(member).presence = Presence::Here;
        changes.extend([Change::MembersChanged(self.membership), self.member_news(member, MemberNews::Here)]);
        changes
    }

    pub(super) fn away(&mut self, member: Fingerprint, cut: bool) -> Vec<Change> {
        let (presence, news) = if cut { (Presence::Cut, MemberNews::Cut) } else { (Presence::Away, MemberNews::Away) };
        let news = self.member_news(member, news);
        // A member who leaves for good then hangs up, and is no longer a member.
        if self.member(&member).is_none() {
            return vec![news];
        }
        self.member_mut(member).presence = presence;
        vec![Change::MembersChanged(self.membership), news]
    }

    pub(super) fn gone(&mut self, member: Fingerprint, notice: Notice, now_ms: u64) -> Vec<Change> {
        let is_news = self.members_told && self.member(&member).is_some();
        self.remove_member(&member);
        let mut changes = vec![Change::MembersChanged(self.membership)];
        if is_news {
            changes.extend(self.notice(now_ms, notice));
        }
        changes
    }

    pub(super) fn named(&mut self, member: Fingerprint, name: &str, now_ms: u64) -> Vec<Change> {
        // A name can arrive after its member has left; then it only helps to read the rows.
        let is_member = self.member(&member).is_some();
        let called_before = self.name_of(&member);
        let told = self.name_member(member, name);
        if !is_member {
            self.remove_member(&member);
        }
        let news = self.member_news(member, MemberNews::Named { before: told.before.clone() });
        let mut changes = vec![Change::MembersChanged(self.membership), news];
        match told.before {
            Some(before) if before != name && self.me != Some(member) => {
                // Keep the tag: somebody who takes another's name must stay distinguishable.
                let (before, now) = (called_before, self.name_of(&member));
                changes.extend(self.notice(now_ms, Notice::Renamed { member, before, now }));
            }
            _ => {}
        }
        if !told.called_otherwise.is_empty() {
            changes.push(Change::NamesChanged(self.membership));
        }
        changes
    }
}
