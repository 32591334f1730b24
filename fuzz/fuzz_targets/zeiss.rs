//! Slides of the format `zeiss`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.czi", input);
});
