-- Drop the participants of builds that nobody reads any more.
delete from study_participants where build in {builds:Array(String)}
