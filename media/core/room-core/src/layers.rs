//! Which layer of each track a viewer gets: from what the way carries, whose turn it is, and how large it is shown.
//!
//! First everyone who is shown gets the least there is, then each in turn the best that fits into what is left, what is
//! on stage first. Within a layer temporal layers are dropped before the layer is. A layer higher than the picture is
//! shown is of no use.
//!
//! Pure: the same wishes get the same choice. What is chosen stays chosen unless there is a reason.

use crate::ladder::{Rung, TEMPORAL_LAYERS};

/// A picture may be shown this much higher than its layer before it looks coarse: five quarters.
const STRETCH: (u64, u64) = (5, 4);
/// To go up, a layer must fit with a margin; to stay it need only fit.
const MARGIN: (u64, u64) = (6, 5);
/// All temporal layers.
pub const EVERY: u8 = TEMPORAL_LAYERS as u8 - 1;

/// One slot's: what there is, from the lowest to the highest, and how high it is shown, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    pub rungs: &'a [Rung],
    /// Zero for what nobody sees.
    pub shown: u32,
    pub now: Option<Choice>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub layer: u8,
    /// The highest temporal layer.
    pub temporal: u8,
}

/// Whether this is a time to try more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rise {
    Allowed,
    /// The way broke down lately under more than it carries.
    Held,
}

/// A choice for each wish, in the order of their priority; `None` for what nobody sees or does not exist.
#[must_use]
pub fn share(wishes: &[Wish<'_>], budget_bps: u64, rise: Rise) -> Vec<Option<Choice>> {
    let least = |wish: &Wish<'_>| match wish.rungs.first() {
        Some(lowest) if wish.shown > 0 => lowest.bps[0],
        _ => 0,
    };
    let mut left = budget_bps.saturating_sub(wishes.iter().map(least).sum());
    let choose = |wish: &Wish<'_>| {
        let (choice, bps) = best(wish, left + least(wish), rise)?;
        left = (left + least(wish)).saturating_sub(bps);
        Some(choice)
    };
    wishes.iter().map(choose).collect()
}

