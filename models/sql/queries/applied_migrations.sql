-- Names of the migrations that have run.
SELECT DISTINCT name FROM migrations
