//! What an ONNX network costs in each runtime, one thread: `inference_cost FILE.onnx PATCH...` prints CSV.
//!
//! The training's sweep of architectures asks this.
//! The runtimes take turns, so that a busy machine slows all of them; the median of the turns is printed.

#![expect(clippy::print_stdout, reason = "the table is what it is for")]

use std::path::PathBuf;
use std::time::Instant;

use pantrk_nn::runtime::Runtime;
use pantrk_nn::{Direct, ModelError, Tract};

/// Turns of each runtime on each patch.
const TURNS: usize = 15;
/// Pixels around a patch that are computed and thrown away, as in the pipeline.
const HALO: usize = 32;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = PathBuf::from(
        arguments
            .next()
            .ok_or("usage: inference_cost FILE.onnx PATCH...")?,
    );
    let patches: Vec<usize> = arguments.map(|a| a.parse()).collect::<Result<_, _>>()?;
    let onnx = std::fs::read(&file)?;
    println!("file,runtime,patch,ms_per_patch,ms_per_megapixel_computed,ms_per_megapixel_of_slide");
    for patch in patches {
        let mut sessions = Vec::new();
        let runtimes: [&dyn Runtime; 2] = [&Direct, &Tract];
        for runtime in runtimes {
            match runtime.prepare(&onnx, [1, 3, patch, patch], &file) {
                Ok(plan) => sessions.push((runtime.name(), plan.session(), Vec::new())),
                // What the direct runtime declines is tract's.
                Err(ModelError::Unsupported { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        for _turn in 0..=TURNS {
            for (_, session, times) in &mut sessions {
                session.input().fill(0.8);
                let start = Instant::now();
                session.run()?;
                times.push(start.elapsed().as_secs_f64() * 1e3);
            }
        }
        for (name, _, mut times) in sessions {
            // The first turn warms up.
            times.remove(0);
            times.sort_by(f64::total_cmp);
            let ms = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
            let computed = (patch * patch) as f64 / 1e6;
            let core = patch.saturating_sub(2 * HALO);
            let kept = (core * core) as f64 / 1e6;
            println!(
                "{},{name},{patch},{ms:.3},{:.2},{:.2}",
                file.display(),
                ms / computed,
                ms / kept
            );
        }
    }
    Ok(())
}
