//! ICE-lite (RFC 8445 section 2.5): one peer's addresses, proved by authenticated checks.
//!
//! ```text
//!   NEW ── first authenticated check ──► VALIDATED ── nomination ──► SELECTED
//!    │ 15 s without                          │            nomination elsewhere: moves
//!    ▼                                       ▼ `consent` without a check (RFC 7675)
//!   never connected                      consent lost
//!
//!   restart: new names and passwords; the first check by them ends the old ones and moves to where it came from
//! ```
//!
//! Invariant: only an address that passed an authenticated check is spoken to. A TCP connection (RFC 6544) is spoken
//! to only while no UDP works, whatever a peer that nominates everything (RFC 5245 section 8.1.1.2) says last.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use crate::limits::ADDRESSES_PER_PEER;
use crate::stun::Request;
use crate::tcp;
use crate::time::Time;

/// Checks that are remembered: those of a minute, of a browser that has found its way.
const REMEMBERED: usize = 32;
/// How long an address of UDP counts as working after a check: peers check the one that they use more often.
const UDP_LASTS: Duration = Duration::from_secs(8);

/// The local half of an ICE exchange and the name of the remote one.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub local_ufrag: String,
    pub local_pwd: String,
    pub remote_ufrag: String,
}

#[derive(Debug)]
pub struct IceLite {
    credentials: Credentials,
    /// Of before a restart, until a check uses the new ones (RFC 8445 section 9).
    earlier: Option<Credentials>,
    /// How long a peer may be silent.
    consent: Duration,
    /// Newest last.
    validated: Vec<SocketAddr>,
    selected: Option<SocketAddr>,
    nominated: bool,
    heard: Option<Time>,
    /// The last check from the selected address.
    selected_heard: Option<Time>,
    /// The last checks, by their transactions, and whence they came.
    seen: VecDeque<(u64, u64)>,
}

/// What an authentic check changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Check {
    pub new_address: bool,
    /// An address that had to make room.
    pub dropped: Option<SocketAddr>,
    /// A name of before a restart that serves no more.
    pub forgotten: Option<String>,
}

impl IceLite {
    #[must_use]
    pub fn new(credentials: Credentials, consent: Duration) -> IceLite {
        IceLite {
            credentials,
            earlier: None,
            consent,
            validated: Vec::new(),
            selected: None,
            nominated: false,
            heard: None,
            selected_heard: None,
            seen: VecDeque::new(),
        }
    }

    /// Takes new names and passwords; the same again change nothing. Returns a name that serves no more.
    pub fn restart(&mut self, credentials: Credentials) -> Option<String> {
        if credentials.local_ufrag == self.credentials.local_ufrag {
            return None;
        }
        let before = std::mem::replace(&mut self.credentials, credentials);
        self.earlier.replace(before).map(|forgotten| forgotten.local_ufrag)
    }

    /// The names by which checks may ask for this peer.
    pub fn local_ufrags(&self) -> impl Iterator<Item = &str> {
        self.known().map(|one| one.local_ufrag.as_str())
    }

    fn known(&self) -> impl Iterator<Item = &Credentials> {
        std::iter::once(&self.credentials).chain(&self.earlier)
    }

    /// The password that answers this request.
    #[must_use]
    pub fn local_pwd(&self, request: &Request<'_>) -> &str {
        let earlier = self.earlier.as_ref().filter(|one| one.local_ufrag == request.local_ufrag());
        &earlier.unwrap_or(&self.credentials).local_pwd
    }

