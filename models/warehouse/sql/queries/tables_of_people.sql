-- Tables that hold anything about somebody, whatever migrations have run.
select name
from system.tables
where
    database = currentDatabase()
    and total_rows > 0
    and replaceRegexpOne(name, '_local$', '')
    in ('events', 'responses', 'readings', 'roster', 'merges')
