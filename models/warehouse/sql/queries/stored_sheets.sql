-- The sheets that imports of a source have stored, whether they hold or not.
select distinct lower(hex(sheet)) as sheet
from readings
where reading in (select reading from imports where source = {source:String})
