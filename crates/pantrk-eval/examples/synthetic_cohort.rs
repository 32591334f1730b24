//! Writes a made-up cohort to look at an evaluation of, or to time it on: `synthetic_cohort DIR SLIDES [NOISE]`.
#![expect(
    clippy::unwrap_used,
    reason = "an example says what it wants by failing"
)]

#[path = "../tests/synthetic/mod.rs"]
mod synthetic;

fn main() {
    let mut args = std::env::args().skip(1);
    let out = args.next().unwrap();
    let slides = args.next().unwrap().parse().unwrap();
    let noise = args.next().map_or(4.0, |text| text.parse().unwrap());
    let recipe = synthetic::Recipe {
        slides,
        seed: 1,
        noise,
    };
    synthetic::write_cohort(out.as_ref(), recipe);
}
