-- No query reads these.
DROP INDEX task_queue;
DROP INDEX task_unfinished;