/// What these choices come to, in bits a second.
#[must_use]
pub fn total_bps(wishes: &[Wish<'_>], choices: &[Option<Choice>]) -> u64 {
    let each = wishes.iter().zip(choices).filter_map(|(wish, choice)| {
        let choice = (*choice)?;
        let rung = wish.rungs.iter().find(|rung| rung.layer == choice.layer)?;
        Some(rung.bps[usize::from(choice.temporal)])
    });
    each.sum()
}

/// What must be known to be there before everything that is shown can be sent as it is shown.
#[must_use]
pub fn enough_bps(wishes: &[Wish<'_>], choices: &[Option<Choice>]) -> u64 {
    total_bps(wishes, choices) * MARGIN.0 / MARGIN.1
}

fn best(wish: &Wish<'_>, budget_bps: u64, rise: Rise) -> Option<(Choice, u64)> {
    let lowest = wish.rungs.first().filter(|_| wish.shown > 0)?;
    let tall = |rung: &&Rung| u64::from(rung.height) * STRETCH.0 / STRETCH.1 >= u64::from(wish.shown);
    let enough = wish.rungs.iter().position(|rung| tall(&rung)).unwrap_or(wish.rungs.len() - 1);
    let fits = |place: usize, temporal: u8| {
        let needed = wish.rungs[place].bps[usize::from(temporal)];
        match wish.now.map(|now| is_above(wish.rungs, place, temporal, now)) {
            Some(true) if rise == Rise::Held => false,
            Some(true) => needed * MARGIN.0 / MARGIN.1 <= budget_bps,
            Some(false) | None => needed <= budget_bps,
        }
    };
    for place in (0..=enough).rev() {
        let rung = &wish.rungs[place];
        for temporal in (0..rung.temporal_layers).rev() {
            if fits(place, temporal) {
                return Some((choice(rung, temporal), rung.bps[usize::from(temporal)]));
            }
        }
    }
    Some((choice(lowest, 0), lowest.bps[0]))
}

/// All temporal layers that there are are all that may come.
fn choice(rung: &Rung, temporal: u8) -> Choice {
    let is_top = temporal + 1 >= rung.temporal_layers;
    Choice { layer: rung.layer, temporal: if is_top { EVERY } else { temporal } }
}

fn is_above(rungs: &[Rung], place: usize, temporal: u8, now: Choice) -> bool {
    let Some(here) = rungs.iter().position(|rung| rung.layer == now.layer) else { return true };
    let top = |place: usize, temporal: u8| temporal.min(rungs[place].temporal_layers - 1);
    (place, top(place, temporal)) > (here, top(here, now.temporal))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rung(layer: u8, height: u16, bps: u64) -> Rung {
        Rung { layer, height, bps: [bps; TEMPORAL_LAYERS], temporal_layers: 1 }
    }

    fn camera() -> Vec<Rung> {
        vec![rung(0, 180, 150_000), rung(1, 360, 500_000), rung(2, 720, 1_700_000)]
    }

    fn temporal() -> Vec<Rung> {
        let three = |layer, height, bps: u64| Rung {
            bps: [bps / 2, bps * 3 / 4, bps, bps],
            temporal_layers: 3,
            ..rung(layer, height, bps)
        };
        vec![three(0, 180, 160_000), three(1, 360, 600_000)]
    }

    fn one(rungs: &[Rung], shown: u32, now: Option<Choice>, budget_bps: u64) -> Option<Choice> {
        share(&[Wish { rungs, shown, now }], budget_bps, Rise::Allowed)[0]
    }

    fn whole(layer: u8) -> Choice {
        Choice { layer, temporal: EVERY }
    }

    #[test]
    fn the_smallest_layer_that_fills_what_is_shown_is_enough() {
        let camera = camera();
        for (shown, layer) in [(1, 0), (180, 0), (225, 0), (226, 1), (400, 1), (720, 2), (4_320, 2)] {
            assert_eq!(one(&camera, shown, None, 9_000_000), Some(whole(layer)), "{shown}");
        }
        assert_eq!(one(&camera, 0, None, 9_000_000), None);
        assert_eq!(one(&[], 720, None, 9_000_000), None);
    }

    #[test]
    fn what_the_way_carries_is_the_limit_and_the_least_is_always_sent() {
        let camera = camera();
        for (budget, layer) in [(0, 0), (499_999, 0), (500_000, 1), (1_699_999, 1), (1_700_000, 2)] {
            assert_eq!(one(&camera, 720, None, budget), Some(whole(layer)), "{budget}");
        }
    }

    #[test]
    fn going_up_takes_a_margin_and_staying_does_not() {
        let camera = camera();
        assert_eq!(one(&camera, 720, Some(whole(1)), 1_800_000), Some(whole(1)));
        assert_eq!(one(&camera, 720, Some(whole(2)), 1_800_000), Some(whole(2)));
        assert_eq!(one(&camera, 720, Some(whole(1)), 2_050_000), Some(whole(2)));
        let wish = Wish { rungs: &camera, shown: 720, now: Some(whole(1)) };
        assert_eq!(share(&[wish], 9_000_000, Rise::Held), [Some(whole(1))]);
        assert_eq!(share(&[wish], 200_000, Rise::Held), [Some(whole(0))]);
    }

    #[test]
    fn temporal_layers_are_dropped_before_the_layer_is() {
        let rungs = temporal();
        let cases =
            [(600_000, (1, EVERY)), (599_999, (1, 1)), (300_000, (1, 0)), (299_999, (0, EVERY)), (1, (0, 0))];
        for (budget, (layer, temporal)) in cases {
            assert_eq!(one(&rungs, 720, None, budget), Some(Choice { layer, temporal }), "{budget}");
        }
    }

    #[test]
    fn with_enough_for_everything_everything_is_chosen() {
        let (camera, temporal) = (camera(), temporal());
        let low = Some(Choice { layer: 0, temporal: 0 });
        let wishes = [(&camera, 720), (&temporal, 360), (&camera, 0)].map(|(rungs, shown)| Wish {
            rungs,
            shown,
            now: low,
        });
        let all = share(&wishes, u64::MAX, Rise::Allowed);
        assert_eq!(total_bps(&wishes, &all), 2_300_000);
        let enough = enough_bps(&wishes, &all);
        assert_eq!(share(&wishes, enough, Rise::Allowed), all);
        assert_ne!(share(&wishes, enough * 8 / 10, Rise::Allowed), all);
    }

    #[test]
    fn what_is_on_stage_first_gets_more_and_everyone_something() {
        let (first, second) = (camera(), camera());
        let wish = |rungs| Wish { rungs, shown: 720, now: None };
        let shared = share(&[wish(&first), wish(&second)], 2_000_000, Rise::Allowed);
        assert_eq!(shared, [Some(whole(2)), Some(whole(0))]);
        let shared = share(&[wish(&first), wish(&second)], 1_000_000, Rise::Allowed);
        assert_eq!(shared, [Some(whole(1)), Some(whole(1))]);
        let hidden = Wish { shown: 0, ..wish(&first) };
        assert_eq!(share(&[hidden, wish(&second)], 1_700_000, Rise::Allowed), [None, Some(whole(2))]);
    }
}
