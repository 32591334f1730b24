//! Right: the facts of the case; the decision follows them at once.

use egui::{ComboBox, Id, RichText, TextEdit, Ui};
use pantrk_triage::{
    Braf, Case, ExternalControl, Frame, Mlh1, Mmr, NgsFinding, NgsMethod, NgsResult, Ras,
    RnaQuality, Setting, Stage, TumourType, TumourTypes,
};

use super::{
    Panel, PanelContext, Place, SIGNED, card, choice_ui, faint, folding, hint, unless_signed,
};
use crate::command::{Commands, ReviewCommand};
use crate::review::Review;
use crate::tokens;

/// The row of the table.
pub(super) const PANEL: Panel = Panel {
    name: "case",
    place: Place::Right,
    ui: case_ui,
};

/// Tumour types shown under what is typed.
const SUGGESTIONS: usize = 8;

fn case_ui(ui: &mut Ui, context: &PanelContext<'_>, out: &mut Commands) {
    let Some(review) = context.session.review() else {
        return;
    };
    folding(ui, "Case", true, |ui| {
        card(ui, |ui| {
            let mut case = review.case.clone();
            unless_signed(ui, context, |ui| form(ui, &mut case));
            if case != review.case {
                out.review(ReviewCommand::Case(Box::new(case)));
            }
            foot(ui, context, review, out);
        });
    });
}

fn foot(ui: &mut Ui, context: &PanelContext<'_>, review: &Review, out: &mut Commands) {
    if let Some(problem) = review.live.as_ref().and_then(|live| live.problem.as_ref()) {
        let colour = tokens::of(ui).warning;
        ui.label(
            RichText::new(format!(
                "These facts do not go together: {problem}. The decision shown is the one before."
            ))
            .color(colour),
        );
    }
    let changed = review.case != review.scored_case && !context.session.is_locked();
    let words = if context.session.open_result().is_some() {
        "Back to the facts that the slide was scored with"
    } else {
        "Takes all that was filled in away"
    };
    let reset = ui.add_enabled(changed, egui::Button::new("Reset case").small());
    let why = if context.session.is_locked() {
        SIGNED
    } else {
        "Nothing of it was changed"
    };
    if reset
        .on_hover_text(words)
        .on_disabled_hover_text(why)
        .clicked()
    {
        out.review(ReviewCommand::ResetCase);
    }
}

/// What a field's name takes, points.
const NAME: f32 = 128.0;

fn form(ui: &mut Ui, case: &mut Case) {
    let field = (ui.available_width() - NAME).clamp(110.0, 190.0);
    ui.spacing_mut().combo_width = field;
    ui.spacing_mut().text_edit_width = field;
    tumour_type_ui(ui, &mut case.tumour_type);
    egui::Grid::new("case")
        .num_columns(2)
        .spacing(egui::vec2(10.0, 6.0))
        .show(ui, |ui| {
            row(ui, "Age", |ui, _| age_ui(ui, &mut case.age_years));
            choice(
                ui,
                "Stage",
                &mut case.stage,
                &[
                    (Stage::Localised, "localised"),
                    (Stage::Advanced, "advanced"),
                    (Stage::Metastatic, "metastatic"),
                ],
            );
            choice(
                ui,
                "MMR",
                &mut case.mmr,
                &[
                    (Mmr::Proficient, "proficient"),
                    (Mmr::Deficient, "deficient"),
                ],
            );
            choice(
                ui,
                "MLH1",
                &mut case.mlh1,
                &[(Mlh1::Retained, "retained"), (Mlh1::Lost, "lost")],
            );
            choice(
                ui,
                "RAS",
                &mut case.ras,
                &[(Ras::WildType, "wild type"), (Ras::Mutated, "mutated")],
            );
            choice(
                ui,
                "BRAF",
                &mut case.braf,
                &[
                    (Braf::WildType, "wild type"),
                    (Braf::V600e, "V600E"),
                    (Braf::Mutated, "mutated, other or not said"),
                ],
            );
            row(ui, "Drivers", |ui, label| {
                drivers_ui(ui, &mut case.drivers, label);
            });
            row(ui, "Clone", |ui, label| {
                text_ui(ui, label, &mut case.antibody_clone, "such as EPR17341");
            });
            choice(
                ui,
                "Control",
                &mut case.external_control,
                &[
                    (ExternalControl::Adequate, "adequate"),
                    (ExternalControl::Weak, "weak"),
                    (ExternalControl::Failed, "failed"),
                ],
            );
            choice(
                ui,
                "Setting",
                &mut case.setting,
                &[
                    (Setting::ExpertCentre, "expert centre"),
                    (Setting::RoutineLaboratory, "routine laboratory"),
                ],
            );
            choice(
                ui,
                "Changes treatment",
                &mut case.treatment_relevant,
                &[(true, "yes"), (false, "no")],
            );
            choice(
                ui,
                "NGS at hand",
                &mut case.ngs_available,
                &[(true, "yes"), (false, "no")],
            );
        });
    ngs_ui(ui, &mut case.ngs);
}

