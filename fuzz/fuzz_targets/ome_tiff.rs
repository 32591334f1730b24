//! Slides of the format `ome_tiff`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.ome.tif", input);
});
