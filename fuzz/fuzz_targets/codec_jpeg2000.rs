//! The codec `jpeg2000`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // Aperio's two numbers and the one of everybody else, by the first byte's upper bits.
    let compression = match input.first() {
        Some(byte) => [33003, 33005, 34712][usize::from(byte >> 6) % 3],
        None => return,
    };
    pantrk_fuzz::tile(compression, input);
});
