//! The floor: what the cheapest conceivable sender pays for a packet on this machine, by the bench's own path.
//!
//!     floor --viewers 200 --seconds 6      → {"sendto_gcm_ns": …, "gso8_gcm_ns": …, "stream_gcm_ns": …, "gcm_ns": …, …}
//!     floor … --namespace NAME --bind ADDRESS --bursts      the reader in that namespace, with `UDP_GRO`
//!
//! One thread sends 8 packets of 1,208 bytes (12 of header as associated data, 1,180 encrypted, 16 of tag;
//! AES-128-GCM by aws-lc) to each viewer in turn, every 8/240 s, which is the packet rate of the reference stream,
//! over loopback (or to wherever the reader is) from one unconnected socket.  Each packet is encrypted by itself with
//! its own nonce.  Either each leaves by its own `sendto`, or the 8 leave by one `sendmsg` with `UDP_SEGMENT`, or the
//! packets have the shape of the reference stream: a frame of 6 or 7 in one call 30 times a second, and a sound by
//! itself 50 times.  Another process reads all sockets (epoll, `recvmmsg`), and must read every packet.  The price is
//! the sender's user and system time (`getrusage`) divided by the packets: on loopback this holds the receive path up
//! to the socket, and waking the reader.  The three ways alternate second by second.

mod reader;
mod sender;

use std::process::ExitCode;

use datagram::Local;

const USAGE: &str = "usage: floor [--viewers N] [--seconds S] [--namespace NAME] [--bind ADDRESS] [--bursts]";

fn text<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let at = arguments.iter().position(|argument| argument == name)?;
    Some(arguments.get(at + 1).map_or("", String::as_str))
}

fn number(arguments: &[String], name: &str, default: usize) -> Option<usize> {
    text(arguments, name).map_or(Some(default), |value| value.parse().ok())
}

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let local = Local::take(&mut arguments);
    let (Ok(local), Some(viewers), Some(seconds)) =
        (local, number(&arguments, "--viewers", 200), number(&arguments, "--seconds", 6))
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let result = match arguments.first().map(String::as_str) {
        Some("read") => reader::run(viewers, local),
        _ => sender::run(viewers, seconds, local, text(&arguments, "--namespace"))
            .map(|figures| println!("{figures}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}
