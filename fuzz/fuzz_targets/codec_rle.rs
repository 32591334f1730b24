//! The codec `rle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::frame("1.2.840.10008.1.2.5", input);
});
