process PANTRK_COLLECT {
    label 'process_single'

    container "${params.container}"

    input:
    path slides, stageAs: 'results/*'

    output:
    path 'results/summary.csv', emit: csv
    path 'results/summary.parquet', emit: parquet
    path 'results/*.sqlite*', emit: worklist, optional: true
    path 'versions.yml', emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    pantrk collect results ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        pantrk: \$(pantrk --version | sed 's/pantrk //')
    END_VERSIONS
    """

    stub:
    """
    touch results/summary.csv results/summary.parquet

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        pantrk: stub
    END_VERSIONS
    """
}
