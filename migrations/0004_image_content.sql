-- What images of record hold, so that later builds can go on from them. Package lists are JSON.
CREATE TABLE image_content (
    task_id        INTEGER PRIMARY KEY REFERENCES task (task_id) ON DELETE CASCADE,
    base_image_id  TEXT NOT NULL,
    -- {"apt": "sha256:…"} of the mirror files.
    mirror_digests TEXT NOT NULL,
    -- {"os": [["tree"]], "pip": [["numpy"], ["numpy", "scipy"]]}: a list for each step, each over the one before.
    chains         TEXT NOT NULL,
    -- Fingerprints of all that the steps up to the last OS list, the last pip list and the last package are made from.
    os_trunk       TEXT NOT NULL,
    pip_trunk      TEXT NOT NULL,
    packages       TEXT NOT NULL,
    -- When the oldest of its package steps ran; 0 when it came from a cache of unknown age.
    packages_time  INTEGER NOT NULL,
    build_key      TEXT NOT NULL,
    create_time    INTEGER NOT NULL
) STRICT;

CREATE INDEX image_content_base ON image_content (base_image_id, task_id);
CREATE INDEX image_content_packages ON image_content (packages, packages_time);
