//! A running engine and peers of ours over real TCP connections on loopback.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream, UdpSocket};
use std::time::Instant;

use room_core::client::{self, Client};
use room_core::codec::{Codec, MediaKind};
use room_core::demux::{Kind, kind};
use room_core::stun;
use room_core::tcp::{self, Reader};
use room_core::world::picture;

use super::*;
use crate::socket::set_option;

const PATIENCE: Duration = Duration::from_secs(20);
const ROOM: &str = "room";
const PICTURE_EVERY: Duration = Duration::from_millis(20);

fn engine() -> Engine {
    let config = Config {
        bind_host: Ipv4Addr::LOCALHOST.into(),
        udp_port: 0,
        tcp_port: Some(0),
        shards: 2,
        max_peers_per_room: 100,
        max_rooms: 10,
        segmented_sends: true,
    };
    let engine = Engine::start(config).unwrap();
    engine.add_room(ROOM).unwrap();
    engine
}

/// Plays pictures of noise, all of them keyframes.
struct Film<'a> {
    engine: &'a Engine,
    source: SourceId,
    next: Time,
    bytes: usize,
    written: usize,
}

impl<'a> Film<'a> {
    fn begin(engine: &'a Engine, bytes: usize) -> Film<'a> {
        let (source, audio, video) = engine.add_source(ROOM).unwrap();
        let layout = Layout { audio: vec![Some(audio)], video: vec![Some(video)] };
        engine.set_layout(ROOM, &layout).unwrap();
        Film { engine, source, next: clock::now(), bytes, written: 0 }
    }

    fn play(&mut self) {
        while self.next <= clock::now() {
            let data = picture(true, self.bytes);
            let frame = Frame { codec: Codec::Vp8, data, at: self.next, keyframe: true };
            self.engine.write_frame(self.source, frame);
            self.next = self.next.plus(PICTURE_EVERY);
            self.written += 1;
        }
    }
}

enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, Reader),
}

fn over_udp(engine: &Engine) -> Way {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    socket.connect((Ipv4Addr::LOCALHOST, engine.udp_port())).unwrap();
    socket.set_nonblocking(true).unwrap();
    Way::Udp(socket)
}

fn connection(engine: &Engine) -> TcpStream {
    TcpStream::connect((Ipv4Addr::LOCALHOST, engine.tcp_port().unwrap())).unwrap()
}

fn over_tcp(engine: &Engine) -> Way {
    let socket = connection(engine);
    socket.set_nonblocking(true).unwrap();
    // What a peer does not read fills little, and soon.
    set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUF, 64 * 1024).unwrap();
    Way::Tcp(socket, Reader::default())
}

impl Way {
    fn send(&mut self, datagram: &[u8]) {
        match self {
            Way::Udp(socket) => drop(socket.send(datagram)),
            Way::Tcp(socket, _) => drop(socket.write(&tcp::framed(datagram))),
        }
    }

    /// What has come, and whether the way has ended.
    fn receive(&mut self) -> (Vec<Vec<u8>>, bool) {
        let (mut datagrams, mut buffer) = (Vec::new(), vec![0; 64 * 1024]);
        loop {
            let read = match self {
                Way::Udp(socket) => socket.recv(&mut buffer),
                Way::Tcp(socket, _) => socket.read(&mut buffer),
            };
            match (read, &mut *self) {
                (Ok(0), _) => return (datagrams, true),
                (Ok(count), Way::Udp(_)) => datagrams.push(buffer[..count].to_vec()),
                (Ok(count), Way::Tcp(_, reader)) => {
                    reader.read(&buffer[..count], |one| datagrams.push(one.to_vec())).unwrap();
                }
                (Err(error), _) => return (datagrams, error.kind() != ErrorKind::WouldBlock),
            }
        }
    }
}

struct Viewer {
    id: PeerId,
    client: Client,
    way: Way,
    ended: bool,
    answers: Vec<Vec<u8>>,
    next_check: Time,
}

impl Viewer {
    fn join(engine: &Engine, name: &str, way: Way) -> Viewer {
        Viewer::join_as(engine, name, way, Vec::new()).0
    }

