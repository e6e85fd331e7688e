//! A host that has less of the roster than its members know: nobody goes back to that.

use conversa::crypto::Suite;
use conversa::protocol::limits::RETRY_MAX_MS;
use conversa::protocol::{Entry, Event};
use conversa::wire::Signed;

use crate::net::Net;

/// How often somebody got as far as to talk.
fn arrivals(net: &Net, name: &str) -> usize {
    net.people[name].events.iter().filter(|event| matches!(event, Event::Ready { .. })).count()
}

/// The owner's app begins with this much of the roster.
fn open_with(net: &mut Net, genesis: &Signed, roster: &[Signed]) {
    let (genesis, roster, host) = (genesis.clone(), roster.to_vec(), net.host_fingerprint());
    net.cut("ann");
    net.add("ann", Entry::Open { genesis, roster, token: None, title: String::new() }, Some(host));
    net.wait(2 * RETRY_MAX_MS);
}

#[test]
fn a_host_that_knows_less_is_left_until_the_owner_has_told_it_the_rest() {
    for suite in Suite::ALL {
        for begins_anew in [false, true] {
            let mut net = Net::new(suite, &["ann", "bo", "carol"]);
            let events = &net.people["bo"].events;
            let genesis = events.iter().find_map(|event| match event {
                Event::Entered { genesis, .. } => Some(genesis.clone()),
                _ => None,
            });
            let (genesis, host) = (genesis.unwrap(), net.host_fingerprint());
            let entries = events.iter().filter_map(|event| match event {
                Event::RosterEntry { number, entry, hash } => Some(((*number, *hash), entry.clone())),
                _ => None,
            });
            let (known, roster): (Vec<_>, Vec<_>) = entries.unzip();
            assert_eq!(roster.len(), 2, "Bo and Carol");
            net.restart_host();
            if begins_anew {
                net.add("bo", Entry::Return { genesis: genesis.clone(), known: known[1] }, Some(host));
            }
            let before = arrivals(&net, "bo");
            open_with(&mut net, &genesis, &roster[..1]);
            assert_eq!(arrivals(&net, "bo"), before, "{suite:?}, anew: {begins_anew}: Carol would be forgotten");
            assert_eq!(net.stop_of("bo"), None);
            open_with(&mut net, &genesis, &roster);
            assert_eq!(arrivals(&net, "bo"), before + 1, "{suite:?}, anew: {begins_anew}");
        }
    }
}