/// A line of the form.
fn row(ui: &mut Ui, name: &str, add: impl FnOnce(&mut Ui, Id)) {
    let label = ui.label(RichText::new(name).size(12.5)).id;
    add(ui, label);
    ui.end_row();
}

/// One of some values, or not known.
fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut Option<T>,
    values: &[(T, &'static str)],
) {
    let label = ui.label(RichText::new(name).size(12.5));
    let now = values
        .iter()
        .find(|(v, _)| *value == Some(*v))
        .map_or("not known", |(_, text)| text);
    let response = ComboBox::from_id_salt(name)
        .selected_text(now)
        .show_ui(ui, |ui| {
            if choice_ui(ui, value.is_none(), "not known") {
                *value = None;
            }
            for (v, text) in values {
                if choice_ui(ui, *value == Some(*v), *text) {
                    *value = Some(*v);
                }
            }
        })
        .response;
    response.labelled_by(label.id);
    ui.end_row();
}

/// Empty is not known: an age is never filled in by itself.
fn age_ui(ui: &mut Ui, age: &mut Option<f64>) {
    let id = ui.scope_id().with("age text");
    let shown = age.map_or_else(String::new, |years| years.to_string());
    let mut text = ui
        .data(|data| data.get_temp::<String>(id))
        .unwrap_or_else(|| shown.clone());
    ui.horizontal(|ui| {
        let field = TextEdit::singleline(&mut text)
            .id_salt("age")
            .hint_text(hint(ui, "not known"))
            .desired_width(84.0);
        let response = ui.add(field);
        response
            .widget_info(|| egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Age in years"));
        faint(ui, "years");
        if response.changed() {
            let years = text.trim().replace(',', ".").parse::<f64>().ok();
            *age = years.filter(|years| years.is_finite());
        }
        if response.has_focus() {
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
        } else {
            ui.data_mut(|data| data.remove_temp::<String>(id));
        }
    });
}

fn text_ui(ui: &mut Ui, label: Id, value: &mut Option<String>, example: &str) {
    let mut text = value.clone().unwrap_or_default();
    let field = TextEdit::singleline(&mut text)
        .id_salt(label)
        .hint_text(hint(ui, example))
        .desired_width(ui.spacing().text_edit_width);
    if ui.add(field).labelled_by(label).changed() {
        let text = text.trim_start();
        *value = (!text.is_empty()).then(|| text.to_owned());
    }
}

fn drivers_ui(ui: &mut Ui, drivers: &mut Option<Vec<String>>, label: Id) {
    ui.vertical(|ui| {
        let looked = match drivers {
            None => "not looked for",
            Some(list) if list.is_empty() => "looked for, none found",
            Some(_) => "found",
        };
        ComboBox::from_id_salt("drivers")
            .selected_text(looked)
            .show_ui(ui, |ui| {
                if choice_ui(ui, drivers.is_none(), "not looked for") {
                    *drivers = None;
                }
                let none = drivers.as_ref().is_some_and(Vec::is_empty);
                if choice_ui(ui, none, "looked for, none found") {
                    *drivers = Some(Vec::new());
                }
            })
            .response
            .labelled_by(label);
        // A half-typed word is no driver: it counts once the field is left.
        let id = ui.scope_id().with("drivers text");
        let joined = drivers.as_ref().map_or_else(String::new, |d| d.join(", "));
        let mut text = ui
            .data(|data| data.get_temp::<String>(id))
            .unwrap_or_else(|| joined.clone());
        let field = TextEdit::singleline(&mut text)
            .hint_text(hint(ui, "found, such as EGFR L858R"))
            .desired_width(ui.spacing().text_edit_width);
        let response = ui.add(field);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Drivers found")
        });
        if response.has_focus() {
            ui.data_mut(|data| data.insert_temp(id, text.clone()));
        }
        if response.lost_focus() {
            ui.data_mut(|data| data.remove_temp::<String>(id));
            let found: Vec<String> = text
                .split(',')
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect();
            if !found.is_empty() {
                *drivers = Some(found);
            } else if !joined.is_empty() {
                *drivers = Some(Vec::new());
            }
        }
    });
}

