-- Number of the study's functions that were used.
-- of: person
-- over: window
-- unit: functions
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- A function counts with one active day in the window. 0 where nothing was used.
select participant, wave, countIf(notEmpty(days)) as value
from used_days
group by participant, wave