    fn join_as(
        engine: &Engine,
        name: &str,
        way: Way,
        publishes: Vec<room_core::params::PublishParams>,
    ) -> (Viewer, Vec<TrackId>) {
        let client = Client::new(name, clock::anchor(), clock::now());
        let slots = vec![client::slot(MediaKind::Video, 0, 77)];
        let (id, tracks) = engine.add_peer(ROOM, client.params(slots, publishes)).unwrap();
        let next_check = clock::now();
        (Viewer { id, client, way, ended: false, answers: Vec::new(), next_check }, tracks)
    }

    fn check(&mut self) {
        self.way.send(&self.client.check());
    }

    fn work(&mut self) {
        let (datagrams, ended) = self.way.receive();
        self.ended |= ended;
        let now = clock::now();
        // The shard may not know the name yet: checks are repeated until one is answered.
        if self.answers.is_empty() && self.next_check <= now {
            self.check();
            self.next_check = now.plus(Duration::from_millis(50));
        }
        for datagram in datagrams {
            if kind(&datagram) == Kind::Stun {
                self.answers.push(datagram.clone());
            }
            self.client.receive(now, &datagram);
        }
        for datagram in self.client.poll(now) {
            self.way.send(&datagram);
        }
    }

    fn pictures(&self) -> usize {
        self.client.media.iter().filter(|packet| packet.header.marker).count()
    }
}

/// Does `step` again and again until it says that it is done.
fn until(what: &str, mut step: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !step() {
        assert!(Instant::now() < end, "{what}");
        thread::park_timeout(Duration::from_millis(1));
    }
}

/// ROOM-3, ROOM-8
#[test]
fn film_reaches_a_viewer_over_tcp_who_is_told_its_own_address() {
    let engine = engine();
    let mut film = Film::begin(&engine, 3_000);
    let mut viewer = Viewer::join(&engine, "over-tcp", over_tcp(&engine));
    until("ten pictures come", || {
        film.play();
        viewer.work();
        viewer.pictures() >= 10
    });
    let Way::Tcp(socket, _) = &viewer.way else { unreachable!() };
    let (mine, password) = (socket.local_addr().unwrap(), "a-password-of-22-letters");
    let answer = &viewer.answers[0];
    let transaction = answer[8..20].try_into().unwrap();
    assert_eq!(*answer, stun::success(&transaction, mine, password));
    let numbers: Vec<u64> = viewer.client.media.iter().map(|packet| packet.index).collect();
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]), "in order and nothing lost: {numbers:?}");
}

#[test]
fn what_is_published_over_tcp_is_forwarded_to_others() {
    let engine = engine();
    let publishes = vec![client::publish(MediaKind::Video)];
    let (mut publisher, tracks) = Viewer::join_as(&engine, "publisher", over_tcp(&engine), publishes);
    let mut viewer = Viewer::join(&engine, "viewer", over_udp(&engine));
    engine.set_layout(ROOM, &Layout { audio: Vec::new(), video: vec![Some(tracks[0])] }).unwrap();
    let (mut number, mut next) = (0, Time::from_nanos(0));
    until("the viewer gets pictures", || {
        publisher.work();
        viewer.work();
        if publisher.client.is_connected() && viewer.client.is_connected() && clock::now() >= next {
            let payload = [&[0x10][..], &picture(true, 200)].concat();
            let packet = publisher.client.rtp(96, number, number as u32 * 1_800, 5, &payload);
            publisher.way.send(&packet);
            number += 1;
            next = clock::now().plus(PICTURE_EVERY);
        }
        viewer.pictures() >= 5
    });
}