/// The tumour type, found by any part of its names.
fn tumour_type_ui(ui: &mut Ui, value: &mut Option<String>) {
    let Ok(types) = TumourTypes::embedded() else {
        return;
    };
    let known = value.as_deref().and_then(|text| types.find(text).ok());
    let id = ui.scope_id().with("tumour search");
    let mut search = ui
        .data(|data| data.get_temp::<String>(id))
        .unwrap_or_default();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Tumour type").size(12.5));
        let name = known.map_or_else(
            || value.clone().unwrap_or_else(|| "not given".to_owned()),
            |tumour| tumour.name.clone(),
        );
        ui.label(RichText::new(name).strong().size(13.0));
        if value.is_some() && ui.small_button("Clear").clicked() {
            *value = None;
        }
    });
    if value.is_some() && known.is_none() {
        let colour = tokens::of(ui).warning;
        ui.label(RichText::new("This type is not known; search for it here.").color(colour));
    }
    if let Some(group) = known.map(|tumour| tumour.group) {
        faint(ui, format!("group {group:?}: {}", group.label()));
    }
    let field = TextEdit::singleline(&mut search)
        .id_salt("tumour search")
        .hint_text(hint(ui, "search by name, synonym or OncoTree code"))
        .desired_width(f32::INFINITY);
    let response = ui.add(field);
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Search tumour types")
    });
    let wanted = search.trim().to_lowercase();
    if !wanted.is_empty() {
        let mut found: Vec<(usize, &TumourType)> = types
            .iter()
            .filter_map(|tumour| Some((rank(tumour, &wanted)?, tumour)))
            .collect();
        found.sort_by_key(|(rank, _)| *rank);
        let chosen_by_key = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
        let first = found.first().map(|(_, tumour)| *tumour);
        let mut chosen = first.filter(|_| chosen_by_key);
        for (_, tumour) in found.iter().take(SUGGESTIONS) {
            let code = tumour.oncotree.as_deref().unwrap_or_default();
            let text = format!("{}   {code}", tumour.name);
            if ui.selectable_label(false, text).clicked() {
                chosen = Some(tumour);
            }
        }
        if found.is_empty() {
            faint(ui, "No type has this in a name.");
        }
        if let Some(tumour) = chosen {
            *value = Some(tumour.id.clone());
            search.clear();
        }
    }
    ui.data_mut(|data| data.insert_temp(id, search));
}

/// How well a type fits what is typed, 0 the best; `None` where it does not.
fn rank(tumour: &TumourType, wanted: &str) -> Option<usize> {
    let names = [&tumour.name, &tumour.id]
        .into_iter()
        .chain(&tumour.synonyms)
        .chain(&tumour.oncotree);
    names
        .filter_map(|name| {
            let name = name.to_lowercase();
            let place = name.find(wanted)?;
            Some(if name == wanted {
                0
            } else {
                place + name.len()
            })
        })
        .min()
}

