//! What happens at the listeners of rooms that are hosted here.

use super::engine::Engine;
use crate::app::Problem;
use crate::net;

impl Engine {
    /// Something happened at a listener of ours.
    pub(super) fn hosting_event(&mut self, event: &net::Event) {
        log::debug!("{event:?}");
        if let net::Event::Log { news, .. } = event
            && let Some(problem) = Problem::of_hosted_log(news)
        {
            self.warn(problem);
        }
    }
}
