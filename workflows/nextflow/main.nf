#!/usr/bin/env nextflow

// Scores the slides of a manifest, one task each, and collects.
// The manifest is the one that `pantrk batch` takes.

nextflow.enable.dsl = 2

include { PANTRK_SCORE   } from './modules/pantrk/score/main'
include { PANTRK_COLLECT } from './modules/pantrk/collect/main'

// A path of the manifest: relative ones start at the manifest's folder.
def manifestFile(manifest, text) {
    if (!text?.trim()) {
        return []
    }
    def given = file(text)
    return given.isAbsolute() ? file(text, checkIfExists: true) : file(manifest.parent.resolve(text), checkIfExists: true)
}

workflow {
    if (!params.manifest) {
        error 'no manifest: give --manifest cohort.csv, a CSV or TSV with a column slide_path'
    }
    manifest = file(params.manifest, checkIfExists: true)
    separator = manifest.name.endsWith('.tsv') ? '\t' : ','

    slides = Channel
        .fromPath(manifest)
        .splitCsv(header: true, sep: separator)
        .map { row ->
            if (!row.slide_path?.trim()) {
                error "a row of ${manifest} has no slide_path"
            }
            def slide = manifestFile(manifest, row.slide_path)
            def meta = [
                id: row.slide_id?.trim() ?: slide.simpleName,
                mpp: row.mpp?.trim() ?: '',
                tumour_type: row.tumour_type?.trim() ?: '',
                clone: row.clone?.trim() ?: '',
            ]
            [meta, slide, manifestFile(manifest, row.regions), manifestFile(manifest, row['case'])]
        }

    PANTRK_SCORE(slides)
    PANTRK_COLLECT(PANTRK_SCORE.out.results.map { meta, folder -> folder }.collect())

    PANTRK_SCORE.out.versions.first()
        .mix(PANTRK_COLLECT.out.versions)
        .collectFile(name: 'versions.yml', storeDir: params.outdir)
}
