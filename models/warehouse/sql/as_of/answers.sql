-- The answers that held at an instant, by whatever road they came: of several
-- statements about one answer the newest. A response is known by the survey tool's
-- id, else by person and second; two of one person and second are the same one.
-- Whether it was sent in, the newest statement says that says so: argMax skips nulls.
create or replace view answers_as_of as
select
    participant_id,
    held.1 as wave,
    argMax(response, (stated_at, held.3)) as response,
    held.2 as responded_at,
    instrument,
    item,
    argMax(held.3, (stated_at, held.3)) as answer,
    argMax(sent_in, (stated_at, held.3)) as finished
from
    (
        select
            participant_id,
            response,
            instrument,
            item,
            argMax((wave, responded_at, answer), (recorded_at, answer)) as held,
            argMax(finished, (recorded_at, answer)) as sent_in,
            max(recorded_at) as stated_at
        from answer_statements
        where
            recorded_at <= {as_of:DateTime64(6)}
            and import_id not in (
                select import_id
                from import_retractions
                where recorded_at <= {as_of:DateTime64(6)}
            )
        group by participant_id, response, instrument, item
    )
group by participant_id, wave, responded_at, instrument, item
comment 'Answers that held at an instant; one row a participant, wave, response and item'
