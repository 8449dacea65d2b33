-- Weeks of the window with use of the function.
-- of: function
-- over: window
-- unit: weeks
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- A week is seven study-local days, counted from the first day of the window; the last
-- one may be shorter. Without use it is 0.
select
    participant,
    wave,
    function as key,
    length(arrayDistinct(arrayMap(day -> intDiv(day - start_on, 7), days))) as value
from used_days
