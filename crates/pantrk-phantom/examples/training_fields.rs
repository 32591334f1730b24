//! Writes training fields: `training_fields DIR COUNT SEED SIZE MPP`.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, count, seed, size, mpp] = arguments.as_slice() else {
        return Err("wanted DIR COUNT SEED SIZE MPP".into());
    };
    pantrk_phantom::write_training_fields(
        Path::new(dir),
        count.parse()?,
        seed.parse()?,
        size.parse()?,
        mpp.parse()?,
    )?;
    Ok(())
}
