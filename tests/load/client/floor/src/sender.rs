//! The measured process.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use datagram::{Local, Whole, cpu_ns, send_segments, send_to};
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const PACKET_BYTES: usize = 1_208;
const HEADER_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const TOGETHER: usize = 8;
/// Audio and video of the reference stream together.
const PACKETS_PER_S: u32 = 240;

/// Packets of the reference stream's frames, in turn: 192 a second at 30 frames.
const FRAMES: [usize; 5] = [6, 6, 7, 6, 7];
const FRAMES_PER_S: u32 = 30;
const SOUNDS_PER_S: u32 = 50;
const SOUND_BYTES: usize = 164;
/// Of which every fifth brings a frame and every third a sound.
const TICKS_PER_S: u32 = 150;

#[derive(Clone, Copy)]
enum Send {
    OneByOne,
    Segmented,
}

struct Sealer {
    key: LessSafeKey,
    sent: u64,
    arena: [u8; TOGETHER * PACKET_BYTES],
}

impl Sealer {
    fn new() -> io::Result<Self> {
        let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(io::Error::other)?;
        Ok(Sealer { key: LessSafeKey::new(key), sent: 0, arena: [0x5a; TOGETHER * PACKET_BYTES] })
    }

    /// Encrypts packet `i` of the arena, of so many bytes, under a nonce of its own.
    fn seal(&mut self, i: usize, length: usize) -> io::Result<&[u8]> {
        let packet = &mut self.arena[i * PACKET_BYTES..][..length];
        packet[..8].copy_from_slice(&self.sent.to_be_bytes());
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&self.sent.to_be_bytes());
        self.sent += 1;
        let (header, rest) = packet.split_at_mut(HEADER_BYTES);
        let (content, tag) = rest.split_at_mut(length - HEADER_BYTES - TAG_BYTES);
        let sealed = self
            .key
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(header), content)
            .map_err(io::Error::other)?;
        tag.copy_from_slice(sealed.as_ref());
        Ok(packet)
    }

    fn send_to(&mut self, socket: &UdpSocket, viewer: SocketAddrV4, how: Send) -> io::Result<()> {
        match how {
            Send::OneByOne => {
                for i in 0..TOGETHER {
                    send_to(socket, self.seal(i, PACKET_BYTES)?, viewer)?;
                }
                Ok(())
            }
            Send::Segmented => self.burst(socket, viewer, TOGETHER),
        }
    }

    fn burst(&mut self, socket: &UdpSocket, viewer: SocketAddrV4, packets: usize) -> io::Result<()> {
        for i in 0..packets {
            self.seal(i, PACKET_BYTES)?;
        }
        send_segments(socket, &self.arena[..packets * PACKET_BYTES], PACKET_BYTES as u16, viewer)?;
        Ok(())
    }

    fn sound(&mut self, socket: &UdpSocket, viewer: SocketAddrV4) -> io::Result<()> {
        send_to(socket, self.seal(0, SOUND_BYTES)?, viewer)?;
        Ok(())
    }
}

/// The reading process, at `local` and in `namespace`.
fn reader(viewers: usize, local: Local, namespace: Option<&str>) -> io::Result<Command> {
    let program = std::env::current_exe()?;
    let mut command = match namespace {
        None => Command::new(program),
        Some(name) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", name]).arg(program);
            command
        }
    };
    command.args(["read", "--viewers", &viewers.to_string(), "--bind", &local.address.to_string()]);
    if local.whole == Whole::Bursts {
        command.arg("--bursts");
    }
    Ok(command)
}

