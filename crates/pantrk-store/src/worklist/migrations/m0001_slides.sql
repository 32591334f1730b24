-- One row per slide: what batch and collect know of it. Files in the results
-- folder are the truth; every row here can be made again from them.
CREATE TABLE slides (
    slide_id            TEXT NOT NULL PRIMARY KEY,
    slide_path          TEXT NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    -- Below the folder of this file; NULL until there is a result.
    result_folder       TEXT,
    thumbnail           TEXT,
    tumour_type         TEXT,
    antibody_clone      TEXT,
    ihc_result          TEXT,
    ihc_profile         TEXT,
    -- Percent of the tumour cells (0 to 100), and the H-score (0 to 300), any compartment.
    positive_percent    REAL,
    h_score             REAL,
    tumour_cells        INTEGER,
    action              TEXT,
    rule                TEXT,
    flag_word           TEXT,
    flag_icon           TEXT,
    flag_colour         TEXT,
    -- JSON: [{"code": ..., "message": ...}, ...]
    warnings            TEXT NOT NULL DEFAULT '[]',
    -- RFC 3339, and wall-clock seconds.
    started             TEXT,
    seconds             REAL,
    error               TEXT,
    fingerprint         TEXT,
    parameter_hash      TEXT,
    model_name          TEXT,
    model_version       TEXT,
    model_sha256        TEXT,
    -- JSON: the manifest's other columns, [["name", "value"], ...]
    manifest_columns    TEXT NOT NULL DEFAULT '[]'
) STRICT, WITHOUT ROWID;

CREATE INDEX slides_by_state ON slides (state);
