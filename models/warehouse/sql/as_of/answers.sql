-- The answers that held at an instant, by whatever road they came. A response is known
-- by the survey tool's id within its source, else by person, wave and second; one that
-- is known by its second only is the response with an id of that second, if there is
-- one. Of several statements about one answer the newest holds; that it was sent in,
-- the newest statement that says so: argMax skips nulls.
create or replace view answers_as_of as
select
    lower(hex(stated.participant_id)) as participant_id,
    wave,
    response,
    responded_at,
    instrument,
    item,
    argMax(stated.answer, (stated_at, stated.answer)) as answer,
    argMax(stated.finished, (stated_at, stated.answer)) as finished
from
    (
        select
            sheets.person as participant_id,
            responses.wave as wave,
            sheets.response as response,
            responses.responded_at as responded_at,
            responses.instrument as instrument,
            responses.item as item,
            responses.answer as answer,
            responses.finished as finished,
            sheets.stated_at as stated_at
        from responses
        inner join
            (
                select
                    participant_id,
                    person,
                    sheet,
                    multiIf(
                        own_response != '',
                        own_response,
                        names = 1,
                        named,
                        toString(toUnixTimestamp(responded_at))
                    ) as response,
                    stated_at
                from
                    (
                        select
                            participant_id,
                            person_as_of(sheets.participant_id) as person,
                            sheet,
                            responded_at,
                            stated_at,
                            response as own_response,
                            uniqExactIf(response, response != '') over second as names,
                            max(response) over second as named
                        from standing_sheets_as_of(as_of = {as_of:DateTime64(6)}) as sheets
                        window second as (partition by person, wave, responded_at)
                    )
            ) as sheets
            on
                sheets.participant_id = responses.participant_id
                and sheets.sheet = responses.sheet
        union all
        select
            unnamed.participant_id as participant_id,
            unnamed.wave as wave,
            if(
                named.response = '',
                toString(toUnixTimestamp(unnamed.responded_at)),
                named.response
            ) as response,
            unnamed.responded_at as responded_at,
            unnamed.instrument as instrument,
            unnamed.item as item,
            unnamed.answer as answer,
            null as finished,
            unnamed.stated_at as stated_at
        from event_answers_as_of(as_of = {as_of:DateTime64(6)}) as unnamed
        left join
            (
                select
                    person_as_of(sheets.participant_id) as person,
                    wave,
                    responded_at,
                    any(sheets.response) as response
                from standing_sheets_as_of(as_of = {as_of:DateTime64(6)}) as sheets
                where sheets.response != ''
                group by person, wave, responded_at
                having uniqExact(sheets.response) = 1
            ) as named
            on
                named.person = unnamed.participant_id
                and named.wave = unnamed.wave
                and named.responded_at = unnamed.responded_at
    ) as stated
group by stated.participant_id, wave, response, responded_at, instrument, item
comment 'Answers that held at an instant; one row a participant, wave, response and item'
