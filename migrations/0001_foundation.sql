-- Times are microseconds since 1970 in UTC; the zone of answers is a setting.

-- Configuration: append-only, the newest row counts. Sealed columns may be resealed under a new key, nothing else.

CREATE TABLE host (
    primary_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    host_ip     TEXT NOT NULL,
    host_port   INTEGER NOT NULL CHECK (host_port BETWEEN 1 AND 65535),
    create_time INTEGER NOT NULL
) STRICT;

CREATE TABLE harbor (
    primary_id      INTEGER PRIMARY KEY AUTOINCREMENT,
    username        TEXT NOT NULL,
    password_sealed TEXT NOT NULL,
    registry        TEXT NOT NULL,
    registry_dns    TEXT NOT NULL DEFAULT '',
    ca_pem          TEXT,
    create_time     INTEGER NOT NULL
) STRICT;

CREATE TABLE docker_server (
    primary_id       INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT NOT NULL DEFAULT 'default',
    host             TEXT NOT NULL,
    port             INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
    tls_verify       INTEGER NOT NULL CHECK (tls_verify IN (0, 1)),
    client_cert_path TEXT NOT NULL DEFAULT '',
    ca_path          TEXT NOT NULL DEFAULT '',
    client_key_path  TEXT NOT NULL DEFAULT '',
    create_time      INTEGER NOT NULL,
    CHECK (tls_verify = 0 OR (client_cert_path <> '' AND ca_path <> '' AND client_key_path <> ''))
) STRICT;

CREATE TABLE callback_headers (
    primary_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    headers_sealed TEXT NOT NULL,
    create_time    INTEGER NOT NULL
) STRICT;

CREATE TRIGGER host_no_update BEFORE UPDATE ON host
BEGIN SELECT RAISE(ABORT, 'host rows are append-only'); END;
CREATE TRIGGER host_no_delete BEFORE DELETE ON host
BEGIN SELECT RAISE(ABORT, 'host rows are append-only'); END;
CREATE TRIGGER harbor_no_update
BEFORE UPDATE OF primary_id, username, registry, registry_dns, ca_pem, create_time ON harbor
BEGIN SELECT RAISE(ABORT, 'harbor rows are append-only'); END;
CREATE TRIGGER harbor_no_delete BEFORE DELETE ON harbor
BEGIN SELECT RAISE(ABORT, 'harbor rows are append-only'); END;
CREATE TRIGGER docker_server_no_update BEFORE UPDATE ON docker_server
BEGIN SELECT RAISE(ABORT, 'docker_server rows are append-only'); END;
CREATE TRIGGER docker_server_no_delete BEFORE DELETE ON docker_server
BEGIN SELECT RAISE(ABORT, 'docker_server rows are append-only'); END;
CREATE TRIGGER callback_headers_no_update BEFORE UPDATE OF primary_id, create_time ON callback_headers
BEGIN SELECT RAISE(ABORT, 'callback_headers rows are append-only'); END;
CREATE TRIGGER callback_headers_no_delete BEFORE DELETE ON callback_headers
BEGIN SELECT RAISE(ABORT, 'callback_headers rows are append-only'); END;

-- Tasks.

CREATE TABLE task (
    primary_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id           INTEGER NOT NULL UNIQUE,
    name              TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN (
        'QUEUED', 'STARTED', 'PULL_SUCCESS', 'PULL_FAILED', 'CHECK_SUCCESS', 'CHECK_FAILED', 'PREPARE_SUCCESS',
        'PREPARE_FAILED', 'BUILDING', 'BUILD_SUCCESS', 'BUILD_FAILED', 'CHECK_IMAGE_SIZE_SUCCESS',
        'CHECK_IMAGE_SIZE_FAILED', 'PUSH_SUCCESS', 'PUSH_FAILED', 'BUILD_ABORT')),
    is_ended          INTEGER NOT NULL DEFAULT 0 CHECK (
        is_ended = (state IN ('PULL_FAILED', 'CHECK_FAILED', 'PREPARE_FAILED', 'BUILD_FAILED',
                              'CHECK_IMAGE_SIZE_FAILED', 'PUSH_FAILED', 'PUSH_SUCCESS', 'BUILD_ABORT'))),
    base_image_name   TEXT NOT NULL,
    target_image_name TEXT NOT NULL,
    -- The target with harbor_registry_dns mapped to harbor_registry: what 'a name in use' compares.
    target_key        TEXT NOT NULL,
    description       TEXT NOT NULL,
    -- The request document, complete but for its secrets.
    request_document  TEXT NOT NULL,
    -- The request document as it came, sealed, because a rebuild needs its secrets.
    secrets_sealed    TEXT NOT NULL,
    work_dir_name     TEXT NOT NULL UNIQUE,
    callback_url      TEXT NOT NULL,
    owner             TEXT NOT NULL DEFAULT '',
    idempotency_key   TEXT UNIQUE,
    -- How often a worker took the task, and how often our own restart interrupted it.
    attempts          INTEGER NOT NULL DEFAULT 0,
    interruptions     INTEGER NOT NULL DEFAULT 0,
    cancel_requested  INTEGER NOT NULL DEFAULT 0 CHECK (cancel_requested IN (0, 1)),
    -- The configuration rows it ran with.
    harbor_id         INTEGER REFERENCES harbor (primary_id),
    docker_server_id  INTEGER REFERENCES docker_server (primary_id),
    cause             TEXT,
    failed_stage      TEXT,
    message           TEXT,
    failed_step       TEXT,
    last_lines        TEXT,
    build_key         TEXT,
    image_id          TEXT,
    image_digest      TEXT,
    callback_times    INTEGER,
    pid               TEXT,
    create_time       INTEGER NOT NULL,
    start_time        INTEGER,
    end_time          INTEGER,
    update_time       INTEGER NOT NULL
) STRICT;

