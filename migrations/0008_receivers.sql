-- A receiver (scheme, host and port) is sent only so many callbacks at once, so what is due is looked up for each.

ALTER TABLE callback_delivery ADD COLUMN receiver TEXT NOT NULL DEFAULT '';
UPDATE callback_delivery SET receiver = lower(substr(url, 1, 7 + instr(substr(url, 9) || '/', '/')))
WHERE status = 'pending';

CREATE INDEX callback_due_receiver ON callback_delivery (receiver, next_attempt_time) WHERE status = 'pending';
