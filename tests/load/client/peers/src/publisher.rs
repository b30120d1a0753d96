//! The publisher: a thread of its own, so that reading viewers never delays a frame.

use crate::peer::{Peer, PeerError, Publishes};
use crate::protocol::{Event, Mode, Sent, say};
use crate::stream::{Packet, Stream};
use datagram::{Inbox, Local, realtime_ns, wait_readable};
use reference::Kind;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event as RtcEvent, IceConnectionState};

/// How long a command may wait.
pub const LONGEST_WAIT: Duration = Duration::from_millis(10);

pub enum Command {
    Answer(String),
    Publish,
    Mark(u8),
}

/// Starts the publisher; its offer is told as an event.
pub fn start(
    cert: &DtlsCert,
    local: Local,
    id: u32,
    (audio, video): (usize, usize),
    mode: Mode,
) -> Result<Sender<Command>, PeerError> {
    let (peer, sdp, publishes) = Peer::publisher(cert, local, audio, video)?;
    let (commands, inbound) = channel();
    let notes = Notes::default();
    let mut publisher =
        Publisher { id, peer, publishes, mode, commands: inbound, wanted: false, notes, running: None };
    std::thread::Builder::new().name("publisher".into()).spawn(move || {
        if let Err(error) = publisher.run() {
            say(&Event::Failed { id, reason: error.to_string() });
        }
    })?;
    say(&Event::Offer { id, sdp });
    Ok(commands)
}

/// Where one of the two kinds leaves.
struct Outlet {
    mid: Mid,
    pt: Pt,
    next: u64,
}

struct Running {
    stream: Stream,
    video: Outlet,
    audio: Outlet,
}

struct Publisher {
    id: u32,
    peer: Peer,
    publishes: Publishes,
    mode: Mode,
    commands: Receiver<Command>,
    wanted: bool,
    notes: Notes,
    running: Option<Running>,
}

/// What str0m said.
#[derive(Default)]
struct Notes {
    connected: bool,
    closed: bool,
    keyframe_asked: bool,
    keyframes_asked: u32,
}

impl Notes {
    fn hear(&mut self, id: u32, event: &RtcEvent) {
        match event {
            RtcEvent::Connected => {
                self.connected = true;
                say(&Event::Connected { id, at_ns: realtime_ns() });
            }
            RtcEvent::KeyframeRequest(_) => {
                self.keyframe_asked = true;
                self.keyframes_asked += 1;
            }
            RtcEvent::Closed | RtcEvent::IceConnectionStateChange(IceConnectionState::Disconnected) => {
                self.closed = true;
                say(&Event::Closed { id });
            }
            _ => {}
        }
    }
}

impl Publisher {
    fn run(&mut self) -> Result<(), PeerError> {
        let mut inbox = Inbox::default();
        while !self.notes.closed {
            let wait = self.next_due().saturating_duration_since(Instant::now());
            wait_readable(&self.peer.socket, wait.min(LONGEST_WAIT))?;
            self.obey()?;
            let (id, notes) = (self.id, &mut self.notes);
            self.peer.read(&mut inbox, |event, _| notes.hear(id, &event), |_| {})?;
            if self.peer.due <= Instant::now() {
                self.peer.tick(Instant::now(), &mut |event| notes.hear(id, &event))?;
            }
            if self.wanted && self.notes.connected && self.running.is_none() {
                self.running = Some(self.begin()?);
            }
            self.send_due()?;
        }
        Ok(())
    }

    fn obey(&mut self) -> Result<(), PeerError> {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Answer(sdp) => {
                    let (id, notes) = (self.id, &mut self.notes);
                    self.peer.accept(&sdp, &mut |event| notes.hear(id, &event))?;
                }
                Command::Publish => self.wanted = true,
                Command::Mark(window) => {
                    let keyframes_asked = std::mem::take(&mut self.notes.keyframes_asked);
                    let sent = self.running.as_mut().map_or(Sent::default(), |it| it.stream.mark(window));
                    say(&Event::Marked { window, sent, keyframes_asked });
                }
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<Running, PeerError> {
        let outlet = |mid: Mid, codec: Codec| {
            let media = self.peer.rtc.media(mid).filter(|media| media.direction().is_sending());
            let pts = media.map(|media| media.remote_pts()).unwrap_or_default();
            self.peer
                .rtc
                .codec_config()
                .find(|params| params.spec().codec == codec && pts.contains(&params.pt()))
                .map(|params| Outlet { mid, pt: params.pt(), next: 1_000 })
                .ok_or_else(|| PeerError::Sdp(format!("{codec} is not accepted")))
        };
        Ok(Running {
            stream: Stream::begin(self.mode, Instant::now()),
            video: outlet(self.publishes.video, Codec::Vp8)?,
            audio: outlet(self.publishes.audio, Codec::Opus)?,
        })
    }

    fn next_due(&self) -> Instant {
        self.running.as_ref().map_or(self.peer.due, |running| self.peer.due.min(running.stream.due()))
    }

    fn send_due(&mut self) -> Result<(), PeerError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        if std::mem::take(&mut self.notes.keyframe_asked) {
            running.stream.start_group();
        }
        let now = Instant::now();
        while let Some(packet) = running.stream.take(now) {
            let outlet = match packet.kind {
                Kind::Video => &mut running.video,
                Kind::Audio => &mut running.audio,
            };
            let (id, notes) = (self.id, &mut self.notes);
            write(&mut self.peer, outlet, packet, &mut |event| notes.hear(id, &event))?;
        }
        Ok(())
    }
}

/// Hands one packet to str0m and sends it before the next is made.
fn write(
    peer: &mut Peer,
    outlet: &mut Outlet,
    packet: Packet,
    on: &mut impl FnMut(RtcEvent),
) -> Result<(), PeerError> {
    let extensions = match packet.kind {
        Kind::Video => ExtensionValues::default(),
        Kind::Audio => {
            ExtensionValues { audio_level: Some(-30), voice_activity: Some(true), ..Default::default() }
        }
    };
    let now = Instant::now();
    let rtp = RtpWrite::new(outlet.pt, SeqNo::from(outlet.next), packet.time, now, packet.payload)
        .marker(packet.marker)
        .nackable(packet.kind == Kind::Video)
        .ext_vals(extensions);
    outlet.next += 1;
    let mut api = peer.rtc.direct_api();
    api.stream_tx_by_mid(outlet.mid, None).ok_or(PeerError::Unanswered)?.write_rtp(rtp);
    peer.drain(on)?;
    peer.tick(now, on)
}

impl From<PeerError> for io::Error {
    fn from(error: PeerError) -> Self {
        io::Error::other(error.to_string())
    }
}