-- One unfinished task per target name.
CREATE UNIQUE INDEX task_unfinished_target ON task (target_key) WHERE is_ended = 0;
CREATE INDEX task_queue ON task (primary_id) WHERE state = 'QUEUED';
CREATE INDEX task_unfinished ON task (primary_id) WHERE is_ended = 0;
CREATE INDEX task_state ON task (state, primary_id);
CREATE INDEX task_build_key ON task (build_key, primary_id) WHERE build_key IS NOT NULL;

-- Totals are kept, not counted.
CREATE TABLE task_total (
    state TEXT PRIMARY KEY,
    total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER task_total_insert AFTER INSERT ON task BEGIN
    INSERT INTO task_total (state, total) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET total = total + 1;
END;
CREATE TRIGGER task_total_delete AFTER DELETE ON task BEGIN
    UPDATE task_total SET total = total - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER task_total_update AFTER UPDATE OF state ON task WHEN OLD.state <> NEW.state BEGIN
    UPDATE task_total SET total = total - 1 WHERE state = OLD.state;
    INSERT INTO task_total (state, total) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET total = total + 1;
END;

-- Stages of a task. A stage that runs again takes the place of its row, as old clients expect five at most.
CREATE TABLE stage (
    primary_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id     INTEGER NOT NULL REFERENCES task (task_id) ON DELETE CASCADE,
    action      TEXT NOT NULL CHECK (action IN ('pull', 'check', 'prepare', 'build', 'push')),
    status      TEXT NOT NULL CHECK (status IN ('running', 'success', 'fail')),
    start_time  INTEGER NOT NULL,
    end_time    INTEGER,
    duration_ms INTEGER,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL,
    UNIQUE (task_id, action)
) STRICT;

-- Images of record.
CREATE TABLE image (
    primary_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id     INTEGER NOT NULL,
    name        TEXT NOT NULL,
    name_key    TEXT NOT NULL UNIQUE,
    tag         TEXT NOT NULL,
    image_id    TEXT NOT NULL,
    digest      TEXT NOT NULL DEFAULT '',
    type        TEXT NOT NULL CHECK (type IN ('Base', 'Customized')),
    description TEXT NOT NULL,
    size_bytes  INTEGER NOT NULL,
    interaction TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

CREATE INDEX image_task ON image (task_id);
CREATE INDEX image_image_id ON image (image_id);

CREATE TABLE image_life (
    primary_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    image_name     TEXT NOT NULL,
    image_type     TEXT NOT NULL CHECK (image_type IN ('pull', 'build')),
    generator_time INTEGER NOT NULL,
    delete_time    INTEGER,
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL
) STRICT;

CREATE INDEX image_life_name ON image_life (image_name) WHERE delete_time IS NULL;

CREATE TABLE image_check_result (
    primary_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id    TEXT NOT NULL UNIQUE,
    image_name  TEXT NOT NULL,
    result      TEXT NOT NULL,
    create_time INTEGER NOT NULL,
    update_time INTEGER NOT NULL
) STRICT;

-- The callback outbox: written in the transaction that ends the task.
CREATE TABLE callback_delivery (
    primary_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id       TEXT NOT NULL UNIQUE,
    task_id           INTEGER NOT NULL,
    url               TEXT NOT NULL,
    body              TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('pending', 'delivered', 'expired')),
    attempts          INTEGER NOT NULL DEFAULT 0,
    next_attempt_time INTEGER NOT NULL,
    create_time       INTEGER NOT NULL,
    update_time       INTEGER NOT NULL
) STRICT;

CREATE INDEX callback_due ON callback_delivery (next_attempt_time) WHERE status = 'pending';
CREATE INDEX callback_delivery_task ON callback_delivery (task_id);

CREATE TABLE callback_attempt (
    primary_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_id    TEXT NOT NULL,
    task_id        INTEGER NOT NULL,
    url            TEXT NOT NULL,
    headers_sealed TEXT NOT NULL,
    body           TEXT NOT NULL,
    result         TEXT NOT NULL,
    status_code    INTEGER,
    create_time    INTEGER NOT NULL,
    update_time    INTEGER NOT NULL
) STRICT;

CREATE INDEX callback_attempt_task ON callback_attempt (task_id);

-- What lists and pages need of a task: no documents, no secrets.
CREATE VIEW task_row AS
SELECT primary_id, task_id, name, state, base_image_name, target_image_name, target_key, description, work_dir_name,
       callback_url, owner, attempts, interruptions, cancel_requested, harbor_id, docker_server_id, cause, failed_stage,
       message, failed_step, last_lines, build_key, image_id, image_digest, callback_times, pid, create_time,
       start_time, end_time, update_time
FROM task;
