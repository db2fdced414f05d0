-- Values that nobody would expect, and that years of use bring all the same.
CREATE TABLE fb_task_table (primary_id INTEGER, task_id, name, state, target_image_name, base_image_name, request,
    work_dir_name, task_work_dir, create_time);
INSERT INTO fb_task_table VALUES
    (1, '1', CAST(x'6b65707420ff' AS TEXT), ' PUSH_FAILED ', 'x:1', NULL, NULL, 'shared', NULL, 1795229647),
    (NULL, 2, 'b', 'PUSH_FAILED', 'x:2', 5, '{"task_data":', '../../etc', '/', 'some day'),
    (-3, 3.0, NULL, 'BUILD_FAILED', 'x:3', '', '/', 'shared', '', ''),
    (4, 4, '', NULL, 'NOT A NAME', '', '', 'own', '', '2026-11-21'),
    (5, NULL, '', 'PUSH_SUCCESS', 'x:5', '', '', 'five', '', NULL),
    (6, 4, 'again', 'PUSH_SUCCESS', 'x:6', '', '', 'six', '', NULL);

CREATE TABLE fb_progress_table (task_id, action, status, start_time, end_time, duration);
INSERT INTO fb_progress_table VALUES
    (1, 'pull', 'success', '2026-11-21 03:00:00', NULL, 'long'),
    (1, 'pull', 'running', '2026-11-21 03:00:00', '2026-11-21T03:00:02.5', 'long'),
    (1, 'upload', 'success', '2026-11-21 03:00:00', NULL, 1),
    (99, 'pull', 'success', '2026-11-21 03:00:00', NULL, 1);

CREATE TABLE fb_image_table (name, tag, type, size);
INSERT INTO fb_image_table VALUES ('x', '1', 'Other', '1G'), ('x', NULL, NULL, 'huge');
CREATE TABLE fb_image_check_result_table (image_id, result);
INSERT INTO fb_image_check_result_table VALUES ('sha256:1', 'none');
CREATE TABLE fb_callback_table (url, headers, state, result);
INSERT INTO fb_callback_table VALUES (NULL, '{}', '{}', ''), ('http://h/', 'headers', 'sent', NULL);
CREATE TABLE fb_harbor_table (username, password, registry, registry_dns);
INSERT INTO fb_harbor_table VALUES ('admin', 'x', 'http://harbor/', '');
CREATE TABLE fb_docker_table (host, port, tls_verify, ca_path);
INSERT INTO fb_docker_table VALUES ('10.0.0.6', 2376, 'True', '/nowhere/ca.pem');
CREATE TABLE fb_host_table (host_ip, host_port);
INSERT INTO fb_host_table VALUES ('10.0.0.5', 700000);
