//! The publisher: a thread of its own, so that reading viewers never delays a frame.

use crate::peer::{Peer, PeerError, Publishes};
use crate::protocol::{Event, Mode, Sent, say};
use datagram::{Inbox, realtime_ns, wait_readable};
use reference::{
    AUDIO_INTERVAL, AUDIO_TICKS, FRAME_INTERVAL, FRAME_TICKS, Frame, Kind, Stamp, VideoSchedule,
    audio_payload, video_payload,
};
use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;
use str0m::format::Codec;
use str0m::media::{Mid, Pt};
use str0m::rtp::{ExtensionValues, RtpWrite, SeqNo};
use str0m::{Event as RtcEvent, IceConnectionState};

/// Over how long `Mode::Paced` spreads a frame.
const PACING: Duration = Duration::from_millis(5);
/// How long a command may wait.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

pub enum Command {
    Answer(String),
    Publish,
    Mark(u8),
}

/// Starts the publisher; its offer is told as an event.
pub fn start(
    cert: &DtlsCert,
    id: u32,
    audio: usize,
    video: usize,
    mode: Mode,
) -> Result<Sender<Command>, PeerError> {
    let (peer, sdp, publishes) = Peer::publisher(cert, audio, video)?;
    let (commands, inbound) = channel();
    let mut publisher = Publisher::new(id, peer, publishes, mode, inbound);
    std::thread::Builder::new().name("publisher".into()).spawn(move || {
        if let Err(error) = publisher.run() {
            say(&Event::Failed { id, reason: error.to_string() });
        }
    })?;
    say(&Event::Offer { id, sdp });
    Ok(commands)
}

/// One of the two streams on the wire.
struct Stream {
    mid: Mid,
    pt: Pt,
    next: u64,
}

struct Running {
    began: Instant,
    video: Stream,
    audio: Stream,
    frames: u32,
    audio_packets: u32,
}

