//! The codec `deflate`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    pantrk_fuzz::tile(8, input);
});
