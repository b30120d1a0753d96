//! One WebRTC peer: str0m and its socket.
//!
//! str0m's rule: after every change the output is drained until it names the next time-out, before the next change.

use datagram::{Inbox, Local};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::config::DtlsCert;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc, RtcError};

const BUFFER_BYTES: i32 = 2 << 20;
/// One batch after another of one peer, so that a busy one cannot hold up the others.
const BATCHES_A_TURN: usize = 4;

pub struct Peer {
    pub rtc: Rtc,
    pub socket: UdpSocket,
    /// When str0m wants to be called, data or not.
    pub due: Instant,
    local: SocketAddr,
    pending: Option<SdpPendingOffer>,
    slots: Vec<Mid>,
}

/// What a peer sends besides its receive slots.
pub struct Publishes {
    pub audio: Mid,
    pub video: Mid,
}

impl Peer {
    /// Offers receive slots, audio before video.  Returns the peer and its offer.
    pub fn viewer(
        cert: &DtlsCert,
        local: Local,
        audio: usize,
        video: usize,
    ) -> Result<(Peer, String), PeerError> {
        let (peer, sdp, _) = Peer::offer(cert, local, audio, video, None)?;
        Ok((peer, sdp))
    }

    /// A viewer that takes what the other side offers.  Returns the peer and its answer.
    pub fn called(cert: &DtlsCert, local: Local, sdp: &str) -> Result<(Peer, String), PeerError> {
        let mut peer = Peer::new(cert, local)?;
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| PeerError::Sdp(error.to_string()))?;
        let answer = peer.rtc.sdp_api().accept_offer(offer)?;
        Ok((peer, answer.to_sdp_string()))
    }

    /// Offers receive slots, then audio and video to send.
    pub fn publisher(
        cert: &DtlsCert,
        local: Local,
        audio: usize,
        video: usize,
    ) -> Result<(Peer, String, Publishes), PeerError> {
        let (peer, sdp, mids) = Peer::offer(cert, local, audio, video, Some(Direction::SendOnly))?;
        let [audio, video] = mids[..] else { return Err(PeerError::Unanswered) };
        Ok((peer, sdp, Publishes { audio, video }))
    }

    fn new(cert: &DtlsCert, local: Local) -> Result<Peer, PeerError> {
        let socket = datagram::open(local, BUFFER_BYTES)?;
        let local = socket.local_addr()?;
        let now = Instant::now();
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .set_dtls_cert(cert.clone())
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .enable_h264(true)
            .build(now);
        rtc.add_local_candidate(Candidate::host(local, "udp").map_err(|_| PeerError::Unanswered)?);
        Ok(Peer { rtc, socket, due: now, local, pending: None, slots: Vec::new() })
    }

    fn offer(
        cert: &DtlsCert,
        local: Local,
        audio: usize,
        video: usize,
        sends: Option<Direction>,
    ) -> Result<(Peer, String, Vec<Mid>), PeerError> {
        let mut peer = Peer::new(cert, local)?;
        let mut api = peer.rtc.sdp_api();
        for (kind, count) in [(MediaKind::Audio, audio), (MediaKind::Video, video)] {
            for _ in 0..count {
                peer.slots.push(api.add_media(kind, Direction::RecvOnly, None, None, None));
            }
        }
        let mut mids = Vec::new();
        if let Some(direction) = sends {
            for kind in [MediaKind::Audio, MediaKind::Video] {
                mids.push(api.add_media(kind, direction, Some("stage".into()), None, None));
            }
        }
        let (offer, pending) = api.apply().ok_or(PeerError::Unanswered)?;
        peer.pending = Some(pending);
        Ok((peer, offer.to_sdp_string(), mids))
    }

    /// Takes the answer and starts connecting.
    pub fn accept(&mut self, sdp: &str, on: &mut impl FnMut(Event)) -> Result<(), PeerError> {
        let pending = self.pending.take().ok_or(PeerError::Unanswered)?;
        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| PeerError::Sdp(error.to_string()))?;
        self.rtc.sdp_api().accept_answer(pending, answer)?;
        self.drain(on)?;
        self.tick(Instant::now(), on)
    }

    /// Forgets the send streams that str0m keeps for receive-only sections: it would visit each at every packet.
    pub fn send_nothing(&mut self, on: &mut impl FnMut(Event)) -> Result<(), PeerError> {
        for mid in std::mem::take(&mut self.slots) {
            let mut api = self.rtc.direct_api();
            if let Some(ssrc) = api.stream_tx_by_mid(mid, None).map(|stream| stream.ssrc()) {
                api.remove_stream_tx(ssrc);
            }
            self.drain(on)?;
        }
        Ok(())
    }

    /// Reads what waits.  `on_datagram` is told of each datagram and its arrival before str0m has it.
    /// Returns whether more may be waiting.
    pub fn read(
        &mut self,
        inbox: &mut Inbox,
        mut on_event: impl FnMut(Event, u64),
        mut on_datagram: impl FnMut(&[u8]),
    ) -> Result<bool, PeerError> {
        for _ in 0..BATCHES_A_TURN {
            let taken = inbox.receive(&self.socket)?;
            let now = Instant::now();
            for datagram in inbox.datagrams() {
                let arrived_ns = datagram.arrived_ns.unwrap_or_else(datagram::realtime_ns);
                on_datagram(datagram.bytes);
                // A datagram that is nothing str0m knows is dropped, as a browser does.
                let Ok(received) = Receive::new(Protocol::Udp, datagram.source, self.local, datagram.bytes)
                else {
                    continue;
                };
                self.rtc.handle_input(Input::Receive(now, received))?;
                self.drain(&mut |event| on_event(event, arrived_ns))?;
            }
            if taken < datagram::BATCH {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lets str0m do what is due.
    pub fn tick(&mut self, now: Instant, on: &mut impl FnMut(Event)) -> Result<(), PeerError> {
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain(on)
    }

    /// Says goodbye.
    pub fn close(&mut self) -> Result<(), PeerError> {
        self.rtc.close()?;
        self.drain(&mut |_| {})
    }

    /// Sends what str0m has to send and passes its events on.
    pub fn drain(&mut self, on: &mut impl FnMut(Event)) -> Result<(), PeerError> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => {
                    self.due = at;
                    return Ok(());
                }
                Output::Transmit(datagram) => {
                    match self.socket.send_to(&datagram.contents, datagram.destination) {
                        Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => {
                            return Err(error.into());
                        }
                        _ => {}
                    }
                }
                Output::Event(event) => on(event),
            }
        }
    }
}

#[derive(Debug)]
pub enum PeerError {
    Rtc(RtcError),
    Io(io::Error),
    Sdp(String),
    /// No offer is open.
    Unanswered,
}

impl std::fmt::Display for PeerError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PeerError::Rtc(error) => write!(f, "{error}"),
            PeerError::Io(error) => write!(f, "{error}"),
            PeerError::Sdp(reason) => write!(f, "answer not understood: {reason}"),
            PeerError::Unanswered => write!(f, "no offer is open"),
        }
    }
}

impl From<RtcError> for PeerError {
    fn from(error: RtcError) -> Self {
        PeerError::Rtc(error)
    }
}

impl From<io::Error> for PeerError {
    fn from(error: io::Error) -> Self {
        PeerError::Io(error)
    }
}