struct Publisher {
    id: u32,
    peer: Peer,
    publishes: Publishes,
    mode: Mode,
    commands: Receiver<Command>,
    schedule: VideoSchedule,
    wanted: bool,
    notes: Notes,
    running: Option<Running>,
    /// Packets of the present frame that wait for their instant (`Mode::Paced`).
    queue: VecDeque<(Instant, Frame, u16)>,
    window: u8,
    sent: Sent,
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
    fn new(id: u32, peer: Peer, publishes: Publishes, mode: Mode, commands: Receiver<Command>) -> Self {
        Publisher {
            id,
            peer,
            publishes,
            mode,
            commands,
            schedule: VideoSchedule::default(),
            wanted: false,
            notes: Notes::default(),
            running: None,
            queue: VecDeque::new(),
            window: 0,
            sent: Sent::default(),
        }
    }

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
                    let sent = std::mem::take(&mut self.sent);
                    self.window = window;
                    say(&Event::Marked { window, sent, keyframes_asked });
                }
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<Running, PeerError> {
        let stream = |mid: Mid, codec: Codec| {
            let media = self.peer.rtc.media(mid).filter(|media| media.direction().is_sending());
            let pts = media.map(|media| media.remote_pts()).unwrap_or_default();
            self.peer
                .rtc
                .codec_config()
                .find(|params| params.spec().codec == codec && pts.contains(&params.pt()))
                .map(|params| Stream { mid, pt: params.pt(), next: 1_000 })
                .ok_or_else(|| PeerError::Sdp(format!("{codec} is not accepted")))
        };
        Ok(Running {
            began: Instant::now(),
            video: stream(self.publishes.video, Codec::Vp8)?,
            audio: stream(self.publishes.audio, Codec::Opus)?,
            frames: 0,
            audio_packets: 0,
        })
    }

    fn next_due(&self) -> Instant {
        let mut due = self.peer.due;
        if let Some(running) = &self.running {
            due = due.min(running.next_frame()).min(running.next_audio());
        }
        if let Some((at, _, _)) = self.queue.front() {
            due = due.min(*at);
        }
        due
    }

    fn send_due(&mut self) -> Result<(), PeerError> {
        let now = Instant::now();
        if self.running.as_ref().is_some_and(|running| running.next_frame() <= now) {
            self.queue_frame(now);
        }
        while self.queue.front().is_some_and(|(at, _, _)| *at <= now) {
            if let Some((_, frame, index)) = self.queue.pop_front() {
                self.send_video(&frame, index)?;
            }
        }
        if self.running.as_ref().is_some_and(|running| running.next_audio() <= now) {
            self.send_audio()?;
        }
        Ok(())
    }

    fn queue_frame(&mut self, now: Instant) {
        if std::mem::take(&mut self.notes.keyframe_asked) {
            self.schedule.start_group();
        }
        let frame = self.schedule.next_frame();
        let count = frame.packets.len() as u32;
        for index in 0..count {
            let wait = match self.mode {
                Mode::Burst => Duration::ZERO,
                Mode::Paced => PACING * index / count,
            };
            self.queue.push_back((now + wait, frame.clone(), index as u16));
        }
        if let Some(running) = &mut self.running {
            running.frames += 1;
        }
    }

    fn send_video(&mut self, frame: &Frame, index: u16) -> Result<(), PeerError> {
        let count = frame.packets.len() as u16;
        let stamp = Stamp {
            kind: Kind::Video,
            window: self.window,
            keyframe: frame.keyframe,
            seq: self.sent.video,
            frame: frame.number,
            index,
            count,
            sent_ns: realtime_ns(),
        };
        self.sent.video += 1;
        let payload = video_payload(frame, &stamp);
        let time = frame.number.wrapping_mul(FRAME_TICKS);
        self.write(Kind::Video, payload, time, index + 1 == count, ExtensionValues::default())
    }

    fn send_audio(&mut self) -> Result<(), PeerError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let number = running.audio_packets;
        running.audio_packets += 1;
        let stamp = Stamp {
            kind: Kind::Audio,
            window: self.window,
            keyframe: false,
            seq: self.sent.audio,
            frame: number,
            index: 0,
            count: 1,
            sent_ns: realtime_ns(),
        };
        self.sent.audio += 1;
        let spoken =
            ExtensionValues { audio_level: Some(-30), voice_activity: Some(true), ..Default::default() };
        self.write(Kind::Audio, audio_payload(&stamp), number.wrapping_mul(AUDIO_TICKS), number == 0, spoken)
    }

    /// Hands one packet to str0m and sends it before the next is made.
    fn write(
        &mut self,
        kind: Kind,
        payload: Vec<u8>,
        time: u32,
        marker: bool,
        extensions: ExtensionValues,
    ) -> Result<(), PeerError> {
        let Some(running) = &mut self.running else { return Ok(()) };
        let stream = match kind {
            Kind::Video => &mut running.video,
            Kind::Audio => &mut running.audio,
        };
        let now = Instant::now();
        let packet = RtpWrite::new(stream.pt, SeqNo::from(stream.next), time, now, payload)
            .marker(marker)
            .nackable(kind == Kind::Video)
            .ext_vals(extensions);
        stream.next += 1;
        let mut api = self.peer.rtc.direct_api();
        api.stream_tx_by_mid(stream.mid, None).ok_or(PeerError::Unanswered)?.write_rtp(packet);
        let (id, notes) = (self.id, &mut self.notes);
        self.peer.drain(&mut |event| notes.hear(id, &event))?;
        self.peer.tick(now, &mut |event| notes.hear(id, &event))
    }
}

impl Running {
    fn next_frame(&self) -> Instant {
        self.began + FRAME_INTERVAL * self.frames
    }

    fn next_audio(&self) -> Instant {
        self.began + AUDIO_INTERVAL * self.audio_packets
    }
}

impl From<PeerError> for io::Error {
    fn from(error: PeerError) -> Self {
        io::Error::other(error.to_string())
    }
}
