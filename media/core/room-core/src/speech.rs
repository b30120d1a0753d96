//! Who speaks, by the audio levels that publishers send along (RFC 6464).
//!
//! ```text
//!   SILENT ── enough voice within a moment ──► SPEAKING
//!      ▲                                          │
//!      └────────── a second without voice ────────┘
//! ```

use std::time::Duration;

use crate::time::Time;

/// In -dBov: 0 is the loudest, 127 silence.
const VOICE_LEVEL: u8 = 50;
/// Packets of 20 ms that make speech, and how close together they must come.
const ENOUGH: u8 = 6;
const MOMENT: Duration = Duration::from_millis(400);
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Speech {
    speaking: bool,
    voiced: u8,
    since: Time,
    last_voice: Time,
}

impl Speech {
    /// Takes the level of one packet, in -dBov. Returns the new state when it changed.
    pub fn level(&mut self, now: Time, level: u8) -> Option<bool> {
        if level <= VOICE_LEVEL {
            if now.since(self.since) > MOMENT {
                self.since = now;
                self.voiced = 0;
            }
            self.voiced = self.voiced.saturating_add(1);
            self.last_voice = now;
        }
        if !self.speaking && self.voiced >= ENOUGH && now.since(self.since) <= MOMENT {
            self.speaking = true;
            return Some(true);
        }
        self.timeout(now)
    }

    /// Ends the speech of someone from whom nothing comes any more.
    pub fn timeout(&mut self, now: Time) -> Option<bool> {
        if !self.speaking || now < self.wake() {
            return None;
        }
        self.speaking = false;
        self.voiced = 0;
        Some(false)
    }

    /// When `timeout` would change something.
    #[must_use]
    pub fn wake(&self) -> Time {
        if self.speaking { self.last_voice.plus(PAUSE) } else { Time::FAR }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_nanos((10_000 + ms) * 1_000_000)
    }

    #[test]
    fn speech_begins_after_a_moment_and_ends_after_a_pause() {
        let mut speech = Speech::default();
        let changes: Vec<_> = (0..200_u64)
            .filter_map(|n| Some((n * 20, speech.level(at(n * 20), if n < 50 { 20 } else { 127 })?)))
            .collect();
        assert_eq!(changes, [(100, true), (1_980, false)]);
    }

    #[test]
    fn a_cough_is_no_speech() {
        let mut speech = Speech::default();
        for n in 0..100 {
            let level = if n % 10 == 0 { 10 } else { 100 };
            assert_eq!(speech.level(at(n * 20), level), None);
        }
    }

    #[test]
    fn a_speaker_who_vanishes_stops_speaking() {
        let mut speech = Speech::default();
        for n in 0..10 {
            speech.level(at(n * 20), 20);
        }
        assert_eq!(speech.timeout(at(1_000)), None);
        assert_eq!(speech.timeout(speech.wake()), Some(false));
    }
}
