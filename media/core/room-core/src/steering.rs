//! One viewer's choice of layers, made anew twice a second and whenever something changed.
//!
//! Trying more than the way carries costs the viewer a freeze. Where nothing but trying shows what it carries, the next
//! try waits twice as long after each fall; where the way is probed, layers rise when a probe has shown that there is
//! room.

use std::time::Duration;

use crate::congestion::Congestion;
use crate::ladder::Rung;
use crate::layers::{Choice, Rise, Wish, enough_bps, share};
use crate::time::Time;

const EVERY: Duration = Duration::from_millis(500);
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_secs(64);
/// Who had no fall for this long may try as quickly as at first.
const CALM: Duration = Duration::from_secs(120);
/// What headers and tags add to payloads, in sixteenths.
const HEADERS: u64 = 1;

#[derive(Debug, Default)]
pub struct Steering {
    next: Time,
    measured: Option<(Time, u64)>,
    sent_bps: u64,
    fall: Option<Fall>,
    broken: bool,
}

#[derive(Clone, Copy, Debug)]
struct Fall {
    at: Time,
    wait: Duration,
}

impl Steering {
    #[must_use]
    pub fn is_due(&self, now: Time) -> bool {
        now >= self.next
    }

    /// What is shown, or what there is to show, changed.
    pub fn hurry(&mut self) {
        self.next = Time::default();
    }

    /// Chooses for each wish, while `bytes_sent` have been sent to the viewer in all and sound takes `sound_bps`, which
    /// video must leave.
    pub fn steer(
        &mut self,
        now: Time,
        bytes_sent: u64,
        sound_bps: u64,
        congestion: &mut Congestion,
        wishes: &[Wish<'_>],
    ) -> Vec<Option<Choice>> {
        self.next = now.plus(EVERY);
        self.measure(now, bytes_sent);
        let estimate = congestion.estimate_bps(now, self.sent_bps).saturating_sub(sound_bps);
        let budget = estimate - estimate * HEADERS / 16;
        let is_probed = congestion.is_probed(now);
        let rise = self.rise(now, is_probed);
        let chosen = share(wishes, budget, rise);
        let freely = share(wishes, u64::MAX, Rise::Allowed);
        let wants = rise == Rise::Allowed && chosen != freely;
        let wanted = enough_bps(wishes, &freely) * 16 / (16 - HEADERS) + sound_bps;
        congestion.wants(wants.then_some(wanted));
        let fell = (0..wishes.len()).any(|at| {
            let before = wishes[at].now;
            is_lower(wishes[at].rungs, chosen[at], before) && !is_lower(wishes[at].rungs, freely[at], before)
        });
        if fell {
            self.fell(now);
        }
        self.broken = fell && estimate < self.sent_bps / 2;
        chosen
    }

    /// The way carries so little of what is sent that nothing of a higher layer gets through whole: it is no use to go
    /// on with it until a lower one starts.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    fn measure(&mut self, now: Time, bytes_sent: u64) {
        let Some((at, bytes)) = self.measured else {
            self.measured = Some((now, bytes_sent));
            return;
        };
        let elapsed = now.since(at);
        if elapsed >= EVERY {
            self.sent_bps = bytes_sent.saturating_sub(bytes) * 8_000 / elapsed.as_millis() as u64;
            self.measured = Some((now, bytes_sent));
        }
    }

    fn rise(&self, now: Time, is_probed: bool) -> Rise {
        let wait = |fall: Fall| if is_probed { FIRST_WAIT } else { fall.wait };
        match self.fall {
            Some(fall) if now.since(fall.at) < wait(fall) => Rise::Held,
            _ => Rise::Allowed,
        }
    }

    fn fell(&mut self, now: Time) {
        let again = self.fall.filter(|fall| now.since(fall.at) < CALM);
        // Steps of one fall are not two falls.
        let wait = again.map_or(FIRST_WAIT, |fall| match now.since(fall.at) {
            since if since < FIRST_WAIT => fall.wait,
            _ => (fall.wait * 2).min(LONGEST_WAIT),
        });
        self.fall = Some(Fall { at: now, wait });
    }
}

fn is_lower(rungs: &[Rung], choice: Option<Choice>, before: Option<Choice>) -> bool {
    let place = |choice: Choice| rungs.iter().position(|rung| rung.layer == choice.layer);
    choice
        .zip(before)
        .is_some_and(|(choice, before)| (place(choice), choice.temporal) < (place(before), before.temporal))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::TEMPORAL_LAYERS;

    fn at(ms: u64) -> Time {
        Time::from_nanos((1_000 + ms) * 1_000_000)
    }

    fn camera() -> Vec<Rung> {
        [(0, 180, 150_000), (1, 360, 500_000), (2, 720, 1_700_000)]
            .map(|(layer, height, bps)| Rung {
                layer,
                height,
                bps: [bps; TEMPORAL_LAYERS],
                temporal_layers: 1,
            })
            .to_vec()
    }

    /// A viewer behind a way of `capacity_bps`, who tells an estimate as browsers do. Returns the layers over time.
    fn watched(capacity_bps: u64, seconds: u64) -> Vec<u8> {
        let (rungs, mut steering, mut bytes, mut now) = (camera(), Steering::default(), 0, None);
        let mut congestion = Congestion::default();
        let mut layers = Vec::new();
        for half in 0..seconds * 2 {
            let ms = half * 500;
            let wish = Wish { rungs: &rungs, shown: 720, now };
            now = steering.steer(at(ms), bytes, 0, &mut congestion, &[wish])[0];
            let choice = now.unwrap();
            let sent = rungs[usize::from(choice.layer)].bps[0];
            bytes += sent / 16;
            let told = if sent > capacity_bps { capacity_bps * 9 / 10 } else { sent * 3 / 2 };
            congestion.receiver_says(at(ms + 400), told);
            layers.push(choice.layer);
        }
        layers
    }

    #[test]
    fn a_wide_way_gets_everything_at_once_and_for_good() {
        assert!(watched(10_000_000, 60).iter().all(|layer| *layer == 2));
    }

    #[test]
    fn a_narrow_way_is_tried_more_and_more_rarely() {
        let layers = watched(800_000, 300);
        let tries = |from: usize, to: usize| {
            layers[from * 2..to * 2].windows(2).filter(|two| two[1] > two[0]).count()
        };
        assert!(tries(0, 60) <= 8, "{}", tries(0, 60));
        assert!(tries(180, 300) <= 5, "{}", tries(180, 300));
        let low = layers[200..].iter().filter(|layer| **layer < 2).count();
        assert!(low * 100 / layers[200..].len() > 90, "{low} of {}", layers[200..].len());
    }

    #[test]
    fn what_is_shown_smaller_is_no_fall() {
        let rungs = camera();
        let mut steering = Steering::default();
        let now = Some(Choice { layer: 2, temporal: crate::layers::EVERY });
        let wish = Wish { rungs: &rungs, shown: 100, now };
        steering.steer(at(0), 0, 0, &mut Congestion::default(), &[wish]);
        assert_eq!(steering.rise(at(1), false), Rise::Allowed);
        steering.hurry();
        assert!(steering.is_due(at(1)));
    }
}
