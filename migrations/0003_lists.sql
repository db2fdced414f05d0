-- Lists that stay quick as the tables grow.

-- What the substring filters of the task list read: a tenth of the table's bytes, in the list's order. It also skips to
-- a late page without touching rows.
CREATE INDEX task_search ON task (primary_id, target_image_name, state);

-- Totals of the other lists, kept as those of tasks are.
CREATE TABLE list_total (
    list  TEXT PRIMARY KEY CHECK (list IN ('image', 'callback_delivery')),
    total INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO list_total (list, total) VALUES
    ('image', (SELECT count(*) FROM image)),
    ('callback_delivery', (SELECT count(*) FROM callback_delivery));

CREATE TRIGGER image_total_insert AFTER INSERT ON image BEGIN
    UPDATE list_total SET total = total + 1 WHERE list = 'image';
END;
CREATE TRIGGER image_total_delete AFTER DELETE ON image BEGIN
    UPDATE list_total SET total = total - 1 WHERE list = 'image';
END;
CREATE TRIGGER callback_delivery_total_insert AFTER INSERT ON callback_delivery BEGIN
    UPDATE list_total SET total = total + 1 WHERE list = 'callback_delivery';
END;
CREATE TRIGGER callback_delivery_total_delete AFTER DELETE ON callback_delivery BEGIN
    UPDATE list_total SET total = total - 1 WHERE list = 'callback_delivery';
END;

-- What taking over an old database asks before each of its rows.
CREATE INDEX callback_attempt_delivery ON callback_attempt (delivery_id);
CREATE INDEX image_life_once ON image_life (image_name, image_type, generator_time);
