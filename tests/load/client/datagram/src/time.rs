//! Clocks and waiting.

use std::io;
use std::mem::zeroed;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

/// `CLOCK_REALTIME` in nanoseconds: the clock in which the kernel stamps arrivals.
pub fn realtime_ns() -> u64 {
    // SAFETY: a plain out-parameter; the clock always exists.
    unsafe {
        let mut now: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut now);
        now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
    }
}

/// User and system time of this process in nanoseconds, by `getrusage`.
pub fn cpu_ns() -> u64 {
    let nanos = |time: libc::timeval| time.tv_sec as u64 * 1_000_000_000 + time.tv_usec as u64 * 1_000;
    // SAFETY: a plain out-parameter.
    let usage = unsafe {
        let mut usage: libc::rusage = zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    nanos(usage.ru_utime) + nanos(usage.ru_stime)
}

/// Waits until `socket` has a datagram or `timeout` has passed.
pub fn wait_readable(socket: &UdpSocket, timeout: Duration) -> io::Result<()> {
    let mut poll = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let limit = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(timeout.subsec_nanos() as i32),
    };
    // SAFETY: one pollfd, alive for the call.
    let result = unsafe { libc::ppoll(&mut poll, 1, &limit, std::ptr::null()) };
    match result {
        -1 => match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            error => Err(error),
        },
        _ => Ok(()),
    }
}
