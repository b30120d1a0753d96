//! What the driver says and hears: one JSON object a line, on standard input and output.
//!
//! Ids are the driver's.  Instants are `CLOCK_REALTIME` in nanoseconds, delays milliseconds.

use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::net::Ipv4Addr;

#[derive(Debug, Deserialize, PartialEq)]
#[serde(tag = "cmd", rename_all = "snake_case")]
pub enum Request {
    /// Makes a viewer with that many receive slots; answered by `offer`.
    Viewer { id: u32, audio: usize, video: usize },
    /// Makes the publisher, which also has receive slots; answered by `offer`.
    Publisher { id: u32, audio: usize, video: usize, mode: Mode },
    /// Makes a viewer that takes the server's offer; answered by `answer`.
    Called { id: u32, sdp: String },
    /// Feeds plain RTP to two ports of a server, from now on, in the place of the publisher.
    Feed {
        id: u32,
        to: Ipv4Addr,
        audio_port: u16,
        audio_type: u8,
        video_port: u16,
        video_type: u8,
        mode: Mode,
    },
    /// The server's answer to an offer.
    Answer { id: u32, sdp: String },
    /// The publisher starts sending as soon as it is connected.
    Publish,
    /// The publisher opens window `window` (0: none) and says what it sent in the one before.
    Mark { window: u8 },
    /// What the viewers received in the window that they saw last.
    Report,
    /// Packets received by all viewers since the start.
    Total,
    /// A viewer leaves, with goodbye.
    Close { id: u32 },
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A frame's packets at once.
    Burst,
    /// A frame's packets over 5 ms, as browsers do.
    Paced,
}

#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    Offer {
        id: u32,
        sdp: String,
    },
    Answer {
        id: u32,
        sdp: String,
    },
    /// ICE and DTLS are through.
    Connected {
        id: u32,
        at_ns: u64,
    },
    /// The first media of any kind is here, the bench's own or not.
    FirstPacket {
        id: u32,
        at_ns: u64,
    },
    /// The first complete keyframe of the reference stream is here.
    FirstFrame {
        id: u32,
        at_ns: u64,
    },
    /// The other side ended it.
    Closed {
        id: u32,
    },
    Failed {
        id: u32,
        reason: String,
    },
    /// What was sent in the window that ended.
    Marked {
        window: u8,
        sent: Sent,
        keyframes_asked: u32,
    },
    Report {
        viewers: Vec<ViewerReport>,
        video: Delays,
        audio: Delays,
    },
    Total {
        packets: u64,
    },
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sent {
    pub video: u32,
    pub audio: u32,
}

/// Distinct packets of the window, and how many datagrams were retransmissions.
#[derive(Debug, Serialize)]
pub struct ViewerReport {
    pub id: u32,
    pub window: u8,
    pub video: u32,
    pub audio: u32,
    pub retransmitted: u32,
    /// Datagrams since the start for which the viewer's own socket had no room: the client was too slow.
    pub overflowed: u32,
    pub video_p99_ms: Option<f64>,
    pub audio_p99_ms: Option<f64>,
}

/// Over the packets of all viewers.
#[derive(Debug, Serialize)]
pub struct Delays {
    pub p50: Option<f64>,
    pub p99: Option<f64>,
    pub max: Option<f64>,
}

/// Writes one line.  The driver being gone ends the process by the end of standard input, not here.
pub fn say(event: &Event) {
    let mut line = serde_json::to_vec(event).expect("events have only string keys");
    line.push(b'\n');
    let mut out = io::stdout().lock();
    if out.write_all(&line).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read() {
        let read = |text| serde_json::from_str::<Request>(text).unwrap();
        assert_eq!(
            read(r#"{"cmd":"viewer","id":7,"audio":4,"video":4}"#),
            Request::Viewer { id: 7, audio: 4, video: 4 }
        );
        assert_eq!(
            read(
                r#"{"cmd":"feed","id":0,"to":"198.18.0.1","audio_port":1,"audio_type":2,"video_port":3,"video_type":4,"mode":"burst"}"#
            ),
            Request::Feed {
                id: 0,
                to: Ipv4Addr::new(198, 18, 0, 1),
                audio_port: 1,
                audio_type: 2,
                video_port: 3,
                video_type: 4,
                mode: Mode::Burst
            }
        );
        assert_eq!(read(r#"{"cmd":"mark","window":1}"#), Request::Mark { window: 1 });
        assert!(serde_json::from_str::<Request>(r#"{"cmd":"dance"}"#).is_err());
    }
}
