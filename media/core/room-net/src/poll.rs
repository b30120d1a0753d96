//! epoll: which of many descriptors has something to do.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// What a descriptor is waited for; its end is always told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    Nothing,
    Reading,
    ReadingAndWriting,
}

/// The descriptor that was added under `token` is ready, or has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) token: u64,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

const AT_ONCE: usize = 64;

#[derive(Debug)]
pub(crate) struct Poll(OwnedFd);

impl Poll {
    pub(crate) fn new() -> io::Result<Poll> {
        // SAFETY: plain call; a negative result is an error, anything else a descriptor that is ours.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and belongs to nobody else.
        Ok(Poll(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn add(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, interest)
    }

    pub(crate) fn change(&self, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_MOD, fd, token, interest)
    }

    fn control(&self, what: libc::c_int, fd: RawFd, token: u64, interest: Interest) -> io::Result<()> {
        let events = match interest {
            Interest::Nothing => 0,
            Interest::Reading => libc::EPOLLIN,
            Interest::ReadingAndWriting => libc::EPOLLIN | libc::EPOLLOUT,
        };
        let mut event = libc::epoll_event { events: events as u32, u64: token };
        // SAFETY: `event` lives for the call.
        let result = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), what, fd, &raw mut event) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Blocks until something is ready, at most for `longest`.
    pub(crate) fn wait(&self, longest: Option<Duration>) -> Vec<Ready> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; AT_ONCE];
        let timeout = longest.map_or(-1, |span| span.as_millis().min(60_000) as libc::c_int);
        let most = AT_ONCE as libc::c_int;
        // SAFETY: the events live for the call and their number is told.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), most, timeout) };
        events[..usize::try_from(count).unwrap_or_default()]
            .iter()
            .map(|event| {
                let flags = event.events as libc::c_int;
                Ready {
                    token: event.u64,
                    readable: flags & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) != 0,
                    writable: flags & libc::EPOLLOUT != 0,
                }
            })
            .collect()
    }
}
