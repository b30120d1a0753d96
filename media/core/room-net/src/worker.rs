//! A shard's thread.
//!
//! ```text
//!   wait ──► messages ──► datagrams ──► timers ──► slices ──► hand over ──► wait
//! ```

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use room_core::ids::ShardIndex;
use room_core::message::{Event, Message, Owner, Route};
use room_core::shard::Shard;
use room_core::time::Time;

use crate::clock;
use crate::directory::Shared;
use crate::inbox::Input;
use crate::receive::BATCH;
use crate::socket::Socket;

/// Batches of datagrams read before what they caused is sent.
const READS: usize = 4;
/// Datagrams are waited for this long after the last ones: to wake for each word of each viewer costs more than to read
/// it. Nothing waits where little comes in.
const PATIENCE: Duration = Duration::from_millis(4);
/// Where media come in as well, which may not wait as long; and not at all for less than a crowd.
const SHORT_PATIENCE: Duration = Duration::from_micros(300);
const CROWD: usize = 150;

/// As sound servers ask for.
const NICE: libc::c_int = -11;

pub(crate) struct Worker {
    pub(crate) index: ShardIndex,
    pub(crate) shard: Shard,
    pub(crate) socket: Socket,
    pub(crate) shared: Arc<Shared>,
    /// When datagrams were waited for last.
    pub(crate) woke: Time,
}

/// Asks for the processor before threads that have time: what is late here is heard. Where the system does not grant
/// that (`CAP_SYS_NICE`, or systemd's `LimitNICE=`), the thread is one among others.
fn go_first() {
    // SAFETY: plain call; zero is the calling thread.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

impl Worker {
    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        go_first();
        let mut more = false;
        loop {
            if !more {
                self.wait(self.shard.next_timeout());
            }
            let now = clock::now();
            if self.take_inputs(now) {
                break;
            }
            self.take_datagrams(now);
            self.shard.guarded(|shard| shard.timeout(now));
            // Before the own viewers are served, so that the other shards serve theirs meanwhile. Not before routes are
            // changed: whoever is given away must be found.
            if self.shard.routes.is_empty() {
                self.post();
            }
            more = self.shard.guarded(|shard| shard.produce(now)).unwrap_or(true);
            self.flush();
        }
        self.shard.guarded(Shard::close);
        self.flush();
    }

    /// Blocks until an input, a datagram, or `until`; with patience for datagrams, which then come together.
    fn wait(&mut self, until: Option<Time>) {
        let soon = self.woke.plus(match self.shard.is_patient() {
            true => PATIENCE,
            false if self.shard.population() < CROWD => Duration::ZERO,
            false => SHORT_PATIENCE,
        });
        if clock::now() < soon {
            let interrupted = self.block(&[self.inbox()], Some(until.map_or(soon, |until| until.min(soon))));
            if interrupted || until.is_some_and(|until| until <= soon) {
                return;
            }
        }
        self.block(&[self.inbox(), self.socket.fd()], until);
        self.woke = clock::now();
    }

    fn inbox(&self) -> RawFd {
        self.shared.inboxes[usize::from(self.index)].fd()
    }

    /// Blocks until something can be read, or `until`. Returns whether something can.
    fn block(&self, descriptors: &[RawFd], until: Option<Time>) -> bool {
        let mut entries = [libc::pollfd { fd: -1, events: libc::POLLIN, revents: 0 }; 2];
        for (entry, fd) in entries.iter_mut().zip(descriptors) {
            entry.fd = *fd;
        }
        let span = until.map(|until| until.since(clock::now()));
        let spec = span.map(|span| libc::timespec {
            tv_sec: span.as_secs().min(86_400) as libc::time_t,
            tv_nsec: libc::c_long::from(span.subsec_nanos() as i32),
        });
        let timeout = spec.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: both entries and the time-out live for the call; an entry without a descriptor is passed over.
        unsafe { libc::ppoll(entries.as_mut_ptr(), 2, timeout, std::ptr::null()) > 0 }
    }

    /// Returns whether to stop.
    fn take_inputs(&mut self, now: Time) -> bool {
        for input in self.shared.inboxes[usize::from(self.index)].take() {
            match input {
                Input::Command(command) => drop(self.shard.guarded(|shard| shard.command(now, command))),
                Input::Message(message) => self.take_message(now, message),
                Input::Stats(reply) => {
                    let stats = self.shard.guarded(|shard| shard.stats(now));
                    if let Some(stats) = stats {
                        drop(reply.send(stats));
                    }
                }
                Input::Stop => return true,
            }
        }
        false
    }

    fn take_message(&mut self, now: Time, message: Message) {
        // A datagram that was brought here, and whose owner has moved on meanwhile, is lost: it will be
        // sent again.
        self.shard.guarded(|shard| shard.message(now, message));
    }

    fn take_datagrams(&mut self, now: Time) {
        for _ in 0..READS {
            let count = self.socket.receive();
            for (from, bytes) in self.socket.datagrams() {
                let (shard, index) = (&mut self.shard, self.index);
                let owner = shard.guarded(|shard| shard.datagram(now, from, index, bytes));
                let owner = owner.unwrap_or(Owner::Settled);
                if let Some(other) = self.shared.routes.owner(&owner, from, index) {
                    let message = Message::Datagram { from, arrived: index, bytes: bytes.to_vec() };
                    shard.outbox.push((other, message));
                }
            }
            if count < BATCH {
                return;
            }
        }
    }

    /// Sends datagrams, messages and events.
    fn flush(&mut self) {
        if !self.shard.transmit.is_empty() {
            self.socket.send(&self.shard.transmit);
            self.shared.connections.send(&self.shard.transmit);
            // When they really left, for whoever is told how they arrived.
            self.shard.transmit.left(clock::now());
        }
        if !self.shard.routes.is_empty() {
            self.release();
            self.shared.routes.change(self.shard.routes.drain(..));
        }
        self.post();
        if !self.shard.tapped.is_empty() {
            self.hand_out();
        }
        for event in std::mem::take(&mut self.shard.events) {
            self.tell(event);
        }
    }

    /// What taps have read; who fetches too slowly misses some, and nobody waits.
    fn hand_out(&mut self) {
        let refused = self.shared.taps.push(self.shard.tapped.drain(..));
        self.shared.events.kick();
        for (tap, track) in refused {
            self.shard.tap_overflowed(clock::now(), tap, track);
        }
    }

    /// Connections that no peer has any more end, once what was said to them is written.
    fn release(&self) {
        for route in &self.shard.routes {
            if let Route::NoAddress(address, _) = route {
                self.shared.connections.release(*address);
            }
        }
    }

    fn post(&mut self) {
        if self.shard.outbox.is_empty() {
            return;
        }
        let mut piles: Vec<Vec<Input>> = self.shared.inboxes.iter().map(|_| Vec::new()).collect();
        for (shard, message) in self.shard.outbox.drain(..) {
            piles[usize::from(shard)].push(Input::Message(message));
        }
        for (inbox, pile) in self.shared.inboxes.iter().zip(piles) {
            inbox.extend(pile.into_iter());
        }
    }

    fn tell(&self, event: Event) {
        if let Some(event) = self.shared.note(event) {
            self.shared.events.push(event);
        }
    }
}
