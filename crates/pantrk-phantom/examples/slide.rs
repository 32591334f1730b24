//! Makes a slide with its truth: `slide PRESET OUT.svs [WIDTH HEIGHT SEED]`; prints the time it took.

use std::error::Error;
use std::path::PathBuf;
use std::time::Instant;

use pantrk_phantom::{ArtefactKind, Preset, SlideContainer, write_slide};

#[expect(clippy::print_stdout, reason = "an example that reports")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, out, rest @ ..] = arguments.as_slice() else {
        return Err("wanted PRESET OUT.svs [WIDTH HEIGHT SEED]".into());
    };
    let (name, spoiled) = match name.strip_suffix("+artefacts") {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    let mut spec = Preset::from_name(name).ok_or("no such preset")?.spec();
    if let [width, height, seed] = rest {
        (spec.width, spec.height, spec.seed) = (width.parse()?, height.parse()?, seed.parse()?);
    }
    if spoiled {
        spec.artefacts = ArtefactKind::ALL.to_vec();
    }
    let out = PathBuf::from(out);
    let container = if out.extension().is_some_and(|e| e == "svs") {
        SlideContainer::AperioSvs
    } else {
        SlideContainer::BigTiff
    };
    let start = Instant::now();
    let truth = write_slide(&spec, &out, container, &|_, _| {})?;
    let seconds = start.elapsed().as_secs_f64();
    truth.write(&out.with_extension(""))?;
    let megapixels = f64::from(spec.width) * f64::from(spec.height) / 1e6;
    println!("{seconds:.1} s, {:.1} Mpx/s", megapixels / seconds);
    println!("{} cells, any {:?}", truth.cells.len(), truth.score);
    Ok(())
}
