-- The one place for the rule that nobody may see what somebody did while withdrawn:
-- views of events and answers leave out the days that lie in these periods. Whether
-- such an act is stored at all depends on the order of arrival.
create or replace view operator_withdrawn_periods
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    periods Array(Tuple(Date, Date)) comment 'First and last study-local day of each period of withdrawal'
)
as
select
    participant_id,
    arraySort(
        groupArray(
            (withdrawn_on, ifNull(back_on, toDate({end_of_time:DateTime64(6)})) - 1)
        )
    ) as periods
from operator_withdrawals
group by participant_id
comment 'Days of which nobody may see what somebody did; one row for each participant who ever withdrew'
