-- Whose an image of record is stays known when its task's record is deleted. Empty for bases and in open mode.
ALTER TABLE image ADD COLUMN owner TEXT NOT NULL DEFAULT '';

UPDATE image SET owner = coalesce((SELECT task.owner FROM task WHERE task.task_id = image.task_id), '')
WHERE type = 'Customized';
