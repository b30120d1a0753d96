//! What other threads hand to a shard's thread.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use room_core::message::{Command, Message};
use room_core::stats::ShardStats;

use crate::wake::Wake;

#[derive(Debug)]
pub(crate) enum Input {
    Command(Command),
    Message(Message),
    Stats(Sender<ShardStats>),
    Stop,
}

#[derive(Debug)]
pub(crate) struct Inbox {
    inputs: Mutex<Vec<Input>>,
    wake: Wake,
}

impl Inbox {
    pub(crate) fn new() -> io::Result<Inbox> {
        Ok(Inbox { inputs: Mutex::default(), wake: Wake::new()? })
    }

    pub(crate) fn fd(&self) -> i32 {
        self.wake.fd()
    }

    pub(crate) fn push(&self, input: Input) {
        self.extend(std::iter::once(input));
    }

    /// One lock and at most one wake-up for all of `more`.
    pub(crate) fn extend(&self, more: impl Iterator<Item = Input>) {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        let was_empty = inputs.is_empty();
        inputs.extend(more);
        if was_empty && !inputs.is_empty() {
            self.wake.ring();
        }
    }

    pub(crate) fn take(&self) -> Vec<Input> {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        // Rung only when something was put into an empty inbox.
        if !inputs.is_empty() {
            self.wake.clear();
        }
        std::mem::take(&mut *inputs)
    }
}