fn ngs_ui(ui: &mut Ui, ngs: &mut Option<NgsFinding>) {
    let mut there = ngs.is_some();
    if ui
        .checkbox(&mut there, "Sequencing result is back")
        .changed()
    {
        *ngs = there.then_some(NgsFinding {
            method: NgsMethod::Rna,
            result: NgsResult::NoFusionDetected,
            gene: None,
            partner: None,
            exons: None,
            frame: None,
            kinase_domain: None,
            rna_quality: None,
        });
    }
    let Some(finding) = ngs else { return };
    egui::Grid::new("ngs")
        .num_columns(2)
        .spacing(egui::vec2(10.0, 6.0))
        .show(ui, |ui| {
            required(
                ui,
                "Method",
                &mut finding.method,
                &[
                    (NgsMethod::Rna, "RNA"),
                    (NgsMethod::Dna, "DNA"),
                    (NgsMethod::DnaAndRna, "DNA and RNA"),
                ],
            );
            required(
                ui,
                "Result",
                &mut finding.result,
                &[
                    (NgsResult::NoFusionDetected, "no fusion detected"),
                    (NgsResult::FusionDetected, "fusion detected"),
                    (NgsResult::Failed, "failed"),
                ],
            );
            if finding.result == NgsResult::FusionDetected {
                row(ui, "Gene", |ui, label| {
                    gene_ui(ui, &mut finding.gene, label);
                });
                row(ui, "Partner", |ui, label| {
                    text_ui(ui, label, &mut finding.partner, "such as ETV6");
                });
                row(ui, "Exons", |ui, label| {
                    text_ui(ui, label, &mut finding.exons, "such as E5N15");
                });
                choice(
                    ui,
                    "Frame",
                    &mut finding.frame,
                    &[
                        (Frame::In, "in frame"),
                        (Frame::Out, "out of frame"),
                        (Frame::Unknown, "not reported"),
                    ],
                );
                choice(
                    ui,
                    "Kinase domain",
                    &mut finding.kinase_domain,
                    &[(true, "kept whole"), (false, "not whole")],
                );
            }
            if finding.method.has_rna() {
                choice(
                    ui,
                    "RNA quality",
                    &mut finding.rna_quality,
                    &[(RnaQuality::Pass, "pass"), (RnaQuality::Fail, "fail")],
                );
            }
        });
}

fn gene_ui(ui: &mut Ui, gene: &mut Option<String>, label: Id) {
    let now = gene.clone();
    ComboBox::from_id_salt("gene")
        .selected_text(now.as_deref().unwrap_or("not said"))
        .show_ui(ui, |ui| {
            if choice_ui(ui, gene.is_none(), "not said") {
                *gene = None;
            }
            for name in ["NTRK1", "NTRK2", "NTRK3"] {
                if choice_ui(ui, gene.as_deref() == Some(name), name) {
                    *gene = Some(name.to_owned());
                }
            }
        })
        .response
        .labelled_by(label);
}

/// One of some values.
fn required<T: Copy + PartialEq>(
    ui: &mut Ui,
    name: &str,
    value: &mut T,
    values: &[(T, &'static str)],
) {
    let label = ui.label(RichText::new(name).size(12.5));
    let now = values
        .iter()
        .find(|(v, _)| v == value)
        .map_or("", |(_, text)| text);
    ComboBox::from_id_salt(name)
        .selected_text(now)
        .show_ui(ui, |ui| {
            for (v, text) in values {
                if choice_ui(ui, value == v, *text) {
                    *value = *v;
                }
            }
        })
        .response
        .labelled_by(label.id);
    ui.end_row();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_found_by_a_part_of_their_names() {
        let types = TumourTypes::embedded().unwrap();
        let best = |wanted: &str| {
            types
                .iter()
                .filter_map(|tumour| Some((rank(tumour, wanted)?, tumour.id.as_str())))
                .min()
                .map(|(_, id)| id)
        };
        assert_eq!(best("colorectal carc"), Some("colorectal-carcinoma"));
        assert_eq!(best("gbm"), Some("glioblastoma"));
        assert_eq!(best("zzz"), None);
    }
}
