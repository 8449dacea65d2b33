-- Whole days from the last use of the function to the end of the window.
-- of: function
-- over: window
-- unit: days
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- 0 if the function was used on the last study-local day of the window. Without use in
-- the window, the length of the window, as a lower bound.
select
    participant,
    wave,
    function as key,
    end_on - if(empty(days), start_on, arrayMax(days) + 1) as value
from used_days
