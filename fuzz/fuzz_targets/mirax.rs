//! Slides of the format `mirax`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::mirax(input);
});