#[test]
fn who_does_not_read_loses_pictures_and_delays_nobody() {
    let engine = engine();
    let mut film = Film::begin(&engine, 30_000);
    // Two shards: one of the two lives where the other does.
    let mut stalled = [0, 1].map(|n| Viewer::join(&engine, &format!("stalled-{n}"), over_tcp(&engine)));
    let mut viewer = Viewer::join(&engine, "viewer", over_udp(&engine));
    until("everybody sees the film", || {
        film.play();
        viewer.work();
        stalled.iter_mut().for_each(Viewer::work);
        viewer.pictures() > 5 && stalled.iter().all(|one| one.pictures() > 5)
    });
    // From now on the stalled do not read. What the kernel and the engine keep for each is full after half a second.
    let (written, mut slowest) = (film.written, Duration::ZERO);
    let before = viewer.pictures();
    let mut seen = viewer.client.media.len();
    until("a hundred pictures more are played", || {
        film.play();
        viewer.work();
        for packet in viewer.client.media[seen..].iter().filter(|packet| packet.header.marker) {
            let before = viewer.client.media[..seen].last().map_or(packet.at, |last| last.at);
            slowest = slowest.max(packet.at.since(before));
        }
        seen = viewer.client.media.len();
        film.written >= written + 100
    });
    assert!(slowest < Duration::from_millis(500), "the film stood still for {slowest:?}");
    let pictures = viewer.pictures() - before;
    assert!(pictures > 80, "{pictures} of a hundred pictures came");
    let sent = film.written;
    until("the stalled read what was kept", || {
        stalled.iter_mut().for_each(Viewer::work);
        film.play();
        stalled.iter().all(|one| one.client.media.last().is_some_and(|last| one.is_past(last.index)))
    });
    for one in &stalled {
        assert!(one.pictures() < sent, "{} of {sent} pictures", one.pictures());
    }
}

impl Viewer {
    /// Whether numbers are missing before this one: what came between was lost.
    fn is_past(&self, index: u64) -> bool {
        let first = self.client.media.first().map_or(index, |first| first.index);
        index - first + 1 > self.client.media.len() as u64 + 100
    }
}

#[test]
fn a_connection_that_ends_leaves_the_peer_to_its_other_way() {
    let engine = engine();
    let mut film = Film::begin(&engine, 3_000);
    let mut viewer = Viewer::join(&engine, "moving", over_tcp(&engine));
    until("film comes over TCP", || {
        film.play();
        viewer.work();
        viewer.pictures() >= 3
    });
    viewer.way = over_udp(&engine);
    let before = viewer.pictures();
    until("film comes over UDP", || {
        film.play();
        viewer.check();
        viewer.work();
        viewer.pictures() >= before + 3
    });
    assert!(engine.shared.connections.is_empty(), "the connection is forgotten");
    assert!(!engine.drain_events(100).iter().any(|event| matches!(event, Event::PeerGone { .. })));
}

#[test]
fn a_peer_that_is_gone_takes_its_connection_with_it() {
    let engine = engine();
    let mut viewer = Viewer::join(&engine, "leaving", over_tcp(&engine));
    until("it is connected", || {
        viewer.work();
        viewer.client.is_connected()
    });
    engine.remove_peer(viewer.id);
    until("it is said goodbye to, and the connection ends", || {
        viewer.work();
        viewer.ended
    });
    assert!(viewer.client.closed);
}

#[test]
fn strangers_get_no_byte_and_are_sent_off() {
    let engine = engine();
    let known = Viewer::join(&engine, "known", over_udp(&engine));
    let name = format!("{}:them", known.client.ufrag);
    let check = tcp::framed(&stun::request(&[1; 12], &name, "not the password", true)).into_vec();
    let unknown = tcp::framed(&stun::request(&[1; 12], "nobody:them", "not the password", true)).into_vec();
    let many = |one: &[u8]| one.repeat(20_000 / one.len());
    for bytes in [b"GET / HTTP/1.1\r\n\r\n".to_vec(), many(&check), many(&unknown), many(&[0, 0])] {
        let mut socket = connection(&engine);
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        // It may be closed while we write, and a reset is an end, too.
        let _ = socket.write_all(&bytes);
        let mut said = Vec::new();
        let end = socket.read_to_end(&mut said).map_err(|error| error.kind());
        assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
        assert_eq!(said, [0_u8; 0], "nothing is said to who proved nothing");
    }
    until("all of them are forgotten", || engine.shared.connections.is_empty());
}

#[test]
fn without_a_port_there_is_no_tcp_and_a_taken_one_is_refused() {
    let engine = engine();
    let mut config = engine.config.clone();
    config.tcp_port = engine.tcp_port();
    let refused = Engine::start(config.clone()).unwrap_err();
    assert_eq!((refused.port, refused.error.kind()), (Some(Transport::Tcp), ErrorKind::AddrInUse));
    config.tcp_port = None;
    assert_eq!(Engine::start(config).unwrap().tcp_port(), None);
}
