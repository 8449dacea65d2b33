-- What the engine set aside when it opened the tables, and whether any migration is
-- recorded.
select
    (
        select arraySort(groupUniqArray(table))
        from system.detached_parts
        where database = currentDatabase() and startsWith(reason, 'broken')
    ) as broken,
    (
        select count()
        from system.tables
        where database = currentDatabase() and name = 'migrations' and total_rows > 0
    ) as migrated
