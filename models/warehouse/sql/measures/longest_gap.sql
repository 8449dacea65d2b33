-- Most days in a row without use of the function.
-- of: function
-- over: window
-- unit: days
-- null: consent or the log does not cover the whole window
-- gaps: not known
-- Study-local days of the window, those before the first use and after the last one
-- included. 0 where every day was used; without use, the length of the window.
select
    participant,
    wave,
    function as key,
    arrayMax(
        arrayMap(
            (day, before) -> day - before - 1,
            arrayPushBack(days, end_on),
            arrayPushFront(days, start_on - 1)
        )
    ) as value
from used_days
