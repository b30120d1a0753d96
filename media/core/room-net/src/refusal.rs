//! Why the engine did not start, or did not do what it was asked.

use std::fmt;
use std::io;

/// Why something was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoRoom,
    RoomFull,
    TooManyRooms,
    /// The parameters make no sense, or ask for too much.
    BadParameters,
    Stopped,
}

impl Refusal {
    /// The stable code of the refusal.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Refusal::NoRoom => "no_room",
            Refusal::RoomFull => "room_full",
            Refusal::TooManyRooms => "too_many_rooms",
            Refusal::BadParameters => "bad_parameters",
            Refusal::Stopped => "stopped",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A way over which media come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Why an engine did not start: a port, or something else that the system did not give.
#[derive(Debug)]
pub struct NotStarted {
    pub port: Option<Transport>,
    pub error: io::Error,
}

impl NotStarted {
    pub(crate) fn at(port: Transport) -> impl FnOnce(io::Error) -> NotStarted {
        move |error| NotStarted { port: Some(port), error }
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> NotStarted {
        NotStarted { port: None, error }
    }
}
