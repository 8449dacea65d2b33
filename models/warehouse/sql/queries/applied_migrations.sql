-- Names of the migrations that have run.
select distinct name from migrations
