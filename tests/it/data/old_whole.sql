-- An old service's database, made up after the rows that its REST API shows.
CREATE TABLE fb_task_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    task_id BIGINT, name VARCHAR(255), state VARCHAR(64), request TEXT, base_image_name VARCHAR(255),
    target_image_name VARCHAR(255), image_name VARCHAR(255), description TEXT, task_work_dir TEXT, dockerfile_path TEXT,
    image_build_log_path TEXT, work_dir_name VARCHAR(255), callback_url TEXT, callback_times INTEGER, pid VARCHAR(32));
INSERT INTO fb_task_table VALUES
    (25, '2026-11-21 03:06:43.817230', '2026-11-21 03:06:48.619903', 1795230403816, 'sw-warm-4', 'PUSH_SUCCESS',
     '@DIRECTORY@/Front_end_request_json', 'harbor.example.cn/base/ubuntu:20.04', 'harbor.example.cn/m/sw:v4',
     'harbor.example.cn/m/sw:v4', 'd', '/srv/fastbuild/task/2026-11-21-03-06-43-816234', '', '',
     '2026-11-21-03-06-43-816234', 'http://127.0.0.1:48102/cb', 2, '9750'),
    (26, '2026-11-21 03:08:20.000000', '2026-11-21 03:08:30.000000', 1795230500000, 'broken', 'BUILD_FAILED', '',
     'harbor.example.cn/base/ubuntu:20.04', 'harbor.example.cn/m/broken:v1', '', '', '', '', '',
     '2026-11-21-03-08-20-000000', '', NULL, NULL),
    (5026, '2026-11-21 03:12:49.832469', '2026-11-21 03:12:49.832469', 1795230769832, 'waiting', 'QUEUED', '/nowhere',
     'harbor.example.cn/base/ubuntu:20.04', 'harbor.example.cn/m/waiting:v1', '', '', '', '', '',
     '2026-11-21-03-12-49-831586', 'http://127.0.0.1:48102/cb', NULL, NULL);

CREATE TABLE fb_progress_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    task_id BIGINT, task_name TEXT, action VARCHAR(32), status VARCHAR(32), start_time DATETIME, end_time DATETIME,
    duration INTEGER, log_path TEXT, log_url TEXT, dockerfile_path TEXT, dockerfile_url TEXT, base_image_name TEXT,
    target_image_name TEXT);
INSERT INTO fb_progress_table (primary_id, create_time, update_time, task_id, action, status, start_time, end_time,
    duration) VALUES
    (101, '2026-11-21 03:06:48.446049', '2026-11-21 03:06:48.446052', 1795230403816, 'pull', 'success',
     '2026-11-21 03:06:48.423177', '2026-11-21 03:06:48.443349', 20),
    (102, '2026-11-21 03:06:48.450547', '2026-11-21 03:06:48.450549', 1795230403816, 'check', 'success',
     '2026-11-21 03:06:48.450017', '2026-11-21 03:06:48.450182', 0),
    (103, '2026-11-21 03:06:48.460000', '2026-11-21 03:06:48.460000', 1795230403816, 'build', 'fail',
     '2026-11-21 03:06:48.451000', '2026-11-21 03:06:48.460000', 9),
    (104, '2026-11-21 03:06:48.560301', '2026-11-21 03:06:48.560304', 1795230403816, 'build', 'success',
     '2026-11-21 03:06:48.461625', '2026-11-21 03:06:48.559557', 98),
    (105, '2026-11-21 03:06:48.607073', '2026-11-21 03:06:48.607078', 1795230403816, 'push', 'success',
     '2026-11-21 03:06:48.561839', '2026-11-21 03:06:48.606254', 45),
    (106, '2026-11-21 03:08:30.000000', '2026-11-21 03:08:30.000000', 1795230500000, 'pull', 'fail',
     '2026-11-21 03:08:20.000000', '2026-11-21 03:08:30.000000', 10000);

