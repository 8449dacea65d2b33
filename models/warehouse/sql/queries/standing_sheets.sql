-- What sources state now: responses by questionnaire, without the answers.
select source, participant_id, content, response, wave, responded_at, instrument
from standing_sheets_as_of(as_of = {as_of:DateTime64(6)})
where source in ({sources:Array(String)})
