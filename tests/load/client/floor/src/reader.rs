//! The other process: reads all sockets until its standard input closes, then says how many packets it had.

use datagram::{Inbox, Local};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use serde_json::json;
use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

const BUFFER_BYTES: i32 = 2 << 20;
const STDIN: Token = Token(usize::MAX);

/// Prints `{"ports": […]}`, reads, prints `{"packets": n}`.
pub fn run(viewers: usize, local: Local) -> io::Result<()> {
    let sockets =
        (0..viewers).map(|_| datagram::open(local, BUFFER_BYTES)).collect::<io::Result<Vec<UdpSocket>>>()?;
    let ports = sockets
        .iter()
        .map(|socket| socket.local_addr().map(|address| address.port()))
        .collect::<io::Result<Vec<u16>>>()?;
    let mut poll = Poll::new()?;
    for (i, socket) in sockets.iter().enumerate() {
        poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(i), Interest::READABLE)?;
    }
    poll.registry().register(&mut SourceFd(&io::stdin().as_raw_fd()), STDIN, Interest::READABLE)?;
    println!("{}", json!({ "ports": ports }));

    let mut inbox = Inbox::default();
    let mut events = Events::with_capacity(1_024);
    let mut packets = 0;
    let mut open = true;
    while open {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                STDIN => open = false,
                Token(i) => packets += drain(&mut inbox, &sockets[i])?,
            }
        }
    }
    poll.poll(&mut events, Some(Duration::from_millis(200)))?;
    for socket in &sockets {
        packets += drain(&mut inbox, socket)?;
    }
    println!("{}", json!({ "packets": packets }));
    Ok(())
}

fn drain(inbox: &mut Inbox, socket: &UdpSocket) -> io::Result<u64> {
    let mut packets = 0;
    while inbox.receive(socket)? > 0 {
        packets += inbox.datagrams().count() as u64;
    }
    Ok(packets)
}
