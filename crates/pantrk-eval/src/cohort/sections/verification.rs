//! Whether sequencing was done as often after a negative as after a positive stain, and what that does to the figures.

use pantrk_triage::Evidence;

use super::{Made, Part};
use crate::cohort::Cohort;
use crate::output::{Cell, Column, Section, Table};
use crate::statistics::counts::Counts;
use crate::statistics::proportion::proportion;
use crate::statistics::verification::{Verified, begg_greenes};

pub(super) const PART: Part = Part {
    title: "Verification",
    make: |cohort, evidence| Ok(make(cohort, evidence)),
};

/// Slides by call: positive, negative.
fn verified(cohort: &Cohort) -> [Verified; 2] {
    let mut out = [Verified::default(); 2];
    for slide in &cohort.slides {
        if let Some(positive) = cohort.call(slide) {
            let of = &mut out[usize::from(!positive)];
            of.all += 1;
            match slide.truth.ngs {
                Some(true) => of.with += 1,
                Some(false) => of.without += 1,
                None => {}
            }
        }
    }
    out
}

/// A sentence where sequencing went by the stain.
pub(in super::super) fn bias(cohort: &Cohort) -> Option<String> {
    let [positive, negative] = verified(cohort);
    if positive.sequenced() == 0 || negative.all == 0 {
        return None;
    }
    let share = |v: Verified| v.sequenced() as f64 / v.all as f64;
    let text = format!(
        "{} of {} IHC-negative slides were sequenced, against {} of {} IHC-positive ones",
        negative.sequenced(),
        negative.all,
        positive.sequenced(),
        positive.all
    );
    if negative.sequenced() == 0 {
        return Some(format!(
            "Verification bias: {text}; sensitivity cannot be estimated from this cohort, and a specificity from it is meaningless."
        ));
    }
    // Half as often is a plain sign that the stain decided.
    (share(negative) < 0.5 * share(positive)).then(|| {
        format!(
            "Verification bias: {text}; sensitivity is overstated and specificity understated; see the corrected figures."
        )
    })
}

fn make(cohort: &Cohort, _evidence: &Evidence) -> Made {
    let [positive, negative] = verified(cohort);
    if positive.sequenced() + negative.sequenced() == 0 {
        return Made::Nothing("no slide of the truth has an ngs_result".to_owned());
    }
    let mut shares = Table::new(
        "verification",
        "How many slides of each call were sequenced",
        [
            Column::text("call", "IHC call"),
            Column::number("all", "Slides"),
            Column::estimate("sequenced", "Sequenced"),
            Column::estimate("fusions", "Fusions among the sequenced"),
        ],
    );
    for (name, call) in [("positive", positive), ("negative", negative)] {
        shares.push([
            Cell::text(name),
            Cell::Count(call.all),
            Cell::of(
                proportion(call.sequenced(), call.all, "slide with this call"),
                0,
            ),
            Cell::of(
                proportion(call.with, call.sequenced(), "sequenced slide"),
                0,
            ),
        ]);
    }
    let mut corrected = Table::new(
        "verification_corrected",
        "Corrected for who was sequenced (Begg and Greenes)",
        [
            Column::text("measure", "Measure"),
            Column::estimate("observed", "Among the sequenced"),
            Column::estimate("corrected", "Corrected"),
        ],
    )
    .with_note("The correction takes the sequenced of each call to stand for all of that call. It is right if nothing but the call decided who was sequenced; a difficult case that was sequenced for being difficult breaks it.");
    let counts = Counts {
        tp: positive.with,
        fp: positive.without,
        fn_: negative.with,
        tn: negative.without,
    };
    let both = begg_greenes(positive, negative);
    for (i, name) in ["sensitivity", "specificity"].into_iter().enumerate() {
        let observed = if i == 0 {
            counts.sensitivity()
        } else {
            counts.specificity()
        };
        corrected.push([
            Cell::text(name),
            Cell::of(observed, 0),
            Cell::of(both.clone().map(|b| b[i]), counts.n()),
        ]);
    }
    Made::Section(Section::new(PART.title).with(shares).with(corrected))
}
