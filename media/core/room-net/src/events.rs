//! Events on their way to Python: a bounded queue and one descriptor, rung once a drain.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_queue::ArrayQueue;
use room_core::message::Event;

use crate::wake::Wake;

const CAPACITY: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Events {
    queue: ArrayQueue<Event>,
    wake: Wake,
    /// Whether the descriptor was rung since the last drain.
    armed: AtomicBool,
    lost: AtomicU64,
}

impl Events {
    pub(crate) fn new() -> std::io::Result<Events> {
        Ok(Events {
            queue: ArrayQueue::new(CAPACITY),
            wake: Wake::new()?,
            armed: AtomicBool::new(false),
            lost: AtomicU64::new(0),
        })
    }

    pub(crate) fn fd(&self) -> i32 {
        self.wake.fd()
    }

    pub(crate) fn push(&self, event: Event) {
        if self.queue.push(event).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        self.kick();
    }

    /// Rings, unless it has rung since the last drain.
    pub(crate) fn kick(&self) {
        if !self.armed.swap(true, Ordering::AcqRel) {
            self.wake.ring();
        }
    }

    /// At most `most` events; the descriptor rings again when there are more.
    pub(crate) fn drain(&self, most: usize) -> Vec<Event> {
        self.wake.clear();
        self.armed.store(false, Ordering::Release);
        let events: Vec<Event> = std::iter::from_fn(|| self.queue.pop()).take(most).collect();
        if !self.queue.is_empty() {
            self.kick();
        }
        events
    }

    /// Events that found the queue full.
    pub(crate) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
