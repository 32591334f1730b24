//! Slides of the format `plain_image`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    // The first byte names the file.
    let Some((kind, bytes)) = input.split_first() else {
        return;
    };
    let name = ["field.png", "field.jpg", "field.tif"][usize::from(kind % 3)];
    pantrk_fuzz::slide(name, bytes);
});
