//! Slides that are known and not read yet: by what they are recognised, and what to do instead.
//!
//! They are refused by name, because many would pass for something else: an MRXS file is a JPEG thumbnail, a VSI file a TIFF of its label alone.

use super::Candidate;
use crate::error::Fault;

struct Known {
    /// The format's short name.
    name: &'static str,
    what: &'static str,
    advice: &'static str,
    is_it: fn(&Candidate) -> bool,
}

const TO_TIFF: &str =
    "convert it to a pyramidal TIFF (bfconvert, or vips tiffsave --pyramid --tile)";

static KNOWN: &[Known] = &[
    Known {
        name: "hamamatsu",
        what: "a Hamamatsu VMS or VMU slide",
        advice: TO_TIFF,
        is_it: |c| matches!(c.extension.as_str(), "vms" | "vmu"),
    },
    Known {
        name: "mirax",
        what: "a MIRAX slide on a server (a slide of several files)",
        advice: "copy the slide and its folder to this machine",
        is_it: |c| c.source.is_remote() && c.extension == "mrxs",
    },
    Known {
        name: "dicom",
        what: "a DICOM slide on a server (a slide of several files)",
        advice: "copy the folder to this machine",
        is_it: |c| c.source.is_remote() && c.head.get(128..132) == Some(b"DICM".as_slice()),
    },
    Known {
        name: "isyntax",
        what: "a Philips iSyntax slide",
        advice: "export it as TIFF from the Philips system, or convert it with libisyntax",
        is_it: |c| {
            c.extension == "isyntax"
                || c.head
                    .starts_with(b"<DataObject ObjectType=\"DPUfsImport\"")
        },
    },
    Known {
        name: "olympus-vsi",
        what: "an Olympus VSI slide",
        advice: TO_TIFF,
        is_it: |c| c.extension == "vsi" || c.extension == "ets",
    },
    Known {
        name: "zeiss-zvi",
        what: "a Zeiss ZVI image",
        advice: TO_TIFF,
        is_it: |c| c.extension == "zvi",
    },
    Known {
        name: "sakura",
        what: "a Sakura SVSLIDE slide",
        advice: TO_TIFF,
        is_it: |c| c.extension == "svslide",
    },
    Known {
        name: "argos",
        what: "an Argos AVS slide",
        advice: TO_TIFF,
        is_it: |c| c.extension == "avs",
    },
    Known {
        name: "kfbio",
        what: "a KFBIO slide",
        advice: "export it as SVS or TIFF with the maker's converter",
        is_it: |c| matches!(c.extension.as_str(), "kfb" | "kfbf"),
    },
    Known {
        name: "motic",
        what: "a Motic slide",
        advice: "export it as SVS or TIFF with the maker's converter",
        is_it: |c| c.extension == "mds" || c.extension == "mdsx",
    },
    Known {
        name: "jpeg-2000",
        what: "a JPEG 2000 image",
        advice: "convert it to PNG or to a pyramidal TIFF",
        is_it: |c| {
            c.head.starts_with(b"\0\0\0\x0cjP  \r\n\x87\n")
                || c.head.starts_with(b"\xff\x4f\xff\x51")
        },
    },
];

/// The name of a known format, and why its file is refused.
pub(super) fn recognise(candidate: &Candidate) -> Option<(&'static str, Fault)> {
    let known = KNOWN.iter().find(|known| (known.is_it)(candidate))?;
    Some((
        known.name,
        Fault::Unsupported {
            what: known.what.to_owned(),
            advice: known.advice.to_owned(),
        },
    ))
}
