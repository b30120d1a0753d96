//! The load client: viewers and one publisher on str0m, driven by JSON lines (see `protocol`).
//!
//!     peers [--threads 2] [--bind 127.0.0.1] [--bursts]
//!
//! With `--bursts` its sockets take what was sent as one in one piece (`UDP_GRO`).
//!
//! It shares no code with the server: ICE, SRTP, RTP, RTCP and SDP are str0m's.  (DTLS is dimpl in both.)

mod feeder;
mod histogram;
mod peer;
mod protocol;
mod publisher;
mod stream;
mod tally;
mod viewers;

use datagram::Local;
use protocol::{Delays, Event, Request, say};
use std::error::Error;
use std::io::{self, BufRead};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use str0m::config::DtlsCert;
use viewers::{Command, Report, Viewers};

struct Client {
    cert: Arc<DtlsCert>,
    local: Local,
    threads: Vec<Viewers>,
    publisher: Option<(u32, Sender<publisher::Command>)>,
}

impl Client {
    fn obey(&mut self, request: Request) -> io::Result<()> {
        match request {
            Request::Viewer { id, audio, video } => self.of(id).tell(Command::Viewer { id, audio, video }),
            Request::Called { id, sdp } => self.of(id).tell(Command::Called { id, sdp }),
            Request::Publisher { id, audio, video, mode } => {
                let started = publisher::start(&self.cert, self.local, id, (audio, video), mode)?;
                self.publisher = Some((id, started));
                Ok(())
            }
            Request::Feed { id, to: address, audio_port, audio_type, video_port, video_type, mode } => {
                let audio = feeder::Outlet { port: audio_port, payload_type: audio_type };
                let video = feeder::Outlet { port: video_port, payload_type: video_type };
                let target = feeder::Target { address, audio, video };
                self.publisher = Some((id, feeder::start(self.local, id, target, mode)?));
                Ok(())
            }
            Request::Answer { id, sdp } => match &self.publisher {
                Some((publisher, _)) if *publisher == id => self.publisher(publisher::Command::Answer(sdp)),
                _ => self.of(id).tell(Command::Answer { id, sdp }),
            },
            Request::Publish => self.publisher(publisher::Command::Publish),
            Request::Mark { window } => self.publisher(publisher::Command::Mark(window)),
            Request::Report => self.report(),
            Request::Total => {
                let packets = self.ask(Command::Total)?.into_iter().sum();
                say(&Event::Total { packets });
                Ok(())
            }
            Request::Close { id } => self.of(id).tell(Command::Close { id }),
        }
    }

    fn of(&self, id: u32) -> &Viewers {
        &self.threads[id as usize % self.threads.len()]
    }

    fn publisher(&self, command: publisher::Command) -> io::Result<()> {
        let (_, publisher) = self.publisher.as_ref().ok_or(io::ErrorKind::NotFound)?;
        publisher.send(command).map_err(|_| io::Error::other("the publisher has ended"))
    }

    fn ask<T>(&self, question: impl Fn(Sender<T>) -> Command) -> io::Result<Vec<T>> {
        let (sender, answers) = channel();
        for thread in &self.threads {
            thread.tell(question(sender.clone()))?;
        }
        drop(sender);
        Ok(answers.iter().collect())
    }

    fn report(&self) -> io::Result<()> {
        let mut all = Report::default();
        for report in self.ask(Command::Report)? {
            all.viewers.extend(report.viewers);
            all.video.merge(&report.video);
            all.audio.merge(&report.audio);
        }
        let delays = |histogram: &histogram::Histogram| Delays {
            p50: histogram.quantile_ms(0.5),
            p99: histogram.quantile_ms(0.99),
            max: histogram.quantile_ms(1.0),
        };
        say(&Event::Report { video: delays(&all.video), audio: delays(&all.audio), viewers: all.viewers });
        Ok(())
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let local = Local::take(&mut arguments)?;
    let threads = match arguments.as_slice() {
        [] => 2,
        [name, count] if name == "--threads" => count.parse::<usize>()?.max(1),
        _ => return Err("usage: peers [--threads N] [--bind ADDRESS] [--bursts]".into()),
    };
    // One certificate for all: making one costs more than the rest of a join.
    let provider = str0m::crypto::from_feature_flags();
    let cert = Arc::new(provider.dtls_provider.generate_certificate().ok_or("no certificate could be made")?);
    let threads =
        (0..threads).map(|_| Viewers::start(Arc::clone(&cert), local)).collect::<io::Result<_>>()?;
    let mut client = Client { cert, local, threads, publisher: None };
    for line in io::stdin().lock().lines() {
        client.obey(serde_json::from_str(&line?)?)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}