    #[must_use]
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.validated
    }

    #[must_use]
    pub fn is_validated(&self, address: SocketAddr) -> bool {
        self.validated.contains(&address)
    }

    /// Whether the request is meant for this peer and was sent by who knows our password.
    #[must_use]
    pub fn is_authentic(&self, request: &Request<'_>) -> bool {
        let Some((local, remote)) = request.username.split_once(':') else { return false };
        self.known().any(|credentials| {
            local == credentials.local_ufrag
                && remote == credentials.remote_ufrag
                && request.verified(&credentials.local_pwd)
        })
    }

    /// Whether somebody else said the same before: who listens on the way could have us send to whomever they like by
    /// playing a check back. Browsers make each anew, and send the same again from the same place only.
    #[must_use]
    pub fn is_played_back(&self, from: SocketAddr, request: &Request<'_>) -> bool {
        let (said, by) = (hash(&request.transaction), hash(&from));
        self.seen.iter().any(|(before, whom)| *before == said && *whom != by)
    }

    fn remember(&mut self, from: SocketAddr, request: &Request<'_>) {
        let check = (hash(&request.transaction), hash(&from));
        if !self.seen.contains(&check) {
            self.seen.push_back(check);
        }
        if self.seen.len() > REMEMBERED {
            self.seen.pop_front();
        }
    }

    /// Takes an authentic check from `from`.
    pub fn checked(&mut self, now: Time, from: SocketAddr, request: &Request<'_>) -> Check {
        self.heard = Some(now);
        self.remember(from, request);
        let mut check = Check::default();
        if request.local_ufrag() == self.credentials.local_ufrag
            && let Some(earlier) = self.earlier.take()
        {
            check.forgotten = Some(earlier.local_ufrag);
            self.nominated = false;
            self.selected_heard = None;
        }
        if !self.is_validated(from) {
            check.new_address = true;
            check.dropped = self.make_room();
            self.validated.push(from);
        }
        // Until the first nomination the newest address serves, so that DTLS need not wait for it.
        if (request.use_candidate || !self.nominated) && !self.is_second_choice(now, from) {
            self.selected = Some(from);
            self.nominated |= request.use_candidate;
        }
        if self.selected == Some(from) {
            self.selected_heard = Some(now);
        }
        check
    }

    /// Whether `from` is a connection, and UDP works.
    fn is_second_choice(&self, now: Time, from: SocketAddr) -> bool {
        tcp::connection(from).is_some()
            && self.selected.is_some_and(|selected| tcp::connection(selected).is_none())
            && self.selected_heard.is_some_and(|heard| now.since(heard) < UDP_LASTS)
    }

    /// An address is there no more. If it was the selected one, the next check from wherever selects another.
    pub fn forget(&mut self, address: SocketAddr) {
        self.validated.retain(|other| *other != address);
        if self.selected == Some(address) {
            self.selected = None;
            self.nominated = false;
        }
    }

    fn make_room(&mut self) -> Option<SocketAddr> {
        if self.validated.len() < ADDRESSES_PER_PEER {
            return None;
        }
        let oldest = self.validated.iter().position(|address| Some(*address) != self.selected)?;
        Some(self.validated.remove(oldest))
    }

    /// When consent ends unless the peer checks again; `None` before the first check.
    #[must_use]
    pub fn consent_ends(&self) -> Option<Time> {
        self.heard.map(|heard| heard.plus(self.consent))
    }
}

