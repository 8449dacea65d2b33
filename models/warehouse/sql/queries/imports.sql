-- Imports of answers, the newest first, and whether they were taken back.
select
    import_id,
    origin,
    format,
    coding,
    wave,
    responses,
    added,
    changed,
    moved,
    refused,
    set_apart,
    recorded_at,
    import_id in (select import_id from import_retractions) as retracted
from imports final
order by recorded_at desc, import_id
