//! The codec `raw`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::tile(1, input);
});
