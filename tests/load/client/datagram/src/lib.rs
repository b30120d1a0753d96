//! The few Linux calls that `std` does not have: batches of datagrams with the kernel's arrival time, segmented
//! sends, waiting with nanoseconds, CPU time.  All the unsafe code of the load programs is here.

mod receive;
mod send;
mod time;

pub use receive::{BATCH, Datagram, Inbox, Local, Whole, open, overflowed};
pub use send::{send_segments, send_to};
pub use time::{cpu_ns, realtime_ns, wait_readable};