fn hash(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stun;

    fn credentials(local_ufrag: &str, local_pwd: &str, remote_ufrag: &str) -> Credentials {
        Credentials {
            local_ufrag: local_ufrag.into(),
            local_pwd: local_pwd.into(),
            remote_ufrag: remote_ufrag.into(),
        }
    }

    fn agent() -> IceLite {
        IceLite::new(credentials("here", "secret", "there"), Duration::from_secs(30))
    }

    fn check(agent: &mut IceLite, from: &str, nominate: bool) -> Check {
        check_at(agent, 0, from.parse().unwrap(), nominate)
    }

    fn check_at(agent: &mut IceLite, at_s: u64, from: SocketAddr, nominate: bool) -> Check {
        let raw = stun::request(&[0; 12], "here:there", "secret", nominate);
        let request = Request::read(&raw).unwrap();
        assert!(agent.is_authentic(&request));
        agent.checked(Time::from_nanos(at_s * 1_000_000_000), from, &request)
    }

    fn over_tcp(number: u32) -> SocketAddr {
        tcp::address("10.0.0.1:1000".parse().unwrap(), number.try_into().unwrap())
    }

    #[test]
    fn a_connection_serves_at_once_but_not_while_udp_works() {
        let (mut agent, udp) = (agent(), "10.0.0.1:1000".parse().unwrap());
        check_at(&mut agent, 0, over_tcp(1), true);
        assert_eq!(agent.selected(), Some(over_tcp(1)));
        check_at(&mut agent, 1, udp, true);
        assert_eq!(agent.selected(), Some(udp));
        check_at(&mut agent, 2, over_tcp(1), true);
        assert_eq!(agent.selected(), Some(udp), "who nominates everything gets the better");
        check_at(&mut agent, 10, over_tcp(1), true);
        assert_eq!(agent.selected(), Some(over_tcp(1)), "nothing came over UDP for a while");
    }

    #[test]
    fn a_connection_that_ended_is_spoken_to_no_more_and_any_check_brings_the_next() {
        let mut agent = agent();
        check_at(&mut agent, 0, over_tcp(1), true);
        agent.forget(over_tcp(1));
        assert_eq!((agent.selected(), agent.addresses().len()), (None, 0));
        check_at(&mut agent, 1, over_tcp(2), false);
        assert_eq!(agent.selected(), Some(over_tcp(2)));
        agent.forget(over_tcp(1));
        assert_eq!(agent.selected(), Some(over_tcp(2)), "another one's end changes nothing");
    }

    #[test]
    fn the_last_nominated_address_is_spoken_to() {
        let mut agent = agent();
        check(&mut agent, "10.0.0.1:1000", true);
        check(&mut agent, "10.0.0.2:1000", false);
        assert_eq!(agent.selected(), Some("10.0.0.1:1000".parse().unwrap()));
        check(&mut agent, "10.0.0.2:1000", true);
        assert_eq!(agent.selected(), Some("10.0.0.2:1000".parse().unwrap()));
    }

    #[test]
    fn a_check_for_another_pair_of_names_is_not_authentic() {
        for username in ["here:else", "else:there", "here", "here:there:x"] {
            let raw = stun::request(&[0; 12], username, "secret", true);
            assert!(!agent().is_authentic(&Request::read(&raw).unwrap()), "{username}");
        }
    }

    #[test]
    fn after_a_restart_the_old_names_serve_until_the_new_are_used() {
        let mut agent = agent();
        check(&mut agent, "10.0.0.1:1", true);
        assert_eq!(agent.restart(credentials("anew", "word", "they")), None);
        assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["anew", "here"]);
        assert_eq!(check(&mut agent, "10.0.0.1:1", true).forgotten, None);

        let raw = stun::request(&[0; 12], "anew:they", "word", false);
        let request = Request::read(&raw).unwrap();
        assert!(agent.is_authentic(&request));
        assert_eq!(agent.local_pwd(&request), "word");
        let moved = agent.checked(Time::from_nanos(0), "10.0.0.2:2".parse().unwrap(), &request);

        assert_eq!(moved.forgotten.as_deref(), Some("here"));
        assert_eq!(agent.selected(), Some("10.0.0.2:2".parse().unwrap()));
        let raw = stun::request(&[0; 12], "here:there", "secret", true);
        assert!(!agent.is_authentic(&Request::read(&raw).unwrap()), "the old names are gone");
    }

    #[test]
    fn a_restart_that_is_told_twice_is_one() {
        let mut agent = agent();
        agent.restart(credentials("anew", "word", "they"));
        assert_eq!(agent.restart(credentials("anew", "word", "they")), None);
        assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["anew", "here"]);
    }

    #[test]
    fn a_second_restart_ends_the_names_of_before_the_first() {
        let mut agent = agent();
        agent.restart(credentials("one", "word", "they"));
        assert_eq!(agent.restart(credentials("two", "word", "they")).as_deref(), Some("here"));
        assert_eq!(agent.local_ufrags().collect::<Vec<_>>(), ["two", "one"]);
    }

    #[test]
    fn what_somebody_else_said_before_is_known_for_a_while() {
        let mut agent = agent();
        let say = |agent: &mut IceLite, n: u8, from: &str| {
            let raw = stun::request(&[n; 12], "here:there", "secret", true);
            let (request, from) = (Request::read(&raw).unwrap(), from.parse().unwrap());
            let is_played_back = agent.is_played_back(from, &request);
            if !is_played_back {
                agent.checked(Time::default(), from, &request);
            }
            is_played_back
        };
        assert!(!say(&mut agent, 1, "10.0.0.1:1"));
        assert!(!say(&mut agent, 1, "10.0.0.1:1"), "the same again from the same place");
        assert!(say(&mut agent, 1, "10.0.0.2:1") && say(&mut agent, 1, "10.0.0.1:2"));
        assert!(!say(&mut agent, 2, "10.0.0.2:1"), "another check, from a new address");
        (3..=REMEMBERED as u8).for_each(|n| assert!(!say(&mut agent, n, "10.0.0.2:1")));
        assert!(say(&mut agent, 1, "10.0.0.2:1"));
        assert_eq!(agent.seen.len(), REMEMBERED);
        assert!(!say(&mut agent, 99, "10.0.0.2:1"));
        assert_eq!(agent.seen.len(), REMEMBERED);
    }

    #[test]
    fn many_addresses_do_not_push_out_the_selected_one() {
        let mut agent = agent();
        check(&mut agent, "10.0.0.1:1", true);
        for port in 2..100 {
            check(&mut agent, &format!("10.0.0.1:{port}"), false);
        }
        assert_eq!(agent.addresses().len(), ADDRESSES_PER_PEER);
        assert!(agent.is_validated("10.0.0.1:1".parse().unwrap()));
    }
}
