-- Whether there is an import of that name, and how many answers it brought.
select
    (select count() from imports where import_id = {import_id:String}) as imports,
    (
        select count() from responses final where import_id = {import_id:String}
    ) as answers
