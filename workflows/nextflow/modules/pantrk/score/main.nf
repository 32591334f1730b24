process PANTRK_SCORE {
    tag "${meta.id}"
    label 'process_low'

    container "${params.container}"

    input:
    tuple val(meta), path(slide, stageAs: 'slide/*'), path(regions, stageAs: 'regions/*'), path(casefile, stageAs: 'case/*')

    output:
    tuple val(meta), path("results/${prefix}"), emit: results
    path 'versions.yml', emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    prefix = task.ext.prefix ?: meta.id
    def args = task.ext.args ?: ''
    def quoted = { text -> "'" + text.replace("'", "'\\''") + "'" }
    def options = [
        meta.mpp ? "--mpp ${quoted(meta.mpp)}" : '',
        meta.tumour_type ? "--tumour-type ${quoted(meta.tumour_type)}" : '',
        meta.clone ? "--clone ${quoted(meta.clone)}" : '',
        regions ? "--regions ${quoted(regions.toString())}" : '',
        casefile ? "--case ${quoted(casefile.toString())}" : '',
    ].findAll().join(' ')
    """
    pantrk score ${quoted(slide.toString())} --slide-id ${quoted(prefix)} --out results \\
        --threads ${task.cpus} --log json ${options} ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        pantrk: \$(pantrk --version | sed 's/pantrk //')
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: meta.id
    """
    mkdir -p 'results/${prefix}'
    echo '{}' > 'results/${prefix}/result.json'
    touch 'results/${prefix}/cells.parquet' 'results/${prefix}/report.html'

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        pantrk: stub
    END_VERSIONS
    """
}
