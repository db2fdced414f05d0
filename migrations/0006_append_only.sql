-- Rows of configuration change in no way: REPLACE would slip past the triggers on DELETE, and a sealed column may change
-- only while its rows are sealed under a new key, within the transaction that says so here.

CREATE TABLE resealing (
    under_way INTEGER PRIMARY KEY CHECK (under_way = 1)
) STRICT;

CREATE TRIGGER harbor_no_update_of_sealed BEFORE UPDATE OF password_sealed ON harbor
WHEN NOT EXISTS (SELECT 1 FROM resealing)
BEGIN SELECT RAISE(ABORT, 'harbor rows are append-only'); END;
CREATE TRIGGER callback_headers_no_update_of_sealed BEFORE UPDATE OF headers_sealed ON callback_headers
WHEN NOT EXISTS (SELECT 1 FROM resealing)
BEGIN SELECT RAISE(ABORT, 'callback_headers rows are append-only'); END;

CREATE TRIGGER host_no_replace BEFORE INSERT ON host
WHEN EXISTS (SELECT 1 FROM host WHERE primary_id = NEW.primary_id)
BEGIN SELECT RAISE(ABORT, 'host rows are append-only'); END;
CREATE TRIGGER harbor_no_replace BEFORE INSERT ON harbor
WHEN EXISTS (SELECT 1 FROM harbor WHERE primary_id = NEW.primary_id)
BEGIN SELECT RAISE(ABORT, 'harbor rows are append-only'); END;
CREATE TRIGGER docker_server_no_replace BEFORE INSERT ON docker_server
WHEN EXISTS (SELECT 1 FROM docker_server WHERE primary_id = NEW.primary_id)
BEGIN SELECT RAISE(ABORT, 'docker_server rows are append-only'); END;
CREATE TRIGGER callback_headers_no_replace BEFORE INSERT ON callback_headers
WHEN EXISTS (SELECT 1 FROM callback_headers WHERE primary_id = NEW.primary_id)
BEGIN SELECT RAISE(ABORT, 'callback_headers rows are append-only'); END;
