-- Who withdrew from collection, or asked for erasure, and when they came back: at the
-- next yes to anything. Both on one day leave nothing out.
create or replace view operator_withdrawals
(
    participant_id String comment 'Pseudonym, 32 hex digits',
    withdrawn_on Date comment 'Study-local day from which nothing of theirs counts',
    back_on Nullable(Date) comment 'Study-local day from which it counts again; null: they have not come back'
)
as
select
    participant_id,
    min(toDate(left_at, {zone:String})) as withdrawn_on,
    toDate(back_at, {zone:String}) as back_on
from
    (
        select
            participant_id,
            groupUniqArrayIf(stated_at, level = '') as given,
            arrayJoin(
                groupUniqArrayIf(stated_at, level in ('collection', 'erase'))
            ) as left_at,
            arraySort(arrayFilter(at -> at > left_at, given)) as later,
            if(empty(later), null, later[1]) as back_at
        from consents_as_of(as_of = {end_of_time:DateTime64(6)})
        group by participant_id
    )
group by participant_id, back_on
having back_on is null or withdrawn_on < back_on
comment 'Since and until when what somebody does is left out; one row for each time that a person left'
