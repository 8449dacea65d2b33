-- Names of the migrations that have run; what views were made from is no migration.
select distinct name from migrations where not position(name, ' ')
