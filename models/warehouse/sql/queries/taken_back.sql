-- What withdrawals take off the count and the active days of each window: acts that
-- were taken back before it ended, and days on which no act stood by then.
select
    w.participant as participant,
    w.wave as wave,
    t.function as key,
    sum(t.acts) as acts,
    uniqExactIf(t.used_on, t.gone_on < w.end_on) as days
from windows as w
inner join withdrawn_acts as t on t.participant_id = w.participant_id
where t.used_on >= w.start_on and t.used_on < w.end_on and t.withdrawn_on < w.end_on
group by participant, wave, key
