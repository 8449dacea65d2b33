-- The answers that held at an instant: one row a participant, wave, response and item.
-- The groups are in the table's own order, so that none has to be kept while others
-- are read.
-- fmt: off
select
    lower(hex(participant_id)) as participant,
    wave,
    responded_at,
    instrument,
    item,
    argMax(answer, recorded_at) as answer
from responses final
where recorded_at <= {as_of:DateTime64(6)}
group by participant_id, wave, responded_at, instrument, item
order by participant, wave, responded_at, instrument, item
settings optimize_aggregation_in_order = 1
