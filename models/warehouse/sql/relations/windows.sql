-- The planned windows of one panel, of the same people.
select
    participant_id,
    lower(hex(participant_id)) as participant,
    wave,
    start_on,
    end_on,
    since_on
from exposure_windows final
where
    panel = {panel:String}
    and participant_id >= toFixedString(unhex({people_from:String}), 16)
    and participant_id <= toFixedString(unhex({people_until:String}), 16)
