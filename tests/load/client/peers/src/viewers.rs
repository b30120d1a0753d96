//! A thread of viewers: one socket each, one epoll for all.

use crate::histogram::Histogram;
use crate::peer::{Peer, PeerError};
use crate::protocol::{Event, ViewerReport, say};
use crate::tally::{Progress, Tally};
use datagram::{Inbox, Local, realtime_ns};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use reference::Stamp;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};
use str0m::config::DtlsCert;
use str0m::{Event as RtcEvent, IceConnectionState};

const WAKE: Token = Token(usize::MAX);
/// How late str0m's timers may be served.
const TICK: Duration = Duration::from_millis(10);

pub enum Command {
    Viewer { id: u32, audio: usize, video: usize },
    Called { id: u32, sdp: String },
    Answer { id: u32, sdp: String },
    Close { id: u32 },
    Report(Sender<Report>),
    Total(Sender<u64>),
}

#[derive(Default)]
pub struct Report {
    pub viewers: Vec<ViewerReport>,
    pub video: Histogram,
    pub audio: Histogram,
}

/// The other end of a thread of viewers.
pub struct Viewers {
    commands: Sender<Command>,
    waker: Waker,
}

impl Viewers {
    pub fn start(cert: Arc<DtlsCert>, local: Local) -> io::Result<Viewers> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKE)?;
        let (commands, inbound) = channel();
        let mut thread = Thread {
            poll,
            commands: inbound,
            cert,
            local,
            viewers: HashMap::new(),
            inbox: Inbox::default(),
            unfinished: Vec::new(),
            gone_total: 0,
        };
        std::thread::Builder::new().name("viewers".into()).spawn(move || {
            if let Err(error) = thread.run() {
                eprintln!("viewers: {error}");
                std::process::exit(1);
            }
        })?;
        Ok(Viewers { commands, waker })
    }

    pub fn tell(&self, command: Command) -> io::Result<()> {
        self.commands.send(command).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        self.waker.wake()
    }
}

struct Viewer {
    peer: Peer,
    tally: Tally,
    /// Which payload types are retransmissions (RFC 4588).
    resend: [bool; 128],
    /// Media has come.
    heard: bool,
}

struct Thread {
    poll: Poll,
    commands: Receiver<Command>,
    cert: Arc<DtlsCert>,
    local: Local,
    viewers: HashMap<u32, Viewer>,
    inbox: Inbox,
    /// Viewers whose turn ended while more was waiting.
    unfinished: Vec<u32>,
    gone_total: u64,
}

