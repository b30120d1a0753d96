//! The reference stream as plain RTP to two ports, for servers that take it so.

use crate::protocol::{Event, Mode, say};
use crate::publisher::{Command, LONGEST_WAIT};
use crate::stream::{Packet, Stream};
use datagram::{Local, Whole};
use reference::Kind;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Instant;

const BUFFER_BYTES: i32 = 1 << 20;
const FIRST_SEQUENCE: u16 = 1_000;

/// Where plain RTP goes, and under which payload types.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub address: Ipv4Addr,
    pub audio: Outlet,
    pub video: Outlet,
}

#[derive(Clone, Copy, Debug)]
pub struct Outlet {
    pub port: u16,
    pub payload_type: u8,
}

/// Starts feeding at once.
pub fn start(local: Local, id: u32, target: Target, mode: Mode) -> io::Result<Sender<Command>> {
    // Nothing comes back, so nothing is cut.
    let socket = datagram::open(Local { whole: Whole::Datagrams, ..local }, BUFFER_BYTES)?;
    let (commands, inbound) = channel();
    std::thread::Builder::new().name("feeder".into()).spawn(move || {
        if let Err(error) = feed(&socket, &target, mode, &inbound) {
            say(&Event::Failed { id, reason: error.to_string() });
        }
    })?;
    Ok(commands)
}

fn feed(socket: &UdpSocket, target: &Target, mode: Mode, commands: &Receiver<Command>) -> io::Result<()> {
    let mut stream = Stream::begin(mode, Instant::now());
    let (mut audio, mut video) = (FIRST_SEQUENCE, FIRST_SEQUENCE);
    loop {
        let wait = stream.due().saturating_duration_since(Instant::now()).min(LONGEST_WAIT);
        match commands.recv_timeout(wait) {
            Ok(Command::Mark(window)) => {
                let sent = stream.mark(window);
                say(&Event::Marked { window, sent, keyframes_asked: 0 });
            }
            Ok(Command::Answer(_) | Command::Publish) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        let now = Instant::now();
        while let Some(packet) = stream.take(now) {
            let (outlet, sequence) = match packet.kind {
                Kind::Audio => (target.audio, &mut audio),
                Kind::Video => (target.video, &mut video),
            };
            let to = SocketAddrV4::new(target.address, outlet.port);
            match datagram::send_to(socket, &rtp(&packet, outlet.payload_type, *sequence), to) {
                Err(error) if error.kind() != io::ErrorKind::ConnectionRefused => return Err(error),
                _ => *sequence = sequence.wrapping_add(1),
            }
        }
    }
}

/// RFC 3550 section 5.1, without extensions.
fn rtp(packet: &Packet, payload_type: u8, sequence: u16) -> Vec<u8> {
    let ssrc: u32 = match packet.kind {
        Kind::Audio => 0x0a0d_1001,
        Kind::Video => 0x51de_0001,
    };
    let mut bytes = Vec::with_capacity(12 + packet.payload.len());
    bytes.extend([0x80, u8::from(packet.marker) << 7 | payload_type & 0x7f]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(packet.time.to_be_bytes());
    bytes.extend(ssrc.to_be_bytes());
    bytes.extend(&packet.payload);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use datagram::{Inbox, wait_readable};
    use reference::Stamp;
    use std::time::Duration;

    #[test]
    fn a_packet_has_its_header_before_its_payload() {
        let packet = Packet { kind: Kind::Video, time: 0x0102_0304, marker: true, payload: vec![9, 9] };
        assert_eq!(rtp(&packet, 96, 0x1122), [0x80, 0xe0, 0x11, 0x22, 1, 2, 3, 4, 0x51, 0xde, 0, 1, 9, 9]);
    }

    #[test]
    fn a_keyframe_comes_first_and_the_stream_ends_with_its_commands() {
        let local = Local { address: Ipv4Addr::LOCALHOST, whole: Whole::Datagrams };
        let [audio, video] = [(); 2].map(|()| datagram::open(local, 1 << 20).unwrap());
        let outlet = |socket: &UdpSocket, payload_type| Outlet {
            port: socket.local_addr().unwrap().port(),
            payload_type,
        };
        let target =
            Target { address: Ipv4Addr::LOCALHOST, audio: outlet(&audio, 111), video: outlet(&video, 96) };
        let commands = start(local, 1, target, Mode::Burst).unwrap();

        let mut inbox = Inbox::default();
        wait_readable(&video, Duration::from_secs(5)).unwrap();
        inbox.receive(&video).unwrap();
        let first = inbox.datagrams().next().expect("a packet");
        assert_eq!(first.bytes[1] & 0x7f, 96);
        assert!(Stamp::read(first.bytes).is_some_and(|stamp| stamp.keyframe && stamp.index == 0));
        wait_readable(&audio, Duration::from_secs(5)).unwrap();
        inbox.receive(&audio).unwrap();
        assert_eq!(inbox.datagrams().next().map(|datagram| datagram.bytes.len()), Some(12 + 120));
        drop(commands);
    }
}
