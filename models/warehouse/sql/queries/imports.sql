-- Imports of answers, the newest first, and whether they were taken back.
select
    import_id,
    source,
    name,
    selection,
    origin,
    format,
    coding,
    wave,
    people,
    responses,
    added,
    changed,
    moved,
    unchanged,
    gone,
    refused,
    set_apart,
    recorded_at,
    import_id in (select import_id from import_retractions) as retracted
from imports final
order by recorded_at desc, import_id
