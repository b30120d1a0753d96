//! The thread of TCP connections (ICE-TCP, RFC 6544, passive): takes them in, reads them, and sees them off. Shards
//! write to them by themselves.
//!
//! Invariant: strangers cost a bounded number of connections, and never those of people who are proved.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use room_core::time::Time;

use crate::clock;
use crate::connection::Connection;
use crate::directory::Shared;
use crate::incoming::Incoming;
use crate::poll::{Interest, Poll, Ready};
use crate::socket::set_option;

const MOST: usize = 4_096;
/// Many people may share one address; those who cannot use UDP often do.
const MOST_OF_ADDRESS: usize = 2_048;
const MOST_UNPROVED: usize = 512;
const MOST_UNPROVED_OF_ADDRESS: usize = 128;
/// Taken in at a time.
const ACCEPTS: usize = 64;
const READ_BYTES: usize = 64 * 1024;
const SWEEP: Duration = Duration::from_secs(1);
/// What waits in the kernel is late already and cannot be overtaken: little does.
const UNSENT_BYTES: libc::c_int = 64 * 1024;
const SEND_BYTES: libc::c_int = 256 * 1024;

/// Tokens; connections have their numbers.
const LISTENER: u64 = 1 << 32;
const WAKE: u64 = 2 << 32;

pub(crate) struct Door {
    listener: TcpListener,
    poll: Arc<Poll>,
    shared: Arc<Shared>,
    open: HashMap<NonZeroU32, Incoming>,
    last: u32,
    /// Room for the descriptors of others is left.
    most: usize,
    buffer: Vec<u8>,
    swept: Time,
    /// No descriptor was left: nobody is let in until the next sweep.
    rests: bool,
}

/// Whom the newcomer's address is counted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    Welcome,
    /// The oldest stranger makes room.
    InsteadOf(NonZeroU32),
    Refused,
}

impl Door {
    /// Listens at `address`; port 0 is any free one.
    pub(crate) fn open(address: SocketAddr, shared: Arc<Shared>) -> io::Result<Door> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        // Connections inherit these. A kernel that knows one of them not does without.
        let _ = set_option(&listener, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1);
        let _ = set_option(&listener, libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT, UNSENT_BYTES);
        let _ = set_option(&listener, libc::SOL_SOCKET, libc::SO_SNDBUF, SEND_BYTES);
        let poll = Arc::new(Poll::new()?);
        poll.add(listener.as_raw_fd(), LISTENER, Interest::Reading)?;
        poll.add(shared.door_wake.fd(), WAKE, Interest::Reading)?;
        let (open, buffer, swept) = (HashMap::new(), vec![0; READ_BYTES], clock::now());
        let most = MOST.min(descriptors() / 2);
        Ok(Door { listener, poll, shared, open, last: 0, most, buffer, swept, rests: false })
    }

    pub(crate) fn local_port(&self) -> io::Result<u16> {
        Ok(self.listener.local_addr()?.port())
    }

    /// Works until it is told to stop, and closes every connection then.
    pub(crate) fn run(mut self) {
        while !self.shared.door_closed.load(Ordering::Acquire) {
            let busy = self.rests || !self.open.is_empty();
            let ready = self.poll.wait(busy.then_some(SWEEP));
            let now = clock::now();
            for one in ready {
                match one.token {
                    LISTENER => self.accept(now),
                    WAKE => self.shared.door_wake.clear(),
                    _ => self.serve(now, one),
                }
            }
            if now.since(self.swept) >= SWEEP {
                self.sweep(now);
            }
        }
        for (_, incoming) in self.open.drain() {
            incoming.end(&self.shared);
        }
    }

    fn serve(&mut self, now: Time, ready: Ready) {
        let number = u32::try_from(ready.token).ok().and_then(NonZeroU32::new);
        let Some(number) = number else { return };
        let Some(incoming) = self.open.get_mut(&number) else { return };
        if ready.writable {
            incoming.connection.flush();
        }
        if ready.readable && !incoming.read(now, &mut self.buffer, &self.shared) {
            self.close(number);
        }
    }

    fn close(&mut self, number: NonZeroU32) {
        if let Some(incoming) = self.open.remove(&number) {
            incoming.end(&self.shared);
        }
    }

    fn sweep(&mut self, now: Time) {
        self.swept = now;
        let ended = self.open.iter().filter(|(_, incoming)| incoming.ends() <= now);
        for number in ended.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.close(number);
        }
        if std::mem::take(&mut self.rests) {
            let _ = self.poll.change(self.listener.as_raw_fd(), LISTENER, Interest::Reading);
        }
    }

    fn accept(&mut self, now: Time) {
        for _ in 0..ACCEPTS {
            match self.listener.accept() {
                Ok((socket, peer)) => self.admit(now, socket, peer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_of_the_newcomer(&error) => {}
                Err(_) => {
                    self.rests = true;
                    let _ = self.poll.change(self.listener.as_raw_fd(), LISTENER, Interest::Nothing);
                    return;
                }
            }
        }
    }

    fn admit(&mut self, now: Time, socket: TcpStream, peer: SocketAddr) {
        let others = self.open.iter().map(|(number, incoming)| Other {
            number: *number,
            origin: origin(incoming.connection.address.ip()),
            opened: incoming.opened,
            is_proved: incoming.is_proved(),
        });
        match admission(origin(peer.ip()), others, self.most) {
            Admission::Welcome => {}
            Admission::InsteadOf(oldest) => self.close(oldest),
            Admission::Refused => return,
        }
        let number = self.next_number();
        let fd = socket.as_raw_fd();
        let added = socket
            .set_nonblocking(true)
            .and_then(|()| self.poll.add(fd, u64::from(number.get()), Interest::Reading));
        if added.is_ok() {
            let connection = Arc::new(Connection::new(socket, peer, number, Arc::clone(&self.poll)));
            self.shared.connections.insert(Arc::clone(&connection));
            self.open.insert(number, Incoming::new(connection, now));
        }
    }

    /// None of an open connection, and none that was used lately.
    fn next_number(&mut self) -> NonZeroU32 {
        loop {
            self.last = self.last.wrapping_add(1);
            if let Some(number) = NonZeroU32::new(self.last).filter(|number| !self.open.contains_key(number))
            {
                return number;
            }
        }
    }
}