/// Sends for about `seconds` to `viewers` sockets of a reading process and returns the figures.
pub fn run(viewers: usize, seconds: usize, local: Local, namespace: Option<&str>) -> io::Result<Value> {
    let mut reader =
        reader(viewers, local, namespace)?.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(reader.stdout.take().expect("piped")).lines();
    let mut answer = || -> io::Result<Value> {
        let line = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        Ok(serde_json::from_str(&line)?)
    };
    let ports = answer()?;
    let addresses: Vec<SocketAddrV4> = ports["ports"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|port| Some(SocketAddrV4::new(local.address, u16::try_from(port.as_u64()?).ok()?)))
        .collect();

    let from = if local.address.is_loopback() { Ipv4Addr::LOCALHOST } else { Ipv4Addr::UNSPECIFIED };
    let socket = UdpSocket::bind((from, 0))?;
    let mut sealer = Sealer::new()?;
    // The first second warms caches and is not counted.
    slice(&mut sealer, &socket, &addresses, Send::OneByOne)?;
    let (mut single, mut segmented, mut stream) = ((0, 0), (0, 0), (0, 0));
    for second in 0..seconds.max(3) {
        let (total, (ns, packets)) = match second % 3 {
            0 => (&mut single, slice(&mut sealer, &socket, &addresses, Send::OneByOne)?),
            1 => (&mut segmented, slice(&mut sealer, &socket, &addresses, Send::Segmented)?),
            _ => (&mut stream, stream_slice(&mut sealer, &socket, &addresses)?),
        };
        *total = (total.0 + ns, total.1 + packets);
    }
    let sent = sealer.sent;

    drop(reader.stdin.take());
    let received = answer()?["packets"].as_u64().unwrap_or(0);
    reader.wait()?;
    Ok(json!({
        "sendto_gcm_ns": single.0 / single.1,
        "gso8_gcm_ns": segmented.0 / segmented.1,
        "stream_gcm_ns": stream.0 / stream.1,
        "gcm_ns": cipher_alone(&mut sealer)?,
        "packets": sent,
        "lost": sent - received,
    }))
}

/// One second at the rate of the reference stream.  Returns CPU nanoseconds and packets.
fn slice(
    sealer: &mut Sealer,
    socket: &UdpSocket,
    viewers: &[SocketAddrV4],
    how: Send,
) -> io::Result<(u64, u64)> {
    second(sealer, PACKETS_PER_S / TOGETHER as u32, |sealer, _| {
        viewers.iter().try_for_each(|viewer| sealer.send_to(socket, *viewer, how))
    })
}

/// One second of the reference stream in its own shape: a frame a call, each sound by itself.
fn stream_slice(sealer: &mut Sealer, socket: &UdpSocket, viewers: &[SocketAddrV4]) -> io::Result<(u64, u64)> {
    second(sealer, TICKS_PER_S, |sealer, tick| {
        if tick % (TICKS_PER_S / FRAMES_PER_S) == 0 {
            let packets = FRAMES[(tick * FRAMES_PER_S / TICKS_PER_S) as usize % FRAMES.len()];
            viewers.iter().try_for_each(|viewer| sealer.burst(socket, *viewer, packets))?;
        }
        if tick % (TICKS_PER_S / SOUNDS_PER_S) == 0 {
            viewers.iter().try_for_each(|viewer| sealer.sound(socket, *viewer))?;
        }
        Ok(())
    })
}

/// Does `rounds` rounds within a second.  Returns CPU nanoseconds and packets.
fn second(
    sealer: &mut Sealer,
    rounds: u32,
    mut round: impl FnMut(&mut Sealer, u32) -> io::Result<()>,
) -> io::Result<(u64, u64)> {
    let began = (cpu_ns(), sealer.sent, Instant::now());
    for number in 0..rounds {
        let due = began.2 + Duration::from_secs(1) * number / rounds;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        round(sealer, number)?;
    }
    Ok((cpu_ns() - began.0, sealer.sent - began.1))
}

fn cipher_alone(sealer: &mut Sealer) -> io::Result<u64> {
    const PACKETS: u64 = 200_000;
    let began = cpu_ns();
    for i in 0..PACKETS as usize {
        std::hint::black_box(sealer.seal(i % TOGETHER, PACKET_BYTES)?);
    }
    Ok((cpu_ns() - began) / PACKETS)
}
