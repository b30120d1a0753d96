//! libFuzzer on one target, which `FUZZ_TARGET` names: `make fuzz` runs them all. With `FUZZ_SEEDS` it writes the target's
//! seeds into that folder instead.
#![no_main]

use std::path::Path;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use room_fuzz::{Target, named};

static TARGET: OnceLock<Target> = OnceLock::new();

fn begin() {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let target = TARGET.get_or_init(|| named(&name).expect("FUZZ_TARGET names a target"));
    let Ok(folder) = std::env::var("FUZZ_SEEDS") else { return };
    for (n, seed) in (target.seeds)().iter().enumerate() {
        std::fs::write(Path::new(&folder).join(format!("seed-{n}")), seed).expect("a folder to write to");
    }
    std::process::exit(0);
}

fuzz_target!(init: begin(), |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        (target.run)(data);
    }
});
