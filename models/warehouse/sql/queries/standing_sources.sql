-- The sources that hold something now: of each the newest import, as a new one is
-- compared with it.
select
    source,
    argMax(imports.name, imports.recorded_at) as name,
    argMax(imports.wave, imports.recorded_at) as wave,
    argMax(imports.format, imports.recorded_at) as format,
    argMax(imports.header, imports.recorded_at) as header,
    argMax(imports.origin, imports.recorded_at) as origin,
    argMax(imports.import_id, imports.recorded_at) as import_id,
    argMax(imports.items, imports.recorded_at) as items,
    groupUniqArray(sha256) as files,
    max(imports.recorded_at) as recorded_at
from imports
where imports.import_id not in (select import_id from import_retractions)
group by source
order by source
