-- How many responses an import states; no row: there is none of that name.
select responses from imports final where import_id = {import_id:String}
