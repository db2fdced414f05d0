-- Whose turn it is: the queue goes round the users and takes each one's oldest task.

-- The token's owner, or the request's maintainer where nobody logs in.
ALTER TABLE task ADD COLUMN queue_user TEXT NOT NULL DEFAULT '';

CREATE INDEX task_queue_user ON task (queue_user, primary_id) WHERE state = 'QUEUED';
CREATE INDEX task_unfinished_user ON task (queue_user) WHERE is_ended = 0;

-- When each user was served last, as a number that grows. A user without a row was never served.
CREATE TABLE queue_turn (
    queue_user TEXT PRIMARY KEY,
    turn       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