impl Thread {
    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1_024);
        let mut next_tick = Instant::now() + TICK;
        loop {
            let mut ready = std::mem::take(&mut self.unfinished);
            let wait = match ready.is_empty() {
                true => next_tick.saturating_duration_since(Instant::now()),
                false => Duration::ZERO,
            };
            match self.poll.poll(&mut events, Some(wait)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                _ => {}
            }
            for event in &events {
                match event.token() {
                    WAKE => self.obey(),
                    Token(id) => ready.push(id as u32),
                }
            }
            for id in ready {
                self.read(id);
            }
            if Instant::now() >= next_tick {
                next_tick = Instant::now() + TICK;
                self.tick();
            }
        }
    }

    fn read(&mut self, id: u32) {
        let mut more = false;
        self.with(id, |viewer, inbox, id| {
            more = viewer.read(inbox, id)?;
            Ok(())
        });
        if more {
            self.unfinished.push(id);
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let due: Vec<u32> =
            self.viewers.iter().filter(|(_, viewer)| viewer.peer.due <= now).map(|(&id, _)| id).collect();
        for id in due {
            self.with(id, |viewer, _, id| viewer.peer.tick(now, &mut |event| tell(id, &event)));
        }
    }

    /// Runs `act` on a viewer; its failure is told and ends it.
    fn with(&mut self, id: u32, act: impl FnOnce(&mut Viewer, &mut Inbox, u32) -> Result<(), PeerError>) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        if let Err(error) = act(viewer, &mut self.inbox, id) {
            say(&Event::Failed { id, reason: error.to_string() });
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u32) {
        if let Some(viewer) = self.viewers.remove(&id) {
            self.gone_total += viewer.tally.total;
        }
    }

    fn obey(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Viewer { id, audio, video } => {
                    let made = Peer::viewer(&self.cert, self.local, audio, video);
                    self.add(id, made, |sdp| Event::Offer { id, sdp });
                }
                Command::Called { id, sdp } => {
                    let made = Peer::called(&self.cert, self.local, &sdp);
                    self.add(id, made, |sdp| Event::Answer { id, sdp });
                    self.with(id, |viewer, _, id| viewer.begin(id));
                }
                Command::Answer { id, sdp } => {
                    self.with(id, |viewer, _, id| viewer.accept(&sdp, id));
                }
                Command::Close { id } => {
                    self.with(id, |viewer, _, _| viewer.peer.close());
                    self.remove(id);
                }
                // Who asked may have given up waiting; nothing is lost then.
                Command::Report(to) => drop(to.send(self.report())),
                Command::Total(to) => drop(to.send(self.total())),
            }
        }
    }

    /// Takes a new viewer in and tells its SDP.
    fn add(&mut self, id: u32, made: Result<(Peer, String), PeerError>, told: impl FnOnce(String) -> Event) {
        match made.and_then(|(peer, sdp)| self.register(id, peer).map(|()| sdp)) {
            Ok(sdp) => say(&told(sdp)),
            Err(error) => say(&Event::Failed { id, reason: error.to_string() }),
        }
    }

    fn register(&mut self, id: u32, peer: Peer) -> Result<(), PeerError> {
        let fd = peer.socket.as_raw_fd();
        self.poll.registry().register(&mut SourceFd(&fd), Token(id as usize), Interest::READABLE)?;
        let viewer = Viewer { peer, tally: Tally::default(), resend: [false; 128], heard: false };
        self.viewers.insert(id, viewer);
        Ok(())
    }

    fn report(&self) -> Report {
        let mut report = Report::default();
        for (&id, viewer) in &self.viewers {
            let overflowed = datagram::overflowed(&viewer.peer.socket).unwrap_or(0);
            report.viewers.push(viewer.tally.report(id, overflowed));
            viewer.tally.add_delays(&mut report.video, &mut report.audio);
        }
        report
    }

    fn total(&self) -> u64 {
        self.gone_total + self.viewers.values().map(|viewer| viewer.tally.total).sum::<u64>()
    }
}

impl Viewer {
    fn accept(&mut self, sdp: &str, id: u32) -> Result<(), PeerError> {
        self.peer.accept(sdp, &mut |event| tell(id, &event))?;
        self.begin(id)
    }

    /// What comes next is known on both sides: start.
    fn begin(&mut self, id: u32) -> Result<(), PeerError> {
        self.peer.tick(Instant::now(), &mut |event| tell(id, &event))?;
        self.peer.send_nothing(&mut |event| tell(id, &event))?;
        for params in self.peer.rtc.codec_config().params() {
            if let Some(pt) = params.resend() {
                self.resend[usize::from(*pt) & 0x7f] = true;
            }
        }
        Ok(())
    }

    /// Reads what waits; returns whether more may be waiting.
    fn read(&mut self, inbox: &mut Inbox, id: u32) -> Result<bool, PeerError> {
        let Viewer { peer, tally, resend, heard } = self;
        let mut retransmissions = 0;
        let on_event = |event: RtcEvent, arrived_ns: u64| match event {
            RtcEvent::RtpPacket(packet) => {
                if !std::mem::replace(heard, true) {
                    say(&Event::FirstPacket { id, at_ns: arrived_ns });
                }
                let Some(stamp) = Stamp::read(&packet.payload) else { return };
                if tally.packet(&stamp, arrived_ns) == Progress::FirstFrame {
                    say(&Event::FirstFrame { id, at_ns: arrived_ns });
                }
            }
            other => tell(id, &other),
        };
        let more = peer.read(inbox, on_event, |datagram| {
            // First byte 128 to 191 is RTP or RTCP (RFC 7983); RTCP types look like payload types 64 to 95.
            let rtp = datagram.len() > 1 && (128..192).contains(&datagram[0]);
            retransmissions += u32::from(rtp && resend[usize::from(datagram[1] & 0x7f)]);
        })?;
        (0..retransmissions).for_each(|_| self.tally.retransmission());
        Ok(more)
    }
}

fn tell(id: u32, event: &RtcEvent) {
    match event {
        RtcEvent::Connected => say(&Event::Connected { id, at_ns: realtime_ns() }),
        RtcEvent::Closed | RtcEvent::IceConnectionStateChange(IceConnectionState::Disconnected) => {
            say(&Event::Closed { id });
        }
        _ => {}
    }
}
