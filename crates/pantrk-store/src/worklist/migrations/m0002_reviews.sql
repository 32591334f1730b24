-- What people say of the slides. Neither batch nor collect touches these tables.
CREATE TABLE reviews (
    slide_id        TEXT NOT NULL PRIMARY KEY,
    state           TEXT NOT NULL CHECK (state IN ('in-review', 'signed', 'returned')),
    -- Who changed it last, and when (RFC 3339).
    reviewer        TEXT NOT NULL,
    changed         TEXT NOT NULL,
    -- Identity of the slide's file and of the result that was looked at.
    fingerprint     TEXT,
    parameter_hash  TEXT,
    -- What is under work: thresholds, regions, case, corrections, as JSON.
    draft           TEXT,
    -- The pathologist's own result; NULL until signed.
    own_result      TEXT,
    own_action      TEXT,
    -- Why it differs from the computed one, or why the case goes back.
    reason          TEXT,
    signed          TEXT,
    -- The computed figures and the decision as they stood when it was signed, JSON.
    signed_result   TEXT
) STRICT, WITHOUT ROWID;

-- Cells that a person corrected: 'not-tumour', or the grade '0' to '3'.
CREATE TABLE corrections (
    slide_id        TEXT NOT NULL,
    cell_id         INTEGER NOT NULL,
    verdict         TEXT NOT NULL CHECK (verdict IN ('not-tumour', '0', '1', '2', '3')),
    reviewer        TEXT NOT NULL,
    changed         TEXT NOT NULL,
    PRIMARY KEY (slide_id, cell_id)
) STRICT, WITHOUT ROWID;

-- Who did what when: append-only, each entry bound to the one before by its hash.
CREATE TABLE audit (
    sequence        INTEGER NOT NULL PRIMARY KEY,
    slide_id        TEXT NOT NULL,
    at              TEXT NOT NULL,
    who             TEXT NOT NULL,
    what            TEXT NOT NULL,
    -- JSON
    before          TEXT NOT NULL,
    after           TEXT NOT NULL,
    -- SHA-256, hexadecimal, over the other columns and the hash before.
    previous        TEXT NOT NULL,
    hash            TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_slide ON audit (slide_id, sequence);

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;

-- The end of the chain, so that entries cut off at the end are missed as well.
CREATE TABLE audit_head (
    only            INTEGER NOT NULL PRIMARY KEY CHECK (only = 1),
    entries         INTEGER NOT NULL,
    hash            TEXT NOT NULL
) STRICT;
