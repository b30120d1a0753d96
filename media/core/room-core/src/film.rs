//! Film that plays into a world, for tests and fuzzing.

use std::time::Duration;

use crate::codec::Codec;
use crate::message::Command;
use crate::source::Frame;
use crate::world::{SOURCE, World};

impl World {
    pub fn write(&mut self, frame: Frame) {
        self.shards[0].command(self.now, Command::WriteFrame { source: SOURCE, frame });
    }

    /// The film stands still from now on.
    pub fn hold(&mut self) {
        self.shards[0].command(self.now, Command::HoldSource { source: SOURCE, until: self.now });
    }
}

/// A VP8 frame: its first byte says whether it is a keyframe.
#[must_use]
pub fn picture(keyframe: bool, length: usize) -> Vec<u8> {
    let mut data = vec![7; length];
    data[0] = if keyframe { 0x10 } else { 0x11 };
    data
}

/// Plays film from now on: 25 pictures a second, a keyframe every two seconds, and audio.
pub fn play(world: &mut World, ms: u64) {
    let start = world.now;
    for n in 0..ms / 40 {
        let at = start.plus(Duration::from_millis(n * 40));
        let keyframe = n % 50 == 0;
        let data = picture(keyframe, if keyframe { 20_000 } else { 3_000 });
        world.write(Frame { codec: Codec::Vp8, data, at, keyframe });
        for half in 0..2 {
            let at = at.plus(Duration::from_millis(half * 20));
            world.write(Frame { codec: Codec::Opus, data: vec![1; 100], at, keyframe: true });
        }
        world.run_ms(40);
    }
}

/// As `play`, in the middle of a group that began `since` milliseconds ago.
pub fn play_on(world: &mut World, since: u64, ms: u64) {
    for n in since / 40..(since + ms) / 40 {
        let keyframe = n % 50 == 0;
        let frame = Frame { codec: Codec::Vp8, data: picture(keyframe, 3_000), at: world.now, keyframe };
        world.write(frame);
        world.run_ms(40);
    }
}
