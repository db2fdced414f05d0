-- Access: tokens by the hash of their text, and the console's sessions that hang on them.

CREATE TABLE access_token (
    primary_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    -- Whose tasks it makes and sees; several tokens may belong to one user, so that one can take another's place.
    user_name     TEXT NOT NULL CHECK (user_name <> ''),
    role          TEXT NOT NULL CHECK (role IN ('read', 'submit', 'administer')),
    token_hash    TEXT NOT NULL UNIQUE,
    create_time   INTEGER NOT NULL,
    expire_time   INTEGER,
    last_use_time INTEGER,
    revoke_time   INTEGER
) STRICT;

-- A name is free again once its token is revoked.
CREATE UNIQUE INDEX access_token_name ON access_token (name) WHERE revoke_time IS NULL;

-- Once there was a token the service never opens by itself again, and who did what stays known.
CREATE TRIGGER access_token_no_delete BEFORE DELETE ON access_token
BEGIN SELECT RAISE(ABORT, 'access_token rows are kept'); END;
CREATE TRIGGER access_token_no_update
BEFORE UPDATE OF primary_id, name, user_name, role, token_hash, create_time, expire_time ON access_token
BEGIN SELECT RAISE(ABORT, 'access_token rows only record their use and their end'); END;
CREATE TRIGGER access_token_stays_revoked BEFORE UPDATE OF revoke_time ON access_token
WHEN OLD.revoke_time IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'a revoked token stays revoked'); END;

CREATE TABLE access_session (
    primary_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    session_hash TEXT NOT NULL UNIQUE,
    token_id     INTEGER NOT NULL REFERENCES access_token (primary_id),
    create_time  INTEGER NOT NULL,
    expire_time  INTEGER NOT NULL
) STRICT;

CREATE INDEX access_session_expire ON access_session (expire_time);

CREATE INDEX task_owner ON task (owner, primary_id);
CREATE INDEX task_owner_state ON task (owner, state);