CREATE TABLE fb_image_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    task_id BIGINT, name TEXT, tag TEXT, id TEXT, type TEXT, description TEXT, size TEXT, interaction TEXT);
INSERT INTO fb_image_table VALUES
    (1, '2026-11-20 00:00:00.000000', '2026-11-20 00:00:00.000000', 0, 'harbor.example.cn/base/ubuntu', '20.04',
     'b0e51d197a450263974e79f37488ad127043d5d78f7241358af864d10a818043', 'Base', '', '0.07G', ''),
    (19, '2026-11-21 03:06:40.000000', '2026-11-21 03:06:40.000000', 1, '10.0.0.9:5000/m/sw', 'v4',
     '0000000000000000000000000000000000000000000000000000000000000000', 'Customized', 'older', '0.10G', ''),
    (20, '2026-11-21 03:06:48.614072', '2026-11-21 03:06:48.614078', 1795230403816, 'harbor.example.cn/m/sw', 'v4',
     'sha256:8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c8c', 'Customized', 'd', '0.59G',
     'WebSSH, JupyterLab');

CREATE TABLE fb_image_life_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    image_name TEXT, image_type TEXT, generator_time DATETIME, delete_time DATETIME);
INSERT INTO fb_image_life_table VALUES
    (83, '2026-11-21 03:12:41.892101', '2026-11-21 03:12:41.892538', 'harbor.example.cn/m/sw:v3', 'build',
     '2026-11-21 03:12:41.892100', '2026-11-22 03:12:41.892100'),
    (84, '2026-11-21 03:12:53.444218', '2026-11-21 03:12:53.445602', 'harbor.example.cn/base/ubuntu:20.04', 'pull',
     '2026-11-21 03:12:53.444216', NULL);

CREATE TABLE fb_image_check_result_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME,
    update_time DATETIME, image_id TEXT, image_name TEXT, result TEXT);
INSERT INTO fb_image_check_result_table VALUES
    (1, '2026-11-21 02:53:13.166820', '2026-11-21 02:54:07.013151',
     'sha256:b0e51d197a450263974e79f37488ad127043d5d78f7241358af864d10a818043', 'harbor.example.cn/base/ubuntu:20.04',
     '{"py/object": "data.image_descriptor.ImageDescriptor", "os": {"py/object": "data.artifact.ubuntu_artifact.UbuntuArtifact", "name": "Ubuntu", "available": true, "version": "20.04.6 LTS (Focal Fossa)"}}');

CREATE TABLE fb_callback_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    url TEXT, headers TEXT, state TEXT, result TEXT);
INSERT INTO fb_callback_table VALUES
    (1, '2026-11-21 03:06:49.000000', '2026-11-21 03:06:49.000000', 'http://127.0.0.1:48102/cb',
     '{"X-BizType": "DROS", "X-Login-UserId": "1"}',
     '{"imageName": "harbor.example.cn/m/sw:v4", "taskId": 1795230403816, "state": "PUSH_SUCCESS"}', 'refused'),
    (2, '2026-11-21 03:07:49.000000', '2026-11-21 03:07:49.000000', 'http://127.0.0.1:48102/cb',
     '{''X-BizType'': ''DROS''}',
     '{''imageName'': ''harbor.example.cn/m/sw:v4'', ''taskId'': 1795230403816, ''state'': ''PUSH_SUCCESS''}', '200');

CREATE TABLE fb_harbor_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    username TEXT, password TEXT, registry TEXT, registry_dns TEXT);
INSERT INTO fb_harbor_table VALUES
    (1, '2026-11-01 00:00:00.000000', '2026-11-01 00:00:00.000000', 'admin', 'canary-password-1', '10.0.0.8', ''),
    (2, '2026-11-02 00:00:00.000000', '2026-11-02 00:00:00.000000', 'robot$fb', 'canary-password-2', '10.0.0.9:5000',
     'harbor.example.cn');

CREATE TABLE fb_docker_server_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME,
    update_time DATETIME, host TEXT, port INTEGER, tls_verify BOOLEAN, client_cert_path TEXT, ca_path TEXT,
    client_key_path TEXT);
INSERT INTO fb_docker_server_table VALUES
    (1, '2026-11-01 00:00:00.000000', '2026-11-01 00:00:00.000000', '10.0.0.6', 2375, 0, '', '', '');

CREATE TABLE fb_host_table (primary_id INTEGER NOT NULL PRIMARY KEY, create_time DATETIME, update_time DATETIME,
    host_ip TEXT, host_port INTEGER);
INSERT INTO fb_host_table VALUES
    (1, '2026-11-01 00:00:00.000000', '2026-11-01 00:00:00.000000', '0.0.0.0', 48001),
    (2, '2026-11-02 00:00:00.000000', '2026-11-02 00:00:00.000000', '10.0.0.5', 48001);

CREATE TABLE fb_user_table (primary_id INTEGER NOT NULL PRIMARY KEY, name TEXT);
