-- A very old database: few tables, few columns.
CREATE TABLE fb_task_table (task_id INTEGER, name TEXT, state TEXT, base_image_name TEXT, target_image_name TEXT);
INSERT INTO fb_task_table VALUES (7, 'old', 'PUSH_SUCCESS', 'ubuntu', 'x:1');
CREATE TABLE fb_progress_table (task_id INTEGER, action TEXT);
