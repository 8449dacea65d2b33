-- The link files with which the newest imports were read that were not taken back.
select distinct links
from
    (
        select argMax(imports.links, imports.recorded_at) as links
        from imports
        where import_id not in (select import_id from import_retractions)
        group by source, selection
    )