struct Other {
    number: NonZeroU32,
    origin: IpAddr,
    opened: Time,
    is_proved: bool,
}

/// Whether one more from `newcomer` may come in beside the others.
fn admission(newcomer: IpAddr, others: impl Iterator<Item = Other>, most: usize) -> Admission {
    let (mut all, mut of_address, mut unproved_of_address, mut unproved) = (0, 0, 0, 0);
    let mut oldest: Option<(Time, NonZeroU32)> = None;
    for other in others {
        let near = usize::from(other.origin == newcomer);
        all += 1;
        of_address += near;
        if !other.is_proved {
            unproved += 1;
            unproved_of_address += near;
            let candidate = (other.opened, other.number);
            oldest = Some(oldest.map_or(candidate, |oldest| oldest.min(candidate)));
        }
    }
    if of_address >= MOST_OF_ADDRESS || unproved_of_address >= MOST_UNPROVED_OF_ADDRESS {
        return Admission::Refused;
    }
    if all < most && unproved < MOST_UNPROVED {
        return Admission::Welcome;
    }
    oldest.map_or(Admission::Refused, |(_, number)| Admission::InsteadOf(number))
}

/// What one household or office is counted as: an address, or a network of IPv6.
fn origin(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64)),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether the newcomer is to blame (accept(2)), so that the next one may be let in.
fn is_of_the_newcomer(error: &io::Error) -> bool {
    let ours = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    !error.raw_os_error().is_some_and(|code| ours.contains(&code))
}

/// How many the process may have open.
fn descriptors() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place to write to.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if result < 0 { MOST } else { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::Ipv4Addr;

    use super::*;
    use crate::incoming::TO_PROVE;

    fn crowd(count: u32, from: IpAddr, is_proved: bool) -> impl Iterator<Item = Other> {
        (1..=count).map(move |n| Other {
            number: NonZeroU32::new(n).unwrap(),
            origin: origin(from),
            opened: Time::from_nanos(u64::from(n)),
            is_proved,
        })
    }

    #[test]
    fn strangers_push_out_strangers_and_nobody_else() {
        let [office, attacker, home] =
            ["192.0.2.1", "198.51.100.1", "2001:db8::1"].map(|ip| ip.parse().unwrap());
        let many = MOST_UNPROVED as u32;
        let strangers = || (0..5).flat_map(|n| crowd(many / 4, IpAddr::from([203, 0, 113, n]), false));
        let first = NonZeroU32::MIN;
        assert_eq!(admission(home, crowd(1_000, office, true), MOST), Admission::Welcome);
        assert_eq!(admission(office, crowd(1_000, office, true), MOST), Admission::Welcome);
        assert_eq!(admission(attacker, crowd(128, attacker, false), MOST), Admission::Refused);
        assert_eq!(admission(home, crowd(128, attacker, false), MOST), Admission::Welcome);
        assert_eq!(admission(home, strangers(), MOST), Admission::InsteadOf(first));
        assert_eq!(admission(home, crowd(1_500, office, true), 1_500), Admission::Refused);
        assert_eq!(admission(office, crowd(2_048, office, true), MOST), Admission::Refused);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_and_a_mapped_address_as_what_it_maps() {
        let [one, two, other] =
            ["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"].map(|ip| ip.parse().unwrap());
        assert_eq!(origin(one), origin(two));
        assert_ne!(origin(one), origin(other));
        assert_eq!(origin("::ffff:192.0.2.1".parse().unwrap()), IpAddr::from([192, 0, 2, 1]));
    }

    #[test]
    fn who_proves_nothing_is_sent_off_in_time_and_not_sooner() {
        let shared = Arc::new(Shared::new(1).unwrap());
        let mut door = Door::open((Ipv4Addr::LOCALHOST, 0).into(), shared).unwrap();
        let port = door.local_port().unwrap();
        let mut stranger = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        let now = clock::now();
        while door.open.is_empty() {
            door.accept(now);
        }
        door.sweep(now.plus(TO_PROVE - Duration::from_millis(1)));
        assert_eq!(door.open.len(), 1);
        door.sweep(now.plus(TO_PROVE));
        assert!(door.open.is_empty());
        assert_eq!(stranger.read(&mut [0; 8]).unwrap(), 0);
    }
}
