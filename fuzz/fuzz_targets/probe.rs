//! Which format a file is of.
#![no_main]

const NAMES: [&str; 12] = [
    "a.tif",
    "a.svs",
    "a.bif",
    "a.scn",
    "a.ndpi",
    "a.dcm",
    "a.mrxs",
    "a.czi",
    "a.png",
    "a.vms",
    "a.isyntax",
    "a",
];

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte chooses the ending.
    let Some((ending, bytes)) = input.split_first() else {
        return;
    };
    let name = NAMES[usize::from(*ending) % NAMES.len()];
    pantrk_fuzz::probe(name, bytes);
});
