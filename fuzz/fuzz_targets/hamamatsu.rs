//! Slides of the format `hamamatsu`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::slide("slide.ndpi", input);
});
