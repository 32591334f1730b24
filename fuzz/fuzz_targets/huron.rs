//! Slides of the format `huron`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.tif", input);
});
